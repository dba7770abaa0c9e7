"""The Flows tab: draw a density and watch a flow learn it; layer by layer, under the microscope, and in a race."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground import flows
from playground.figures.picture import shades
from playground.i18n import label, language, say
from playground.manager import ModelManager
from playground.tabs.components import LivePlotly, SketchPad, Stage, Table, Tile, thumbnail, tiles
from playground.tabs.components.table import Column, Row, table
from playground.tabs.flows import api, downloads, panels, training
from playground.tabs.flows.program import race_program, train_program
from playground.tabs.flows.settings import (
    MAX_LAYERS,
    MAX_SECONDS,
    PICTURES,
    UPLOAD_BYTES,
    Settings,
    number,
    pack,
    unpack,
)
from playground.tabs.stops import Stops

__all__ = ["build"]

FEWEST, MOST = 2, 4  # flows in a race
PLACES = 4  # people who train at once; the next ones queue
KEEP = 3600.0  # seconds a person's flow is kept after the last event
THUMBNAIL = 72  # pixels
TABLES = (".csv", ".tsv", ".txt")
COPY = """(query) => {
  const lang = new URLSearchParams(location.search).has("lang") ? "&lang=" + navigator.language : "";
  const url = location.origin + location.pathname + "?" + query + lang;
  history.replaceState(null, "", url);
  const box = () => document.querySelector("#flows-link-box textarea, #flows-link-box input");
  navigator.clipboard?.writeText(url).catch(() => box()?.select());
  return url;
}"""
CLICK_DOWNLOAD = "() => document.querySelector('#flows-download')?.click()"


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; the page opens on the link's settings and a trained example."""
    private: Callable[..., dict[str, Any]] = partial(dict, api_visibility="private", show_progress="hidden")
    quick = private(concurrency_limit=PLACES, concurrency_id="flows-quick")
    slow = private(concurrency_limit=PLACES, concurrency_id="flows-train")
    stops, racing = Stops(), Stops()
    folder = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does

    # -- what one sees ------------------------------------------------------------------------------------------------
    run, raced = (gr.State(None, time_to_live=KEEP) for _ in range(2))  # training.Run | None, training.Race | None
    source, panel = gr.State("preset"), gr.State("train")
    gr.Markdown(label("flows.lead"), elem_classes="pg-lead")
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            with gr.Tabs(elem_id="flows-source", elem_classes="pg-source") as sources:
                with gr.Tab(label("flows.source.preset"), id="preset", elem_id="flows-source-preset") as tab_preset:
                    density = tiles(
                        _tiles(), value="moons", elem_id="flows-density", label=label("flows.density"), show_label=False
                    )
                with gr.Tab(label("flows.source.draw"), id="draw", elem_id="flows-source-draw") as tab_draw:
                    pad = SketchPad(elem_id="flows-pad")
                    gr.Markdown(label("flows.draw.hint"), elem_classes="pg-hint")
                with gr.Tab(label("flows.source.upload"), id="upload", elem_id="flows-source-upload") as tab_upload:
                    upload = gr.File(
                        label=label("flows.upload"),
                        type="filepath",
                        height=150,
                        elem_id="flows-upload",
                        file_types=[*PICTURES, ".csv", ".txt", ".tsv"],
                    )
                    gr.Markdown(label("flows.upload.limits"), elem_classes="pg-hint")
            flow = gr.Radio(
                [(label(f"flows.name.{name}"), name) for name in flows.FLOWS],
                value="spline",
                label=label("flows.flow"),
                elem_id="flows-flow",
                elem_classes="pg-pills",
            )
            constrained = gr.Checkbox(
                True,
                label=label("flows.constrained"),
                info=label("flows.constrained.info"),
                visible="hidden",
                elem_id="flows-constrained",
            )
            with gr.Row(elem_classes="pg-numbers"):
                layers = gr.Slider(
                    1,
                    MAX_LAYERS,
                    value=4,
                    step=1,
                    label=label("flows.layers"),
                    min_width=90,
                    buttons=[],
                    elem_id="flows-layers",
                )
                seconds = gr.Slider(
                    1,
                    MAX_SECONDS,
                    value=10,
                    step=1,
                    label=label("flows.seconds"),
                    min_width=90,
                    buttons=[],
                    elem_id="flows-seconds",
                )
                seed = gr.Number(
                    0, precision=0, minimum=0, label=label("flows.seed"), min_width=70, elem_id="flows-seed"
                )
            with gr.Row(elem_classes="pg-buttons"):
                start = gr.Button(label("flows.train"), variant="primary", elem_id="flows-train")
                stop = gr.Button(label("flows.stop"), variant="secondary", interactive=False, elem_id="flows-stop")
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"), gr.Tabs(elem_id="flows-panels"):
            with gr.Tab(label("flows.panel.train"), id="train", elem_id="flows-panel-train") as tab_train:
                stage = Stage(elem_id="flows-stage")
            with gr.Tab(label("flows.panel.layers"), id="layers", elem_id="flows-panel-layers") as tab_layers:
                gr.Markdown(label("flows.film.lead"), elem_classes="pg-hint")
                film = LivePlotly(height="calc(480px + max(0px, (640px - 100vw) * 1.5))", elem_id="flows-film")
            with gr.Tab(
                label("flows.panel.microscope"), id="microscope", elem_id="flows-panel-microscope"
            ) as tab_microscope:
                gr.Markdown(label("flows.microscope.lead"), elem_classes="pg-hint")
                verdict = gr.Markdown(elem_id="flows-mass")
                dots = LivePlotly(height=360, elem_id="flows-log-dets")
                reports = Table(elem_id="flows-reports")
            with gr.Tab(label("flows.panel.race"), id="race", elem_id="flows-panel-race") as tab_race:
                gr.Markdown(label("flows.race.lead"), elem_classes="pg-hint")
                racers = gr.CheckboxGroup(
                    [(label(f"flows.name.{name}"), name) for name in flows.FLOWS],
                    value=["spline", "realnvp", "planar"],
                    label=label("flows.race.flows"),
                    elem_id="flows-racers",
                    elem_classes="pg-pills",
                )
                with gr.Row(elem_classes="pg-buttons"):
                    race_start = gr.Button(label("flows.race.start"), variant="primary", elem_id="flows-race-start")
                    race_stop = gr.Button(label("flows.stop"), interactive=False, elem_id="flows-race-stop")
                race_stage = Stage(elem_id="flows-race-stage")
                race_table = Table(elem_id="flows-race-table")
    with gr.Accordion(label("flows.about.title"), open=False, elem_id="flows-about"):
        gr.Markdown(
            label("about.flows"),
            latex_delimiters=[
                {"left": "$$", "right": "$$", "display": True},
                {"left": "$", "right": "$", "display": False},
            ],
        )
    with gr.Accordion(label("flows.python"), open=False, elem_id="flows-python"):
        gr.Markdown(label("flows.python.info"), elem_classes="pg-hint")
        code = gr.Markdown(elem_id="flows-code")  # gr.Code would bring 130 kB of editor
    with gr.Accordion(label("flows.save"), open=False, elem_id="flows-save"):
        with gr.Row(elem_classes="pg-downloads"):
            link = gr.Button(label("flows.link"), size="sm", min_width=120, elem_id="flows-link")
            files = {
                kind: gr.Button(label(f"flows.download.{kind}"), size="sm", min_width=120, elem_id=f"flows-{kind}")
                for kind in downloads.FILES
            }
        link_box = gr.Textbox(
            label=label("flows.link.box"), interactive=False, visible=False, elem_id="flows-link-box", buttons=["copy"]
        )
        download = gr.DownloadButton(visible="hidden", elem_id="flows-download")

    # -- what happens -------------------------------------------------------------------------------------------------
    controls = [source, density, pad, upload, flow, layers, seconds, seed, constrained]

    def show(request: gr.Request, *values: Any) -> dict[Any, Any]:
        """Another density or flow: its picture and the trained example on it; not while this person trains."""
        tongue = language(request)
        settings = _settings(values, tongue, complete=False)
        if stops.active(request) or not _complete(settings):
            return {stage: gr.skip()}
        with _plain(tongue):
            value, found = training.example(manager, settings, tongue)
        return {stage: value, run: found}

    def choose_flow(name: str) -> tuple[Any, Any]:
        return gr.update(value=flows.LAYERS[name]), gr.update(visible=True if name == "planar" else "hidden")

    def refresh(request: gr.Request, which: str, names: list[str], *values: Any) -> str:
        """The program of settings that nothing has been made with yet."""
        return _program(which, None, None, names, _settings(values, language(request), complete=False))

    def run_training(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        tongue = language(request)
        settings = _settings(values, tongue)
        with _plain(tongue), stops.running(request) as flag, closing(training.train(settings, flag, tongue)) as frames:
            for i, (value, done) in enumerate(frames):
                update: dict[Any, Any] = {stage: value}
                if i == 0:
                    update |= {start: gr.update(interactive=False), stop: gr.update(interactive=True)}
                yield update if done is None else {**update, run: done}

    def run_race(request: gr.Request, names: list[str], *values: Any) -> Iterator[dict[Any, Any]]:
        tongue = language(request)
        settings, columns = _settings(values, tongue), _race_columns(tongue)
        known = [name for name in flows.FLOWS if name in names]
        if not FEWEST <= len(known) <= MOST:
            raise _refusal(say(tongue, "flows.race.count", n=len(known)))
        with (
            _plain(tongue),
            racing.running(request) as flag,
            closing(training.race(settings, known, flag, tongue)) as frames,
        ):
            for frame, rows, done in frames:
                going = frame["status"] == "running"
                yield {
                    race_stage: frame,
                    race_table: table(columns, [Row(cells, best=i == 0 and not going) for i, cells in enumerate(rows)]),
                    race_start: gr.update(interactive=not going),
                    race_stop: gr.update(interactive=going),
                    **({} if done is None else {raced: done}),
                }

    def idle() -> tuple[Any, Any]:
        """The buttons after a job, whether it ended well or not."""
        return gr.update(interactive=True), gr.update(interactive=False)

    def look(
        request: gr.Request,
        which: str,
        current: training.Run | None,
        race: training.Race | None,
        names: list[str],
        *values: Any,
    ) -> dict[Any, Any]:
        """The panel that is open, for the flow there is, and its program."""
        tongue = language(request)
        program = {code: _program(which, current, race, names, _settings(values, tongue, complete=False))}
        if current is None:
            return {film: None, dots: None, reports: None, verdict: "", **program}
        with _plain(tongue):
            if which == "layers":
                return {film: panels.layers(manager, current, tongue), **program}
            if which == "microscope":
                figure, rows, text = panels.microscope(manager, current, tongue)
                return {dots: figure, reports: rows, verdict: text, **program}
        return program

    def saver(kind: str) -> Callable[..., str]:
        def save(current: training.Run | None, request: gr.Request) -> str:
            if current is None:
                raise _refusal(say(language(request), "error.no_run"))
            with _plain(language(request)):
                return downloads.write(kind, manager, current, Path(folder.name))

        return save

    def stop_training(request: gr.Request) -> None:
        stops.stop(request)

    def stop_race(request: gr.Request) -> None:
        racing.stop(request)

    def make_link(request: gr.Request, *values: Any) -> tuple[str, Any]:
        tongue = language(request)
        settings = _settings(values, tongue, complete=False)
        if settings.source == "upload":
            gr.Info(say(tongue, "flows.link.upload"))
        return settings.query(), gr.update(visible=True)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link, and their picture."""
        tongue = language(request)
        settings, wrong = Settings.from_query(dict(request.query_params))
        for name, text in wrong:
            gr.Warning(escape(say(tongue, "error.link", name=name, value=text), quote=False))
        try:
            value, found = training.example(manager, settings, tongue)
        except ValueError:  # of a drawing with too little ink: the page is never empty
            gr.Warning(say(tongue, "error.link.drawing"))
            settings = replace(settings, source="preset", drawing="")
            value, found = training.example(manager, settings, tongue)
        return {
            stage: value,
            run: found,
            source: settings.source,
            density: settings.density,
            flow: settings.flow,
            layers: settings.layers,
            seconds: settings.seconds,
            seed: settings.seed,
            constrained: gr.update(value=settings.constrained, visible=True if settings.flow == "planar" else "hidden"),
            sources: gr.update(selected=settings.source),
            pad: unpack(settings.drawing) if settings.drawing else None,
            race_stage: {"panels": [], "labels": {"empty": say(tongue, "flows.race.empty")}},
        }

    looks, looked_at = [film, dots, reports, verdict, code], [panel, run, raced, racers, *controls]
    for tab, name in ((tab_preset, "preset"), (tab_draw, "draw"), (tab_upload, "upload")):
        tab.select(partial(str, name), None, source, **private())  # queued, or the change is not heard
    flow.input(choose_flow, flow, [layers, constrained], **quick).then(show, controls, [stage, run], **quick).then(
        look, looked_at, looks, **quick
    )
    for event in (source.change, density.input, pad.input, upload.change):
        event(show, controls, [stage, run], trigger_mode="always_last", **quick).then(look, looked_at, looks, **quick)
    edited = [
        layers.input,
        seconds.input,
        seed.input,
        constrained.input,
        racers.input,
    ]  # by a person: what a link sets is no news
    gr.on(edited, refresh, [panel, racers, *controls], code, trigger_mode="always_last", **quick)
    start.click(run_training, controls, [stage, run, start, stop], **slow).then(
        idle, None, [start, stop], queue=False, **private()
    ).then(look, looked_at, looks, **quick)
    stop.click(stop_training, None, None, queue=False, **private())
    race_shown = [race_stage, race_table, race_start, race_stop, raced]
    race_start.click(run_race, [racers, *controls], race_shown, **slow).then(
        idle, None, [race_start, race_stop], queue=False, **private()
    ).then(look, looked_at, looks, **quick)
    race_stop.click(stop_race, None, None, queue=False, **private())
    for tab, name in ((tab_train, "train"), (tab_layers, "layers"), (tab_microscope, "microscope"), (tab_race, "race")):
        tab.select(partial(str, name), None, panel, **private())
    panel.change(look, looked_at, looks, **{**quick, "show_progress": "minimal"})
    query = gr.Textbox(visible="hidden")  # a gr.State never reaches the browser
    link.click(make_link, controls, [query, link_box], **quick).success(None, query, link_box, js=COPY, **private())
    for kind, button in files.items():
        button.click(saver(kind), run, download, **quick).success(None, None, None, js=CLICK_DOWNLOAD, **private())
    opened = [stage, run, *controls, sources, race_stage]
    gr.on(None, open_page, None, opened, **quick).then(look, looked_at, looks, **quick)
    api.build()


def _settings(values: tuple[Any, ...], tongue: str, *, complete: bool = True) -> Settings:
    """The controls as settings; raises `gr.Error` where they cannot be, or (`complete`) something is missing."""
    source, density, drawing, upload, flow, layers, seconds, seed, constrained = values
    with _plain(tongue):
        settings = Settings(
            source, density, flow, number(layers), seconds, number(seed), bool(constrained), pack(drawing), upload or ""
        )
    if complete and not _complete(settings):
        raise _refusal(say(tongue, "error.drawing" if settings.source == "draw" else "error.upload"))
    if settings.source == "upload" and settings.upload:
        path = Path(settings.upload)
        kind = "picture" if settings.key == "picture" else "csv"
        if kind == "csv" and path.suffix.lower() not in TABLES:
            raise _refusal(say(tongue, "error.upload.kind", name=path.name))
        if not path.is_file():
            raise _refusal(say(tongue, "error.upload.gone"))
        if (size := path.stat().st_size) > UPLOAD_BYTES[kind]:
            numbers = {"megabytes": f"{size / 1e6:.1f}", "limit": f"{UPLOAD_BYTES[kind] / 1e6:.0f}"}
            raise _refusal(say(tongue, "error.upload.size", name=path.name, **numbers))
    return settings


def _program(
    which: str, run: training.Run | None, race: training.Race | None, names: list[str], settings: Settings
) -> str:
    """The Python panel: what made the open panel's picture, or would make it."""
    if which == "race":
        program = race_program(settings, names) if race is None else race.python()
    else:
        program = train_program(settings, panel=which) if run is None else run.python(which)
    return f"```python\n{program}```"


def _complete(settings: Settings) -> bool:
    """Whether what is to be drawn or uploaded is there."""
    return {"preset": True, "draw": bool(settings.drawing), "upload": bool(settings.upload)}[settings.source]


@contextmanager
def _plain(tongue: str) -> Iterator[None]:
    """The library's refusals as one plain sentence to the person who asked."""
    try:
        yield
    except (ValueError, ArithmeticError, MemoryError, OSError) as error:  # a TimeoutError is an OSError
        raise _refusal(say(tongue, "error.prefix", message=str(error).rstrip("."))) from error


def _refusal(message: str) -> gr.Error:
    """One sentence; escaped, for Gradio shows it as HTML and it may quote a file or a link."""
    return gr.Error(escape(message, quote=False), print_exception=False)


def _tiles() -> list[Tile]:
    """The densities with their pictures."""
    tiles = []
    for name in flows.DENSITIES:
        log_p = flows.log_prob_grid(flows.density(name), n=THUMBNAIL)
        tiles.append(Tile(name, label(f"density.{name}"), thumbnail(shades(log_p, float(log_p.max())))))
    return tiles


def _race_columns(tongue: str) -> list[Column]:
    heads = ("race.flow", "race.weights", "stat.steps", "stat.rate", "stat.nll", "stat.kl", "stat.mass")
    return [Column(say(tongue, f"flows.{head}"), number=i > 0) for i, head in enumerate(heads)]
