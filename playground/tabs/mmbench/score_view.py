"""The questions of a scored file one by one: why one is lost, and where the two profiles read an answer differently."""

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.i18n import TEXTS, refusal, say
from playground.mmbench import Group, Question, Report, Row, group_of, read_picture
from playground.tabs.clip.words import literal
from playground.tabs.components.question_card import WORDS, Asked, Turn, card
from playground.tabs.components.table import Column, table
from playground.tabs.components.table import Row as Line
from playground.tabs.mmbench.report_view import names_of, percent, rule_names
from playground.tabs.mmbench.score_data import Scored

__all__ = ["SHOWS", "differing", "judged", "other_profile", "question_card", "questions"]

SHOWS = ("luck", "failed", "unparsed", "missing", "passed")
LINES = 12  # of a table
TEXT, OPTIONS = 70, 110  # characters of an answer and of the options in a table


@dataclass(frozen=True, eq=False)
class _Parts:
    """A report by question: its rows in the order of the passes, and all questions by index."""

    rows: Mapping[int, Sequence[Row]]
    groups: Mapping[int, Group]
    questions: Mapping[int, Question]


def questions(kept: Scored, shows: str, language: str) -> dict[str, Any]:
    """The questions that came to one of `SHOWS`, each with its passes and the first answer that is wrong."""
    parts, names, rules = _parts(kept), names_of(kept.report, language), rule_names(language)
    found = [one for one in parts.groups.values() if _came_to(one, parts.rows.get(one.index, ()), shows)]
    count = say(language, "mmbench.score.count", n=f"{len(found):,}", shown=min(len(found), LINES))
    columns = [
        Column(count, number=True),
        *(Column(say(language, f"mmbench.score.column.{one}")) for one in ("ability", "passes", "wrong", "read")),
    ]
    lines = []
    for one in found[:LINES]:
        own = parts.rows.get(one.index, ())
        marks = "".join("✓" if row.hit else "✗" for row in own) + "–" * (one.expected - one.present)
        wrong = next((row for row in own if not row.hit), None)
        said, read = say(language, "mmbench.score.not_there") if one.present < one.expected else "", ""
        if wrong is not None:
            said = short(wrong.prediction, TEXT) or say(language, "mmbench.card.empty")
            letter = wrong.letter or "–"
            read = f"{letter} → {wrong.answer} · {rules.get(wrong.rule, wrong.rule)}"
        ability = names.get(one.category or one.l2_category, one.category or "–")
        lines.append(Line([str(one.index), ability, marks, said, read], id=str(one.index)))
    empty = say(language, f"mmbench.score.none.{shows}")
    return table(columns, lines, empty=empty, action=say(language, "mmbench.score.show"))


def question_card(kept: Scored, asked: str, shows: str, language: str) -> str:
    """A question with all its rotations: the one whose index is asked, else the first of the table.

    An index that is none, or of no question here, is told in the card's place: it may be left from another file, and
    must not cost the report.
    """
    parts = _parts(kept)
    if asked.strip():
        if not (asked.strip().isascii() and asked.strip().isdigit()):
            return _refused(
                f"a question is named by its index, a whole number, not by {asked.strip()[:40]!r}", language
            )
        index = int(asked.strip()[:15])
        group = parts.groups.get(index) or parts.groups.get(group_of(index))
        if group is None:
            return _refused(f"the report has no question {index}", language)
    else:
        group = next(
            (one for one in parts.groups.values() if _came_to(one, parts.rows.get(one.index, ()), shows)), None
        )
        group = group or next(iter(parts.groups.values()))
    return card(_asked(kept, parts, group, language), rule_names(language), words=_words(language))


def _refused(text: str, language: str) -> str:
    """A refusal where the card would be."""
    return f'<p class="pg-hint">{html.escape(refusal(language, ValueError(text)))}</p>'


def differing(kept: Scored, language: str) -> dict[str, Any]:
    """The answers in which the two profiles read different letters; first those in which both read one."""
    if kept.other is None:
        return table([], [])
    by = {one.profile: one for one in (kept.report, kept.other)}
    found = _differing(kept.report, kept.other)
    return _read(kept, [(row, other) for row, other in found], list(by), "mmbench.score.differ", len(found), language)


def other_profile(kept: Scored, language: str, split: str = "") -> str:
    """What the other profile would give, which is why scores differ; of a split, where the file has it."""
    if kept.other is None:
        return say(language, "mmbench.score.one_profile")
    own, other = (
        one.find("Overall", split) if split in one.splits else one.overall for one in (kept.report, kept.other)
    )
    n = len(_differing(kept.report, kept.other))
    values = {
        "profile": kept.other.profile, "circular": percent(other.circular.value), "n": f"{n:,}",
        "vanilla": percent(other.vanilla.value), "points": f"{100 * (other.circular.value - own.circular.value):+.1f}",
    }  # fmt: skip
    return say(language, "mmbench.score.other_profile" if n else "mmbench.score.other_profile.same", **values)


def judged(kept: Scored, language: str) -> str:
    """What the judge came to, in words; "" where there was none."""
    one, shares = kept.report.judged, kept.report.matching
    parts = [say(language, "mmbench.score.judge.gave_up", why=literal(kept.note))] if kept.note else []
    if one is not None:
        values = {
            "name": literal(one.name or kept.judge), "judge": f"{one.judge:,}", "unparsed": f"{one.unparsed:,}",
            "saved": f"{one.not_judged:,}", "right": percent(shares.judged_acc),
            "rules": percent(shares.exact_match_rate),
        }  # fmt: skip
        parts.append(say(language, "mmbench.score.judge.done", **values))
        if one.agreement is not None:
            same = one.agreement
            kappa = "–" if same.kappa is None else f"{round(same.kappa, 2) + 0:.2f}"
            parts.append(say(language, "mmbench.score.judge.agrees", n=f"{same.n:,}", share=percent(same.share),
                             kappa=kappa))  # fmt: skip
    return "\n\n".join(parts)


def short(text: str, most: int) -> str:
    """A text on one line, cut."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _read(
    kept: Scored, pairs: Sequence[tuple[Row, Row]], profiles: Sequence[str], key: str, count: int, language: str
) -> dict[str, Any]:
    """A table of answers with what two profiles read in them."""
    if not pairs:
        return table([], [])
    options, rules = _options(kept), rule_names(language)
    head = say(language, key, n=f"{count:,}", shown=min(len(pairs), LINES))
    columns = [
        Column(head),
        *(Column(say(language, f"mmbench.score.column.{name}")) for name in ("options", "right")),
        *map(Column, profiles),
    ]

    def told(row: Row) -> str:
        mark = "✓ " if row.hit else ""
        return f"{mark}{row.letter or '–'} · {rules.get(row.rule, row.rule)}"

    lines = [
        Line([
            short(row.prediction, TEXT) or say(language, "mmbench.card.empty"),
            short(" · ".join(f"{letter} {text}" for letter, text in options.get(row.index, ())), OPTIONS), row.answer,
            told(row), told(other),
        ])
        for row, other in pairs[:LINES]
    ]  # fmt: skip
    return table(columns, lines)


def _differing(own: Report, other: Report) -> list[tuple[Row, Row]]:
    """Answers of which the two read different letters; of an index that is there twice the first, as `robust` does."""
    ours, theirs = ({row.index: row for row in reversed(one.rows)} for one in (own, other))
    found = [(ours[index], theirs[index]) for index in sorted(ours.keys() & theirs.keys())]
    found = [(a, b) for a, b in found if a.letter != b.letter and a.rule not in ("judge", "fallback")]
    return sorted(found, key=lambda pair: (pair[0].letter is None) + (pair[1].letter is None))


def _came_to(group: Group, rows: Sequence[Row], shows: str) -> bool:
    if shows == "unparsed":
        return any(row.letter is None for row in rows)
    return {
        "luck": group.vanilla and not group.hit, "failed": not group.hit, "missing": not group.complete,
        "passed": group.hit,
    }[shows]  # fmt: skip


def _parts(kept: Scored) -> _Parts:
    """The report by question, made once."""
    if kept.profile not in kept.groups:
        rows = defaultdict[int, list[Row]](list)
        for row in kept.report.rows:
            rows[row.group].append(row)
        asked = {one.index: one for one in kept.given.questions or ()}
        kept.groups[kept.profile] = _Parts(rows, {one.index: one for one in kept.report.groups}, asked)
    parts: _Parts = kept.groups[kept.profile]
    return parts


def _options(kept: Scored) -> dict[int, Sequence[tuple[str, str]]]:
    """The options of each row: those of the questions, else those beside the predictions."""
    found: dict[int, Sequence[tuple[str, str]]] = {}
    for one in reversed(kept.given.predictions.rows):
        found[one.index] = one.options
    return found | {one.index: one.options for one in kept.given.questions or ()}


def _asked(kept: Scored, parts: _Parts, group: Group, language: str) -> Asked:
    options, own = _options(kept), parts.rows.get(group.index, ())
    turns = [Turn(options.get(row.index, ()), row.answer, row.letter, row.prediction, row.rule) for row in own]
    there = {row.index for row in own}
    missing = [
        one
        for one in parts.questions.values()
        if one.index not in there and group_of(one.index, one.group) == group.index and one.answer
    ]
    turns += [Turn(one.options, one.answer, None, "", "", asked=False) for one in missing]
    told = parts.questions.get(group.index)
    beside = next((one for one in kept.given.predictions.rows if one.index == group.index), None)
    question = told.question if told is not None else beside.question if beside is not None else ""
    hint = told.hint if told is not None else beside.hint if beside is not None else ""
    ability = group.category or group.l2_category
    name = names_of(kept.report, language).get(ability, ability)
    return Asked(group.index, _picture(kept, told), question, hint, name, turns, group.hit)


def _picture(kept: Scored, question: Question | None) -> bytes | None:
    """The picture's file; one that cannot be read is empty, and the card says so."""
    if question is not None and (draw := kept.given.draws.get(group_of(question.index, question.group))):
        return draw()
    if question is None or question.picture is None:
        return None
    try:
        return read_picture(question.picture)
    except ValueError:
        return b""


def _words(language: str) -> dict[str, str]:
    texts = TEXTS[language]
    found = {name: texts[key] for name in WORDS if (key := f"mmbench.card.{name}") in texts}
    return found | {"not_asked": texts["mmbench.score.not_there"], "why": texts["mmbench.score.not_there.why"]}
