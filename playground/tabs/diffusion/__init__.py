"""The Diffusion tab: DDPM, score matching, flow matching and EDM as rows of one table, compared, unified, measured."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import gradio as gr

from playground.diffusion import Row
from playground.i18n import language, say
from playground.manager import ModelManager
from playground.tabs import foldouts
from playground.tabs.checks import between, number, whole
from playground.tabs.diffusion import (
    api,
    arena,
    compare,
    curve,
    dial,
    downloads,
    export,
    heat,
    learned,
    pictures,
    widgets,
)  # fmt: skip
from playground.tabs.diffusion.program import program
from playground.tabs.diffusion.settings import (
    DRAWING,
    DRAWN,
    LEVELS,
    MOST,
    PANELS,
    PRESETS,
    SIGMAS,
    SOURCES,
    Settings,
    mixture,
    preset_of,
)
from playground.tabs.drawings import pack, unpack
from playground.tabs.listeners import follow, private
from playground.tabs.stops import STAMP, Stops
from playground.tabs.toasts import plain, tell, toast

__all__ = ["build", "offer"]

QUICK, SLOW = 4, 2  # jobs at once; the next ones queue
PAUSE = 0.06  # seconds in which a newer event may take a job's place before it begins: a slider sends many
Frames = Generator[tuple[dict[str, Any], Any]]
offer = api.build  # the endpoints, which are there before the tab is opened


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; the page opens on the link's panel, with its picture."""
    quick = private(concurrency_limit=QUICK, concurrency_id="diffusion-quick")
    stops = Stops()
    folder = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does
    w = widgets.lay_out()
    row_parts = [part for row in w.rows for part in row]
    controls = [
        w.source,
        w.target,
        w.pad,
        *row_parts,
        w.levels,
        w.steps,
        w.seed,
        *(getattr(w, name) for name in widgets.PANEL_CONTROLS),
    ]
    shown = {name: getattr(w, name) for name in widgets.SHOWN}
    # A job that yields nothing at all empties every output: an older event that begins last would clear the page.
    unchanged: dict[Any, Any] = {w.progress: gr.skip()}

    def look(
        request: gr.Request,
        stamp: float,
        panel: str,
        contest: arena.Contest | None,
        trained: learned.Trained | None,
        *values: Any,
    ) -> Iterator[dict[Any, Any]]:
        """The open panel for the settings as they are, with its program and link."""
        tongue = language(request)
        settings = _settings(values, tongue, panel, complete=False)
        if stops.newest(request) == (panel, settings):  # a dropdown that is only left says `input`, too
            yield unchanged
            return
        with plain(tongue), stops.running(request, stamp, (panel, settings)) as flag:
            if flag.wait(PAUSE) or not settings.complete:
                yield unchanged
                return
            frames = _frames(manager, panel, settings, contest, trained, flag, tongue)
            yield from draw(request, panel, settings, flag, frames)

    def train(request: gr.Request, stamp: float, *values: Any) -> Iterator[dict[Any, Any]]:
        """A network that learns the target."""
        tongue = language(request)
        settings = _settings(values, tongue, "learned")
        with plain(tongue), stops.running(request, stamp, ("learned", settings)) as flag:
            yield from draw(request, "learned", settings, flag, learned.train(settings, flag, tongue))

    def distil(
        request: gr.Request, stamp: float, nfes: list[int], seconds: float, kept: arena.Contest | None, *values: Any
    ) -> Iterator[dict[Any, Any]]:
        """Solvers fitted to the target, one after another."""
        tongue = language(request)
        settings = _settings(values, tongue, "arena")
        asked = [nfe for nfe in arena.DISTIL_NFES if nfe in (nfes or ())]
        if not asked:
            raise toast(say(tongue, "diffusion.error.no_nfe"))
        with plain(tongue):
            between("seconds", seconds, *arena.SECONDS)
        with plain(tongue), stops.running(request, stamp, ("arena", settings)) as flag:
            frames = arena.distil(settings, kept, asked, seconds, flag, tongue)
            yield from draw(request, "arena", settings, flag, frames)

    def measure(request: gr.Request, stamp: float, *values: Any) -> Iterator[dict[Any, Any]]:
        """Every row's error on pictures."""
        tongue = language(request)
        settings = _settings(values, tongue, "pictures")
        with plain(tongue), stops.running(request, stamp, ("pictures", settings)) as flag:
            yield from draw(request, "pictures", settings, flag, pictures.measure(manager, settings, flag, tongue))

    def draw(
        request: gr.Request, panel: str, settings: Settings, flag: threading.Event, frames: Frames
    ) -> Iterator[dict[Any, Any]]:
        """A job's frames as updates of the page; what a frame is made from is kept for downloads and the next job."""
        with closing(frames):
            for frame, result in frames:
                if panel == "arena" and "spot" in frame:  # the chosen dot may not be there
                    settings = replace(settings, spot=frame["spot"]["value"])
                if stops.superseded(request, flag):
                    yield unchanged
                    return
                update: dict[Any, Any] = {shown[name]: value for name, value in frame.items()}
                update |= {w.code: f"```python\n{program(panel, settings)}```", w.query: settings.query(panel)}
                busy = bool(frame.get("progress")) and panel != "export" and not flag.is_set()
                update[w.stop] = gr.update(visible=True if busy else "hidden")
                update[w.result] = None if result is None else (panel, settings, result)
                update[w.link_box] = gr.update(visible=False)
                if isinstance(result, arena.Contest):
                    update[w.contest] = result
                if isinstance(result, learned.Trained):
                    update[w.trained] = result
                yield update

    def clear(request: gr.Request) -> dict[Any, Any]:
        """After a refusal: the job that it took the place of says no more."""
        if stops.active(request):
            return unchanged
        return {w.progress: "", w.stop: gr.update(visible="hidden")}

    def stop(request: gr.Request) -> None:
        stops.stop(request)

    def choose_preset(name: str | None) -> list[Any]:
        values = [gr.skip()] * (3 * MOST) if name is None else _row_values(PRESETS[name])
        return [gr.skip() if name is None else gr.update(visible="hidden"), *values]

    def name_preset(request: gr.Request, levels: Any, *parts: Any) -> tuple[Any, Any]:
        with plain(language(request)):
            rows = _rows(parts, levels)
        return preset_of(rows), gr.update(visible=_by_hand(rows))

    def pick(request: gr.Request, event: gr.EventData, kept: arena.Contest | None) -> Any:
        """The dot that was clicked, as the choice whose samples are shown."""
        name, calls = getattr(event, "name", None), getattr(event, "x", None)
        spot = arena.spot_of(kept, str(name), calls, language(request)) if name and calls else None
        return gr.skip() if spot is None else spot

    def read_level(event: gr.EventData) -> Any:
        """The noise level that was clicked, as the place of the slider."""
        at, kind = getattr(event, "x", None), getattr(event, "meta", "")
        return compare.lg(min(max(at, SIGMAS[0]), SIGMAS[1])) if kind == "level" and at and at > 0 else gr.skip()

    def fill(request: gr.Request, calls: float, *values: Any) -> str:
        """The chosen grid's levels, to begin with."""
        tongue = language(request)
        with plain(tongue):
            whole("calls", number(calls), *arena.HAND_CALLS)
            return arena.fill(_settings(values, tongue, "arena"), int(calls))

    def saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, panel: str, kept: tuple[str, Settings, Any] | None) -> str:
            if kept is None or kept[0] != panel:
                raise toast(say(language(request), "diffusion.error.no_result"))
            with plain(language(request)):
                return downloads.write(kind, *kept, Path(folder.name))

        return save

    def save_solvers(request: gr.Request, kept: arena.Contest | None) -> str:
        if kept is None or not kept.distilled:
            raise toast(say(language(request), "diffusion.error.no_result"))
        return downloads.write_solvers(kept, Path(folder.name))

    def save_network(request: gr.Request, kept: learned.Trained | None) -> str:
        if kept is None:
            raise toast(say(language(request), "diffusion.error.no_network"))
        return learned.write_network(kept, Path(folder.name))

    def save_scheduler(request: gr.Request, kept: tuple[str, Settings, Any] | None) -> str:
        if kept is None or kept[0] != "export" or not isinstance(kept[2], export.Exported):
            raise toast(say(language(request), "diffusion.error.no_scheduler"))
        return export.write_config(kept[2], Path(folder.name))

    def query(request: gr.Request, panel: str, *values: Any) -> str:
        return _settings(values, language(request), panel).query(panel)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link, and the opening panel's picture."""
        tongue, asked = language(request), dict(request.query_params)
        if asked.get("tab") != "diffusion":  # another tab's link: its words mean something else here
            asked = {}
        settings, wrong = Settings.from_query(asked)
        try:
            mixture(*settings.distribution)
        except ValueError:  # of a drawing with too little ink: the page is never empty
            settings, wrong = replace(settings, target=Settings.target, drawing=""), [*wrong, ("drawing", "")]
        panel = asked.get("panel", PANELS[0])
        if panel not in PANELS:
            wrong, panel = [*wrong, ("panel", panel[:40])], PANELS[0]
        for name, text in wrong:
            tell(tongue, say(tongue, "error.link", name=name, value=text))
        first: dict[str, Any] = {}
        if panel == PANELS[0] and settings.mode in ("first", "heun"):  # at once: the page is never empty
            with suppress(ValueError, ArithmeticError):  # `look`, which follows, says what is wrong
                first, _ = curve.example(settings, tongue)
        source = SOURCES[settings.target == DRAWING]
        preset = gr.skip() if settings.target == DRAWING else settings.target
        values = [source, preset, unpack(settings.drawing) if settings.drawing else None]
        levels = gr.update(value=_levels(settings.rows), visible=_by_hand(settings.rows))
        values += [*_row_values(settings.rows), levels, settings.steps, settings.seed]
        values += [widgets.value(name, settings) for name in widgets.PANEL_CONTROLS]
        return {
            **{shown[name]: value for name, value in first.items()},
            **dict(zip(controls, values, strict=True)),
            w.preset: preset_of(settings.rows),
            w.panel: panel,
            w.panel_tabs: gr.update(selected=panel),
            w.sources: gr.update(selected=source),
        }

    drawn = [*shown.values(), w.stop, w.result, w.contest, w.trained, w.code, w.query, w.link_box]
    looks = [w.stamp, w.panel, w.contest, w.trained, *controls], drawn
    every = private(concurrency_limit=QUICK, concurrency_id="diffusion", trigger_mode="multiple", js=STAMP)
    # What a person does, never `change`: what a link or a click sets is drawn by the event that set it.
    edited = [control.input for control in controls if control is not w.source]
    jobs = [gr.on([*edited, w.panel.change, w.source.change], look, *looks, **every)]
    rows_set = [w.levels, *row_parts]
    gr.on([part.input for part in row_parts], name_preset, rows_set, [w.preset, w.levels], queue=False, **private())
    w.preset.input(choose_preset, w.preset, rows_set, queue=False, **private()).then(look, *looks, **every)
    w.compare_figure.click(read_level, None, w.lg_sigma, queue=False, **private()).then(look, *looks, **every)
    w.arena_chart.click(pick, w.contest, w.spot, queue=False, **private()).then(look, *looks, **every)
    w.hand_pad.input(arena.written, w.hand_pad, w.hand, queue=False, **private()).then(look, *looks, **every)
    w.hand_fill.click(fill, [w.hand_calls, *controls], w.hand, queue=False, **private()).then(look, *looks, **every)
    asked = [w.stamp, w.distil_nfes, w.distil_seconds, w.contest, *controls]
    for button, job, given in (
        (w.distil, distil, asked),
        (w.measure, measure, [w.stamp, *controls]),
        (w.learn, train, [w.stamp, *controls]),
    ):
        slow = private(concurrency_limit=SLOW, concurrency_id=f"diffusion-{job.__name__}", js=STAMP)
        jobs.append(button.click(job, given, drawn, **slow))
    for job in jobs:
        job.failure(clear, None, [w.progress, w.stop], queue=False, **private())
    follow(dict(zip(SOURCES, (w.tab_preset, w.tab_draw), strict=True)), w.source)
    follow(w.tabs, w.panel)
    w.stop.click(stop, None, None, queue=False, **private())
    files: list[foldouts.Save] = [
        *((button, saver(kind), [w.panel, w.result]) for kind, button in w.files_saved.items()),
        (w.solver_file, save_solvers, w.contest),
        (w.export_file, save_scheduler, w.result),
        (w.network_file, save_network, w.trained),
    ]
    foldouts.wire(w, "diffusion", query, [w.panel, *controls], files, quick)
    opened = [*shown.values(), *controls, w.preset, w.panel, w.panel_tabs, w.sources]
    gr.on(None, open_page, None, opened, **quick).then(look, *looks, **every)


def _frames(
    manager: ModelManager,
    panel: str,
    settings: Settings,
    contest: arena.Contest | None,
    trained: learned.Trained | None,
    flag: threading.Event,
    tongue: str,
) -> Frames:
    """What a panel shows, frame by frame, with what it is made from."""
    if panel == "curve":
        yield from curve.show(settings, flag, tongue)
    elif panel == "arena":
        yield from arena.show(settings, contest, flag, tongue)
    elif panel == "dial":
        yield from dial.show(settings, flag, tongue)
    elif panel == "heat":
        yield from heat.show(settings, flag, tongue)
    elif panel == "learned":
        yield from learned.show(settings, trained, flag, tongue)
    elif panel == "pictures":
        yield from pictures.show(manager, settings, flag, tongue)
    elif panel == "export":
        yield from export.show(settings, tongue)
    else:
        yield {"progress": "", **compare.show(settings, tongue)}, True


def _row_values(rows: tuple[Row, ...]) -> list[Any]:
    """The dropdowns' values; a row that is not there keeps its last parts and loses its schedule."""
    values: list[Any] = []
    for i in range(MOST):
        if i < len(rows):
            values += [rows[i].schedule, rows[i].preconditioning, rows[i].solver]
        else:
            values += [widgets.NONE, gr.skip(), gr.skip()]
    return values


def _by_hand(rows: tuple[Row, ...]) -> bool | Literal["hidden"]:
    """Whether the pad of the schedule by hand is seen."""
    return True if any(row.schedule == DRAWN for row in rows) else "hidden"


def _levels(rows: tuple[Row, ...]) -> list[float]:
    """The noise levels of the schedule by hand."""
    return list(next((row.levels for row in rows if row.schedule == DRAWN), LEVELS))


def _rows(parts: tuple[Any, ...], levels: Sequence[float] | None) -> tuple[Row, ...]:
    """The rows of the dropdowns, `levels` being those of the schedule by hand. Raises `ValueError`."""
    rows = []
    for i in range(0, 3 * MOST, 3):
        schedule, preconditioning, solver = map(str, parts[i : i + 3])
        if schedule not in ("None", widgets.NONE):
            hand = tuple(levels or LEVELS) if schedule == DRAWN else ()
            rows.append(Row(schedule, preconditioning, solver, hand))
    return tuple(rows)


def _settings(values: tuple[Any, ...], tongue: str, panel: str, *, complete: bool = True) -> Settings:
    """The controls as settings; raises `gr.Error` where they cannot be, or (`complete`) nothing is drawn.

    A control of another panel than the one that is asked for keeps its usual value where it cannot be.
    """
    source, target, drawing, *rest = values
    parts, (levels, steps, seed, *of_panels) = rest[: 3 * MOST], rest[3 * MOST :]
    with plain(tongue):
        settings = Settings(
            target=DRAWING if source == SOURCES[1] else target,
            drawing=pack(drawing),
            rows=_rows(tuple(parts), levels),
            steps=widgets.read("steps", steps),
            seed=number(seed),
        )
        for name, value in zip(widgets.PANEL_CONTROLS, of_panels, strict=True):
            changed: dict[str, Any] = {"sigma" if name == "lg_sigma" else name: widgets.read(name, value)}
            try:
                settings = replace(settings, **changed)
            except ValueError:
                if widgets.PANEL_CONTROLS[name] == panel:
                    raise
    if complete and not settings.complete:
        raise toast(say(tongue, "error.drawing"))
    return settings
