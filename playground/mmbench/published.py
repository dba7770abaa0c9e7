"""Figures that others have published, to be laid beside runs of one's own, each with where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from playground.mmbench.taxonomy import ABILITIES, L2, l2_of

__all__ = ["PUBLISHED", "Published"]

PAPER = "Liu et al. 2024, MMBench: Is Your Multi-modal Model an All-around Player?, Table 2"
PAPER_AT = "https://arxiv.org/abs/2307.06281"
INTERNVL = "the model's own repository: VLMEvalKit's printed result"
INTERNVL_AT = "https://github.com/OpenGVLab/InternVL/blob/main/document/How_to_evaluate_{}_using_vlmevalkit.md"
COSMOS = "a third party's run with lmms-eval 88b23e2"
COSMOS_AT = "https://github.com/AuricTW/Cosmos-Reason2-Eval-Pack/blob/main/docs/mmbench_breakdown.md"
READ = "read at the address"
FITS = "read at the address; it is a whole number of the 1,164 questions of version 1.0"


@dataclass(frozen=True)
class Published:
    """A published result, shares in [0, 1]: circular, vanilla where it is told, abilities of level 2 and 3 where they
    are. `source` and `address` say where it stands, `checked` what was done to make sure of it. Rules that read letters
    and judges have changed since, so that it is no match for a run of today to the last digit."""

    name: str
    benchmark: str
    split: str
    language: str
    circular: float
    vanilla: float | None
    l2: Mapping[str, float]
    source: str
    address: str
    checked: str
    l3: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


# Of the 20 abilities in the order of the taxonomy, right answers of the dev split of version 1.0.
_COSMOS_2B = (47, 32, 101, 44, 29, 49, 67, 88, 28, 12, 26, 51, 45, 66, 44, 37, 25, 15, 47, 16)
_COSMOS_8B = (48, 33, 100, 42, 39, 52, 71, 92, 36, 26, 35, 51, 59, 68, 44, 37, 42, 14, 60, 22)


def _of_counts(name: str, counts: tuple[int, ...], checked: str) -> Published:
    """A result from its right answers by ability of level 3: all other shares follow."""
    three = [one for one in ABILITIES.values() if one.level == 3]
    right = {one.name: count for one, count in zip(three, counts, strict=True)}
    l3 = {one.name: right[one.name] / one.dev for one in three}
    l2 = {two: sum(right[n] for n in right if l2_of(n) == two) / ABILITIES[two].dev for two in L2}
    circular = sum(counts) / sum(one.dev for one in three)
    return Published(name, "MMBench 1.0", "dev", "en", circular, None, l2, COSMOS, COSMOS_AT, checked, l3)


def _paper(name: str, circular: float, gap: float) -> Published:
    """Table 2 has circular and its fall from vanilla, in percent to 1 decimal."""
    checked = "from a note on the paper, not from its table itself; which version of the questions is not confirmed"
    return Published(name, "MMBench", "dev", "en", circular / 100, round(circular + gap, 1) / 100, {}, PAPER, PAPER_AT,
                     checked)  # fmt: skip


def _internvl(name: str, page: str, language: str, right: int, spatial: int, structured: int) -> Published:
    names = ("spatial_relationship", "structuralized_imagetext_understanding")
    l3 = {n: count / ABILITIES[n].dev for n, count in zip(names, (spatial, structured), strict=True)}
    return Published(name, "MMBench 1.0", "dev", language, right / 1164, None, {}, INTERNVL, INTERNVL_AT.format(page),
                     FITS, l3)  # fmt: skip


PUBLISHED: tuple[Published, ...] = (
    _of_counts("Cosmos-Reason2-8B", _COSMOS_8B, "level 3 and overall read at the address; level 2 counted from them"),
    _internvl("InternVL-Chat-V1-5", "internvl_chat_v1_5", "en", 941, 19, 49),
    _internvl("InternVL-Chat-V1-5", "internvl_chat_v1_5", "zh", 935, 17, 48),
    _of_counts("Cosmos-Reason2-2B", _COSMOS_2B, "overall, level 2 and level 3 read at the address, one fits the other"),
    _paper("GPT-4v", 74.3, 10.8),
    _internvl("Mini-InternVL-Chat-2B-V1-5", "mini_internvl_chat_2b_v1_5", "en", 822, 12, 33),
    _internvl("Mini-InternVL-Chat-2B-V1-5", "mini_internvl_chat_2b_v1_5", "zh", 764, 10, 24),
    _paper("Qwen-VL-Chat", 59.5, 17.4),
    _paper("MiniGPT4-7B", 32.7, 24.1),
)
