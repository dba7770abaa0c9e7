"""The recorded models of the panel "Why circular": what each scores, how it leans, and what it chose in a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from playground.answering import ANSWERERS
from playground.figures import mmbench_bias as figures
from playground.figures.mmbench_compare import gaps
from playground.i18n import say
from playground.mmbench import Question, Report
from playground.mmbench.bias import Known, Preference, estimate_known, preference_of
from playground.mmbench.record import MiniRecord, mini_record
from playground.tabs.components.table import Column, Row, table
from playground.tabs.mmbench.evaluate_models import FIXED
from playground.tabs.mmbench.report_view import words

__all__ = ["PROFILE", "Seen", "answers", "first", "is_model", "measured", "models", "name_of", "picture", "questions"]

PROFILE = "robust"  # of the record, whose answers are letters: both profiles read the same in them


@lru_cache(4)
def models(record: MiniRecord) -> tuple["Seen", ...]:
    """Each model's report and leaning; a second a model the first time."""
    return tuple(_seen(record, name) for name in record.models)


@lru_cache(4)
def questions(record: MiniRecord) -> tuple[Question, ...]:
    """The record's questions; some seconds the first time."""
    return record.questions()


@lru_cache(64)
def picture(record: MiniRecord, number: int) -> bytes:
    return record.picture(number)


def first() -> str:
    """The model shown at first: the first that is one."""
    names = list(mini_record().models)
    return next(filter(is_model, names), names[0])


def name_of(name: str, language: str) -> str:
    """What a recorded model is called here, shortly."""
    return say(language, f"mmbench.why.name.{FIXED[name]}") if name in FIXED else name


def is_model(name: str) -> bool:
    return name not in ANSWERERS or ANSWERERS[name].how != "fixed"


@dataclass(frozen=True)
class Seen:
    """A recorded model: its report, the letters it chose where it did not know (None: it knew all), and about how much
    it knows (None: nothing has rotations)."""

    name: str
    report: Report
    preference: Preference | None
    known: Known | None


def _seen(record: MiniRecord, name: str) -> Seen:
    report = record.report(name, PROFILE)
    try:
        preference = preference_of(report)
    except ValueError:  # it is wrong nowhere: nothing to lean by
        preference = None
    try:
        known = estimate_known(report)
    except ValueError:  # nothing has rotations: knowing and guessing look alike
        known = None
    return Seen(name, report, preference, known)


def measured(seen: Sequence[Seen], model: str, language: str) -> dict[str, Any]:
    """Letters chosen, gaps and the table of the models, and which of them leans the most."""
    said, names = words(language), {one.name: name_of(one.name, language) for one in seen}
    heads = ("model", "vanilla", "circular", "gap", "letter", "index", "chance", "by_vanilla", "by_circular")
    columns = [Column(say(language, f"mmbench.why.column.{head}"), number=head != "model") for head in heads]
    rows = []
    for one in seen:
        own, leans = one.report.overall, one.preference
        most = max(leans.chosen, key=leans.chosen.__getitem__) if leans else ""
        cells = [
            names[one.name], f"{own.vanilla.value:.1%}", f"{own.circular.value:.1%}", f"{100 * own.gap.value:.1f}",
            f"{most} {leans.chosen[most]:.0%}" if leans else "–", f"{leans.index:.2f}" if leans else "–",
            f"{leans.chance:.2f}" if leans else "–", *_known(one.known),
        ]  # fmt: skip
        rows.append(Row(cells, id=one.name, best=one.name == model))
    return {
        "leaning": _leaning(seen, names, language),
        "letters": figures.letters({names[one.name]: one.report.letters for one in seen}, words=said),
        "gaps": gaps(
            [(names[one.name], o.vanilla, o.circular) for one in seen for o in [one.report.overall]], words=said
        ),
        "models": table(columns, rows, action=say(language, "mmbench.why.show")),
    }


def _known(known: Known | None) -> tuple[str, str]:
    return (f"{known.by_vanilla:.1%}", f"{known.by_circular:.1%}") if known else ("–", "–")


def _leaning(seen: Sequence[Seen], names: Mapping[str, str], language: str) -> str:
    """Who leans the most, and who loses the most by rotation; what needs no model is no news."""
    models = [one for one in seen if is_model(one.name)] or list(seen)
    leaning = [(one, one.preference) for one in models if one.preference is not None]
    n = f"{len(seen[0].report.groups):,}"
    if not leaning:
        return say(language, "mmbench.why.leaning.none", n=n)
    one, leans = max(leaning, key=lambda pair: pair[1].index)
    most = max(leans.chosen, key=lambda letter: leans.chosen[letter] - leans.right[letter])
    loser = max(models, key=lambda one: one.report.overall.gap.value)
    own = loser.report.overall
    values = {
        "n": n, "name": names[one.name], "letter": most, "share": f"{leans.chosen[most]:.0%}",
        "right": f"{leans.right[most]:.0%}", "index": f"{leans.index:.2f}", "chance": f"{leans.chance:.2f}",
        "loser": names[loser.name], "vanilla": f"{own.vanilla.value:.1%}", "circular": f"{own.circular.value:.1%}",
        "gap": f"{100 * own.gap.value:.1f}",
    }  # fmt: skip
    return say(language, "mmbench.why.leaning", **values)


def answers(chosen: Mapping[str, str], right: str, language: str) -> dict[str, Any]:
    """A line a model, a column a pass."""
    columns = [Column(say(language, "mmbench.why.column.model"))]
    columns += [
        Column(say(language, "mmbench.why.column.pass", number=i + 1, letter=letter)) for i, letter in enumerate(right)
    ]
    columns.append(Column(say(language, "mmbench.why.column.all")))
    rows = []
    for name, own in chosen.items():
        cells = [f"{'✓' if a == b else '✗'} {'–' if a == '-' else a}" for a, b in zip(own, right, strict=True)]
        rows.append(Row([name_of(name, language), *cells, "✓" if own == right else "✗"]))
    return table(columns, rows)
