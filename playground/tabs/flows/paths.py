"""The Flows tab's panel of paths: how a flow by matching carries its source into the data, and what reflow does."""

import copy
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import flows
from playground.figures import flows_paths as figures
from playground.i18n import TEXTS, label, say
from playground.manager import ModelManager
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.flows.settings import CALLS, SOLVERS
from playground.tabs.flows.training import Run
from playground.tabs.progress import bar

__all__ = ["DISTILLED", "MOST_ROUNDS", "SHOWN", "Voyage", "choices", "distil", "lay_out", "reflow", "sampled", "show"]

MOST_ROUNDS = 6
DISTILLED = "distilled"  # beside the solvers, once there is one
DISTIL_STEPS = 3000
SHOWN = ("paths_progress", "paths_film", "paths_rounds", "paths_samples", "paths_note", "paths_verdict", "paths_table",
         "paths_round", "paths_solver")  # fmt: skip
Frames = Generator[tuple[dict[str, Any], "Voyage | None"]]


@dataclass(frozen=True, eq=False)
class Voyage:
    """The rounds of one person's flow."""

    run: Run
    rounds: tuple[flows.Round, ...]
    one: flows.OneStep | None = None  # distilled from the last round
    one_distance: float | None = None  # its W2

    def python(self, chosen: int, calls: int, solver: str) -> str:
        """The program that makes the rounds again, and the samples of the chosen one by so many calls of a solver."""
        few = (chosen, calls, solver) if solver in SOLVERS else None
        paces = [one.pace for one in self.rounds[1:]]
        return self.run.python("paths", paces, few=few, distil=DISTIL_STEPS if self.one is not None else 0)


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("flows.paths.lead"), elem_classes="pg-hint")
    with gr.Row(elem_classes="pg-buttons"):
        w.reflow = gr.Button(label("flows.paths.reflow"), variant="primary", elem_id="flows-reflow")
        w.distil = gr.Button(label("flows.paths.distil"), elem_id="flows-distil")
        w.paths_stop = gr.Button(label("flows.stop"), interactive=False, elem_id="flows-paths-stop")
    w.paths_progress = gr.HTML(elem_id="flows-paths-progress", js_on_load=None)
    w.paths_verdict = gr.Markdown(elem_id="flows-paths-verdict")
    w.paths_round = gr.Radio(
        choices(1), value=0, label=label("flows.paths.round"), elem_id="flows-paths-round", elem_classes="pg-pills"
    )
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            w.paths_film = LivePlotly(
                height="calc(600px + max(0px, (640px - 100vw) * 0.1))", elem_id="flows-paths-film"
            )
        with gr.Column(scale=4, min_width=300):
            with gr.Row():
                w.calls = Slider(
                    *CALLS, value=4, step=1, label=label("flows.paths.calls"), buttons=[], min_width=140,
                    elem_id="flows-calls",
                )  # fmt: skip
                w.paths_solver = gr.Dropdown(
                    solvers(), value=SOLVERS[0], label=label("flows.paths.solver"), filterable=False, min_width=120,
                    elem_id="flows-paths-solver",
                )  # fmt: skip
            w.paths_note = gr.Markdown(elem_id="flows-paths-note", elem_classes="pg-hint")
            w.paths_samples = LivePlotly(height=360, elem_id="flows-paths-samples")
    w.paths_rounds = LivePlotly(height="calc(330px + max(0px, (640px - 100vw) * 2))", elem_id="flows-paths-rounds")
    w.paths_table = Table(elem_id="flows-paths-table")


def choices(count: int) -> list[tuple[Any, int]]:
    """The rounds to choose from."""
    return [(label("flows.paths.first") if i == 0 else str(i), i) for i in range(count)]


def solvers(*, distilled: bool = False) -> list[tuple[Any, str]]:
    """The solvers to choose from."""
    return [(label(f"flows.solver.{name}"), name) for name in (*SOLVERS, *((DISTILLED,) if distilled else ()))]


def show(
    manager: ModelManager, run: Run | None, kept: Voyage | None, chosen: int, calls: int, solver: str, language: str
) -> Frames:
    """The panel for the run: measured where it has not been; a hint where its flow does not learn by matching."""
    if run is None:
        yield {**_nothing(), "paths_verdict": say(language, "flows.paths.none")}, None
        return
    if run.settings.flow not in flows.MATCHING:
        hint = say(language, "flows.paths.other", flow=say(language, f"flows.name.{run.settings.flow}"))
        yield {**_nothing(), "paths_verdict": hint}, None
        return
    if kept is not None and kept.run is run:
        yield _all(kept, chosen, calls, solver, language), kept
        return
    yield {"paths_progress": bar(0.3, say(language, "flows.paths.measuring"))}, None
    with run.open(manager) as flow:
        assert isinstance(flow, flows.Matching)
        mine = copy.deepcopy(flow)  # the shipped one goes back to the manager, which may send it away
    first = flows.measure_round(mine, run.truth.density, pace=run.lane.pace, seed=run.settings.seed)
    made = Voyage(run, (first,))
    yield _all(made, 0, calls, solver, language), made


def reflow(kept: Voyage, seconds: float, calls: int, solver: str, stop: threading.Event, language: str) -> Frames:
    """One more round, trained for the seconds that are set; Stop keeps what it has learned."""
    run = kept.run
    training = flows.next_round(kept.rounds[-1], run.truth.density, seconds=seconds, seed=run.settings.seed, stop=stop)
    yield {"paths_progress": bar(0, say(language, "flows.paths.pairs"))}, None
    shown = 0.0
    for step in training:
        if step.round is not None:
            made = Voyage(run, (*kept.rounds, step.round))
            yield _all(made, len(made.rounds) - 1, calls, _solver(solver), language), made
        elif step.progress == 1 or stop.is_set():
            yield {"paths_progress": bar(1, say(language, "flows.paths.measuring"))}, None
        elif step.seconds > shown + 0.15:
            shown = step.seconds
            words = {"n": len(kept.rounds), "step": f"{step.step:,}", "seconds": f"{step.seconds:.1f}"}
            progress = bar(0.95 * step.progress, say(language, "flows.paths.training", **words))
            yield {"paths_progress": progress}, None


def distil(kept: Voyage, calls: int, stop: threading.Event, language: str) -> Frames:
    """The last round's flow as one call; Stop leaves all as it was."""
    last = kept.rounds[-1]
    density, seed = kept.run.truth.density, kept.run.settings.seed
    one = flows.OneStep(last.flow)
    yield {"paths_progress": bar(0, say(language, "flows.paths.pairs"))}, None
    with closing(flows.distil(one, last.flow, steps=DISTIL_STEPS, seed=seed)) as training:
        for step in training:
            if stop.is_set():
                return
            if step.step % 100 == 0:
                words = {"step": f"{step.step:,}", "steps": f"{DISTIL_STEPS:,}"}
                progress = bar(0.95 * step.progress, say(language, "flows.paths.distilling", **words))
                yield {"paths_progress": progress}, None
    made = replace(kept, one=one, one_distance=flows.hurry(one, density, seed=seed).distance)
    yield _all(made, len(made.rounds) - 1, calls, DISTILLED, language), made


def sampled(kept: Voyage, chosen: int, calls: int, solver: str, language: str) -> dict[str, Any]:
    """Samples by so many calls, and how far they are from the data."""
    density, seed = kept.run.truth.density, kept.run.settings.seed
    if solver == DISTILLED and kept.one is not None:
        view = flows.hurry(kept.one, density, seed=seed)
    else:
        flow = kept.rounds[min(chosen, len(kept.rounds) - 1)].flow
        view = flows.hurry(flow, density, calls=calls, solver=_solver(solver), seed=seed)
    words = {"calls": view.calls, "distance": f"{view.distance:.3f}", "floor": f"{view.floor:.3f}"}
    return {
        "paths_samples": figures.hurried(view, kept.run.truth.log_p, extent=flows.EXTENT),
        "paths_note": say(language, "flows.paths.note", **words),
    }


def film(kept: Voyage, chosen: int, language: str) -> dict[str, Any]:
    """The paths of a round."""
    one = kept.rounds[min(chosen, len(kept.rounds) - 1)]
    words = _words(language)
    return {"paths_film": figures.paths(one.journey, kept.run.truth.log_p, extent=flows.EXTENT, words=words)}


def _solver(name: str) -> str:
    """A solver of the ODE, where the distilled map was chosen."""
    return name if name in SOLVERS else SOLVERS[0]


def _nothing() -> dict[str, Any]:
    return {
        "paths_progress": "", "paths_film": None, "paths_rounds": None, "paths_samples": None, "paths_note": "",
        "paths_verdict": "", "paths_table": table([], []),
    }  # fmt: skip


def _all(kept: Voyage, chosen: int, calls: int, solver: str, language: str) -> dict[str, Any]:
    chosen = min(chosen, len(kept.rounds) - 1)
    heads = ("round", "straightness", "lines", "paths", "energy", "one", "two", "four", "eight", "kl")
    columns = [Column(say(language, f"flows.paths.head.{head}"), number=i > 0) for i, head in enumerate(heads)]
    rows = [
        Row(
            [
                say(language, "flows.paths.first") if one.number == 0 else str(one.number),
                f"{one.journey.straightness:.4f}",
                f"{one.journey.taught_crossing_pairs:,}",
                f"{one.journey.crossing_pairs:,}",
                _number(one.journey.energy, 3),
                *(f"{distance:.3f}" for distance in one.journey.distances.values()),
                _number(one.kl, 4),
            ]
        )
        for one in kept.rounds
    ]
    if kept.one_distance is not None:
        blank = [""] * 4
        rows.append(Row([say(language, "flows.paths.one"), *blank, f"{kept.one_distance:.3f}", "", "", "", ""]))
    distilled = kept.one is not None
    return {
        "paths_progress": "",
        **film(kept, chosen, language),
        **sampled(kept, chosen, calls, solver, language),
        "paths_rounds": figures.rounds(kept.rounds, distilled=kept.one_distance, words=_words(language)),
        "paths_table": table(columns, rows),
        "paths_verdict": _verdict(kept, language),
        "paths_round": gr.update(choices=choices(len(kept.rounds)), value=chosen),
        "paths_solver": gr.update(
            choices=solvers(distilled=distilled), value=solver if distilled else _solver(solver)
        ),
    }  # fmt: skip


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def _verdict(kept: Voyage, language: str) -> str:
    """What the last round has brought, and what it has cost."""
    first, last = kept.rounds[0].journey, kept.rounds[-1].journey
    words = {
        "n": len(kept.rounds) - 1,
        "before": f"{first.straightness:.3f}", "after": f"{last.straightness:.3f}",
        "one_before": f"{first.distances[1]:.3f}", "one_after": f"{last.distances[1]:.3f}",
        "floor": f"{first.floor:.3f}",
        "lines": f"{first.taught_crossing_pairs:,}", "paths": f"{first.crossing_pairs:,}",
    }  # fmt: skip
    if len(kept.rounds) == 1:
        return say(language, "flows.paths.verdict.first", **words)
    kls = kept.rounds[0].kl, kept.rounds[-1].kl
    text = say(language, "flows.paths.verdict.rounds", **words)
    if None not in kls:
        text += " " + say(language, "flows.paths.verdict.drift", kl_before=f"{kls[0]:.4f}", kl_after=f"{kls[1]:.4f}")
    return text


def _words(language: str) -> dict[str, str]:
    prefix = "flows.paths.figure."
    return {key.removeprefix(prefix): text for key, text in TEXTS[language].items() if key.startswith(prefix)}
