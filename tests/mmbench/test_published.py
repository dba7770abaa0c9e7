"""Published figures: as they were printed, and as parts of one benchmark that fit each other."""

import math

import pytest

from playground.mmbench.published import PUBLISHED
from playground.mmbench.taxonomy import ABILITIES, L2, L3, l2_of

COSMOS_2B = (  # as printed, in the taxonomy's order
    "88.679 88.889 97.115 88.000 54.717 60.494 90.541 88.889 71.795 26.667 59.091 94.444 60.000 83.544 97.778 86.047 "
    "52.083 62.500 60.256 40.000"
)
COSMOS_8B = (
    "90.566 91.667 96.154 84.000 73.585 64.198 95.946 92.929 92.308 57.778 79.545 94.444 78.667 86.076 97.778 86.047 "
    "87.500 58.333 76.923 55.000"
)
PRINTED = {  # InternVL's pages: overall, spatial_relationship, structuralized_imagetext_understanding
    ("InternVL-Chat-V1-5", "en"): (0.808419, 0.422222, 0.628205),
    ("InternVL-Chat-V1-5", "zh"): (0.803265, 0.377778, 0.615385),
    ("Mini-InternVL-Chat-2B-V1-5", "en"): (0.706186, 0.266667, 0.423077),
    ("Mini-InternVL-Chat-2B-V1-5", "zh"): (0.656357, 0.222222, 0.307692),
}


def found(name, language="en"):
    return next(one for one in PUBLISHED if (one.name, one.language) == (name, language))


@pytest.mark.parametrize(
    ("name", "printed", "overall"),
    [("Cosmos-Reason2-2B", COSMOS_2B, 74.65635738831615), ("Cosmos-Reason2-8B", COSMOS_8B, 83.4192439862543)],
)
def test_counts_give_the_printed_shares(name, printed, overall):
    one = found(name)
    shares = dict(zip(L3, map(float, printed.split()), strict=True))
    for ability, share in shares.items():
        assert one.l3[ability] * 100 == pytest.approx(share, abs=6e-4)
    assert one.circular * 100 == pytest.approx(overall, abs=1e-12)


def test_level_2_of_the_smaller_is_as_printed():
    printed = {"attribute_reasoning": 77.889, "coarse_perception": 85.473, "logic_reasoning": 53.390,
               "finegrained_perception (cross-instance)": 62.238, "relation_reasoning": 66.957,
               "finegrained_perception (instance-level)": 79.181}  # fmt: skip
    assert {name: round(share * 100, 3) for name, share in found("Cosmos-Reason2-2B").l2.items()} == printed


@pytest.mark.parametrize(("key", "shares"), PRINTED.items())
def test_internvl_as_printed(key, shares):
    one = found(*key)
    values = (one.circular, one.l3["spatial_relationship"], one.l3["structuralized_imagetext_understanding"])
    assert values == pytest.approx(shares, abs=5e-7)


def test_the_papers_gaps():
    gaps = {one.name: round((one.vanilla - one.circular) * 100, 1) for one in PUBLISHED if one.vanilla is not None}
    assert gaps == {"GPT-4v": 10.8, "Qwen-VL-Chat": 17.4, "MiniGPT4-7B": 24.1}


def test_every_entry_says_where_it_stands_and_names_what_there_is():
    assert len({(one.name, one.split, one.language) for one in PUBLISHED}) == len(PUBLISHED)
    assert [one.circular for one in PUBLISHED] == sorted((one.circular for one in PUBLISHED), reverse=True)
    for one in PUBLISHED:
        assert one.address.startswith("https://")
        assert one.source
        assert one.checked
        assert set(one.l2) <= set(L2)
        assert set(one.l3) <= set(L3)
        assert all(0 <= share <= 1 for share in (one.circular, *one.l2.values(), *one.l3.values()))
        if len(one.l3) == 20:
            right = {name: share * ABILITIES[name].dev for name, share in one.l3.items()}
            assert math.isclose(sum(right.values()), one.circular * 1164)
            for name in L2:
                of = sum(count for other, count in right.items() if l2_of(other) == name)
                assert math.isclose(of / ABILITIES[name].dev, one.l2[name])
