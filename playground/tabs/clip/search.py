"""The panel "Search": pictures embedded once, found by words; both worlds in one map, and the gap between them."""

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from playground import clip, world
from playground.figures import clip as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.tabs.clip.models import leased
from playground.tabs.clip.settings import SEARCHED, Settings
from playground.tabs.clip.words import figure_words, literal
from playground.tabs.components import LivePlotly, Slider
from playground.tabs.components.grid import Cell, data_url, grid
from playground.tabs.pictures import shown
from playground.tabs.progress import bar
from playground.world.figures import pictures_of

__all__ = ["Indexed", "find", "index", "lay_out"]

FIRST = 900_600_000  # seed of the first still life that is searched
FOUND, MATRIX, MAPPED, SIDE = 12, 10, 300, 96
PART, FRAME = 16, 0.3  # pictures a batch; seconds between two frames
MOST_FILES = 2000


@dataclass(frozen=True, eq=False)
class Indexed:
    """What one person has indexed."""

    settings: Settings
    about: tuple[object, ...]  # model and pictures
    names: tuple[str, ...]
    texts: tuple[str, ...]  # what is said of each: its description, or "" for a person's own pictures
    pictures: tuple[np.ndarray, ...]  # small
    vectors: np.ndarray  # (n, embed_dim)
    skipped: tuple[str, ...] = ()  # files that could not be read, and why


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual = Settings()
    gr.Markdown(label("clip.search.lead"), elem_classes="pg-hint")
    with gr.Row():
        w.query_words = gr.Textbox(
            usual.query_words,
            label=label("clip.search.words"),
            scale=3,
            min_width=220,
            interactive=True,
            elem_id="clip-query-words",
        )
        w.searched = Slider(
            *SEARCHED, value=usual.searched, step=10, label=label("clip.search.count"), buttons=[], scale=2,
            min_width=180, interactive=True, elem_id="clip-searched",
        )  # fmt: skip
    with gr.Accordion(label("clip.search.own"), open=False, elem_id="clip-search-own"):
        w.files = gr.File(
            label=label("clip.search.own"), show_label=False, type="filepath", file_count="multiple", height=130,
            interactive=True, elem_id="clip-files",
        )  # fmt: skip
    w.found = gr.HTML(elem_id="clip-found")
    w.search_verdict = gr.Markdown(elem_id="clip-search-verdict")
    w.map = LivePlotly(height=400, elem_id="clip-map")
    w.matrix = LivePlotly(
        height="calc(430px - max(0px, (640px - 100vw) * 0.3))", config={"displayModeBar": False}, elem_id="clip-matrix"
    )


def index(
    manager: ModelManager, settings: Settings, files: list[str], stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Indexed | None]]:
    """Embed the still lifes, or a person's files, a batch at a time; the last frame has the index."""
    names, texts, pictures, skipped, vectors, last = [], [], [], [], [], 0.0
    total = len(files) if files else settings.searched
    if len(files) > MOST_FILES:
        raise ValueError(f"at most {MOST_FILES:,} files are searched, not {len(files):,}")
    with leased(manager, settings.model) as model:
        for start in range(0, total, PART):
            images: list[Image.Image] = []
            if files:
                for path in files[start : start + PART]:
                    name = path.rsplit("/", 1)[-1]
                    try:
                        images.append(clip.read_image(path))
                        names.append(name)
                        texts.append("")
                    except (ValueError, OSError) as error:
                        skipped.append(str(error).replace(path, name))
            else:
                scenes = [world.sample(FIRST + i) for i in range(start, min(start + PART, total))]
                images = pictures_of(scenes, SIDE)
                names += [f"{scene.seed}.png" for scene in scenes]
                texts += [world.describe(scene, "en") for scene in scenes]
            pictures += [shown(image, SIDE) for image in images]
            vectors.append(clip.embed_images(model, images))
            done = min(start + PART, total)
            if stop.is_set():
                yield {"progress": bar(done / total, say(language, "clip.stopped"))}, None
                return
            if time.monotonic() > last + FRAME and done < total:
                last = time.monotonic()
                yield {"progress": bar(done / total, say(language, "clip.search.indexing", n=done, of=total))}, None
    if not pictures:
        raise ValueError(f"none of the {total} files is a picture: {skipped[0] if skipped else ''}")
    made = Indexed(
        settings, about(settings, files), tuple(names), tuple(texts), tuple(pictures), np.concatenate(vectors),
        tuple(skipped),
    )  # fmt: skip
    yield {"progress": ""}, made


def about(settings: Settings, files: list[str]) -> tuple[object, ...]:
    """What an index depends on."""
    return settings.model, tuple(files) or settings.searched


def find(manager: ModelManager, settings: Settings, kept: Indexed, language: str) -> dict[str, Any]:
    """The best pictures for the words, the map and the matrix."""
    with leased(manager, settings.model) as model:
        hits = clip.search(model, settings.query_words, kept.vectors, count=min(FOUND, len(kept.names)))
        best = [hit.number for hit in hits]
        said = [kept.texts[i] for i in best[:MATRIX]] if kept.texts[0] else settings.names[:MATRIX]
        texts = clip.embed_texts(model, said)
        words = clip.embed_texts(model, [settings.query_words])
    mapped = [i for i in range(len(kept.names)) if i < MAPPED or i in best]
    gap = clip.modality_gap(kept.vectors, np.concatenate([words, texts]))
    together = np.concatenate([words, texts])
    points = clip.map3d(kept.vectors[mapped], together)
    names = [kept.texts[i] or kept.names[i] for i in mapped] + [settings.query_words, *said]
    cells = [
        Cell(kept.pictures[hit.number], f"{hit.score:.3f} {kept.texts[hit.number] or kept.names[hit.number]}",
             kept.texts[hit.number] or kept.names[hit.number], best=i == 0)
        for i, hit in enumerate(hits)
    ]  # fmt: skip
    spoken = figure_words(language)
    small_images = [data_url(kept.pictures[i]) for i in mapped]
    small = [kept.pictures[i] for i in best[:MATRIX]]
    return {
        "found": grid(cells),
        "search_verdict": _verdict(kept, gap, language),
        "map": figures.map3d(
            points, len(mapped), names, small_images, words=spoken, hits=[mapped.index(i) for i in best]
        ),
        "matrix": figures.similarities(kept.vectors[best[:MATRIX]] @ texts.T, small, said),
    }


def _verdict(kept: Indexed, gap: clip.Gap, language: str) -> str:
    text = say(language, "clip.search.verdict", n=f"{len(kept.names):,}", gap=f"{gap.distance:.2f}")
    if kept.skipped:
        text += " " + say(language, "clip.search.skipped", n=len(kept.skipped), first=literal(kept.skipped[0]))
    return text
