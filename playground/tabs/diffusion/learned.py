"""The panel "Learned": a small network trained on the target under a row; model error and solver error apart."""

import shutil
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import diffusion
from playground.figures import diffusion_learned as figures
from playground.i18n import label, say
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.curve import picture_of
from playground.tabs.diffusion.row_choice import row_choice
from playground.tabs.diffusion.settings import LEARN_STEPS, Settings, mixture
from playground.tabs.diffusion.words import figure_words, row_names
from playground.tabs.files import place
from playground.tabs.progress import bar

__all__ = ["Trained", "lay_out", "show", "train", "write_network"]

FRAME = 0.4  # seconds between two pictures


@dataclass(frozen=True, eq=False)
class Trained:
    """What one person's network has learned."""

    about: tuple[object, ...]  # what its weights depend on
    measured: tuple[object, ...]  # what its samples and errors do; empty until they are there
    frame: diffusion.Learning


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual = Settings()
    gr.Markdown(label("diffusion.learned.lead"), elem_classes="pg-hint")
    with gr.Row():
        w.learn_row = row_choice("diffusion.learned.row", usual.learn_row, "diffusion-learn-row")
        w.learn_steps = Slider(
            *LEARN_STEPS, value=usual.learn_steps, step=100, label=label("diffusion.learned.steps"), buttons=[],
            interactive=True, min_width=180, elem_id="diffusion-learn-steps",
        )  # fmt: skip
    with gr.Row(elem_classes="pg-buttons"):
        w.learn = gr.Button(label("diffusion.learned.start"), variant="primary", elem_id="diffusion-learn")
        w.network_file = gr.Button(label("diffusion.learned.file"), elem_id="diffusion-network-file")
    w.learned_figure = LivePlotly(
        height="calc(620px + max(0px, (640px - 100vw) * 2.4))", elem_id="diffusion-learned-figure"
    )
    w.learned_verdict = gr.Markdown(elem_id="diffusion-learned-verdict")
    w.learned_table = Table(elem_id="diffusion-learned-table")


def show(
    settings: Settings, kept: Trained | None, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Trained | None]]:
    """The kept network where it learned just this, measured anew under another solver; else one before its training."""
    if kept is None or kept.about != _about(settings):
        target, row = mixture(*settings.distribution), _row(settings)
        first = next(diffusion.learn(target, row, solver_steps=settings.steps, seed=settings.seed))
        before = say(language, "diffusion.learned.before")
        yield {**_shown(settings, first, language), "learned_verdict": before, "progress": ""}, None
        return
    if kept.measured == _measured(settings):
        yield {**_shown(settings, kept.frame, language), "progress": ""}, kept
        return
    frames = diffusion.measure_learned(
        kept.frame, mixture(*settings.distribution), _row(settings), solver_steps=settings.steps, seed=settings.seed
    )
    yield from _watched(settings, frames, stop, language)


def train(settings: Settings, stop: threading.Event, language: str) -> Generator[tuple[dict[str, Any], Trained | None]]:
    """Pictures while it learns. Stop leaves the picture, and no network."""
    frames = diffusion.learn(
        mixture(*settings.distribution),
        _row(settings),
        steps=settings.learn_steps,
        solver_steps=settings.steps,
        seed=settings.seed,
    )
    yield from _watched(settings, frames, stop, language)


def write_network(trained: Trained, folder: Path) -> str:
    """The network's folder as a zip file, for `diffusion.load_denoiser`."""
    path = place(folder, "denoiser.zip")
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        diffusion.save_denoiser(trained.frame.model, Path(inner) / "denoiser")
        return shutil.make_archive(str(path.with_suffix("")), "zip", inner, "denoiser")


def _watched(
    settings: Settings, frames: Iterator[diffusion.Learning], stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Trained | None]]:
    last, begun = time.monotonic(), time.monotonic()
    for frame in frames:
        if stop.is_set():
            yield {"progress": bar(frame.progress, say(language, "diffusion.stopped"))}, None
            return
        if frame.step == 1 or time.monotonic() > last + FRAME:
            last = time.monotonic()
            key = "measuring" if frame.splits or frame.step == settings.learn_steps else "training"
            words = {"step": f"{frame.step:,}", "steps": f"{settings.learn_steps:,}", "seconds": f"{last - begun:.0f}"}
            progress = bar(frame.progress, say(language, f"diffusion.learned.{key}", **words))
            yield {**_shown(settings, frame, language), "learned_verdict": "", "progress": progress}, None
    yield (
        {**_shown(settings, frame, language), "progress": ""},
        Trained(_about(settings), _measured(settings), frame),
    )


def _row(settings: Settings) -> diffusion.Row:
    return settings.row(settings.learn_row, "train")


def _about(settings: Settings) -> tuple[object, ...]:
    row = _row(settings)
    options = tuple(sorted(row.options.items()))
    return settings.distribution, row.preconditioning, options, settings.learn_steps, settings.seed


def _measured(settings: Settings) -> tuple[object, ...]:
    return _row(settings), settings.steps


def _shown(settings: Settings, frame: diffusion.Learning, language: str) -> dict[str, Any]:
    figure = figures.learned(frame, picture_of(*settings.distribution), words=figure_words("learned", language))
    heads = ("calls", "model", "solver", "total")
    columns = [Column(say(language, f"diffusion.learned.{head}"), number=True) for head in heads]
    rows = [
        Row(
            [
                f"{split.nfe:,}",
                *(
                    f"{getattr(split, f'{part}_median'):.2g} ({getattr(split, f'{part}_rms'):.2g})"
                    for part in ("model", "solver", "total")
                ),
            ]
        )
        for split in frame.splits
    ]
    update = {"learned_figure": figure, "learned_table": table(columns, rows)}
    if len(frame.splits) == len(diffusion.SPLIT_STEPS):
        update["learned_verdict"] = _verdict(settings, frame, language)
    return update


def _verdict(settings: Settings, frame: diffusion.Learning, language: str) -> str:
    """From how many calls on the model is what is wrong."""
    split = frame.splits[-1]
    name = row_names(settings.rows, language)[settings.learn_row - 1]
    words = {"row": name, "model": f"{split.model_median:.2g}", "steps": f"{settings.learn_steps:,}"}
    better = next((s for s in frame.splits if s.solver_median <= s.model_median), None)
    if better is None:
        words |= {"calls": f"{split.nfe:,}", "solver": f"{split.solver_median:.2g}"}
        return say(language, "diffusion.learned.verdict.solver", **words)
    return say(language, "diffusion.learned.verdict.model", **words, calls=better.nfe)
