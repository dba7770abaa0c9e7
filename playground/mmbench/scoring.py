"""From predictions to a score: letters, hits, rotations that must all be right (Liu et al. 2024, 4.3), intervals."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from playground.mmbench import pandas_cells
from playground.mmbench.circular import circular, passes
from playground.mmbench.predictions import Prediction, Predictions, predictions_of
from playground.mmbench.questions import LETTERS, Problem, Question, group_of, report
from playground.mmbench.report import Comparison, Group, Judged, LetterShare, Report, Row, Score, Share, Split
from playground.mmbench.taxonomy import ABILITIES, l1_of, l2_of
from playground.mmbench.verdicts import Verdict, agreement, mark_of

__all__ = ["PROFILES", "Decided", "asked_rows", "compare", "decide_rows", "score"]

PROFILES = ("robust", "vlmevalkit")
DRAWS = 10_000  # of the bootstrap
NO_SPLIT = "none"
Asked = TypeVar("Asked", Prediction, Question)
Kind = tuple[bool, bool]  # of a question: right in all rotations, right as it stands
TABLES = (".xlsx", ".csv", ".tsv")  # what the official toolkit reads by pandas
_VALUES = np.array([(a, b, b - a) for a in (0, 1) for b in (0, 1)])  # circular, vanilla and their gap by kind


@dataclass(frozen=True)
class Decided:
    """Rows as the rules read them, the question of each, and all questions by index, where these are given."""

    rows: tuple[Row, ...]
    asked: tuple[Question, ...]
    known: Mapping[int, Question] | None


def score(
    predictions: Predictions | Mapping[int, str],
    questions: Iterable[Question] | None = None,
    *,
    profile: str = "robust",
    seed: int = 0,
    verdicts: Mapping[int, Verdict] | None = None,
    problems: Sequence[Problem] = (),
) -> Report:
    """Score predictions, with answers and options from the questions where these are given, else from their own file.

    A question is right if all its rotations are. `robust` counts one whose rotations are not all there as wrong, one
    that has no prediction too (of a split that has any), and of two predictions for a row the first. `vlmevalkit` does
    as that toolkit: what is not there is not missed, a question without its first pass is left out, predictions that
    are there twice count twice, a question whose answer is not told is wrong, and a table's cells are what pandas makes
    of them (`pandas_cells`). Both report it. Intervals hold 95 % of 10,000 bootstrap draws of questions, from `seed`.

    `verdicts`, of `judge_rows`, decide rows that the rules leave open; on a row that the rules decide, a verdict tells
    how far the judge agrees with them, and the rules are followed. One on another answer, other options or by another
    profile is not used. `problems`, those that reading the questions has found or will find, come into the report.

    Of a set without rotations these are made where predictions are for them (`asked_rows`).

    Raises `ValueError` for an unknown profile, and where no prediction belongs to a question with options and answer.
    """
    given = predictions if isinstance(predictions, Predictions) else predictions_of(predictions)
    own: list[Problem] = []
    found = decide_rows(given, questions, profile, own, problems)
    rows, judged = found.rows, None
    if verdicts:
        rows, judged = _judged(found, verdicts, profile, own)
    groups = tuple(_groups(rows, found.asked, found.known, profile, own))
    if not groups:
        raise ValueError("no prediction is for the first pass of a question, and vlmevalkit scores no other")
    scores = tuple(_scores(groups, rows, np.random.default_rng(seed)))
    told = (*given.problems, *problems, *own)
    return Report(profile, seed, rows, groups, scores, _letters(rows), told, given.name, judged)


def decide_rows(
    predictions: Predictions | Mapping[int, str],
    questions: Iterable[Question] | None,
    profile: str,
    problems: list[Problem],
    earlier: Sequence[Problem] = (),
) -> Decided:
    """Each prediction that can be scored as the rules read it; what cannot is added to `problems`. As `score`.

    `earlier` are the problems that reading the questions finds: with those of the file, they tell why nothing is left.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    given = predictions if isinstance(predictions, Predictions) else predictions_of(predictions)
    known = None
    if questions is not None:
        known = {one.index: one for one in asked_rows(questions, given.rows)}
    own = given.rows
    if profile == "vlmevalkit":
        if Path(given.name).suffix.lower() in TABLES:
            texts = pandas_cells.as_pandas([one.prediction for one in own])
            own = tuple(replace(one, prediction=text) for one, text in zip(own, texts, strict=True))
            own = tuple(_typed(own))
        known = known and {one.index: one for one in _typed(list(known.values()))}
    found = _joined(own, known, profile, problems)
    if all(one.answer is None for _, one in found):
        why = [*given.problems, *earlier, *problems]
        raise ValueError("no prediction can be scored: " + "; ".join(str(one) for one in why[:3]))
    rows = tuple(_decided(text, one, profile) for text, one in found)
    return Decided(rows, tuple(one for _, one in found), known)


def asked_rows(questions: Iterable[Question], predictions: Iterable[Prediction]) -> list[Question]:
    """The set's rows without their pictures. Where predictions are for rotations and the set has none, these are made:
    as in the official files, or in the order in which the predictions' file tells the same options."""
    rows = [replace(one, picture=None, more_pictures=()) for one in questions]
    known = {one.index for one in rows}
    turned = {
        one.index: one for one in predictions if one.index not in known and group_of(one.index, one.group) in known
    }
    if not turned or any(group_of(one.index, one.group) != one.index for one in rows):
        return rows
    return [_as_told(one, turned[one.index]) if one.index in turned else one for one in circular(rows)]


def _as_told(made: Question, told: Prediction) -> Question:
    """A rotation with its options in the order that the predictions' file tells, if they are the same."""
    ours, theirs = dict(_texts(made.options)), dict(_texts(told.options))
    if sorted(ours.values()) != sorted(theirs.values()):
        return made
    right = [letter for letter, text in theirs.items() if text == ours[made.answer or ""]]
    return replace(made, options=told.options, answer=told.answer if told.answer in right else right[0])


def _typed(rows: Sequence[Asked]) -> Sequence[Asked]:
    """Rows with the options that pandas reads in their table: 3 is 3.0 where a cell of its column is empty."""
    found = [dict(one.options) for one in rows]
    changed = False
    for letter in sorted({letter for one in found for letter in one}):
        column = [one.get(letter, "") for one in found]
        cells = pandas_cells.as_pandas(column)
        if cells is not column:
            changed = True
            for one, cell in zip(found, cells, strict=True):
                if letter in one:
                    one[letter] = cell
    if not changed:
        return rows
    return [replace(one, options=tuple(options.items())) for one, options in zip(rows, found, strict=True)]


def _judged(
    found: Decided, verdicts: Mapping[int, Verdict], profile: str, problems: list[Problem]
) -> tuple[tuple[Row, ...], Judged]:
    """Rows with the verdicts on those that the rules leave open, and what there is to tell of the judge."""
    rows, used, by = list[Row](), list[Verdict](), Counter[str]()
    ours, theirs = dict[int, Verdict](), dict[int, Verdict]()
    for row, question in zip(found.rows, found.asked, strict=True):
        one = verdicts.get(row.index)
        if one is not None and one.mark not in ("", mark_of(row.prediction, dict(question.options), profile)):
            report(problems, 0, "prediction", f"the verdict on {row.index} is on another answer, its options or by "
                   "another profile; it is not used")  # fmt: skip
            one = None
        if row.letter is None and not row.refused:
            if one is None:
                by["not judged"] += 1
            elif one.letter is not None and one.letter not in dict(question.options):
                report(problems, 0, "prediction", f"the verdict on {row.index} is {one.letter}, which is none of its "
                       "options; it is not used")  # fmt: skip
                by["not judged"] += 1
            else:
                used.append(one)
                by[one.by] += 1
                if one.by in ("judge", "fallback"):
                    row = replace(row, letter=one.letter, rule=one.by, hit=one.letter == row.answer)
        elif one is not None and one.by == "judge" and row.letter is not None:
            used.append(one)
            ours[row.index], theirs[row.index] = Verdict(row.index, row.letter, "rules"), one
        rows.append(row)
    name = ", ".join(sorted({one.judge for one in used if one.judge}))
    audit = agreement(ours, theirs) if ours else None
    return tuple(rows), Judged(name, by["judge"], by["fallback"], by["unparsed"], by["not judged"], audit)


def compare(a: Report, b: Report, *, seed: int = 0) -> Comparison:
    """How much better b is than a on the questions of both, paired: the same drawn questions for both in each draw.

    Raises `ValueError` for reports of different profiles, and where they share no question.
    """
    if a.profile != b.profile:
        raise ValueError(f"one report is by {a.profile} and one by {b.profile}: score both by the same profile")
    ours, theirs = ({one.index: one for one in report.groups} for report in (a, b))
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        raise ValueError("the two reports share no question")
    only_a = tuple(index for index in both if ours[index].hit and not theirs[index].hit)
    only_b = tuple(index for index in both if theirs[index].hit and not ours[index].hit)
    n, rng = len(both), np.random.default_rng(seed)
    shares = np.array([len(only_a), n - len(only_a) - len(only_b), len(only_b)]) / n
    drawn = rng.multinomial(n, shares, DRAWS) @ np.array([-1, 0, 1]) / n
    difference = _share((len(only_b) - len(only_a)) / n, drawn)
    apart = (tuple(sorted(ours.keys() - theirs.keys())), tuple(sorted(theirs.keys() - ours.keys())))
    return Comparison(a.name, b.name, a.profile, n, difference, only_a, only_b, *apart)


def _joined(
    rows: Sequence[Prediction], known: Mapping[int, Question] | None, profile: str, problems: list[Problem]
) -> list[tuple[Prediction, Question]]:
    """Predictions with their questions, by index; what cannot be scored is reported."""
    found: list[tuple[Prediction, Question]] = []
    seen = dict[int, str]()
    own_first = profile == "vlmevalkit"  # that toolkit reads the options beside the prediction
    for one in sorted(rows, key=lambda one: one.index):
        told = _own(one) if known is None else known.get(one.index)
        if told is None:
            report(problems, one.row, "index", f"no question has the index {one.index}; the prediction is left out")
            continue
        if known is not None and one.options and one.options != told.options:
            if _texts(one.options) != _texts(told.options):
                whose = "those of the predictions" if own_first else "those of the questions"
                report(
                    problems, one.row, "A", f"the options of {one.index} differ from the question's; {whose} are read"
                )
            told = replace(told, options=one.options) if own_first else told
        if one.index in seen:
            same = "the same" if seen[one.index] == one.prediction else "another"
            kept = "both count" if own_first else "the first counts"
            report(problems, one.row, "prediction", f"{one.index} is there twice, with {same} answer; {kept}")
            if not own_first:
                continue
        if len(told.options) < 2 or told.answer is None:
            column, what = ("answer", "its answer") if len(told.options) >= 2 else ("A", "its options")
            wrong = own_first and known is not None and column == "answer"  # that toolkit gives test sets 0
            fate = "the prediction counts as wrong" if wrong else "the prediction is left out"
            report(problems, one.row, column, f"{one.index} cannot be scored without {what}; {fate}")
            if not wrong:
                continue
        seen[one.index] = one.prediction
        found.append((one, told))
    return found


def _texts(options: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Options as they are compared: 3.0 of one table is 3 of another."""
    return [(letter, text.strip().removesuffix(".0")) for letter, text in options]


def _own(one: Prediction) -> Question:
    l2 = one.l2_category or l2_of(one.category) or ""
    return Question(one.index, one.question, one.options, one.answer, one.hint, one.category, l2, one.split,
                    group=one.group)  # fmt: skip


def _decided(one: Prediction, question: Question, profile: str) -> Row:
    from playground.mmbench.extraction import explain_choice

    text, options = one.prediction, dict(question.options)
    if profile == "vlmevalkit":
        text = "nan" if text in pandas_cells.EMPTY else text
        options = {letter: option for letter, option in options.items() if option not in pandas_cells.EMPTY}
    read = explain_choice(text, options, profile=profile) if options else None
    letter = read.letter if read else None
    answer = question.answer or ""
    return Row(one.index, group_of(one.index, question.group), text, letter, read.rule if read else "no_options",
               bool(read and read.refused), answer, letter == answer)  # fmt: skip


def _groups(
    rows: Sequence[Row], asked: Sequence[Question], known: Mapping[int, Question] | None, profile: str,
    problems: list[Problem],
) -> Iterator[Group]:  # fmt: skip
    """The questions, each with its rotations; what is not there is reported."""
    present = defaultdict[int, list[Row]](list)
    about = dict[int, Question]()
    for row, one in zip(rows, asked, strict=True):
        present[row.group].append(row)
        about.setdefault(row.group, one)
    indices = defaultdict[int, list[int]](list)
    for one in known.values() if known is not None else ():
        if one.answer is not None and len(one.options) > 1:
            indices[group_of(one.index, one.group)].append(one.index)
    rotated = any(row.index != row.group for row in rows)
    splits = {one.split for one in about.values()}
    strict = profile == "robust"
    for group in sorted(present.keys() | indices.keys()):
        own = present.get(group, [])
        told = about.get(group)
        if told is None:
            assert known is not None
            told = known.get(group) or known[indices[group][0]]
            if told.split not in splits:
                continue  # a split that nobody answered
        distinct = {row.index for row in own}
        expected = len(indices[group]) if known is not None else passes(told) if rotated else 1
        expected = max(expected, len(distinct))
        first = [row for row in own if row.index == group]
        right = sum(row.hit for row in own)
        whole = len(distinct) == expected
        hit = bool(own) and right == len(own) and (whole or not strict)
        if not whole or not first:
            lost = sorted(set(indices[group]) - distinct)
            fate = _fate(own, first, right, strict)
            report(problems, 0, "index", f"question {group} has {len(distinct)} of its {expected} rows"
                   + (f", not {', '.join(map(str, lost[:8]))}" if lost else "") + f"; {fate}")  # fmt: skip
        facts = (told.split or NO_SPLIT, told.category, told.l2_category, l1_of(told.l2_category) or "")
        failed = next((row.index for row in own if not row.hit), None)
        # That toolkit has one line for each row of pass 0: none where it is missing, two where it is there twice.
        for vanilla in [bool(first) and first[0].hit] if strict else [row.hit for row in first]:
            yield Group(group, *facts, hit, vanilla, len(distinct), expected, failed)


def _fate(own: Sequence[Row], first: Sequence[Row], right: int, strict: bool) -> str:
    if not own:
        return "it counts as wrong" if strict else "it is left out"
    if right < len(own):
        return (
            "one that is there is wrong already" if first or strict else "it is left out, for its first pass is missing"
        )
    if strict:
        return "it counts as wrong"
    return "those that are there decide" if first else "it is left out, for its first pass is missing"


def _scores(groups: Sequence[Group], rows: Sequence[Row], rng: np.random.Generator) -> Iterator[Score]:
    """Overall and by ability, each split by itself and, of several, all together (split None); by question."""
    kinds = defaultdict[tuple[int, str, Split], Counter[Kind]](Counter)
    all_rows = defaultdict[tuple[int, str, Split], list[int]](lambda: [0, 0])
    names = dict[int, tuple[tuple[int, str, Split], ...]]()
    several = len({one.split for one in groups}) > 1
    for one in groups:
        if one.index not in names:
            abilities = ((0, "Overall"), (1, one.l1_category), (2, one.l2_category), (3, one.category))
            splits: tuple[Split, ...] = (one.split, None) if several else (one.split,)
            names[one.index] = tuple((level, name, split) for level, name in abilities if name for split in splits)
        for key in names[one.index]:
            kinds[key][one.hit, one.vanilla] += 1
    for row in rows:
        for key in names.get(row.group, ()):
            all_rows[key][0] += row.hit
            all_rows[key][1] += 1
    order = {name: i for i, name in enumerate(ABILITIES)}
    for key in sorted(kinds, key=lambda key: (key[2] is None, key[2] or "", key[0], order.get(key[1], 99), key[1])):
        yield _scored(key, kinds[key], all_rows[key], rng)


def _scored(key: tuple[int, str, Split], kinds: Counter[Kind], rows: Sequence[int], rng: np.random.Generator) -> Score:
    """A line of the report. A question is one of four kinds, so n of them drawn again are a draw of four counts."""
    counts = np.array([kinds[bool(a), bool(b)] for a in (0, 1) for b in (0, 1)])
    n = int(counts.sum())
    means = (counts @ _VALUES) / n
    drawn = rng.multinomial(n, counts / n, DRAWS) @ _VALUES / n
    circular, vanilla, gap = (_share(float(mean), draws) for mean, draws in zip(means, drawn.T, strict=True))
    level, name, split = key
    return Score(name, level, split, n, circular, vanilla, gap, rows[1], rows[0] / rows[1] if rows[1] else None)


def _share(value: float, drawn: np.ndarray) -> Share:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Share(value, float(low), float(high))


def _letters(rows: Sequence[Row]) -> tuple[LetterShare, ...]:
    """How often each letter is chosen, against how often it is right, over all rows."""
    chosen, right = Counter(row.letter for row in rows if row.letter), Counter(row.answer for row in rows)
    hits = Counter(row.answer for row in rows if row.hit)
    named = sum(chosen.values())
    return tuple(
        LetterShare(letter, chosen[letter] / named if named else 0.0, right[letter] / len(rows),
                    hits[letter] / right[letter] if right[letter] else None)
        for letter in LETTERS if chosen[letter] or right[letter]
    )  # fmt: skip
