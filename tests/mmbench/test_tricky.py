"""The tricky cases: what they say the two profiles read is what these read."""

from collections import Counter

import pytest

from playground.mmbench import PROFILES, extract_choice
from playground.mmbench.tricky import GROUPS, TRICKY


@pytest.mark.parametrize("one", TRICKY, ids=lambda one: f"{one.answer[:30]}|{one.options[0]}")
@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_case_says_is_what_the_profile_reads(one, profile):
    assert extract_choice(one.answer, one.options, profile) == getattr(one, profile)


def test_every_group_has_cases_and_no_case_is_there_twice():
    assert Counter(one.group for one in TRICKY).keys() == set(GROUPS)
    assert len({(one.answer, tuple(one.options)) for one in TRICKY}) == len(TRICKY) >= 25
    letters = {letter for one in TRICKY for letter in (one.person, one.robust, one.vlmevalkit)}
    assert letters == {None, "A", "B", "C", "D"}


def test_neither_profile_is_shown_as_perfect_and_robust_never_takes_a_wrong_letter():
    missed = Counter(name for one in TRICKY for name in one.missed)
    assert missed["vlmevalkit"] > missed["robust"] > 0
    assert all(one.robust is None for one in TRICKY if "robust" in one.missed)
