"""The panel "Compare": schedules, preconditionings and training noise of the rows, as curves, formulas and numbers."""

import math
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import diffusion
from playground.figures import diffusion_rows as figures
from playground.i18n import label, say
from playground.tabs.about import LATEX
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion import words
from playground.tabs.diffusion.settings import SIGMAS, Settings
from playground.tabs.diffusion.words import figure_words, row_names

__all__ = ["lay_out", "level", "lg", "show"]

NUMBERS = ("t", "s", "log_snr", "c_skip", "c_out", "c_in", "c_noise", "weight", "effective_weight", "density")


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("diffusion.compare.lead"), elem_classes="pg-hint")
    w.compare_figure = LivePlotly(
        height="calc(760px + max(0px, (640px - 100vw) * 1.7))", elem_id="diffusion-compare-figure"
    )
    w.lg_sigma = Slider(
        math.ceil(100 * lg(SIGMAS[0])) / 100,
        lg(SIGMAS[1]),
        value=0,
        step=0.01,
        label=label("diffusion.sigma"),
        buttons=[],
        interactive=True,
        elem_id="diffusion-sigma",
    )
    w.numbers = Table(elem_id="diffusion-numbers")
    w.formulas = gr.Markdown(elem_id="diffusion-formulas", latex_delimiters=LATEX)


def lg(sigma: float) -> float:
    """The slider's place of a noise level."""
    return round(math.log10(sigma), 2)


def level(place: Any) -> Any:
    """The noise level at the slider's place, to three digits; what is no number is handed on, to be refused."""
    if isinstance(place, bool) or not isinstance(place, int | float) or not abs(place) < 10:
        return place
    return float(f"{10**place:.3g}")


def show(settings: Settings, language: str) -> dict[str, Any]:
    """Figure, numbers and formulas of the rows."""
    names = row_names(settings.rows, language)
    rows = [diffusion.profile(row, steps=settings.steps) for row in settings.rows]
    figure = figures.profiles(rows, names=names, sigma=settings.sigma, words=figure_words("compare", language))
    at = [diffusion.row_numbers(row, settings.sigma) for row in settings.rows]
    heads = [Column(say(language, "diffusion.compare.at", sigma=f"{settings.sigma:g}"))]
    columns = heads + [Column(name, number=True) for name in names]
    lines = [
        Row([say(language, f"diffusion.number.{key}"), *(f"{numbers[key] + 0.0:.4g}" for numbers in at)])
        for key in NUMBERS
    ]
    return {
        "compare_figure": figure,
        "numbers": table(columns, lines),
        "formulas": _formulas(settings, names, language),
    }


def _formulas(settings: Settings, names: list[str], language: str) -> str:
    """The chosen rows as the columns of EDM's table, in Markdown with LaTeX."""
    by_schedule = (("sigma", words.SIGMA), ("scale", words.SCALE), ("steps", words.STEPS))
    by_network = (
        ("c_skip", words.C_SKIP),
        ("c_out", words.C_OUT),
        ("c_in", words.C_IN),
        ("c_noise", words.C_NOISE),
        ("weight", words.WEIGHT),
    )
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for key, formulas in by_schedule:
        lines.append(
            _line(
                say(language, f"diffusion.formula.{key}"), [_formula(formulas[row.schedule]) for row in settings.rows]
            )
        )
    solvers = [diffusion.SOLVERS[row.solver]() for row in settings.rows]
    cells = [
        f"{say(language, f'diffusion.solver.{row.solver}')}"
        + say(language, "diffusion.formula.order", order=solver.order, calls=solver.calls(settings.steps))
        for row, solver in zip(settings.rows, solvers, strict=True)
    ]
    lines.append(_line(say(language, "diffusion.formula.solver"), cells))
    for key, formulas in by_network:
        cells = [_formula(formulas[row.preconditioning]) for row in settings.rows]
        lines.append(_line(say(language, f"diffusion.formula.{key}"), cells))
    noises = [row.make_preconditioning().noise.name for row in settings.rows]
    lines.append(_line(say(language, "diffusion.formula.noise"), noises))
    return "\n".join([*lines, "", say(language, "diffusion.formula.constants")])


def _formula(latex: str) -> str:
    return rf"$\displaystyle {latex}$"


def _line(head: str, cells: list[str]) -> str:
    return f"| {head} | {' | '.join(cells)} |"
