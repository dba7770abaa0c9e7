"""The Flows tab: draw a density and watch a flow learn it; layer by layer, under the microscope, and in a race."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground import flows
from playground.i18n import language, say
from playground.manager import ModelManager
from playground.tabs import foldouts
from playground.tabs.components.table import Row, table
from playground.tabs.drawings import unpack
from playground.tabs.flows import api, downloads, panels, paths, training, widgets
from playground.tabs.flows.handed import (
    fenced,
    is_complete,
    link_of,
    program_of,
    race_columns,
    read_calls,
    read_settings,
    seen_if,
)  # fmt: skip
from playground.tabs.flows.settings import Settings
from playground.tabs.flows.widgets import RACERS
from playground.tabs.listeners import finish, follow, private
from playground.tabs.stops import Stops
from playground.tabs.toasts import plain, tell, toast

__all__ = ["build"]

FEWEST, MOST = 2, 4  # flows in a race
PANELS = ("train", "layers", "microscope", "paths", "race")
PLACES = max(4, 2 * (os.cpu_count() or 1))  # who trains at once and shares the cores; the next one is told so
QUICK = 4  # of the shorter jobs at once; the next ones queue


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; the page opens on the link's settings and a trained example."""
    quick = private(concurrency_limit=QUICK, concurrency_id="flows-quick")
    slow = private(concurrency_limit=None)
    stops, racing, reflowing = Stops(), Stops(), Stops()
    folder = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does

    w = widgets.lay_out()

    controls = [w.source, w.density, w.pad, w.upload, w.flow, w.layers, w.seconds, w.seed, w.constrained, w.begin]
    way = {name: getattr(w, name) for name in paths.SHOWN}

    def show(request: gr.Request, *values: Any) -> dict[Any, Any]:
        """Another density or flow: its picture and the trained example on it; not while this person trains."""
        tongue = language(request)
        settings = read_settings(values, tongue, complete=False)
        if stops.active(request) or not is_complete(settings):
            return {w.stage: gr.skip()}
        with plain(tongue):
            value, found = training.example(manager, settings, tongue)
        return {w.stage: value, w.run: found}

    def choose_flow(name: str) -> tuple[Any, Any, Any]:
        return gr.update(value=flows.LAYERS[name]), seen_if(name == "planar"), seen_if(name in flows.MATCHING)

    def refresh(request: gr.Request, which: str, names: list[str], *values: Any) -> dict[Any, Any]:
        """The program and the link of settings that nothing has been made with yet."""
        return write(which, None, None, None, names, values, language(request))

    def write(
        which: str,
        current: training.Run | None,
        race: training.Race | None,
        kept: paths.Voyage | None,
        names: list[str],
        values: tuple[Any, ...],
        tongue: str,
        seen: tuple[int, int, str] = (0, 4, "euler"),
    ) -> dict[Any, Any]:
        """The Python panel and the link; as they were while a number is half typed: Train will say what is wrong."""
        try:
            settings = read_settings(values, tongue, complete=False)
        except gr.Error:
            return {w.code: gr.skip()}
        return {
            w.code: program_of(which, current, race, kept, names, settings, seen),
            w.query: link_of(which, names, settings),
            w.link_box: gr.update(visible=False),  # the link in it is of other settings
        }

    def check_place(tongue: str) -> None:
        if stops.count() + racing.count() + reflowing.count() >= PLACES:
            raise toast(say(tongue, "error.places", n=PLACES))

    def run_training(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        tongue = language(request)
        settings = read_settings(values, tongue)
        check_place(tongue)
        with plain(tongue), stops.running(request) as flag, closing(training.train(settings, flag, tongue)) as frames:
            for i, (value, done) in enumerate(frames):
                update: dict[Any, Any] = {w.stage: value}
                if i == 0:
                    update |= {w.start: gr.update(interactive=False), w.stop: gr.update(interactive=True)}
                yield update if done is None else {**update, w.run: done}

    def run_race(request: gr.Request, names: list[str], *values: Any) -> Iterator[dict[Any, Any]]:
        tongue = language(request)
        settings, columns = read_settings(values, tongue), race_columns(tongue)
        known = [name for name in flows.FLOWS if name in (names or ())]
        if not FEWEST <= len(known) <= MOST:
            raise toast(say(tongue, "flows.race.count", n=len(known)))
        check_place(tongue)
        with (
            plain(tongue),
            racing.running(request) as flag,
            closing(training.race(settings, known, flag, tongue)) as frames,
        ):
            for frame, rows, done in frames:
                going = frame["status"] == "running"
                yield {
                    w.race_stage: frame,
                    w.race_table: table(
                        columns, [Row(cells, best=i == 0 and not going) for i, cells in enumerate(rows)]
                    ),
                    w.race_start: gr.update(interactive=not going),
                    w.race_stop: gr.update(interactive=going),
                    **({} if done is None else {w.raced: done}),
                }

    def idle(jobs: Stops, request: gr.Request) -> tuple[Any, Any]:
        """The buttons after a job, whether it ended well or not; a newer one of the same person may run."""
        return gr.update(interactive=not jobs.active(request)), gr.update(interactive=jobs.active(request))

    def look(
        request: gr.Request,
        which: str,
        current: training.Run | None,
        race: training.Race | None,
        kept: paths.Voyage | None,
        chosen: int,
        calls: float,
        solver: str,
        names: list[str],
        *values: Any,
    ) -> Iterator[dict[Any, Any]]:
        """The panel that is open, for the flow there is, and its program."""
        tongue = language(request)
        shown: dict[Any, Any] = {w.film: None, w.dots: None, w.reports: None, w.verdict: ""} if current is None else {}
        with plain(tongue):
            if which == "paths" and not reflowing.active(request):
                frames = paths.show(manager, current, kept, chosen, read_calls(calls), solver, tongue)
                for frame, kept in frames:
                    shown = {way[name]: value for name, value in frame.items()} | {w.voyage: kept}
                    at = (min(chosen, len(kept.rounds) - 1) if kept is not None else 0, read_calls(calls), solver)
                    yield {**shown, **write(which, current, race, kept, names, values, tongue, at)}
                return
            if current is not None and which == "layers":
                shown = {w.film: panels.layers(manager, current, tongue)}
            elif current is not None and which == "microscope":
                shown = dict(
                    zip((w.dots, w.reports, w.verdict), panels.microscope(manager, current, tongue), strict=True)
                )
        yield {**shown, **write(which, current, race, kept, names, values, tongue)}

    def run_reflow(
        request: gr.Request,
        kept: paths.Voyage | None,
        calls: float,
        solver: str,
        current: training.Run | None,
        *values: Any,
    ) -> Iterator[dict[Any, Any]]:
        tongue = language(request)
        settings = read_settings(values, tongue, complete=False)
        if kept is None or kept.run is not current:
            raise toast(say(tongue, "error.no_paths"))
        if len(kept.rounds) >= paths.MOST_ROUNDS:
            raise toast(say(tongue, "flows.paths.full", n=len(kept.rounds) - 1))
        check_place(tongue)
        with plain(tongue), reflowing.running(request) as flag:
            frames = paths.reflow(kept, settings.seconds, read_calls(calls), solver, flag, tongue)
            yield from travel(frames)

    def run_distil(
        request: gr.Request, kept: paths.Voyage | None, calls: float, current: training.Run | None
    ) -> Iterator[dict[Any, Any]]:
        tongue = language(request)
        if kept is None or kept.run is not current:
            raise toast(say(tongue, "error.no_paths"))
        check_place(tongue)
        with plain(tongue), reflowing.running(request) as flag:
            frames = paths.distil(kept, read_calls(calls), flag, tongue)
            yield from travel(frames)

    def travel(frames: paths.Frames) -> Iterator[dict[Any, Any]]:
        """A job's frames as updates of the panel of paths; the last one brings its new round."""
        going = {button: gr.update(interactive=False) for button in (w.reflow, w.distil)}
        with closing(frames):
            for frame, made in frames:
                update = {way[name]: value for name, value in frame.items()} | going
                update[w.paths_stop] = gr.update(interactive=made is None)
                yield update if made is None else {**update, w.voyage: made}

    def arrive(request: gr.Request) -> tuple[Any, Any, Any, Any]:
        """The buttons after a job on the paths, whether it ended well or not."""
        busy = reflowing.active(request)
        free = gr.update(interactive=not busy)
        return free, free, gr.update(interactive=busy), gr.skip() if busy else ""

    def choose_round(request: gr.Request, kept: paths.Voyage | None, chosen: int, calls: float, solver: str) -> Any:
        if kept is None:
            return {w.paths_note: gr.skip()}
        tongue = language(request)
        with plain(tongue):
            frame = {
                **paths.film(kept, chosen, tongue),
                **paths.sampled(kept, chosen, read_calls(calls), solver, tongue),
            }
        return {**{way[name]: value for name, value in frame.items()}, w.code: coded(kept, chosen, calls, solver)}

    def choose_calls(request: gr.Request, kept: paths.Voyage | None, chosen: int, calls: float, solver: str) -> Any:
        if kept is None:
            return {w.paths_note: gr.skip()}
        tongue = language(request)
        with plain(tongue):
            frame = paths.sampled(kept, chosen, read_calls(calls), solver, tongue)
        return {**{way[name]: value for name, value in frame.items()}, w.code: coded(kept, chosen, calls, solver)}

    def coded(kept: paths.Voyage, chosen: int, calls: float, solver: str) -> str:
        return fenced(kept.python(min(chosen, len(kept.rounds) - 1), read_calls(calls), solver))

    def saver(kind: str) -> Callable[..., str]:
        def save(current: training.Run | None, request: gr.Request) -> str:
            if current is None:
                raise toast(say(language(request), "error.no_run"))
            if kind == "csv" and "constrained" in current.settings.options:
                raise toast(say(language(request), "error.folded"))
            with plain(language(request)):
                return downloads.write(kind, manager, current, Path(folder.name))

        return save

    def stop_training(request: gr.Request) -> None:
        stops.stop(request)

    def stop_race(request: gr.Request) -> None:
        racing.stop(request)

    def stop_paths(request: gr.Request) -> None:
        reflowing.stop(request)

    def save_reflowed(kept: paths.Voyage | None, current: training.Run | None, request: gr.Request) -> str:
        if kept is None or kept.run is not current or len(kept.rounds) == 1:
            raise toast(say(language(request), "error.no_rounds"))
        with plain(language(request)):
            return downloads.write_reflowed(kept, Path(folder.name))

    def save_paths(kept: paths.Voyage | None, current: training.Run | None, request: gr.Request) -> str:
        if kept is None or kept.run is not current:
            raise toast(say(language(request), "error.no_paths"))
        with plain(language(request)):
            return downloads.write_paths(kept, Path(folder.name))

    def query(request: gr.Request, which: str, names: list[str], *values: Any) -> str:
        tongue = language(request)
        settings = read_settings(values, tongue, complete=False)
        if settings.source == "upload":
            tell(tongue, say(tongue, "flows.link.upload"))
        return link_of(which, names, settings)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link, and their picture."""
        tongue = language(request)
        asked = dict(request.query_params)
        if asked.get("tab", "flows") != "flows":  # another tab's link: its words mean something else here
            asked = {}
        settings, wrong = Settings.from_query(asked)
        which, names = asked.get("panel", "train"), asked.get("racers", " ".join(RACERS)).split()
        if which not in PANELS:
            wrong, which = [*wrong, ("panel", which[:40])], "train"
        if unknown := [name for name in names if name not in flows.FLOWS]:
            wrong, names = [*wrong, ("racers", " ".join(unknown)[:40])], RACERS
        for name, text in wrong:
            tell(tongue, say(tongue, "error.link", name=name, value=text))
        if settings.source == "upload":  # a link holds no file
            tell(tongue, say(tongue, "error.link.upload"))
        shown = settings if is_complete(settings) else replace(settings, source="preset")
        try:
            value, found = training.example(manager, shown, tongue)
        except ValueError:  # of a drawing with too little ink: the page is never empty
            tell(tongue, say(tongue, "error.link.drawing"))
            settings = replace(settings, source="preset", drawing="")
            value, found = training.example(manager, settings, tongue)
        return {
            w.stage: value,
            w.run: found,
            w.source: settings.source,
            w.density: settings.density,
            w.flow: settings.flow,
            w.layers: settings.layers,
            w.seconds: settings.seconds,
            w.seed: settings.seed,
            w.constrained: {**seen_if(settings.flow == "planar"), "value": settings.constrained},
            w.begin: {**seen_if(settings.flow in flows.MATCHING), "value": settings.begin},
            w.sources: gr.update(selected=settings.source),
            w.pad: unpack(settings.drawing) if settings.drawing else None,
            w.panel_tabs: gr.update(selected=which),
            w.racers: names,
            w.race_stage: {"panels": [], "labels": {"empty": say(tongue, "flows.race.empty")}},
        }

    looks, looked_at = (
        [w.film, w.dots, w.reports, w.verdict, *way.values(), w.voyage, w.code, w.query, w.link_box],
        [w.panel, w.run, w.raced, w.voyage, w.paths_round, w.calls, w.paths_solver, w.racers, *controls],
    )
    follow({"preset": w.tab_preset, "draw": w.tab_draw, "upload": w.tab_upload}, w.source)
    w.flow.input(choose_flow, w.flow, [w.layers, w.constrained, w.begin], **quick).then(
        show, controls, [w.stage, w.run], **quick
    ).success(look, looked_at, looks, **quick)
    for event in (w.source.change, w.density.input, w.pad.input, w.upload.change, w.constrained.input, w.begin.input):
        event(show, controls, [w.stage, w.run], trigger_mode="always_last", **quick).success(
            look, looked_at, looks, **quick
        )
    edited = [
        w.layers.input,
        w.seconds.input,
        w.seed.input,
        w.racers.input,
    ]  # by a person: what a link sets is no news
    gr.on(
        edited,
        refresh,
        [w.panel, w.racers, *controls],
        [w.code, w.query, w.link_box],
        trigger_mode="always_last",
        **quick,
    )
    trained = w.start.click(run_training, controls, [w.stage, w.run, w.start, w.stop], **slow)
    finish(trained, partial(idle, stops), [w.start, w.stop]).then(look, looked_at, looks, **quick)
    w.stop.click(stop_training, None, None, queue=False, **private())
    race_shown = [w.race_stage, w.race_table, w.race_start, w.race_stop, w.raced]
    raced = w.race_start.click(run_race, [w.racers, *controls], race_shown, **slow)
    finish(raced, partial(idle, racing), [w.race_start, w.race_stop]).then(look, looked_at, looks, **quick)
    w.race_stop.click(stop_race, None, None, queue=False, **private())
    moved = [*way.values(), w.voyage, w.reflow, w.distil, w.paths_stop]
    arrived = [w.reflow, w.distil, w.paths_stop, w.paths_progress]
    for button, job, inputs in (
        (w.reflow, run_reflow, [w.voyage, w.calls, w.paths_solver, w.run, *controls]),
        (w.distil, run_distil, [w.voyage, w.calls, w.run]),
    ):
        travelled = button.click(job, inputs, moved, **slow)
        finish(travelled, arrive, arrived).then(look, looked_at, looks, **quick)
    w.paths_stop.click(stop_paths, None, None, queue=False, **private())
    hurried = [w.voyage, w.paths_round, w.calls, w.paths_solver]
    seen = [w.paths_film, w.paths_samples, w.paths_note, w.code]
    w.paths_round.input(choose_round, hurried, seen, **quick)
    gr.on([w.calls.input, w.paths_solver.input], choose_calls, hurried, seen, trigger_mode="always_last", **quick)
    follow(
        dict(zip(PANELS, (w.tab_train, w.tab_layers, w.tab_microscope, w.tab_paths, w.tab_race), strict=True)), w.panel
    )
    opened_panel = w.panel.change(look, looked_at, looks, **{**quick, "show_progress": "minimal"})
    opened_panel.failure(arrive, None, arrived, queue=False, **private())
    ways = {"paths": save_paths, "reflowed": save_reflowed}
    files = [
        (button, ways[kind], [w.voyage, w.run]) if kind in ways else (button, saver(kind), w.run)
        for kind, button in w.files_saved.items()
    ]
    foldouts.wire(w, "flows", query, [w.panel, w.racers, *controls], files, quick)
    opened = [w.stage, w.run, *controls, w.sources, w.panel_tabs, w.racers, w.race_stage]
    gr.on(None, open_page, None, opened, **quick).then(look, looked_at, looks, **quick)
    api.build()
