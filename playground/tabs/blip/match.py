"""The panel "Match": a picture and several texts, scored apart and together, and which words speak for a match."""

import threading
from collections.abc import Generator
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
from playground.tabs.blip.settings import MOST_TEXTS, Settings
from playground.tabs.blip.words import figure_words
from playground.tabs.clip.words import literal
from playground.tabs.components import LivePlotly, Slider
from playground.tabs.components.grid import Cell, grid
from playground.tabs.pictures import picture, shown

__all__ = ["Matched", "lay_out", "lay_out_controls", "show"]

SIDE = 112  # pixels of a small picture
YES = 0.5  # from here on a probability says that they match


@dataclass(frozen=True, eq=False)
class Matched:
    """What the panel shows, for its files."""

    settings: Settings
    matches: blip.Matches


def lay_out_controls(w: SimpleNamespace) -> None:
    """The left column's part."""
    usual = Settings()
    pickers.lay_out(w, "blip", "matcher", offering("match"), usual.matcher)
    with gr.Column(elem_id="blip-for-match"):
        w.texts = gr.Textbox(
            usual.texts, label=label("blip.texts"), info=label("blip.texts.info"), lines=7, max_lines=14,
            interactive=True, elem_id="blip-texts",
        )  # fmt: skip


def lay_out(w: SimpleNamespace) -> None:
    """The right column."""
    w.matches = LivePlotly(height=330, config={"displayModeBar": False}, elem_id="blip-matches")
    w.match_verdict = gr.Markdown(elem_id="blip-match-verdict")
    w.pointed = Slider(
        1, MOST_TEXTS, value=1, step=1, label=label("blip.pointed"), buttons=[], interactive=True,
        elem_id="blip-pointed",
    )  # fmt: skip
    w.match_looks = gr.HTML(elem_id="blip-match-looks")
    gr.Markdown(label("blip.match.looks.hint"), elem_classes="pg-hint")


def show(
    manager: ModelManager, settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Matched | None]]:
    """The panel's figures for the settings; nothing after Stop."""
    image, texts = picture(settings), settings.said
    pointed = texts[min(settings.pointed, len(texts)) - 1]
    with leased(manager, settings.matcher) as model:
        found = blip.match(model, [image], texts)
        looks = blip.look_match(model, image, pointed) if blip.cleaned(pointed) else None
    if stop.is_set():
        yield {"progress": ""}, None
        return
    cells = []
    if looks is not None:
        small, most = shown(image, SIDE), float(looks.maps.max())
        cells = [
            Cell(figures.spotlight(small, heat, most), f"{word} {score:.0%}", word, best=score == 1)
            for word, heat, score in zip(looks.words, looks.maps, looks.scores, strict=True)
        ]
    yield (
        {
            "progress": "",
            "matches": figures.matches(texts, found.cosine[0], found.probability[0], words=figure_words(language)),
            "match_verdict": _verdict(texts, found, language),
            "match_looks": grid(cells, say(language, "blip.looks.none")),
        },
        Matched(settings, found),
    )


def _verdict(texts: list[str], found: blip.Matches, language: str) -> str:
    """Where the two heads disagree, in a sentence."""
    cosine, share = found.cosine[0], found.probability[0]
    yes = [i for i in range(len(texts)) if share[i] >= YES]
    no = [i for i in range(len(texts)) if share[i] < YES]
    told = say(language, "blip.match.count", n=len(yes), of=len(texts))
    # The clearest disagreement: a text that does not match, and is nearer than one that does.
    crossed = [(cosine[j] - cosine[i], i, j) for i in yes for j in no if cosine[j] > cosine[i]]
    if not crossed:
        return told + " " + say(language, "blip.match.agree")
    _, i, j = max(crossed)
    values = {"true": literal(texts[i]), "false": literal(texts[j]), "low": f"{cosine[i]:.3f}",
              "high": f"{cosine[j]:.3f}", "yes": f"{share[i]:.0%}", "no": f"{share[j]:.0%}"}  # fmt: skip
    return told + " " + say(language, "blip.match.disagree", **values)
