"""The panel "Folder": a zip or many files labelled, with a confusion matrix where folder names are labels."""

import hashlib
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from playground import clip
from playground.figures import clip as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.tabs.clip.models import leased
from playground.tabs.clip.pictures import shown
from playground.tabs.clip.settings import Settings
from playground.tabs.clip.words import figure_words
from playground.tabs.components import LivePlotly
from playground.tabs.components.grid import Cell, grid
from playground.tabs.diffusion.progress import bar
from playground.tabs.files import place

__all__ = ["KINDS", "Batch", "lay_out", "run", "write"]

FRAME = 0.5  # seconds between two pictures of the page
SHOWN, SIDE = 48, 96
KINDS = ("csv", "json", "parquet")


@dataclass(frozen=True, eq=False)
class Batch:
    """What one person has labelled."""

    results: tuple[clip.Labelled, ...]
    source: str


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("clip.folder.lead"), elem_classes="pg-hint")
    w.folder_files = gr.File(
        label=label("clip.folder.files"), show_label=False, type="filepath", file_count="multiple", height=130,
        interactive=True, elem_id="clip-folder-files",
    )  # fmt: skip
    with gr.Row(elem_classes="pg-buttons"):
        w.label = gr.Button(label("clip.folder.start"), variant="primary", elem_id="clip-label")
        w.folder_downloads = {
            kind: gr.Button(label(f"clip.download.{kind}"), min_width=90, elem_id=f"clip-folder-{kind}")
            for kind in KINDS
        }
    w.folder_verdict = gr.Markdown(elem_id="clip-folder-verdict")
    w.confusion = LivePlotly(height=380, config={"displayModeBar": False}, visible="hidden", elem_id="clip-confusion")
    w.labelled = gr.HTML(elem_id="clip-labelled")


def run(
    manager: ModelManager, settings: Settings, files: list[str], stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Batch | None]]:
    """Label them; Stop keeps what is done, and the same files with the same labels go on from there."""
    sources: str | list[str] = files[0] if len(files) == 1 and files[0].lower().endswith(".zip") else files
    results: list[clip.Labelled] = []
    cells: list[Cell] = []
    last = 0.0
    with clip.find_pictures(sources) as pictures, leased(manager, settings.model) as model:
        journal = _journal(settings, files)
        labelling = clip.label_pictures(
            model, pictures, settings.names, settings.sentences, journal=journal, model_name=settings.model
        )
        for file, result in zip(pictures, labelling, strict=False):
            results.append(result)
            if len(cells) < SHOWN and not result.error:
                cells.append(_cell(file, result))
            if stop.is_set():
                labelling.close()
                break
            if time.monotonic() > last + FRAME:
                last = time.monotonic()
                words = say(language, "clip.folder.labelling", n=f"{len(results):,}", of=f"{len(pictures):,}")
                yield {"progress": bar(len(results) / len(pictures), words), "labelled": grid(cells)}, None
        total, skipped = len(pictures), pictures.skipped
    if len(results) == total:
        journal.unlink(missing_ok=True)
    made = Batch(tuple(results), Path(files[0]).stem if files else "")
    update = {"progress": "", "labelled": grid(cells), **_summary(made, total, skipped, language)}
    yield update, made


def write(kind: str, batch: Batch, folder: Path) -> str:
    """The table as a file of a kind in `KINDS`."""
    path = place(folder, f"{batch.source or 'labels'}.{kind}")
    clip.write_table(batch.results, path)
    return str(path)


def _journal(settings: Settings, files: list[str]) -> Path:
    """Where this run is kept: by what the files hold, so that it is found again after a crash."""
    digest = hashlib.sha256(repr((settings.model, settings.names, settings.sentences)).encode())
    for path in files:
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    folder = Path(tempfile.gettempdir(), "playground-labels")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{digest.hexdigest()[:32]}.jsonl"


def _cell(file: clip.PictureFile, result: clip.Labelled) -> Cell:
    picture = shown(clip.read_image(file.read()), SIDE)
    share = f"{result.probabilities[result.index or 0]:.0%}"
    return Cell(picture, f"{share} {result.label}", f"{result.name}: {result.label} ({share})")


def _summary(batch: Batch, total: int, skipped: int, language: str) -> dict[str, Any]:
    failed = [result for result in batch.results if result.error]
    done = len(batch.results)
    text = say(language, "clip.folder.done" if done == total else "clip.folder.part", n=f"{done:,}", of=f"{total:,}")
    if skipped:
        text += " " + say(language, "clip.folder.skipped", n=skipped)
    if failed:
        text += " " + say(language, "clip.folder.failed", n=len(failed), first=f"{failed[0].name}: {failed[0].error}")
    found = clip.confusion(batch.results) if batch.results else None
    if found is None or not found.count:
        counts = np.zeros(len(batch.results[0].labels)) if batch.results else np.zeros(0)
        for result in batch.results:
            if result.index is not None:
                counts[result.index] += 1
        text += " " + say(language, "clip.folder.counts", counts=", ".join(
            f"{name} {int(count):,}" for name, count in zip(batch.results[0].labels, counts, strict=True) if count
        ) if batch.results else "–")  # fmt: skip
        return {"folder_verdict": text, "confusion": gr.update(visible="hidden")}
    text += " " + say(language, "clip.folder.accuracy", share=f"{found.accuracy:.1%}", n=f"{found.count:,}")
    words = figure_words(language)
    return {
        "folder_verdict": text,
        "confusion": gr.update(value=figures.confusion(found.labels, found.matrix, words=words), visible=True),
    }
