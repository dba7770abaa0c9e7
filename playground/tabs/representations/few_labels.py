"""The panel "Pre-train, then fine-tune": what few labels are worth after learning without any."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr

from playground import representations
from playground.figures import representations_few_labels as figures
from playground.i18n import TEXTS, label, say
from playground.representations import Augmentation, Experiment, Score
from playground.tabs.checks import choice, whole
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.panel import Frames, Panel, Record
from playground.tabs.progress import bar
from playground.tabs.representations.panel import PanelSettings

__all__ = ["PANEL", "Compared", "Settings"]

DATA = ("digits", "world")
CHANGES = ("rotate", "scale", "shear", "shift", "gain", "noise", "cut")
SECONDS, DRAWS = (1, 60), (2, 10)
FRAME = 0.4  # seconds between two pictures
COUNT, EACH = 10, 4  # digits shown, and the views of each


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The controls."""

    PANEL: ClassVar[str] = "few_labels"

    data: str = DATA[0]
    methods: tuple[str, ...] = ("nt_xent", "denoising")
    ways: tuple[str, ...] = representations.WAYS
    changes: tuple[str, ...] = CHANGES
    seconds: int = 8
    draws: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("data", self.data, DATA)
        for name in self.methods:
            choice("method", name, representations.METHODS)
        if not self.ways:
            raise ValueError("choose a linear probe, fine-tuning or both")
        for name in self.ways:
            choice("way", name, representations.WAYS)
        for name in self.changes:
            choice("change", name, CHANGES)
        whole("seconds", self.seconds, *SECONDS)
        whole("draws", self.draws, *DRAWS)

    @property
    def augmentation(self) -> Augmentation:
        """The library's, what is not chosen left out."""
        return Augmentation(**{name: 0.0 for name in CHANGES if name not in self.changes})


@dataclass(frozen=True, eq=False)
class Compared:
    """What an experiment has come to."""

    settings: Settings
    experiment: Experiment | None  # none where only the picture world's record was looked at


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "representations-few_labels"
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("representations.few_labels.lead"), elem_classes="pg-hint")
            choices = (
                ("data", gr.Radio, DATA), ("methods", gr.CheckboxGroup, representations.METHODS),
                ("ways", gr.CheckboxGroup, representations.WAYS), ("changes", gr.CheckboxGroup, CHANGES),
            )  # fmt: skip
            for name, kind, allowed in choices:
                value = getattr(usual, name)
                group = kind(
                    [(label(f"representations.few_labels.{name}.{one}"), one) for one in allowed],
                    value=list(value) if isinstance(value, tuple) else value,
                    label=label(f"representations.few_labels.{name}"), interactive=True, elem_id=f"{key}-{name}",
                    elem_classes="pg-pills",
                )  # fmt: skip
                setattr(w, f"few_labels_{name}", group)
            with gr.Column(elem_id=f"{key}-live", elem_classes="pg-controls"):
                with gr.Row(elem_classes="pg-numbers"):
                    w.few_labels_seconds = Slider(
                        *SECONDS, value=usual.seconds, step=1, label=label("representations.few_labels.seconds"),
                        buttons=[], min_width=100, interactive=True, elem_id=f"{key}-seconds",
                    )  # fmt: skip
                    w.few_labels_draws = Slider(
                        *DRAWS, value=usual.draws, step=1, label=label("representations.few_labels.draws"), buttons=[],
                        min_width=100, interactive=True, elem_id=f"{key}-draws",
                    )  # fmt: skip
                    w.few_labels_seed = gr.Number(
                        usual.seed,
                        label=label("representations.seed"),
                        min_width=70,
                        interactive=True,
                        elem_id=f"{key}-seed",
                    )
                with gr.Row(elem_classes="pg-buttons"):
                    w.few_labels_run = gr.Button(
                        label("representations.few_labels.run"), variant="primary", elem_id=f"{key}-run"
                    )
                w.few_labels_views = LivePlotly(height=190, config={"displayModeBar": False}, elem_id=f"{key}-views")
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.few_labels_verdict = gr.Markdown(elem_id=f"{key}-verdict")
            w.few_labels_chart = LivePlotly(
                height="calc(430px + max(0px, (640px - 100vw) * 0.4))", elem_id=f"{key}-chart"
            )
            w.few_labels_maps = LivePlotly(
                height="calc(330px + max(0px, (640px - 100vw) * 1.8))", elem_id=f"{key}-maps"
            )
            w.few_labels_table = Table(elem_id=f"{key}-table")


def show(settings: Settings, kept: Compared | None, _: threading.Event, language: str) -> Frames:
    """The views of digits, and what was found: by these settings, on the world, or nothing yet."""
    words = _words(language)
    pictures = representations.views_of(COUNT, EACH, settings.augmentation, settings.seed)
    frame: dict[str, Any] = {"progress": "", "views": figures.views(pictures, words=words)}
    if settings.data == "world":
        yield {**frame, **_world(settings.ways, language)}, kept or Compared(settings, None)
    elif kept is not None and kept.settings == settings and kept.experiment is not None:
        yield {**frame, **_found(settings, kept.experiment, language)}, kept
    else:
        told = say(language, "representations.few_labels.verdict.before")
        yield {**frame, **_found(settings, _beside(), language), "verdict": told}, None


@cache
def _beside() -> Experiment:
    """Pixels and a random network, probed on the usual draws; kept since everyone who comes sees them."""
    *_, frame = representations.compare_methods([])
    return frame


def run(settings: Settings, _: Compared | None, stop: threading.Event, language: str) -> Frames:
    """Method after method: learn without labels, then grade; Stop keeps what was found."""
    if settings.data == "world":
        raise ValueError("the picture world is learned by the command above, not in the browser: choose digits")
    yield {"progress": bar(0, say(language, "representations.starting")), "maps": None, "table": table([], [])}, None
    drawn, frame = 0.0, None
    for frame in representations.compare_methods(
        settings.methods, seconds=settings.seconds, ways=settings.ways, draws=settings.draws,
        how=settings.augmentation, seed=settings.seed,
    ):  # fmt: skip
        kept = Compared(settings, frame)
        if stop.is_set():
            ended = bar(frame.progress, say(language, "representations.stopped"))
            yield {"progress": ended, **_found(settings, frame, language)}, kept
            return
        if time.monotonic() - drawn > FRAME:
            drawn = time.monotonic()
            name = _names(language)[frame.name]
            text = say(language, f"representations.few_labels.{frame.stage}", name=name)
            update: dict[str, Any] = {"progress": bar(frame.progress, text)}
            if frame.stage == "grade" and frame.scores:
                update |= _found(settings, frame, language) | {"verdict": ""}
            yield update, None
    assert frame is not None
    kept = Compared(settings, frame)
    yield {"progress": "", **_found(settings, frame, language)}, kept


def _found(settings: Settings, seen: Experiment, language: str) -> dict[str, Any]:
    """Chart, maps, table and verdict of an experiment."""
    words, names = _words(language), _names(language)
    order = ["pixels", "random", *settings.methods]
    places = {name: seen.maps[name] for name in list(seen.maps)[:3]}
    return {
        "chart": figures.chart(seen.scores, names, order=order, words=words) if seen.scores else None,
        "maps": figures.maps(places, seen.labels.tolist(), names, words=words) if places else None,
        "table": _table(seen.scores, names, language),
        "verdict": _verdict(seen.scores, names, language),
    }


def _table(scores: tuple[Score, ...], names: Mapping[str, str], language: str) -> dict[str, Any]:
    counts = sorted({score.per_class for score in scores})
    columns = [Column(say(language, "representations.few_labels.column.who"))]
    columns += [
        Column(say(language, "representations.few_labels.column.count", count=count), number=True) for count in counts
    ]
    best = {count: max(score.mean for score in scores if score.per_class == count) for count in counts}
    rows = []
    for key in dict.fromkeys((score.name, score.way) for score in scores):
        own = {score.per_class: score for score in scores if (score.name, score.way) == key}
        cells = [f"{own[c].mean:.1%} ± {100 * own[c].half:.1f}" if c in own else "–" for c in counts]
        first = counts[0] in own and own[counts[0]].mean == best[counts[0]]
        rows.append(Row([names[f"{key[0]}.{key[1]}"], *cells], best=first))
    return table(columns, rows)


def _verdict(scores: tuple[Score, ...], names: Mapping[str, str], language: str) -> str:
    """Who is best with one label a class, and by how much over learning from scratch, on the same draws."""
    one = [score for score in scores if score.per_class == min(other.per_class for other in scores)]
    if not one:
        return ""
    best = max(one, key=lambda score: score.mean)
    values = {"name": names[f"{best.name}.{best.way}"], "best": f"{best.mean:.1%}", "draws": len(best.accuracies)}
    scratch = next((score for score in one if (score.name, score.way) == ("random", "fine_tune")), None)
    if scratch is None or scratch is best:
        return say(language, "representations.few_labels.verdict.best", **values)
    gaps = [100 * (a - b) for a, b in zip(best.accuracies, scratch.accuracies, strict=True)]
    gap = f"{sum(gaps) / len(gaps):+.1f} ± {representations.interval(gaps):.1f}"
    return say(language, "representations.few_labels.verdict.over", **values, scratch=f"{scratch.mean:.1%}", gap=gap)


def _world(ways: tuple[str, ...], language: str) -> dict[str, Any]:
    """What the command found on the picture world."""
    found, words, names = representations.world_record(), _words(language), _names(language)
    scores = tuple(score for score in found.scores if score.way in ways)
    order = list(dict.fromkeys(score.name for score in scores))
    places = {"random": found.before, found.best: found.after}
    classes = [TEXTS[language][f"representations.few_labels.class.{one}"] for one in found.classes]
    values = {"command": found.command, "name": names[found.best], "pictures": f"{found.pictures:,}"}
    text = say(language, "representations.few_labels.verdict.world", **values)
    return {
        "chart": figures.chart(scores, names, order=order, words=words),
        "maps": figures.maps(places, found.labels.tolist(), names, classes=classes, words=words),
        "table": _table(scores, names, language),
        "verdict": text,
    }


def _names(language: str) -> dict[str, str]:
    """What the methods are called, alone and with their way; fine-tuning a random encoder is learning from scratch."""
    texts, out = TEXTS[language], {}
    for name in ("pixels", "random", "nt_xent_same_colours", *representations.METHODS):
        out[name] = texts[f"representations.few_labels.methods.{name}"]
        for way in representations.WAYS:
            out[f"{name}.{way}"] = f"{out[name]} · {texts[f'representations.few_labels.ways.{way}']}"
    out["random.fine_tune"] = texts["representations.few_labels.scratch"]
    return out


def _words(language: str) -> dict[str, str]:
    return {name: TEXTS[language][f"representations.few_labels.figure.{name}"] for name in figures.WORDS}


def program(settings: Settings, _: str) -> list[str]:
    """The same experiment, with its chart."""
    if settings.data == "world":
        return [
            "from playground import representations",
            "",
            "found = representations.world_record()",
            "print(found.command)",
            "for score in found.scores:",
            '    print(score.name, score.way, score.per_class, f"{score.mean:.3f} ± {score.half:.3f}")',
        ]
    left_out = ", ".join(f"{name}=0" for name in CHANGES if name not in settings.changes)
    how = f", how=representations.Augmentation({left_out})" if left_out else ""
    return [
        "from playground import representations",
        "from playground.figures.representations_few_labels import chart",
        "",
        f"methods = {list(settings.methods)!r}",
        "for frame in representations.compare_methods(",
        f"    methods, seconds={settings.seconds}, draws={settings.draws}, ways={settings.ways!r}, seed={settings.seed}"
        f"{how}",
        "):",
        "    pass  # each frame says how far it is; the last one holds all scores",
        "for score in frame.scores:",
        '    print(score.name, score.way, score.per_class, f"{score.mean:.3f} ± {score.half:.3f}")',
        "",
        'order = ["pixels", "random", *methods]',
        "names = {name: name for name in order}",
        'chart(frame.scores, names, order=order).write_html("picture.html")',
    ]


def record(settings: Settings, kept: Compared) -> Record:
    """Every accuracy of every draw; in JSON the losses of a live experiment, too, or the record's command."""
    extra: dict[str, Any]
    if settings.data == "world" or kept.experiment is None:
        found = representations.world_record()
        scores = tuple(score for score in found.scores if score.way in settings.ways)
        extra = {"command": found.command}
    else:
        scores = kept.experiment.scores
        extra = {"losses": {name: loss.tolist() for name, loss in kept.experiment.losses.items()}}
    lines = [
        [score.name, score.way, score.per_class, draw, accuracy]
        for score in scores
        for draw, accuracy in enumerate(score.accuracies)
    ]
    return ["method", "way", "labels_a_class", "draw", "accuracy"], lines, extra


PANEL = Panel(
    Settings,
    lay_out,
    ("verdict", "chart", "maps", "table", "views"),
    show,
    {"run": run},
    program,
    record,
)
