"""The panel "Folder": a zip or many files labelled, with a confusion matrix where folder names are labels."""

import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
from playground.tabs.clip.settings import Settings
from playground.tabs.clip.words import figure_words, literal
from playground.tabs.components import LivePlotly
from playground.tabs.components.grid import Cell, grid
from playground.tabs.files import place
from playground.tabs.jobs import alone, place_of
from playground.tabs.pictures import shown
from playground.tabs.progress import bar

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
        w.label = gr.Button(label("clip.folder.start"), variant="primary", min_width=90, elem_id="clip-label")
        w.folder_example = gr.Button(label("clip.folder.example"), min_width=90, elem_id="clip-folder-example")
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
    results: list[clip.Labelled] = []
    cells: list[Cell] = []
    last = 0.0
    zipped = len(files) == 1 and files[0].lower().endswith(".zip")
    with _found(files[0] if zipped else files) as pictures, leased(manager, settings.model) as model:
        named = pictures.files if zipped else _named(pictures)
        journal = _journal(settings, files)
        with alone(journal) as free:
            if not free:
                raise ValueError("these files are being labelled already: wait for that run, or stop it")
            for head in clip.classifier_head(model, settings.names, settings.sentences):
                if stop.is_set():
                    yield {"progress": bar(0, say(language, "clip.stopped"))}, None
                    return
                if head.done < head.total and time.monotonic() > last + FRAME:
                    last = time.monotonic()
                    words = say(language, "clip.embedding", n=head.done, of=head.total)
                    yield {"progress": bar(head.done / head.total, words)}, None
            labelling = _labelling(model, named, settings, head.weights, journal)
            with closing(labelling):
                for file, result in zip(named, labelling, strict=False):
                    results.append(result)
                    if len(cells) < SHOWN and not result.error:
                        cells.append(_cell(file, result))
                    if stop.is_set():
                        break
                    if time.monotonic() > last + FRAME:
                        last = time.monotonic()
                        words = say(language, "clip.folder.labelling", n=f"{len(results):,}", of=f"{len(named):,}")
                        yield {"progress": bar(len(results) / len(named), words), "labelled": grid(cells)}, None
            if len(results) == len(named):
                journal.unlink(missing_ok=True)
        skipped = pictures.skipped
    made = Batch(tuple(results), Path(files[0]).stem)
    yield {"progress": "", "labelled": grid(cells), **_summary(made, len(named), skipped, language)}, made


def _found(source: str | list[str]) -> clip.Pictures:
    """The pictures; a refusal names files as the person does, without the place where the server keeps them."""
    try:
        return clip.find_pictures(source)
    except (ValueError, OSError) as error:
        text = str(error)
        for path in [source] if isinstance(source, str) else source:
            text = text.replace(str(Path(path).parent) + "/", "")
        raise ValueError(text) from error


def _named(pictures: clip.Pictures) -> list[clip.PictureFile]:
    """Files that came one by one, by their own names: the folders above them are the server's."""
    seen: dict[str, int] = {}
    named = []
    for file in sorted(pictures, key=lambda one: Path(one.name).name):
        name = Path(file.name).name
        seen[name] = seen.get(name, 0) + 1
        named.append(replace(file, name=name if seen[name] == 1 else f"{seen[name]}-{name}"))
    return named


def _labelling(
    model: clip.CLIP, named: Sequence[clip.PictureFile], settings: Settings, weights: np.ndarray, journal: Path
) -> Generator[clip.Labelled]:
    """From the journal on; one that is damaged or of other weights is begun anew, for nobody else can delete it."""
    options: dict[str, Any] = {"journal": journal, "model_name": settings.model, "weights": weights}
    try:
        yield from clip.label_pictures(model, named, settings.names, settings.sentences, **options)
    except clip.JournalError:
        journal.unlink(missing_ok=True)
        yield from clip.label_pictures(model, named, settings.names, settings.sentences, **options)


def write(kind: str, batch: Batch, folder: Path) -> str:
    """The table as a file of a kind in `KINDS`."""
    path = place(folder, f"{batch.source or 'labels'}.{kind}")
    clip.write_table(batch.results, path)
    return str(path)


def _journal(settings: Settings, files: list[str]) -> Path:
    """Where this run is kept."""
    asked = (settings.model, settings.names, settings.sentences)
    return place_of("playground-labels", asked, files).with_suffix(".jsonl")


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
        text += " " + say(
            language, "clip.folder.failed", n=len(failed), first=literal(f"{failed[0].name}: {failed[0].error}")
        )
    found = clip.confusion(batch.results) if batch.results else None
    if found is None or not found.count:
        given = Counter(result.label for result in batch.results if result.label)
        counts = ", ".join(f"{name} {count:,}" for name, count in given.most_common()) or "–"
        text += " " + say(language, "clip.folder.counts", counts=literal(counts))
        return {"folder_verdict": text, "confusion": gr.update(visible="hidden")}
    text += " " + say(language, "clip.folder.accuracy", share=f"{found.accuracy:.1%}", n=f"{found.count:,}")
    words = figure_words(language)
    return {
        "folder_verdict": text,
        "confusion": gr.update(value=figures.confusion(found.labels, found.matrix, words=words), visible=True),
    }
