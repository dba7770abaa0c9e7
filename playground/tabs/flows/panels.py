"""The Flows tab's closer looks: the film of the layers and the microscope, as figure, table and one plain sentence."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from playground import flows
from playground.figures import flows as figures
from playground.i18n import say
from playground.manager import ModelManager
from playground.tabs.components.table import Column, Row, table
from playground.tabs.flows.frames import COARSE
from playground.tabs.flows.training import Run

__all__ = ["layers", "microscope"]

FINER = 16  # times the steps of a continuous flow's solver, to show what of its error is the solver's
MASS_TOLERANCE = 0.02  # a grid of 200 x 200 sees the mass of a steep density no better


def layers(manager: ModelManager, run: Run, language: str) -> go.Figure:
    """The film of the run's flow."""
    with run.open(manager) as flow:
        views = flows.film(flow, run.truth.density)
    words = {
        word: say(language, f"flows.film.{word}") for word in ("plane", "log_det", "play", "pause", "layer", "data")
    }
    return figures.layers(views, extent=flows.EXTENT, words=words)


def microscope(manager: ModelManager, run: Run, language: str) -> tuple[go.Figure, dict[str, Any], str]:
    """Figure, table and verdict on the run's flow, each layer looked at with 128 samples."""
    x = run.truth.density.sample(128, flows.generator(0))
    with run.open(manager) as flow:
        report = flows.inspect(flow, x)
        finer = flows.inspect(flow, x, finer=FINER) if report.continuous else report
        mass = flows.mass(flow) if flow.by_likelihood else flows.mass(flow, n=COARSE)
    names = [f"{layer.index} {layer.name}" for layer in report.layers]
    words = {word: say(language, f"flows.microscope.{word}") for word in ("analytic", "autograd")}
    figure = figures.log_dets(report.layers, words=words)
    heads = ("layer", "error", "round_trip")
    columns = [Column(say(language, f"flows.microscope.{head}"), number=head != "layer") for head in heads]
    broken = say(language, "flows.microscope.not_invertible")
    show = lambda value: f"{value:.1e}" if np.isfinite(value) else broken  # noqa: E731
    rows = [
        Row([name, show(layer.error), show(layer.round_trip)]) for name, layer in zip(names, report.layers, strict=True)
    ]
    rows.append(Row([say(language, "flows.microscope.all"), show(report.error), show(report.round_trip)], best=True))
    verdict = "good" if abs(mass - 1) <= MASS_TOLERANCE else "bad" if mass > 1 else "outside"
    text = say(language, "flows.microscope.mass", mass=f"{mass:.4f}")
    words = {"share": f"{100 * (1 - mass):.1f}"} if verdict == "outside" else {}
    text = f"**{text}** {say(language, f'flows.microscope.mass.{verdict}', **words)}"
    if report.continuous:
        errors = {"before": show(report.error), "after": show(finer.error)}
        trips = {"trip_before": show(report.round_trip), "trip_after": show(finer.round_trip)}
        text += " " + say(language, "flows.microscope.solver", times=FINER, **errors, **trips)
    return figure, table(columns, rows), text
