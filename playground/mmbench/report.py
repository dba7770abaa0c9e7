"""The report of a score: as a table, Markdown, JSON, the official sheet of results and one of questions."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from playground.mmbench.questions import Problem
from playground.mmbench.taxonomy import ABBREVIATIONS
from playground.mmbench.verdicts import Agreement
from playground.mmbench.xlsx import write_xlsx

__all__ = [
    "Comparison", "Group", "Judged", "LetterShare", "Matching", "Report", "Row", "Score", "Share", "Split",
    "write_sheet",
]  # fmt: skip

Split = str | None  # None: all splits together
Cell = str | int | float | None
SHOWN = 10  # problems in the Markdown
QUESTION_COLUMNS = (
    "index", "split", "l2-category", "category", "hit", "vanilla", "rows", "of", "prediction", "letter", "decided by",
    "answer", "failed index", "failed prediction", "failed letter", "failed decided by", "failed answer",
)  # fmt: skip
DERIVED = ("splits", "unparsed", "refused", "extraction_success", "incomplete", "missing", "rules", "decided")
JUDGES = ("judge", "fallback")  # rules of rows that the rules left open


@dataclass(frozen=True)
class Share:
    """A share, or a difference of two, in [-1, 1], and the limits of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One prediction: the letter read in it (None: none), the rule that decided, whether it declines, and whether it is
    right. `group` is the question whose rotation it answers."""

    index: int
    group: int
    prediction: str
    letter: str | None
    rule: str
    refused: bool
    answer: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Group:
    """One question: right in all its rotations (`hit`), right as it stands (`vanilla`), the rows that are there of
    those that should be, and the index of the first that is wrong."""

    index: int
    split: str
    category: str
    l2_category: str
    l1_category: str
    hit: bool
    vanilla: bool
    present: int
    expected: int
    failed: int | None

    @property
    def complete(self) -> bool:
        return self.present == self.expected


@dataclass(frozen=True)
class Score:
    """An ability's line: level 0 is all of them. Over n questions: circular, vanilla (pass 0 alone) and the gap between
    them; over all `rows` that are there, each by itself: vanilla_all, None where there is no row."""

    name: str
    level: int
    split: Split
    n: int
    circular: Share
    vanilla: Share
    gap: Share
    rows: int
    vanilla_all: float | None


@dataclass(frozen=True)
class LetterShare:
    """A letter: its share of the letters chosen, its share of the answers, and how many of the latter were chosen."""

    letter: str
    predicted: float
    answers: float
    found: float | None


@dataclass(frozen=True)
class Judged:
    """What came of the rows that the rules left open: the judge's name, the rows it decided ("none of these" too),
    those drawn since it could not be read, those that stay unparsed, and those without a verdict, mostly since their
    question was lost by then; and how far it agrees with the rules on rows that these decided, where it was asked."""

    name: str
    judge: int
    fallback: int
    unparsed: int
    not_judged: int
    agreement: Agreement | None


@dataclass(frozen=True)
class Matching:
    """Accuracy by who decided, over rows, each rotation by itself, under the official toolkit's names.

    ExactMatchRate: the share that the rules decided. MatchedAcc: how many of these are right. ExactMatchAcc: of all
    rows, those right by the rules. LLMMatchAcc: of all rows, those right by rules or judge, a draw being wrong.
    `judged` and `judged_acc`: the same two of the judge. None where there is no such row, or was no judge.
    """

    exact_match_rate: float
    matched_acc: float | None
    exact_match_acc: float
    judged: float
    judged_acc: float | None
    llm_match_acc: float | None


@dataclass(frozen=True)
class Comparison:
    """Two reports on the n questions of both: b less a in circular accuracy, and the questions on which they split."""

    name_a: str
    name_b: str
    profile: str
    n: int
    difference: Share
    only_a: tuple[int, ...]  # right in a, wrong in b
    only_b: tuple[int, ...]
    not_in_b: tuple[int, ...]
    not_in_a: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """A score and all that led to it; the profile is part of it, for another one's scores are others."""

    profile: str
    seed: int
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    scores: tuple[Score, ...]
    letters: tuple[LetterShare, ...]
    problems: tuple[Problem, ...]
    name: str = ""
    judged: Judged | None = None

    @property
    def overall(self) -> Score:
        """All questions of all splits."""
        return next(one for one in reversed(self.scores) if one.level == 0)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({one.split for one in self.groups}))

    @property
    def unparsed(self) -> int:
        """Rows in which no letter was found, those that decline included: they count as wrong."""
        return sum(row.letter is None for row in self.rows)

    @property
    def refused(self) -> int:
        return sum(row.refused for row in self.rows)

    @property
    def extraction_success(self) -> float:
        return 1 - self.unparsed / len(self.rows)

    @property
    def rules(self) -> Mapping[str, int]:
        """How many rows each rule decided, the most frequent first."""
        return dict(Counter(row.rule for row in self.rows).most_common())

    @property
    def decided(self) -> Mapping[str, int]:
        """How many rows were decided by the rules, by the judge and by a draw, and how many by none of them."""
        found = Counter("unparsed" if _left(row) else row.rule if row.rule in JUDGES else "rules" for row in self.rows)
        return {name: found[name] for name in ("rules", *JUDGES, "unparsed")}

    @property
    def matching(self) -> Matching:
        """Accuracy among the rows that the rules decided, and among those that the judge did."""
        rules = [row.hit for row in self.rows if row.rule not in JUDGES and not _left(row)]
        judge = [row.hit for row in self.rows if row.rule == "judge"]
        n = len(self.rows)
        both = None if self.judged is None else (sum(rules) + sum(judge)) / n
        return Matching(len(rules) / n, _mean(rules), sum(rules) / n, len(judge) / n, _mean(judge), both)

    @property
    def incomplete(self) -> int:
        """Questions of whose rotations some are there, and some are not."""
        return sum(0 < one.present < one.expected for one in self.groups)

    @property
    def missing(self) -> int:
        """Questions without any prediction."""
        return sum(one.present == 0 for one in self.groups)

    def find(self, name: str = "Overall", split: Split = None) -> Score:
        """The line of an ability; without a split, of all together. Raises `ValueError` where there is none."""
        split = self.splits[0] if split is None and len(self.splits) == 1 else split
        for one in self.scores:
            if one.name == name and one.split == split:
                return one
        raise ValueError(f"the report has no line {name!r} of split {split or 'all'!r}")

    def table(self) -> list[list[Cell]]:
        """A header and a line for each ability and split, shares in percent to 1 decimal."""
        header: list[Cell] = ["Split", "Level", "Ability", "Questions", "Circular", "95 % low", "95 % high", "Vanilla",
                              "Gap", "Rows", "Vanilla, all rows"]  # fmt: skip
        return [header, *(
            [one.split or "all", one.level, one.name, one.n, _percent(one.circular.value), _percent(one.circular.low),
             _percent(one.circular.high), _percent(one.vanilla.value), _percent(one.gap.value), one.rows,
             _percent(one.vanilla_all)]
            for one in self.scores
        )]  # fmt: skip

    def sheet(self) -> list[list[Cell]]:
        """The official result: a line for overall, each ability of level 2 and of level 3, a column for each split,
        percent to 1 decimal; None where a split has no such question."""
        fractions = self.fractions()
        names = [name for name in fractions if name != "split"]
        head: list[Cell] = ["Category", *(split.upper() for split in self.splits)]
        return [head, *([name, *map(_percent, fractions[name])] for name in names)]

    def fractions(self) -> dict[str, list[float | None]]:
        """Circular accuracy by ability, a value for each of `splits`, in the order and names of the toolkit's own:
        overall, level 2 by their abbreviations, level 3; None where a split has no such question."""
        by = {(one.level, one.name, one.split): one.circular.value for one in self.scores}
        found: dict[str, list[float | None]] = {}
        for level in (0, 2, 3):
            for name in sorted({name for own, name, _ in by if own == level}):
                found[ABBREVIATIONS.get(name, name)] = [by.get((level, name, split)) for split in self.splits]
        return found

    def questions(self) -> list[list[Cell]]:
        """A header and a line for each question: pass 0's prediction, and the first that is wrong, for a question whose
        own prediction is right fails by another pass."""
        rows = {row.index: row for row in reversed(self.rows)}
        lines: list[list[Cell]] = [[*QUESTION_COLUMNS]]
        for one in self.groups:
            line: list[Cell] = [one.index, one.split, one.l2_category, one.category, int(one.hit), int(one.vanilla),
                                one.present, one.expected, *_shown(rows.get(one.index)), one.failed]  # fmt: skip
            lines.append(line + _shown(rows.get(one.failed) if one.failed is not None else None))
        return lines

    def markdown(self) -> str:
        """The report to read: how it was scored, the table, the letters chosen, what is wrong."""
        head, *lines = self.table()
        best = self.overall
        texts = [
            f"# MMBench: {self.name or 'predictions'}",
            f"Profile `{self.profile}`: scores by another profile, or another year's rules, are not comparable. "
            f"{best.n:,} questions, {len(self.rows):,} predictions.",
            f"Circular **{best.circular.value:.1%}** (95 % of bootstrap draws of questions: {best.circular.low:.1%} to "
            f"{best.circular.high:.1%}; seed {self.seed}), vanilla {best.vanilla.value:.1%}, gap {best.gap.value:.1%}.",
            *self._unturned(),
            f"A letter was found in {self.extraction_success:.2%} of the predictions; {self.unparsed:,} without one "
            f"count as wrong, {self.refused:,} of them decline. Questions with rotations missing: {self.incomplete:,}; "
            f"without any prediction: {self.missing:,}.",
            _grid(head, lines),
            *self._told(),
            "## Letters",
            _grid(["Letter", "Chosen %", "Right %", "Found when right %"],
                  [[one.letter, *map(_percent, (one.predicted, one.answers, one.found))] for one in self.letters]),
            "## Decided by",
            _grid(["Rule", "Predictions"], [[name, count] for name, count in self.rules.items()]),
        ]  # fmt: skip
        if self.problems:
            listed = "\n".join(f"- {_plain(str(one))}" for one in self.problems[:SHOWN])
            more = f"\n- and {len(self.problems) - SHOWN:,} more" if len(self.problems) > SHOWN else ""
            texts += [f"## Problems ({len(self.problems):,})", listed + more]
        return "\n\n".join(texts) + "\n"

    def _unturned(self) -> list[str]:
        """The line of the Markdown on a circular score that is none."""
        if any(one.expected > 1 for one in self.groups):
            return []
        return ["No question has rotations here: circular is vanilla, and luck counts as knowledge."]

    def _told(self) -> list[str]:
        """The lines of the Markdown on who decided."""
        by, shares = self.decided, self.matching
        columns: list[Cell] = ["ExactMatchRate", "MatchedAcc", "ExactMatchAcc", "Judged", "JudgedAcc", "LLMMatchAcc"]
        lines = [
            "## Rules and judge",
            f"Decided by the rules: {by['rules']:,} rows; by the judge: {by['judge']:,}; drawn at random: "
            f"{by['fallback']:,}; by none: {by['unparsed']:,}. Shares of rows, each rotation by itself, in percent:",
            _grid(columns, [[*map(_percent, asdict(shares).values())]]),
        ]
        if self.judged is None:
            return lines
        one = self.judged
        judge = f"Judge {_plain(one.name) or 'without a name'}: {one.unparsed:,} of its replies could not be read."
        if one.not_judged:
            judge += (
                f" {one.not_judged:,} open rows have no verdict; no judge is asked about a question that is lost: "
                "circular accuracy is the same without, vanilla may be higher."
            )
        lines.append(judge)
        if (same := one.agreement) is not None:
            kappa = "" if same.kappa is None else f" (Cohen's kappa {same.kappa:.3f})"
            apart = f"; not on {', '.join(map(str, same.splits[:SHOWN]))}" if same.splits else ""
            more = ", ..." if len(same.splits) > SHOWN else ""
            lines.append(
                f"On {same.n:,} rows that the rules decided, the judge agrees in {same.share:.1%}{kappa}{apart}{more}."
            )
        return lines

    def to_json(self) -> str:
        """All of it, with the counts that are derived from it."""
        derived = {name: getattr(self, name) for name in DERIVED} | {"matching": asdict(self.matching)}
        return json.dumps(asdict(self) | derived | {"fractions": self.fractions()}, ensure_ascii=False)


def write_sheet(path: str | Path, lines: Sequence[Sequence[Cell]]) -> None:
    """Write lines, of `report.sheet()` or `.questions()`, as xlsx or csv. Raises `ValueError` for another ending."""
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".xlsx":
        write_xlsx(path, lines)
    elif ending == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark makes Excel read UTF-8
            csv.writer(file).writerows([["" if cell is None else _safe(cell) for cell in line] for line in lines])
    else:
        raise ValueError(f"a sheet is written as .xlsx or .csv, not as {path.name[-40:]!r}")


def _left(row: Row) -> bool:
    """Whether nobody decided the row: a refusal is decided, and so is "none of these" of a judge."""
    return row.letter is None and not row.refused and row.rule not in JUDGES


def _mean(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def _safe(cell: Cell) -> Cell:
    """A text that Excel would run as a formula, with the mark that makes it text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _percent(share: float | None) -> float | None:
    return None if share is None else float(np.round(share * 100, 1))  # as pandas rounds the official sheet


def _shown(row: Row | None) -> list[Cell]:
    return [None] * 4 if row is None else [row.prediction, row.letter, row.rule, row.answer]


def _grid(head: Sequence[Cell], lines: Sequence[Sequence[Cell]]) -> str:
    rows = [
        "| " + " | ".join("" if cell is None else _plain(str(cell)) for cell in line) + " |" for line in (head, *lines)
    ]
    return "\n".join([rows[0], "|" + "---|" * len(head), *rows[1:]])


def _plain(text: str) -> str:
    """A text that cannot break a table or open a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
