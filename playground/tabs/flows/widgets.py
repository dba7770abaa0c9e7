"""What one sees of the Flows tab: controls left, pictures right, and what is folded below them."""

from types import SimpleNamespace

import gradio as gr

from playground import flows
from playground.figures.picture import shades
from playground.i18n import label
from playground.tabs import foldouts
from playground.tabs.components import LivePlotly, SketchPad, Slider, Stage, Table, Tile, thumbnail, tiles
from playground.tabs.flows import downloads, paths
from playground.tabs.flows.settings import BEGINS, MAX_LAYERS, MAX_SECONDS

__all__ = ["RACERS", "lay_out"]

RACERS = ["spline", "realnvp", "planar"]
KEEP = 3600.0  # seconds a person's flow is kept after the last event
THUMBNAIL = 72  # pixels


def lay_out() -> SimpleNamespace:
    """Every component by its name; the states `run`, `raced`, `source` and `panel` are one person's own."""
    w = SimpleNamespace()
    # training.Run | None, training.Race | None, paths.Voyage | None
    w.run, w.raced, w.voyage = (gr.State(None, time_to_live=KEEP) for _ in range(3))
    w.source, w.panel = gr.State("preset"), gr.State("train")
    gr.Markdown(label("flows.lead"), elem_classes="pg-lead")
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            with gr.Tabs(elem_id="flows-source", elem_classes="pg-source") as w.sources:
                with gr.Tab(label("flows.source.preset"), id="preset", elem_id="flows-source-preset") as w.tab_preset:
                    w.density = tiles(
                        _tiles(), value="moons", elem_id="flows-density", label=label("flows.density"), show_label=False
                    )
                with gr.Tab(label("flows.source.draw"), id="draw", elem_id="flows-source-draw") as w.tab_draw:
                    w.pad = SketchPad(elem_id="flows-pad")
                    gr.Markdown(label("flows.draw.hint"), elem_classes="pg-hint")
                with gr.Tab(label("flows.source.upload"), id="upload", elem_id="flows-source-upload") as w.tab_upload:
                    w.upload = gr.File(
                        label=label("flows.upload"),
                        show_label=False,
                        type="filepath",
                        height=150,
                        elem_id="flows-upload",
                    )
                    gr.Markdown(label("flows.upload.hint"), elem_classes="pg-hint")
            w.flow = gr.Radio(
                [(label(f"flows.name.{name}"), name) for name in flows.FLOWS],
                value="spline",
                label=label("flows.flow"),
                elem_id="flows-flow",
                elem_classes="pg-pills",
            )
            w.constrained = gr.Checkbox(
                True,
                label=label("flows.constrained"),
                info=label("flows.constrained.info"),
                visible="hidden",
                elem_id="flows-constrained",
            )
            w.begin = gr.Dropdown(
                [(label("flows.begin.normal" if name == BEGINS[0] else f"density.{name}"), name) for name in BEGINS],
                value=BEGINS[0],
                label=label("flows.begin"),
                info=label("flows.begin.info"),
                filterable=False,
                visible="hidden",
                elem_id="flows-begin",
            )
            with gr.Row(elem_classes="pg-numbers"):
                w.layers = Slider(
                    1,
                    MAX_LAYERS,
                    value=4,
                    step=1,
                    label=label("flows.layers"),
                    min_width=90,
                    buttons=[],
                    elem_id="flows-layers",
                )
                w.seconds = Slider(
                    1,
                    MAX_SECONDS,
                    value=10,
                    step=1,
                    label=label("flows.seconds"),
                    min_width=90,
                    buttons=[],
                    elem_id="flows-seconds",
                )
                w.seed = gr.Number(0, label=label("flows.seed"), min_width=70, elem_id="flows-seed")
            with gr.Row(elem_classes="pg-buttons"):
                w.start = gr.Button(label("flows.train"), variant="primary", elem_id="flows-train")
                w.stop = gr.Button(label("flows.stop"), variant="secondary", interactive=False, elem_id="flows-stop")
        with (
            gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"),
            gr.Tabs(elem_id="flows-panels") as w.panel_tabs,
        ):
            with gr.Tab(label("flows.panel.train"), id="train", elem_id="flows-panel-train") as w.tab_train:
                w.stage = Stage(elem_id="flows-stage")
            with gr.Tab(label("flows.panel.layers"), id="layers", elem_id="flows-panel-layers") as w.tab_layers:
                gr.Markdown(label("flows.film.lead"), elem_classes="pg-hint")
                w.film = LivePlotly(height="calc(480px + max(0px, (640px - 100vw) * 1.5))", elem_id="flows-film")
            with gr.Tab(
                label("flows.panel.microscope"), id="microscope", elem_id="flows-panel-microscope"
            ) as w.tab_microscope:
                gr.Markdown(label("flows.microscope.lead"), elem_classes="pg-hint")
                w.verdict = gr.Markdown(elem_id="flows-mass")
                w.dots = LivePlotly(height=360, elem_id="flows-log-dets")
                w.reports = Table(elem_id="flows-reports")
            with gr.Tab(label("flows.panel.paths"), id="paths", elem_id="flows-panel-paths") as w.tab_paths:
                paths.lay_out(w)
            with gr.Tab(label("flows.panel.race"), id="race", elem_id="flows-panel-race") as w.tab_race:
                gr.Markdown(label("flows.race.lead"), elem_classes="pg-hint")
                w.racers = gr.CheckboxGroup(
                    [(label(f"flows.name.{name}"), name) for name in flows.FLOWS],
                    value=RACERS,
                    label=label("flows.race.flows"),
                    elem_id="flows-racers",
                    elem_classes="pg-pills",
                )
                with gr.Row(elem_classes="pg-buttons"):
                    w.race_start = gr.Button(label("flows.race.start"), variant="primary", elem_id="flows-race-start")
                    w.race_stop = gr.Button(label("flows.stop"), interactive=False, elem_id="flows-race-stop")
                w.race_stage = Stage(elem_id="flows-race-stage")
                w.race_table = Table(elem_id="flows-race-table")
    foldouts.lay_out(w, "flows", label("flows.python.info"), downloads.KINDS)
    return w


def _tiles() -> list[Tile]:
    """The densities with their pictures."""
    tiles = []
    for name in flows.DENSITIES:
        log_p = flows.log_prob_grid(flows.density(name), n=THUMBNAIL)
        tiles.append(Tile(name, label(f"density.{name}"), thumbnail(shades(log_p, float(log_p.max())))))
    return tiles
