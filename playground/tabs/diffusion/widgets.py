"""What one sees of the Diffusion tab: target and rows left, panels right, and what is folded below them."""

import math
from functools import cache
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import diffusion
from playground.figures.diffusion import EXTENT
from playground.figures.picture import shades
from playground.i18n import label
from playground.tabs import foldouts
from playground.tabs.checks import number
from playground.tabs.components import LevelPad, SketchPad, Slider, Tile, thumbnail, tiles
from playground.tabs.diffusion import arena, compare, curve, dial, downloads, export, heat, learned, pictures
from playground.tabs.diffusion.settings import (
    DIAL_STEPS,
    DRAWN,
    GUIDANCE,
    LEARN_STEPS,
    LEVELS,
    MAX_STEPS,
    MOST,
    PANELS,
    PRESETS,
    SIGMAS,
    SOURCES,
    TARGETS,
    Settings,
)

__all__ = ["NONE", "PANEL_CONTROLS", "SHOWN", "lay_out", "read", "value"]

KEEP = 3600.0  # seconds a person's results are kept after the last event
THUMBNAIL = 72  # pixels
NONE = "-"  # of a row's schedule: the row is left out
LAY_OUT = {
    "curve": curve.lay_out,
    "compare": compare.lay_out,
    "arena": arena.lay_out,
    "dial": dial.lay_out,
    "heat": heat.lay_out,
    "learned": learned.lay_out,
    "pictures": pictures.lay_out,
    "export": export.lay_out,
}


# The panels' own controls and whose they are, in the order of the handlers' arguments; each is the setting of its name,
# but for lg_sigma.
PANEL_CONTROLS = {
    "mode": "curve",
    "lg_sigma": "compare",
    **dict.fromkeys(("solvers", "grid", "spot", "hand", "hand_solver"), "arena"),
    **dict.fromkeys(("dial", "strength", "dial_steps", "denoiser"), "dial"),
    **dict.fromkeys(("digits", "picture_row", "guidance"), "pictures"),
    **dict.fromkeys(("learn_row", "learn_steps"), "learned"),
}
# What a slider holds: a number that is half typed is drawn as the browser will leave it.
SLIDERS = {
    "steps": (2, MAX_STEPS),
    "lg_sigma": (compare.lg(SIGMAS[0]), compare.lg(SIGMAS[1])),
    "strength": (0, 1),
    "dial_steps": DIAL_STEPS,
    "guidance": GUIDANCE,
    "learn_steps": LEARN_STEPS,
}
# What the panels' frames fill.
SHOWN = (
    "progress", "curve_film", "curve_table", "curve_verdict", "compare_figure", "numbers", "formulas",
    "arena_chart", "arena_table", "spot", "hand_pad", "hand_note", "distil_verdict",
    "dial_figure", "dial_verdict", "dial_table", "road_figure", "road_verdict", "road_table",
    "heat_film", "heat_errors", "heat_verdict", "heat_table", "learned_figure", "learned_verdict", "learned_table",
    "pictures_figure", "pictures_verdict", "pictures_table",
    "export_verdict", "export_snippet", "export_config",
)  # fmt: skip


def value(name: str, settings: Settings) -> Any:
    """What a control shows of the settings."""
    if name == "lg_sigma":
        return compare.lg(settings.sigma)
    if name == "solvers":
        return list(settings.solvers)
    if name == "digits":
        return list(settings.digits)
    if name == "spot":
        return gr.update(choices=[settings.spot], value=settings.spot)
    return getattr(settings, name)


def read(name: str, value: Any) -> Any:
    """A control's value as the setting; what is no number is handed on, to be refused."""
    if name in SLIDERS and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = min(max(value, SLIDERS[name][0]), SLIDERS[name][1])
    if name == "lg_sigma":
        return compare.level(value)
    if name == "solvers":
        return tuple(value or ())
    if name == "spot":
        return str(value or Settings.spot)
    if name == "digits":
        return "".join(sorted(map(str, value or ())))
    if name in ("steps", "dial_steps", "picture_row", "learn_row", "learn_steps"):
        return number(value)
    return (value or "").replace("，", ",") if name == "hand" else value


def lay_out() -> SimpleNamespace:
    """Every component by its name; the states are one person's own.

    Interactive is said of each: in a tab that is built when it is opened Gradio does not find it out by itself.
    """
    w, usual = SimpleNamespace(), Settings()
    w.panel = gr.State(PANELS[0])
    w.result, w.contest, w.trained = (gr.State(None, time_to_live=KEEP) for _ in range(3))
    w.source = gr.State(SOURCES[0])
    gr.Markdown(label("diffusion.lead"), elem_classes="pg-lead")
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            with gr.Tabs(elem_id="diffusion-source", elem_classes="pg-source") as w.sources:
                with gr.Tab(
                    label("flows.source.preset"), id="preset", elem_id="diffusion-source-preset"
                ) as w.tab_preset:
                    w.target = tiles(
                        _tiles(),
                        value=usual.target,
                        elem_id="diffusion-target",
                        label=label("diffusion.target"),
                        show_label=False,
                        interactive=True,
                    )
                with gr.Tab(label("flows.source.draw"), id="draw", elem_id="diffusion-source-draw") as w.tab_draw:
                    w.pad = SketchPad(elem_id="diffusion-pad")
                    gr.Markdown(label("flows.draw.hint"), elem_classes="pg-hint")
            w.preset = gr.Radio(
                [(label(f"diffusion.preset.{name}"), name) for name in PRESETS],
                value=next(iter(PRESETS)),
                label=label("diffusion.preset"),
                interactive=True,
                elem_id="diffusion-preset",
                elem_classes="pg-pills",
            )
            w.rows = [_row(i, usual) for i in range(MOST)]
            w.levels = LevelPad(
                list(LEVELS),
                low=0.001,
                high=200,
                falling=False,
                label=label("diffusion.levels"),
                visible="hidden",
                elem_id="diffusion-levels",
            )
            with gr.Row(elem_classes="pg-numbers"):
                w.steps = Slider(
                    *SLIDERS["steps"],
                    value=usual.steps,
                    step=1,
                    label=label("diffusion.steps"),
                    min_width=120,
                    buttons=[],
                    interactive=True,
                    elem_id="diffusion-steps",
                )
                w.seed = gr.Number(
                    usual.seed, label=label("diffusion.seed"), interactive=True, min_width=70, elem_id="diffusion-seed"
                )
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            with gr.Row(elem_classes=["pg-buttons", "pg-jobline"]):
                w.progress = gr.HTML(elem_id="diffusion-progress", js_on_load=None)
                w.stop = gr.Button(
                    label("diffusion.stop"), size="sm", visible="hidden", min_width=70, elem_id="diffusion-stop"
                )
            with gr.Tabs(elem_id="diffusion-panels") as w.panel_tabs:
                w.tabs = {}
                for name in PANELS:
                    with gr.Tab(label(f"diffusion.panel.{name}"), id=name, elem_id=f"diffusion-panel-{name}") as w.tabs[
                        name
                    ]:
                        LAY_OUT[name](w)
    w.stamp = gr.Number(visible="hidden", elem_id="diffusion-stamp")  # of the newest event
    foldouts.lay_out(w, "diffusion", label("diffusion.python.info"), downloads.KINDS)
    return w


def _row(i: int, usual: Settings) -> list[gr.Dropdown]:
    """Three choices in a line, in the colour the row has in every figure."""
    row = usual.rows[i]
    none = [(label("diffusion.schedule.none"), NONE)] if i > 1 else []
    choices = {
        "schedule": none + [(label(f"diffusion.schedule.{name}"), name) for name in (*diffusion.SCHEDULES, DRAWN)],
        "preconditioning": [(label(f"diffusion.preconditioning.{name}"), name) for name in diffusion.PRECONDITIONINGS],
        "solver": [(label(f"diffusion.solver.{name}"), name) for name in diffusion.SOLVERS],
    }
    with gr.Row(elem_classes=["pg-rowline", f"pg-rowline-{i + 1}"]):
        return [
            gr.Dropdown(
                options,
                value=getattr(row, part),
                label=label(f"diffusion.{part}"),
                show_label=i == 0,
                container=True,
                filterable=False,
                interactive=True,
                min_width=80,
                elem_id=f"diffusion-row-{i + 1}-{part}",
            )
            for part, options in choices.items()
        ]


def _tiles() -> list[Tile]:
    """The targets with their pictures."""
    return [Tile(name, label(f"density.{name}"), _thumbnail(name)) for name in TARGETS]


@cache
def _thumbnail(target: str) -> bytes:
    """Kept, because the tab is built anew for everyone who opens it."""
    log_p = diffusion.log_prob_picture(diffusion.target(target), EXTENT, n=THUMBNAIL)
    return thumbnail(shades(log_p, float(log_p.max())))
