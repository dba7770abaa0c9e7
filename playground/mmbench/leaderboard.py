"""A leaderboard: reports beside each other and beside what others have published, best first."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from playground.mmbench.published import Published
from playground.mmbench.report import Report
from playground.mmbench.taxonomy import ABBREVIATIONS, L1, L2

__all__ = ["About", "Standing", "beside", "board_csv", "board_markdown", "board_table", "leaderboard"]

Cell = str | int | float | None


@dataclass(frozen=True)
class About:
    """What is known of a model: its number of weights and its licence."""

    parameters: int | None = None
    licence: str = ""


@dataclass(frozen=True)
class Standing:
    """A line: shares in [0, 1]; low and high, the 95 % interval, and n are None where a published result does not tell
    them, and so are vanilla and the gap. `source` is "" for a run of one's own. The profile is "" for another's."""

    name: str
    profile: str
    n: int | None
    circular: float
    low: float | None
    high: float | None
    vanilla: float | None
    gap: float | None
    l1: Mapping[str, float]
    l2: Mapping[str, float]
    parameters: int | None = None
    licence: str = ""
    source: str = ""


def leaderboard(
    reports: Iterable[Report], about: Mapping[str, About] | None = None, published: Iterable[Published] = ()
) -> list[Standing]:
    """The reports, and published figures among them, by circular accuracy; of equal ones by name.

    Raises `ValueError` for reports of different profiles: their scores are not comparable.
    """
    own = list(reports)
    profiles = sorted({one.profile for one in own})
    if len(profiles) > 1:
        raise ValueError(f"the reports are by {' and '.join(profiles)}: score all by the same profile")
    found = [_of_report(one, (about or {}).get(one.name, About())) for one in own] + [beside(one) for one in published]
    return sorted(found, key=lambda one: (-one.circular, one.name, one.source))


def beside(one: Published) -> Standing:
    """A published figure as a line; what it does not tell is None."""
    gap = None if one.vanilla is None else one.vanilla - one.circular
    source = f"{one.benchmark}, {one.split}, {one.language}; {one.source}"
    return Standing(one.name, "", None, one.circular, None, None, one.vanilla, gap, {}, one.l2, source=source)


def board_table(board: Sequence[Standing]) -> list[list[Cell]]:
    """A header and a line for each, shares in percent to 1 decimal; None where nothing is told."""
    head: list[Cell] = ["Model", "Parameters", "Licence", "Questions", "Circular", "95 % low", "95 % high", "Vanilla",
                        "Gap", *(ABBREVIATIONS[name] for name in L2), *(name.capitalize() for name in L1), "Profile",
                        "Source"]  # fmt: skip
    lines = [
        [one.name, one.parameters, one.licence, one.n,
         *map(_percent, (one.circular, one.low, one.high, one.vanilla, one.gap)),
         *(_percent(one.l2.get(name)) for name in L2), *(_percent(one.l1.get(name)) for name in L1), one.profile,
         one.source]
        for one in board
    ]  # fmt: skip
    return [head, *lines]


def board_markdown(board: Sequence[Standing]) -> str:
    """The same as a table of Markdown."""
    rows = ["| " + " | ".join("" if cell is None else _plain(str(cell)) for cell in line) + " |"
            for line in board_table(board)]  # fmt: skip
    return "\n".join([rows[0], "|" + "---|" * (rows[0].count("|") - 1), *rows[1:]]) + "\n"


def board_csv(board: Sequence[Standing]) -> str:
    """The same as lines of CSV; a text that a spreadsheet would run as a formula is marked as text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [["" if cell is None else _safe(cell) for cell in line] for line in board_table(board)]
    )
    return out.getvalue()


def _of_report(report: Report, about: About) -> Standing:
    best = report.overall
    of = {(one.level, one.name): one.circular.value for one in report.scores if one.split == best.split}
    l1 = {name: share for (level, name), share in of.items() if level == 1}
    l2 = {name: share for (level, name), share in of.items() if level == 2}
    return Standing(report.name, report.profile, best.n, best.circular.value, best.circular.low, best.circular.high,
                    best.vanilla.value, best.gap.value, l1, l2, about.parameters, about.licence)  # fmt: skip


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 1)


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
