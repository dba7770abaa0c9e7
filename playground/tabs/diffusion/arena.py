"""The panel "Arena": error against calls, the samples behind a dot, a grid by hand, a distilled solver."""

import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import diffusion
from playground.figures import diffusion_arena as figures
from playground.i18n import TEXTS, label, refusal, say
from playground.tabs.components import LevelPad, LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.curve import picture_of
from playground.tabs.diffusion.settings import RACERS, Settings, mixture
from playground.tabs.diffusion.words import figure_words, grid_name, solver_label, solver_name
from playground.tabs.progress import bar

__all__ = [
    "DISTIL_NFES",
    "HAND_CALLS",
    "SECONDS",
    "Contest",
    "distil",
    "fill",
    "lay_out",
    "show",
    "spot_of",
    "written",
]

FRAME = 0.3  # seconds between two pictures of a race
HEADS = (4, 6, 8, 10, 12, 16, 20, 50)  # calls in the table
SECONDS = (2, 30)
HAND_CALLS = (2, 20)
DISTIL_NFES = (4, 6, 8, 10, 12, 16, 20)


@dataclass(frozen=True, eq=False)
class Contest:
    """What one person has measured on one target."""

    about: tuple[str, str, int]  # target, what is drawn, and seed
    asked: tuple[tuple[str, ...], str] = ((), "")  # solvers and grid of the lines, once they are complete
    lines: tuple[diffusion.Line, ...] = ()
    distilled: tuple[tuple[diffusion.LinearSolver, diffusion.Dot], ...] = ()
    written: tuple[str, str] = ("", "")  # levels and solver of the dot by hand
    hand: diffusion.Dot | None = None
    note: str = ""  # on the levels by hand
    verdict: str = ""  # on the newest distilled solver


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual = Settings()
    gr.Markdown(label("diffusion.arena.lead"), elem_classes="pg-hint")
    w.solvers = gr.CheckboxGroup(
        [(solver_label(name), name) for name in RACERS],
        value=list(usual.solvers),
        label=label("diffusion.arena.solvers"),
        interactive=True,
        elem_id="diffusion-solvers",
        elem_classes="pg-pills",
    )
    with gr.Row():
        w.grid = gr.Dropdown(
            [(grid_name(name), name) for name in diffusion.FREE_GRIDS],
            value=usual.grid,
            label=label("diffusion.arena.grid"),
            filterable=False,
            interactive=True,
            min_width=150,
            elem_id="diffusion-grid",
        )
        w.spot = gr.Dropdown(
            [usual.spot],
            value=usual.spot,
            label=label("diffusion.arena.spot"),
            allow_custom_value=True,  # its choices are the dots there are
            interactive=True,
            min_width=150,
            elem_id="diffusion-spot",
        )
    w.arena_chart = LivePlotly(height="calc(520px + max(0px, (640px - 100vw) * 1.6))", elem_id="diffusion-arena-chart")
    w.arena_table = Table(elem_id="diffusion-arena-table")
    gr.Markdown(label("diffusion.distil.lead"), elem_classes="pg-hint")
    w.distil_nfes = gr.CheckboxGroup(
        [(str(nfe), nfe) for nfe in DISTIL_NFES],
        value=[6, 10],
        label=label("diffusion.distil.nfes"),
        interactive=True,
        elem_id="diffusion-distil-nfes",
        elem_classes="pg-pills",
    )
    with gr.Row(elem_classes="pg-numbers"):
        w.distil_seconds = Slider(
            *SECONDS, value=8, step=1, label=label("diffusion.distil.seconds"), buttons=[], interactive=True,
            min_width=120, elem_id="diffusion-distil-seconds",
        )  # fmt: skip
    with gr.Row(elem_classes="pg-buttons"):
        w.distil = gr.Button(label("diffusion.distil.start"), variant="primary", elem_id="diffusion-distil")
        w.solver_file = gr.Button(label("diffusion.distil.file"), elem_id="diffusion-solver-file")
    w.distil_verdict = gr.Markdown(elem_id="diffusion-distil-verdict")
    gr.Markdown(label("diffusion.hand.lead"), elem_classes="pg-hint")
    w.hand_pad = LevelPad(
        low=0.001,
        high=100,
        fixed_first=True,
        words={"hint": {language: TEXTS[language]["diffusion.hand.empty"] for language in TEXTS}},
        label=label("diffusion.hand.pad"),
        elem_id="diffusion-hand-pad",
    )
    with gr.Row(equal_height=True):
        w.hand = gr.Textbox(
            label=label("diffusion.hand.levels"), interactive=True, scale=4, min_width=240, elem_id="diffusion-hand"
        )
        w.hand_solver = gr.Dropdown(
            [(solver_label(name), name) for name in diffusion.FREE_SOLVERS],
            value=usual.hand_solver,
            label=label("diffusion.solver"),
            filterable=False,
            interactive=True,
            scale=1,
            min_width=110,
            elem_id="diffusion-hand-solver",
        )
        w.hand_calls = Slider(
            *HAND_CALLS, value=6, step=1, label=label("diffusion.hand.calls"), buttons=[], interactive=True, scale=1,
            min_width=110, elem_id="diffusion-hand-calls",
        )  # fmt: skip
    w.hand_fill = gr.Button(label("diffusion.hand.fill"), size="sm", elem_id="diffusion-hand-fill")
    w.hand_note = gr.Markdown(elem_id="diffusion-hand-note")


@lru_cache(maxsize=8)
def _arena(target: str, drawing: str, seed: int) -> diffusion.Arena:
    return diffusion.make_arena(mixture(target, drawing), seed=seed)


def show(
    settings: Settings, contest: Contest | None, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Contest]]:
    """Pictures while the lines are measured; what is there already is not measured again."""
    about = (*settings.distribution, settings.seed)
    contest = Contest(about) if contest is None or contest.about != about else contest
    if contest.asked != (settings.solvers, settings.grid):
        yield {"progress": bar(0.0, say(language, "diffusion.arena.ends"))}, contest
        arena, last, done = _arena(*about), 0.0, 0
        for lines in diffusion.run_race(arena, settings.solvers, grid=settings.grid):
            contest, done = replace(contest, lines=lines, asked=((), "")), done + 1
            if stop.is_set():
                yield _shown(settings, contest, language, progress=bar(0, say(language, "diffusion.stopped"))), contest
                return
            if time.monotonic() > last + FRAME:
                last = time.monotonic()
                share = done / (len(settings.solvers) * len(diffusion.NFES))
                yield (
                    _shown(settings, contest, language, progress=bar(share, say(language, "diffusion.arena.racing"))),
                    contest,
                )
        contest = replace(contest, asked=(settings.solvers, settings.grid))
    contest = _written(settings, contest, language)
    yield _shown(settings, contest, language), contest


def distil(
    settings: Settings,
    kept: Contest | None,
    nfes: Sequence[int],
    seconds: float,
    stop: threading.Event,
    language: str,
) -> Generator[tuple[dict[str, Any], Contest]]:
    """Fit a solver for each number of calls, a picture after each; Stop keeps those that are done."""
    contest = Contest((*settings.distribution, settings.seed))
    for update, contest in show(settings, kept, stop, language):
        yield update, contest
    if stop.is_set():
        yield {"progress": bar(0, say(language, "diffusion.stopped"))}, contest
        return
    target, target_name = mixture(*settings.distribution), _target_name(settings.target, language)
    for i, nfe in enumerate(nfes):
        for frame in diffusion.distill(target, nfe=nfe, seconds=seconds, seed=settings.seed):
            if stop.is_set():
                yield _shown(settings, contest, language, progress=bar(0, say(language, "diffusion.stopped"))), contest
                return
            words = {"nfe": nfe, "error": f"{frame.train_error:.2g}", "tried": f"{frame.evaluations:,}"}
            phase = say(language, f"diffusion.distil.phase.{frame.phase}", **words)
            yield {"progress": bar((i + frame.progress) / len(nfes), phase)}, contest
            fitted = frame.solver
        assert fitted is not None
        dot = diffusion.distilled_dot(_arena(*contest.about), fitted)
        others = tuple(pair for pair in contest.distilled if pair[0].nfe != nfe)
        key = "diffusion.distil.diverged" if fitted.diverged else "diffusion.distil.verdict"
        verdict = say(
            language,
            key,
            nfe=nfe,
            target=target_name,
            error=f"{fitted.held_out_error:.2g}",
            free=f"{fitted.free_error:.2g}",
            noises=fitted.noises,
        )
        contest = replace(
            contest, distilled=tuple(sorted((*others, (fitted, dot)), key=lambda pair: pair[0].nfe)), verdict=verdict
        )
        yield _shown(replace(settings, spot=f"distilled@{nfe}"), contest, language), contest


def fill(settings: Settings, nfe: int) -> str:
    """The levels of the chosen grid for the solver by hand, as text."""
    levels = diffusion.free_levels(settings.grid, settings.hand_solver, nfe, 80.0)
    return ", ".join(f"{level:.4g}" for level in levels)


def written(levels: Sequence[float] | None) -> str:
    """Levels that were dragged, as text."""
    return ", ".join([*(f"{level:.4g}" for level in levels or ()), "0"]) if levels else ""


def spot_of(contest: Contest | None, name: str, calls: float, language: str) -> str | None:
    """The dot that a click on the chart means, by its line's name there."""
    if contest is None:
        return None
    for key, dots in _dots(contest).items():
        if name == _name(key, contest, language):
            return next((f"{key}@{dot.nfe}" for dot in dots if dot.nfe == calls), None)
    return None


def _written(settings: Settings, contest: Contest, language: str) -> Contest:
    """The dot of the levels by hand; a refusal stands beside them, for a person may still be writing."""
    written = (settings.hand.strip(), settings.hand_solver)
    if written == contest.written:
        return contest
    contest = replace(contest, written=written, hand=None, note="")
    if not written[0]:
        return contest
    try:
        dot = diffusion.by_hand(_arena(*contest.about), settings.hand_solver, diffusion.read_levels(settings.hand))
    except (ValueError, ArithmeticError) as error:
        return replace(contest, note=refusal(language, error))
    note = say(language, "diffusion.hand.note", error=f"{dot.rms:.3g}", calls=dot.nfe)
    return replace(contest, hand=dot, note=note)


def _dots(contest: Contest) -> dict[str, tuple[diffusion.Dot, ...]]:
    """Every line by the key that a spot has."""
    out = {line.solver: line.dots for line in contest.lines}
    if contest.distilled:
        out["distilled"] = tuple(dot for _, dot in contest.distilled)
    if contest.hand is not None:
        out["hand"] = (contest.hand,)
    return out


def _name(key: str, contest: Contest, language: str) -> str:
    if key == "distilled":
        return say(language, "diffusion.arena.distilled", target=_target_name(contest.about[0], language))
    return say(language, "diffusion.arena.figure.hand") if key == "hand" else solver_name(key, language)


def _target_name(target: str, language: str) -> str:
    return say(language, f"density.{target}").replace("\xad", "")


def _shown(settings: Settings, contest: Contest, language: str, *, progress: str = "") -> dict[str, Any]:
    dots = _dots(contest)
    names = {key: _name(key, contest, language) for key in dots}
    places = {f"{key}@{dot.nfe}": (key, dot) for key, line in dots.items() for dot in line}
    spot = settings.spot if settings.spot in places else next(iter(places), settings.spot)
    place = places.get(spot)
    figure = figures.chart(
        {names[line.solver]: line.dots for line in contest.lines},
        picture_of(*settings.distribution),
        distilled={names["distilled"]: dots["distilled"]} if contest.distilled else {},
        hand=contest.hand,
        shown=None if place is None else (say(language, "diffusion.arena.samples", name=names[place[0]]), place[1]),
        ends=diffusion.exact_ends(_arena(*contest.about)),
        words=figure_words("arena", language),
    )
    columns = [Column(say(language, "diffusion.arena.solver")), *(Column(str(nfe), number=True) for nfe in HEADS)]
    rows = [
        Row(
            [names[key], *(_cell(line, nfe) for nfe in HEADS)],
            best=key == "distilled" and not any(solver.diverged for solver, _ in contest.distilled),
        )
        for key, line in dots.items()
        if key != "hand"
    ]
    choices = [(f"{names[key]}: {dot.nfe}", place) for place, (key, dot) in places.items()]
    update = {"spot": gr.update(choices=choices, value=spot)} if choices and not progress else {}  # measured so far
    return {
        **update,
        "progress": progress,
        "arena_chart": figure,
        "arena_table": table(columns, rows),
        "hand_pad": gr.skip() if contest.note and contest.hand is None else _dragged(contest),
        "hand_note": contest.note,
        "distil_verdict": contest.verdict,
    }


def _dragged(contest: Contest) -> list[float] | None:
    """The levels by hand but for the last, 0."""
    return None if contest.hand is None else list(contest.hand.sigmas[:-1])


def _cell(dots: Sequence[diffusion.Dot], nfe: int) -> str:
    """A two-call method takes an odd number of calls: one less than are allowed."""
    found = next((dot for dot in reversed(dots) if nfe - 1 <= dot.nfe <= nfe), None)
    return "–" if found is None else "∞" if not found.rms < 1e6 else f"{found.rms:.2g}"
