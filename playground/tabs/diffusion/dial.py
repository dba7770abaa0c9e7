"""The panel "Random to deterministic": eta as a dial, for a network too, and the road from DDPM to the ODE."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import diffusion
from playground.figures import diffusion_dial as figures
from playground.figures import diffusion_road as road_figures
from playground.i18n import label, say
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.curve import picture_of
from playground.tabs.diffusion.settings import DENOISERS, DIAL_STEPS, Settings, mixture
from playground.tabs.diffusion.words import figure_words
from playground.tabs.progress import bar

__all__ = ["NETWORK_STEPS", "NETWORK_WIDTH", "Dial", "lay_out", "show"]

NETWORK_STEPS, NETWORK_WIDTH = 3000, 96  # of the network that learns the noise
KEPT = 8  # networks, and roads, each of which takes seconds

_networks: dict[tuple[str, str], diffusion.LearnedDenoiser] = {}
_roads: dict[tuple[object, ...], list[diffusion.Milestone]] = {}


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("diffusion.dial.lead"), elem_classes="pg-hint")
    w.dial = gr.Radio(
        [(label(f"diffusion.dial.{kind}"), kind) for kind in diffusion.DIALS],
        value=Settings.dial,
        label=label("diffusion.dial"),
        interactive=True,
        elem_id="diffusion-dial",
        elem_classes="pg-pills",
    )
    w.denoiser = gr.Radio(
        [(label(f"diffusion.dial.denoiser.{name}"), name) for name in DENOISERS],
        value=Settings.denoiser,
        label=label("diffusion.dial.denoiser"),
        interactive=True,
        elem_id="diffusion-denoiser",
        elem_classes="pg-pills",
    )
    with gr.Row():
        w.strength = Slider(
            0, 1, value=Settings.strength, step=0.05, label=label("diffusion.dial.strength"), buttons=[],
            interactive=True, min_width=180, elem_id="diffusion-strength",
        )  # fmt: skip
        w.dial_steps = Slider(
            *DIAL_STEPS, value=Settings.dial_steps, step=1, label=label("diffusion.steps"), buttons=[],
            interactive=True, min_width=180, elem_id="diffusion-dial-steps",
        )  # fmt: skip
    w.dial_figure = LivePlotly(height="calc(480px + max(0px, (640px - 100vw) * 1.6))", elem_id="diffusion-dial-figure")
    w.dial_verdict = gr.Markdown(elem_id="diffusion-dial-verdict")
    w.dial_table = Table(elem_id="diffusion-dial-table")
    gr.Markdown(label("diffusion.road.lead"), elem_classes="pg-hint")
    w.road_verdict = gr.Markdown(elem_id="diffusion-road-verdict")
    w.road_figure = LivePlotly(height="calc(520px + max(0px, (640px - 100vw) * 1.6))", elem_id="diffusion-road-figure")
    w.road_table = Table(elem_id="diffusion-road-table")


@dataclass(frozen=True, eq=False)
class Dial:
    """What the panel shows."""

    run: diffusion.Dialled
    milestones: tuple[diffusion.Milestone, ...]


def show(settings: Settings, stop: threading.Event, language: str) -> Generator[tuple[dict[str, Any], Dial | None]]:
    """Pictures as the noise falls, the verdict, and then the road from DDPM to the ODE; the last frame has all."""
    target, pictures = mixture(*settings.distribution), 0
    denoiser = None
    if _key(settings) not in _roads:  # what is there is of other settings
        empty = {"road_figure": None, "road_verdict": "", "road_table": table([], [])}
        yield {**empty, "progress": bar(0, say(language, "diffusion.dial.running"))}, None
    if settings.denoiser == DENOISERS[1]:
        for share, step, network in _network(settings):
            if stop.is_set():
                yield {"progress": bar(share, say(language, "diffusion.stopped"))}, None
                return
            words = {"step": f"{step:,}", "steps": f"{NETWORK_STEPS:,}"}
            yield {"progress": bar(share, say(language, "diffusion.dial.training", **words))}, None
            denoiser = network
    for run in diffusion.dial(
        target,
        denoiser=denoiser,
        kind=settings.dial,
        strength=settings.strength,
        steps=settings.dial_steps,
        seed=settings.seed,
    ):
        if stop.is_set():
            yield {"progress": bar(run.progress, say(language, "diffusion.stopped"))}, None
            return
        if run.progress < 1 and len(run.marginals) > pictures:
            pictures = len(run.marginals)
            yield (
                {
                    "progress": bar(run.progress, say(language, "diffusion.dial.running")),
                    **_figure(settings, run, language),
                    "dial_verdict": "",
                    "dial_table": table([], []),
                },
                None,
            )
        elif run.progress < 1:
            yield {"progress": bar(run.progress, say(language, "diffusion.dial.running"))}, None
    shown = _dialled(settings, run, language)
    milestones: list[diffusion.Milestone] = []
    for milestones in _road(settings, target, denoiser):
        if stop.is_set():
            stopped = {"progress": bar(milestones[-1].progress, say(language, "diffusion.stopped"))}
            yield {**shown, **stopped}, Dial(run, ())
            return
        yield {**shown, "progress": bar(milestones[-1].progress, say(language, "diffusion.road.running"))}, None
        shown = {}
    yield (
        {"progress": "", **_dialled(settings, run, language), **_milestones(settings, milestones, language)},
        Dial(run, tuple(milestones)),
    )


def _network(settings: Settings) -> Iterator[tuple[float, int, diffusion.LearnedDenoiser]]:
    """The network that has learned the target's noise, trained where it is not kept; share, step and network."""
    kept = _networks.get(settings.distribution)
    if kept is not None:
        yield 1.0, NETWORK_STEPS, kept
        return
    network = diffusion.build_denoiser("eps", width=NETWORK_WIDTH)
    target = mixture(*settings.distribution)
    with closing(diffusion.fit_denoiser(network, target, steps=NETWORK_STEPS)) as training:
        for record in training:
            if record.step % 50 == 0:
                yield record.progress, record.step, network
    _keep(_networks, settings.distribution, network)


def _road(
    settings: Settings, target: diffusion.MixtureDenoiser, denoiser: diffusion.LearnedDenoiser | None
) -> Iterator[list[diffusion.Milestone]]:
    """The milestones so far; at once all where they are kept."""
    milestones = _roads.get(_key(settings), [])
    if milestones:
        yield milestones
        return
    for one in diffusion.road(target, denoiser=denoiser, steps=settings.dial_steps, seed=settings.seed):
        milestones = [*milestones, one]
        yield milestones
    _keep(_roads, _key(settings), milestones)


def _key(settings: Settings) -> tuple[object, ...]:
    """What the road depends on."""
    return settings.distribution, settings.denoiser, settings.dial_steps, settings.seed


def _keep(shelf: dict[Any, Any], key: object, value: object) -> None:
    shelf[key] = value
    if len(shelf) > KEPT:
        del shelf[next(iter(shelf))]


def _dialled(settings: Settings, run: diffusion.Dialled, language: str) -> dict[str, Any]:
    """Figure, table and verdict of the dial."""
    columns = [Column(say(language, f"diffusion.dial.{head}"), number=True) for head in ("sigma", "distance", "chance")]
    rows = [Row([f"{m.sigma:.3g}", f"{m.distance:.4f}", f"{run.chance:.4f}"]) for m in run.marginals]
    largest = max(m.distance for m in run.marginals)
    verdict = "good" if largest <= run.chance else "bad" if settings.denoiser == DENOISERS[0] else "network"
    words = {"distance": f"{largest:.3f}", "chance": f"{run.chance:.3f}", "calls": f"{run.nfe:,}"}
    return {
        **_figure(settings, run, language),
        "dial_table": table(columns, rows),
        "dial_verdict": say(language, f"diffusion.dial.verdict.{verdict}", **words),
    }


def _figure(settings: Settings, run: diffusion.Dialled, language: str) -> dict[str, Any]:
    words = figure_words("dial", language)
    return {"dial_figure": figures.dialled(run.paths, run.marginals, picture_of(*settings.distribution), words=words)}


def _milestones(settings: Settings, milestones: list[diffusion.Milestone], language: str) -> dict[str, Any]:
    """Figure, table and verdict of the road."""
    words = figure_words("road", language)
    heads = ("eta", "calls", "spread", "distance", "chance")
    columns = [Column(say(language, f"diffusion.road.{head}"), number=i > 0) for i, head in enumerate(heads)]
    names = [*(f"{one.eta:g}" for one in milestones[:-1]), say(language, "diffusion.road.figure.ode")]
    rows = [
        Row([name, f"{one.nfe:,}", f"{one.spread:.3f}", f"{one.distance:.4f}", f"{one.chance:.4f}"])
        for name, one in zip(names, milestones, strict=True)
    ]
    first, last = milestones[0], milestones[-1]
    texts = {
        "first": f"{first.spread:.2f}",
        "last": f"{last.spread:.2f}",
        "least": f"{min(one.distance for one in milestones):.3f}",
        "most": f"{max(one.distance for one in milestones):.3f}",
        "chance": f"{last.chance:.3f}",
    }
    return {
        "road_figure": road_figures.road(milestones, picture_of(*settings.distribution), words=words),
        "road_table": table(columns, rows),
        "road_verdict": say(language, "diffusion.road.verdict", **texts),
    }
