"""The panel "Why circular": what a guesser scores, how the recorded models lean, and one question in all rotations."""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr
import numpy as np

from playground.figures import mmbench_bias as figures
from playground.i18n import label, say
from playground.mmbench import rotated
from playground.mmbench.bias import Expected, expected
from playground.mmbench.record import MiniRecord, mini_record
from playground.tabs.checks import choice, whole
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.question_card import card_styles
from playground.tabs.listeners import private
from playground.tabs.mmbench import why_models
from playground.tabs.mmbench.evaluate_cards import Said, answered
from playground.tabs.mmbench.evaluate_models import FIXED
from playground.tabs.mmbench.panel import PanelSettings
from playground.tabs.mmbench.report_view import words
from playground.tabs.panel import Frames, Panel, Record
from playground.tabs.progress import bar

__all__ = ["PANEL", "Looked", "Settings", "leaning"]

PERCENT, OPTIONS = (0, 100), (2, 4)
POINTS = np.linspace(0, 1, 21)
SCROLL = "() => document.querySelector('#mmbench-why-told').scrollIntoView({behavior: 'smooth'})"  # to what is chosen


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The controls."""

    PANEL: ClassVar[str] = "why"

    known: int = 40  # percent of the questions
    preference: int = 40  # percent: 0 even, 100 always A
    skew: int = 0  # the same of the letters that are right
    options: int = 4
    number: int = 0  # of the question shown
    model: str = field(default_factory=why_models.first)

    def __post_init__(self) -> None:
        for name in ("known", "preference", "skew"):
            whole(name, getattr(self, name), *PERCENT)
        whole("options", self.options, *OPTIONS)
        whole("number", self.number, 0, mini_record().count - 1)
        choice("model", self.model, mini_record().models)


@dataclass(frozen=True)
class Looked:
    """What was looked at: the guesser, the models, and the letters each chose in the question shown, pass by pass."""

    guess: Expected
    models: tuple[why_models.Seen, ...]
    right: str
    chosen: Mapping[str, str]


def leaning(k: int, percent: int) -> list[float]:
    """The shares of k letters, from even at 0 percent to the first alone at 100."""
    strength = percent / 100
    return [(1 - strength) / k + (strength if i == 0 else 0.0) for i in range(k)]


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "mmbench-why"
    names = list(mini_record().models)
    card_styles()

    def slider(name: str, ends: tuple[int, int]) -> None:
        one = Slider(
            *ends, value=getattr(usual, name), step=1, label=label(f"mmbench.why.{name}"), buttons=[],
            interactive=True, min_width=100, elem_id=f"{key}-{name}",
        )  # fmt: skip
        setattr(w, f"why_{name}", one)

    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("mmbench.why.lead"), elem_classes="pg-hint")
            for name in ("known", "preference", "skew"):
                slider(name, PERCENT)
            slider("options", OPTIONS)
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.why_verdict = gr.Markdown(elem_id=f"{key}-verdict")
            w.why_guess = LivePlotly(height="calc(420px + max(0px, (640px - 100vw) * 0.2))", elem_id=f"{key}-guess")
    gr.Markdown(label("mmbench.why.measured"))
    w.why_leaning = gr.Markdown(elem_id=f"{key}-leaning")
    three, two = -(-len(names) // 3), -(-len(names) // 2)
    gr.Markdown(label("mmbench.why.measured.info"), elem_classes="pg-hint")
    w.why_letters = LivePlotly(
        height=f"calc({90 + 190 * three}px + max(0px, (640px - 100vw) * {0.8 * (two - three):.1f}))",
        config={"displayModeBar": False}, elem_id=f"{key}-letters",
    )  # fmt: skip
    w.why_gaps = LivePlotly(
        height=f"calc({110 + 62 * len(names)}px + max(0px, (640px - 100vw) * {0.09 * len(names):.2f}))",
        elem_id=f"{key}-gaps",
    )
    w.why_models = Table(elem_id=f"{key}-models", elem_classes="pg-r-table")
    gr.Markdown(label("mmbench.why.one"))
    with gr.Row(elem_classes="pg-numbers"):
        w.why_number = gr.Number(
            usual.number, precision=0, minimum=0, maximum=mini_record().count - 1, label=label("mmbench.why.number"),
            min_width=110, interactive=True, elem_id=f"{key}-number",
        )  # fmt: skip
        w.why_model = gr.Dropdown(
            [(label(f"mmbench.why.name.{FIXED[name]}") if name in FIXED else name, name) for name in names],
            value=usual.model, label=label("mmbench.why.model"), filterable=False,
            min_width=260, interactive=True, elem_id=f"{key}-model",
        )  # fmt: skip
    with gr.Row(elem_classes="pg-buttons"):
        for name in ("another", "lucky"):
            button = gr.Button(label(f"mmbench.why.{name}"), size="sm", min_width=150, elem_id=f"{key}-{name}")
            setattr(w, f"why_{name}", button)
    w.why_told = gr.Markdown(elem_id=f"{key}-told")
    w.why_card = gr.HTML(elem_id=f"{key}-card", js_on_load=None)
    w.why_answers = Table(elem_id=f"{key}-answers", elem_classes="pg-r-table")
    gr.Markdown(label("mmbench.why.picks"), elem_classes="pg-hint")
    w.why_picks = LivePlotly(height=330, config={"displayModeBar": False}, elem_id=f"{key}-picks")
    w.why_models.click(None, None, None, js=SCROLL, **private())


def show(settings: Settings, _: Looked | None, stop: threading.Event, language: str) -> Frames:
    """The guesser at once; the models and the question as soon as they are there, some seconds the first time."""
    record = mini_record()
    if not why_models.models.cache_info().currsize:
        told = bar(0.1, say(language, "mmbench.why.scoring"))
        yield {**_guesser(settings, (), language), "progress": told}, None
    seen = why_models.models(record)
    frame = {
        **_guesser(settings, seen, language),
        **why_models.measured(seen, settings.model, language),
        "progress": "",
    }
    if not why_models.questions.cache_info().currsize:
        yield {**frame, "progress": bar(0.5, say(language, "mmbench.why.drawing"))}, None
    if stop.is_set():
        yield {"progress": ""}, None
        return
    shown, right, chosen = _one(settings, record, language)
    yield {**frame, **shown}, Looked(_guess(settings, settings.known / 100), seen, right, chosen)


def _guess(settings: Settings, known: float) -> Expected:
    k = settings.options
    return expected(known, leaning(k, settings.preference), leaning(k, settings.skew))


def _guesser(settings: Settings, seen: Sequence[why_models.Seen], language: str) -> dict[str, Any]:
    """Curves and verdict of a guesser."""
    said, at = words(language), settings.known / 100
    lines = [_guess(settings, known) for known in POINTS]
    curves = [
        figures.Curve(said["vanilla"], np.array([one.vanilla for one in lines]), circular=False),
        figures.Curve(said["circular"], np.array([one.circular for one in lines]), circular=True),
    ]
    measured = [
        figures.Measured(
            why_models.name_of(one.name, language), one.known.by_circular, own.vanilla.value, own.circular.value
        )
        for one in seen
        if one.known is not None and why_models.is_model(one.name)
        for own in [one.report.overall]
    ]
    found, luck = _guess(settings, at), _guess(settings, 0.0)
    values = {
        "vanilla": f"{found.vanilla:.1%}", "circular": f"{found.circular:.1%}", "known": f"{at:.0%}",
        "guessed": f"{1 - at:.0%}", "luck": f"{luck.vanilla:.1%}", "rare": f"{luck.circular:.2%}",
        "k": settings.options, "gap": f"{100 * found.gap:.1f}",
    }  # fmt: skip
    return {
        "verdict": say(language, "mmbench.why.verdict" if at < 1 else "mmbench.why.verdict.all", **values),
        "guess": figures.guesser(POINTS, curves, measured=measured, at=at, words=said),
    }


def _one(settings: Settings, record: MiniRecord, language: str) -> tuple[dict[str, Any], str, dict[str, str]]:
    """The question shown: its card, what every model chose in each pass, and a guesser's chances; then the right
    letters, and those chosen."""
    base, number = why_models.questions(record)[settings.number], settings.number
    chosen = {name: one.chosen[number] for name, one in record.models.items()}
    asked = [rotated(base, i) for i in range(len(chosen[settings.model]))]
    right = "".join(one.answer or "" for one in asked)
    letters = dict(zip(asked, chosen[settings.model], strict=True))
    said = [Said(one, letter.strip("-"), letter.strip("-") or None) for one, letter in letters.items()]
    shown = replace(base, picture=why_models.picture(record, number))
    whole_card = answered(shown, said, why_models.PROFILE, language)
    texts = [[text for _, text in one.options] for one in asked]
    k = len(base.options)
    places = [[letter for letter, _ in one.options].index(one.answer or "") for one in asked]
    picks = np.tile(leaning(k, settings.preference), (len(asked), 1))
    hits = sum(own == right for own in chosen.values())
    values = {"number": number, "hits": hits, "first": sum(own[0] == right[0] for own in chosen.values()),
              "models": len(chosen), "name": why_models.name_of(settings.model, language)}  # fmt: skip
    return (
        {
            "told": say(language, "mmbench.why.told", **values),
            "card": whole_card,
            "answers": why_models.answers(chosen, right, language),
            "picks": figures.one_question(texts, places, picks, words=words(language)) if len(asked) == k else None,
        },
        right,
        chosen,
    )


def fill_another(_: str, __: Path, ___: str) -> Mapping[str, Any]:
    """Any question of the record."""
    return {"number": random.randrange(mini_record().count)}


def fill_lucky(_: str, __: Path, ___: str) -> Mapping[str, Any]:
    """A model and a question that it gets right as it stands, and in none of the other rotations."""
    record = mini_record()
    answers = _right(record)
    found = [
        (name, i)
        for name, one in record.models.items()
        if why_models.is_model(name) or not any(map(why_models.is_model, record.models))
        for i, own in enumerate(one.chosen)
        if len(own) > 2
        and own[0] == answers[i][0]
        and all(a != b for a, b in zip(own[1:], answers[i][1:], strict=True))
    ]
    if not found:
        return fill_another("", Path(), "")
    model, number = random.choice(found)
    return {"model": model, "number": number}


@lru_cache(4)
def _right(record: MiniRecord) -> list[str]:
    """The right letters of each question, pass by pass."""
    found: dict[int, list[str]] = {i: [] for i in range(record.count)}
    for row in record.predictions(next(iter(record.models))).rows:
        found[row.index % 1_000_000].append(row.answer or "")
    return ["".join(letters) for letters in found.values()]


def fill_model(row: str, _: Path, __: str) -> Mapping[str, Any]:
    """The model of a row."""
    return {"model": row}


def program(settings: Settings, _: str) -> list[str]:
    """The guesser's numbers with their picture, and what the record's models show."""
    k = settings.options
    preference, answers = ([round(one, 6) for one in leaning(k, p)] for p in (settings.preference, settings.skew))
    return [
        "import numpy as np",
        "",
        "from playground.figures.mmbench_bias import Curve, guesser",
        "from playground.mmbench.bias import expected, preference_of",
        "from playground.mmbench.record import mini_record",
        "",
        f"preference = {preference}  # how often the guesser picks each letter",
        f"answers = {answers}  # and how often each one is right",
        f"found = expected({settings.known / 100:g}, preference, answers)",
        'print(f"vanilla {found.vanilla:.1%}, circular {found.circular:.1%}")',
        "",
        "known = np.linspace(0, 1, 21)",
        "lines = [expected(u, preference, answers) for u in known]",
        'curves = [Curve("vanilla", np.array([one.vanilla for one in lines]), circular=False),',
        '          Curve("circular", np.array([one.circular for one in lines]), circular=True)]',
        f'guesser(known, curves, at={settings.known / 100:g}).write_html("picture.html")',
        "",
        "record = mini_record()",
        "for name in record.models:",
        "    report = record.report(name)",
        "    print(name, report.overall.vanilla.value, report.overall.circular.value, preference_of(report).index)",
        f"    print(record.models[name].chosen[{settings.number}])  # question {settings.number}, pass by pass",
    ]


def record_of(settings: Settings, kept: Looked) -> Record:
    """A row a model: its scores, its leaning, and its letters in the question shown."""
    columns = ["model", "vanilla", "circular", "gap", "most_chosen", "share", "share_right", "bias_index",
               "bias_by_chance", "known_by_vanilla", "known_by_circular", f"question_{settings.number}"]  # fmt: skip
    lines: list[list[Any]] = []
    for one in kept.models:
        own, leans, known = one.report.overall, one.preference, one.known
        most = max(leans.chosen, key=leans.chosen.__getitem__) if leans else ""
        lines.append([
            one.name, own.vanilla.value, own.circular.value, own.gap.value, most,
            *((leans.chosen[most], leans.right[most], leans.index, leans.chance) if leans else ("",) * 4),
            *((known.by_vanilla, known.by_circular) if known else ("",) * 2), kept.chosen[one.name],
        ])  # fmt: skip
    guess = {"vanilla": kept.guess.vanilla, "vanilla_all": kept.guess.vanilla_all, "circular": kept.guess.circular}
    return columns, lines, {"guesser": guess, "right": kept.right, "seed": mini_record().seed}


PANEL = Panel(
    Settings,
    lay_out,
    ("verdict", "guess", "leaning", "letters", "gaps", "models", "told", "card", "answers", "picks"),
    show,
    {},
    program,
    record_of,
    fills={"another": fill_another, "lucky": fill_lucky, "models": fill_model},
)
