"""The panel "Contrastive": a batch as points in the plane that go down the margin loss or NT-Xent."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from playground.figures import representations_points as figures
from playground.i18n import TEXTS, label, say
from playground.representations.points import LOSSES, Step, batch_of, descend
from playground.tabs.checks import between, choice, whole
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.panel import Frames, Panel, Record
from playground.tabs.representations.panel import PanelSettings

__all__ = ["PANEL", "Settings", "Walked", "program"]

MARGIN, TEMPERATURE, RATE, CLASSES, PAIRS = (0.1, 2.0), (0.05, 1.0), (0.01, 0.5), (1, 6), (3, 12)
STEPS = 60


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The panel's controls."""

    PANEL: ClassVar[str] = "points"

    loss: str = "margin"
    margin: float = 1.0
    temperature: float = 0.5
    rate: float = 0.2
    pairs: int = 8
    classes: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("loss", self.loss, LOSSES)
        between("margin", self.margin, *MARGIN)
        between("temperature", self.temperature, *TEMPERATURE)
        between("rate", self.rate, *RATE)
        whole("pairs", self.pairs, *PAIRS)
        whole("classes", self.classes, *CLASSES)
        if self.classes > self.pairs:
            raise ValueError(
                f"{self.classes} classes are more than the {self.pairs} pairs: choose fewer classes or more pairs"
            )


@dataclass(frozen=True, eq=False)
class Walked:
    """Both losses' ways down from the same points."""

    settings: Settings
    labels: NDArray[np.int64]
    runs: Mapping[str, tuple[Step, ...]]


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "representations.points."

    def slider(name: str, ends: tuple[float, float], step: float) -> Slider:
        return Slider(
            *ends, value=getattr(usual, name), step=step, label=label(key + name), buttons=[], interactive=True,
            min_width=100, elem_id=f"representations-points-{name}",
        )  # fmt: skip

    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("representations.points.lead"), elem_classes="pg-hint")
            w.points_loss = gr.Radio(
                [(label(f"representations.points.loss.{name}"), name) for name in LOSSES], value=usual.loss,
                label=label("representations.points.loss"), interactive=True, elem_id="representations-points-loss",
                elem_classes="pg-pills",
            )  # fmt: skip
            with gr.Row(elem_classes="pg-numbers"):
                w.points_margin = slider("margin", MARGIN, 0.05)
                w.points_temperature = slider("temperature", TEMPERATURE, 0.05)
            with gr.Row(elem_classes="pg-numbers"):
                w.points_pairs = slider("pairs", PAIRS, 1)
                w.points_classes = slider("classes", CLASSES, 1)
            with gr.Row(elem_classes="pg-numbers"):
                w.points_rate = slider("rate", RATE, 0.01)
                w.points_seed = gr.Number(
                    usual.seed, label=label("representations.seed"), min_width=90, interactive=True,
                    elem_id="representations-points-seed",
                )  # fmt: skip
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.points_film = LivePlotly(
                height="calc(500px + max(0px, (640px - 100vw) * 1.2))", elem_id="representations-points-film"
            )
            w.points_legend = gr.Markdown(elem_classes="pg-hint", elem_id="representations-points-legend")
            w.points_verdict = gr.Markdown(elem_id="representations-points-verdict")
            w.points_table = Table(elem_id="representations-points-table")
            w.points_courses = LivePlotly(
                height="calc(280px + max(0px, (640px - 100vw) * 0.9))", elem_id="representations-points-courses"
            )
            gr.Markdown(label("representations.points.why"), elem_classes="pg-hint")


def show(settings: Settings, kept: Walked | None, _stop: threading.Event, language: str) -> Frames:
    """Both losses on one batch, the chosen one as a film."""
    walked = kept if kept is not None and kept.settings == settings else _walk(settings)
    words, steps = _words(language), walked.runs[settings.loss]
    film = figures.film(steps, walked.labels, margin=settings.margin, temperature=settings.temperature, words=words)
    yield (
        {
            "film": film, "courses": figures.courses(walked.runs, words=words),
            "legend": say(language, f"representations.points.legend.{settings.loss}"),
            "verdict": _verdict(walked, language), "table": _table(walked, language), "progress": "",
        },
        walked,
    )  # fmt: skip


def _walk(settings: Settings) -> Walked:
    batch = batch_of(settings.pairs, settings.classes, seed=settings.seed)
    runs = {
        loss: tuple(
            descend(
                batch, loss, margin=settings.margin, temperature=settings.temperature, rate=settings.rate, steps=STEPS
            )
        )
        for loss in LOSSES
    }
    return Walked(settings, batch.label.numpy(), runs)


def _words(language: str) -> dict[str, str]:
    return {name: TEXTS[language][f"representations.points.figure.{name}"] for name in figures.WORDS}


def _table(walked: Walked, language: str) -> dict[str, Any]:
    """Before and after, a row for each loss."""
    key = "representations.points.column"
    heads = ("loss", "value", "similar", "dissimilar", "active", "alignment", "uniformity")
    columns = [Column(say(language, f"{key}.{head}"), number=head != "loss") for head in heads]
    rows = []
    for loss, steps in walked.runs.items():
        first, last = steps[0], steps[-1]
        cells = [say(language, f"representations.points.loss.{loss}")]
        for name, digits in (
            ("loss", 3),
            ("similar", 2),
            ("dissimilar", 2),
            ("active", 1),
            ("alignment", 2),
            ("uniformity", 2),
        ):
            before, after = getattr(first, name), getattr(last, name)
            one = 0 if name == "active" and loss == "margin" else digits
            cells.append("–" if before != before else f"{before:.{one}f} → {after:.{one}f}".replace("-", "−"))
        rows.append(Row(cells, best=loss == walked.settings.loss))
    return table(columns, rows)


def _verdict(walked: Walked, language: str) -> str:
    settings = walked.settings
    first, last = walked.runs[settings.loss][0], walked.runs[settings.loss][-1]
    key = "representations.points.verdict"
    if settings.loss == "margin":
        if settings.classes == 1:
            return say(language, f"{key}.one_class")
        values = {"before": f"{first.active:.0f}", "after": f"{last.active:.0f}", "margin": f"{settings.margin:g}"}
        distances = {"similar": f"{last.similar:.2f}", "dissimilar": f"{last.dissimilar:.2f}"}
        return say(language, f"{key}.margin", steps=STEPS, **values, **distances)
    of_class = walked.labels == walked.labels[0]
    return say(
        language, f"{key}.nt_xent", count=f"{first.active:.1f}", negatives=2 * settings.pairs - 2,
        temperature=f"{settings.temperature:g}", rival=int(of_class.sum()) - 2,
    )  # fmt: skip


def program(settings: Settings, _: str) -> list[str]:
    """A program that walks both losses and draws the same film."""
    options = f"margin={settings.margin:g}, temperature={settings.temperature:g}"
    return [
        "from playground.figures import representations_points as figures",
        "from playground.representations.points import LOSSES, batch_of, descend",
        "",
        f"batch = batch_of({settings.pairs}, {settings.classes}, seed={settings.seed})",
        f"options = dict({options}, rate={settings.rate:g}, steps={STEPS})",
        "runs = {loss: list(descend(batch, loss, **options)) for loss in LOSSES}",
        "for loss, steps in runs.items():",
        "    for step in (steps[0], steps[-1]):",
        '        print(f"{loss}, step {step.number}: loss {step.loss:.4f}, similar {step.similar:.3f} apart, "',
        '              f"different {step.dissimilar:.3f}, alignment {step.alignment:.3f}, "',
        '              f"uniformity {step.uniformity:.3f}")',
        f'film = figures.film(runs["{settings.loss}"], batch.label.numpy(), {options})',
        'film.write_html("picture.html")',
        'figures.courses(runs).write_html("courses.html")',
    ]


def record(_settings: Settings, walked: Walked) -> Record:
    """A row for each step of each loss; above them where the points end."""
    names = ("number", "loss", "active", "similar", "dissimilar", "alignment", "uniformity")
    rows = [[loss, *(getattr(step, name) for name in names)] for loss, steps in walked.runs.items() for step in steps]
    ends = {loss: steps[-1].at.tolist() for loss, steps in walked.runs.items()}
    columns = ["objective", "step", *names[1:]]
    return (
        columns,
        rows,
        {"labels": walked.labels.tolist(), "start": walked.runs["margin"][0].at.tolist(), "ends": ends},
    )


PANEL = Panel(
    settings=Settings,
    lay_out=lay_out,
    shown=("film", "legend", "verdict", "table", "courses"),
    show=show,
    jobs={},
    program=program,
    record=record,
)
