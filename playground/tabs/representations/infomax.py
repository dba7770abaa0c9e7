"""The panel "Deep InfoMax": a network learns digits by what patches and vectors share, before one's eyes."""

import threading
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr

from playground import representations
from playground.figures import representations_infomax as figures
from playground.i18n import TEXTS, label, say
from playground.representations import Recipe, Watch
from playground.tabs.checks import between, choice
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.panel import Frames, Panel, Record
from playground.tabs.progress import bar
from playground.tabs.representations.panel import PanelSettings

__all__ = ["PANEL", "Learned", "Settings"]

VIEWS = ("two", "one")
SECONDS = (1, 60)
PARTS = (0, 2)


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The controls."""

    PANEL: ClassVar[str] = "infomax"

    views: str = VIEWS[0]
    objective: str = "info_nce"
    local: float = 1.0
    whole: float = 0.0
    prior: float = 0.0
    seconds: int = 15

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("views", self.views, VIEWS)
        choice("objective", self.objective, representations.OBJECTIVES)
        between("local", self.local, *PARTS)
        between("global", self.whole, *PARTS)
        between("prior", self.prior, *PARTS)
        between("seconds", self.seconds, *SECONDS)

    @property
    def recipe(self) -> Recipe:
        """The library's. Raises `ValueError` where both parts weigh 0."""
        method = "dim" if self.views == VIEWS[0] else "dim_one_view"
        return Recipe(method, objective=self.objective, local=self.local, whole=self.whole, prior=self.prior)


@dataclass(frozen=True, eq=False)
class Learned:
    """A training's first look and its newest."""

    settings: Settings
    first: Watch
    last: Watch


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "representations-infomax"
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("representations.infomax.lead"), elem_classes="pg-hint")
            w.infomax_views = gr.Radio(
                [(label(f"representations.infomax.views.{name}"), name) for name in VIEWS], value=usual.views,
                label=label("representations.infomax.views"), interactive=True, elem_id=f"{key}-views",
                elem_classes="pg-pills",
            )  # fmt: skip
            w.infomax_objective = gr.Radio(
                [(label(f"representations.infomax.objective.{name}"), name) for name in representations.OBJECTIVES],
                value=usual.objective, label=label("representations.infomax.objective"), interactive=True,
                elem_id=f"{key}-objective", elem_classes="pg-pills",
            )  # fmt: skip
            for names in (("local", "whole"), ("prior", "seconds")):
                with gr.Row(elem_classes="pg-numbers"):
                    for name in names:
                        ends, step = (SECONDS, 1) if name == "seconds" else (PARTS, 0.1)
                        slider = Slider(
                            *ends, value=getattr(usual, name), step=step, buttons=[], min_width=100, interactive=True,
                            label=label(f"representations.infomax.{name}"), elem_id=f"{key}-{name}",
                        )  # fmt: skip
                        setattr(w, f"infomax_{name}", slider)
            w.infomax_seed = gr.Number(
                usual.seed, label=label("representations.seed"), interactive=True, elem_id=f"{key}-seed"
            )
            with gr.Row(elem_classes="pg-buttons"):
                w.infomax_train = gr.Button(
                    label("representations.infomax.train"), variant="primary", elem_id=f"{key}-train"
                )
            w.infomax_verdict = gr.Markdown(elem_id=f"{key}-verdict")
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.infomax_learning = LivePlotly(
                height="calc(430px + max(0px, (640px - 100vw) * 0.9))", elem_id=f"{key}-learning"
            )
            w.infomax_table = Table(elem_id=f"{key}-table")
            with gr.Row():
                still = {"displayModeBar": False}
                with gr.Column(min_width=300):
                    w.infomax_neighbours = LivePlotly(height=380, config=still, elem_id=f"{key}-neighbours")
                with gr.Column(min_width=300):
                    w.infomax_patches = LivePlotly(height=380, config=still, elem_id=f"{key}-patches")
            gr.Markdown(label("representations.infomax.patches.hint"), elem_classes="pg-hint")


def show(settings: Settings, kept: Learned | None, _: threading.Event, language: str) -> Frames:
    """What these settings have come to, or the network before it has learned."""
    if kept is not None and kept.settings == settings:
        yield {"progress": "", **_pictures(kept.last, language), **_told(kept, language)}, None
        return
    first = _first(settings.recipe, settings.seed)
    blank = Learned(settings, first, first)
    yield {"progress": "", **_pictures(first, language), **_told(blank, language)}, None


def train(settings: Settings, _: Learned | None, stop: threading.Event, language: str) -> Frames:
    """Pictures while it learns; Stop keeps what was reached."""
    yield {"progress": bar(0, say(language, "representations.starting"))}, None
    first = last = None
    for last in representations.watch_infomax(settings.recipe, seconds=settings.seconds, seed=settings.seed):
        first = first or last
        kept = Learned(settings, first, last)
        words = {"step": f"{last.step:,}", "seconds": f"{last.seconds:.0f}"}
        if stop.is_set():
            ended = bar(last.progress, say(language, "representations.stopped"))
            yield {"progress": ended, **_pictures(last, language), **_told(kept, language)}, kept
            return
        progress = bar(last.progress, say(language, "representations.training", **words))
        yield {"progress": progress, **_pictures(last, language), "verdict": ""}, None
    assert first is not None
    assert last is not None
    kept = Learned(settings, first, last)
    yield {"progress": "", **_pictures(last, language), **_told(kept, language)}, kept


@lru_cache(maxsize=8)
def _first(recipe: Recipe, seed: int) -> Watch:
    """The network before it has learned, kept since everyone who comes sees it."""
    return next(representations.watch_infomax(recipe, steps=1, seed=seed))


def _pictures(watch: Watch, language: str) -> dict[str, Any]:
    words = {name: TEXTS[language][f"representations.infomax.figure.{name}"] for name in figures.WORDS}
    return {
        "learning": figures.learning(watch, words=words),
        "neighbours": figures.neighbours(watch, words=words),
        "patches": figures.patches(watch, words=words),
    }


def _told(kept: Learned, language: str) -> dict[str, Any]:
    """The table, and what it means."""
    heads = ("who", "one_label", "neighbours", "alignment", "uniformity", "agreement")
    columns = [
        Column(say(language, f"representations.infomax.column.{head}"), number=i > 0) for i, head in enumerate(heads)
    ]
    looks = {"before": kept.first} | ({"after": kept.last} if kept.last.step else {})
    rows = []
    for name, look in looks.items():
        worth = look.merit
        cells = ["–"] * 4
        if worth is not None:
            cells = [
                f"{worth.one_label:.1%}",
                f"{worth.neighbours:.1%}",
                f"{worth.alignment:.2f}",
                f"{worth.uniformity:.2f}",
            ]
        rows.append(Row([say(language, f"representations.infomax.{name}"), *cells, f"{look.agreement:.1%}"]))
    return {"table": table(columns, rows), "verdict": _verdict(kept, language)}


def _verdict(kept: Learned, language: str) -> str:
    before, after = kept.first.merit, kept.last.merit
    if not kept.last.step:
        return say(language, "representations.infomax.verdict.before")
    if before is None or after is None:
        return say(language, "representations.infomax.verdict.stopped", step=f"{kept.last.step:,}")
    values = {
        "before": f"{before.one_label:.1%}", "after": f"{after.one_label:.1%}", "apart": f"{before.apart:.2f}",
        "near": f"{after.apart:.2f}", "agreement": f"{kept.last.agreement:.0%}",
    }  # fmt: skip
    kind = ("better" if after.one_label >= before.one_label else "worse") + "." + kept.settings.views
    return say(language, f"representations.infomax.verdict.{kind}", **values)


def program(settings: Settings, _: str) -> list[str]:
    """The same training, and its three pictures."""
    recipe = settings.recipe
    options = f'"{recipe.method}", objective="{recipe.objective}", local={recipe.local:g}, whole={recipe.whole:g}'
    return [
        "from playground import representations",
        "from playground.figures.representations_infomax import learning, neighbours, patches",
        "",
        f"recipe = representations.Recipe({options}, prior={recipe.prior:g})",
        f"for look in representations.watch_infomax(recipe, seconds={settings.seconds}, seed={settings.seed}):",
        '    print(look.step, look.accuracy[-1][1], look.merit or "")',
        "",
        'learning(look).write_html("picture.html")',
        'neighbours(look).write_html("neighbours.html")',
        'patches(look).write_html("patches.html")',
    ]


def record(_: Settings, kept: Learned) -> Record:
    """The loss of every step; in JSON what it was worth before and after, and the map, too."""
    extra: dict[str, Any] = {
        name: None if look.merit is None else {**asdict(look.merit), "agreement": look.agreement}
        for name, look in (("before", kept.first), ("after", kept.last))
    }
    extra["neighbours"] = [{"step": step, "accuracy": share} for step, share in kept.last.accuracy]
    extra["map"] = [
        {"digit": int(one), "x": float(x), "y": float(y)}
        for one, (x, y) in zip(kept.last.labels, kept.last.places, strict=True)
    ]
    return ["step", "loss"], [[i + 1, float(loss)] for i, loss in enumerate(kept.last.losses)], extra


PANEL = Panel(
    Settings,
    lay_out,
    ("verdict", "learning", "table", "neighbours", "patches"),
    show,
    {"train": train},
    program,
    record,
)
