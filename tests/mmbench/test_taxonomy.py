"""The abilities' numbers against those published for the dev split of version 1.0."""

import pytest

from playground.mmbench import ABILITIES, L1, L2, L3, ability, l1_of, l2_of


def test_counts_are_those_published():
    assert (len(L1), len(L2), len(L3)) == (2, 6, 20)
    assert [ability(name).dev for name in L2] == [296, 293, 143, 199, 115, 118]
    assert sum(ability(name).dev for name in L3) == sum(ability(name).dev for name in L1) == 1164
    assert ability("perception").dev == 296 + 293 + 143


def test_each_ability_is_part_of_the_one_above():
    assert l2_of("ocr") == "finegrained_perception (instance-level)"
    assert l1_of("logic_reasoning") == "reasoning"
    for name in L2:
        assert sum(ability(own).dev for own in L3 if l2_of(own) == name) == ability(name).dev
    assert l2_of("sketch_reasoning") is None
    assert l2_of("coarse_perception") is None  # itself of level 2
    assert l1_of("ocr") is None
    assert len({one.chinese for one in ABILITIES.values()}) == 28


def test_an_unknown_ability_is_refused():
    with pytest.raises(ValueError, match="no ability of MMBench is called 'cooking'"):
        ability("cooking")
