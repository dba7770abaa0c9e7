"""The panel "Caption": a picture captioned by each strategy, how sure of every word, the beams, where words look."""

import html
import math
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import blip
from playground.figures import blip as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.tabs import pickers
from playground.tabs.blip.models import leased, offering
from playground.tabs.blip.settings import BEAMS, LENGTH, PENALTY, TOP_P, Settings
from playground.tabs.blip.words import figure_words
from playground.tabs.components import LivePlotly, Slider
from playground.tabs.components.grid import Cell, grid
from playground.tabs.pictures import picture, shown
from playground.tabs.progress import bar

__all__ = ["Captioned", "Line", "lay_out", "lay_out_controls", "show"]

DRAWS = 3  # captions by nucleus sampling
SIDE = 112  # pixels of a small picture
HAN = "\u2e80"  # from here on characters stand without spaces


@dataclass(frozen=True, eq=False)
class Line:
    """One caption: of a strategy, with its seed where it was drawn."""

    strategy: blip.Strategy
    seed: int | None
    text: str
    words: tuple[str, ...]
    written: blip.Written


@dataclass(frozen=True, eq=False)
class Captioned:
    """What the panel shows, for its files."""

    settings: Settings
    lines: tuple[Line, ...]


def lay_out_controls(w: SimpleNamespace) -> None:
    """The left column's part."""
    usual = Settings()
    pickers.lay_out(w, "blip", "captioner", offering("caption"), usual.captioner)
    with gr.Column(elem_id="blip-for-caption"):
        w.prompt = gr.Textbox(
            usual.prompt, label=label("blip.prompt"), info=label("blip.prompt.info"), max_lines=1, interactive=True,
            elem_id="blip-prompt",
        )  # fmt: skip
        with gr.Accordion(label("blip.more"), open=False, elem_id="blip-more"):
            w.beams = Slider(
                *BEAMS, value=usual.beams, step=1, label=label("blip.beams"), buttons=[], interactive=True,
                elem_id="blip-beams",
            )  # fmt: skip
            w.top_p = Slider(
                *TOP_P, value=usual.top_p, step=0.05, label=label("blip.top_p"), info=label("blip.top_p.info"),
                buttons=[], interactive=True, elem_id="blip-top-p",
            )  # fmt: skip
            w.min_length = Slider(
                *LENGTH, value=usual.min_length, step=1, label=label("blip.min_length"), buttons=[], interactive=True,
                elem_id="blip-min-length",
            )  # fmt: skip
            w.max_length = Slider(
                *LENGTH, value=usual.max_length, step=1, label=label("blip.max_length"), buttons=[], interactive=True,
                elem_id="blip-max-length",
            )  # fmt: skip
            w.penalty = Slider(
                *PENALTY, value=usual.penalty, step=0.05, label=label("blip.penalty"), buttons=[], interactive=True,
                elem_id="blip-penalty",
            )  # fmt: skip
            w.seed = gr.Number(usual.seed, label=label("blip.seed"), interactive=True, elem_id="blip-seed")


def lay_out(w: SimpleNamespace) -> None:
    """The right column."""
    w.captions = gr.HTML(elem_id="blip-captions")
    gr.Markdown(label("blip.captions.hint"), elem_classes="pg-hint")
    w.looked = gr.Radio(
        [(label(f"blip.strategy.{name}"), name) for name in blip.STRATEGIES],
        value=Settings().looked, label=label("blip.looked"), interactive=True, elem_id="blip-looked",
        elem_classes="pg-pills",
    )  # fmt: skip
    w.looks = gr.HTML(elem_id="blip-looks")
    gr.Markdown(label("blip.looks.hint"), elem_classes="pg-hint")
    w.tree = LivePlotly(height=330, config={"displayModeBar": False}, elem_id="blip-tree")
    gr.Markdown(label("blip.tree.hint"), elem_classes="pg-hint")


def show(
    manager: ModelManager, settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Captioned | None]]:
    """The captions one by one, then the tree and the looks; nothing more after Stop."""
    image = picture(settings)
    made: list[Line] = []
    plan: list[tuple[blip.Strategy, int | None]] = [
        ("greedy", None),
        ("beam", None),
        *(("nucleus", settings.seed + i) for i in range(DRAWS)),
    ]
    with leased(manager, settings.captioner) as model:
        decode = blip.tokenizer_of(model)
        limits = settings.limits(model.config.limits)
        for number, (strategy, seed) in enumerate(plan):
            if stop.is_set():
                yield {"progress": bar(number / len(plan), say(language, "blip.stopped"))}, None
                return
            yield {"progress": bar(number / len(plan), say(language, "blip.writing", n=number, of=len(plan)))}, None
            (written,) = blip.write(
                model, [image], strategy, prompt=settings.prompted, limits=limits, beams=settings.beams,
                top_p=settings.top_p, seed=seed or 0,
            )  # fmt: skip
            words = tuple(decode.backend.id_to_token(i) or "" for i in written.ids)
            made.append(Line(strategy, seed, decode.decode(written.ids), words, written))
        chosen = next(line for line in made if line.strategy == settings.looked)
        looks = blip.look_caption(model, image, chosen.written.ids, prompt=settings.prompted)
        steps = made[1].written.steps
        nodes = blip.beam_tree(steps)
        taken = [*made[1].written.ids, model.config.end]
        spoken = [decode.backend.id_to_token(node.token) or "" for node in nodes]
    small = shown(image, SIDE)
    most = float(looks.maps.max()) if looks.maps.size else 1.0
    sure = chosen.written.log_probs
    cells = [
        Cell(figures.spotlight(small, heat, most), f"{word} {math.exp(sure[i]):.0%}", word)
        for i, (word, heat) in enumerate(zip(looks.words, looks.maps, strict=True))
    ]
    yield {
        "progress": "",
        "captions": _captions(made, language),
        "looks": grid(cells, say(language, "blip.looks.none")),
        "tree": figures.tree(
            [node.parent for node in nodes], [node.step for node in nodes], spoken, [node.score for node in nodes],
            _taken(nodes, taken), named=figure_words(language),
        ),
    }, Captioned(settings, tuple(made))  # fmt: skip


def _taken(nodes: Sequence[blip.Node], ids: Sequence[int]) -> list[int]:
    """The nodes of these tokens, from the first to the last that the tree has."""
    place = {(node.parent, node.token): i for i, node in enumerate(nodes)}
    path: list[int] = []
    for token in ids:
        found = place.get((path[-1] if path else None, token))
        if found is None:
            break
        path.append(found)
    return path


def _captions(made: Sequence[Line], language: str) -> str:
    """A row a caption: its words, shaded by how sure the model was of each."""
    rows = []
    for line in made:
        name = say(language, f"blip.strategy.{line.strategy}")
        if line.seed is not None:
            name += f" {line.seed}"
        sure = [math.exp(value) for value in line.written.log_probs]
        words = [
            f'<span style="--sure:{share:.3f}" title="{html.escape(word, quote=True)}: {share:.1%}">'
            f"{html.escape(word)}</span>"
            for word, share in zip(line.words, sure, strict=False)
        ]
        rows.append(
            f"<tr><th>{html.escape(name)}</th><td>{_joined(line.words, words)}</td>"
            f'<td class="pg-number" title="{html.escape(say(language, "blip.score"), quote=True)}">'
            f"{line.written.score:.3f}</td></tr>"
        )
    return f'<table class="pg-captions">{"".join(rows)}</table>'


def _joined(words: Sequence[str], shown: Sequence[str]) -> str:
    """What is shown of the words, with spaces but between Chinese characters, where a line may break nevertheless."""
    parts = []
    for i, one in enumerate(shown):
        chinese = i and words[i - 1] > HAN and words[i] > HAN
        parts.append(("<wbr>" if chinese else " " if i else "") + one)
    return "".join(parts)
