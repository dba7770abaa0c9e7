"""How one answer is read, as HTML: the letter, the rule, what it rests on, and the rules in their order."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from playground.tabs.components.question_card import answer_marked

__all__ = ["WORDS", "Reading", "reading_styles", "readings"]

CSS = Path(__file__).with_name("reading_card.css")
WORDS = {  # where the caller has none in another language
    "none": "no letter", "declines": "declines to choose", "by": "Decided by", "rests": "It rests on what is marked:",
    "no_span": "No characters of the answer decide it:", "considered": "Options it had before it:",
    "order": "The rules, in their order", "passed": "gave no letter", "fired": "decides", "unasked": "not needed",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """One profile's reading of an answer: the letter (None: none) with its option's text, the rule that decided among
    `rules`, (key, name, why) in their order, the characters it rests on, and the letters it had before it."""

    profile: str
    note: str
    answer: str
    letter: str | None
    option: str
    refused: bool
    rule: str
    span: tuple[int, int] | None
    considered: Sequence[str]
    rules: Sequence[tuple[str, str, str]]


def readings(several: Sequence[Reading], *, words: Mapping[str, str] | None = None) -> str:
    """Readings side by side, one below the other on a phone; they want `reading_styles()` once on the page."""
    said = {**WORDS, **(words or {})}
    return f'<div class="pg-readings">{"".join(_reading(one, said) for one in several)}</div>'


def reading_styles() -> gr.HTML:
    """An invisible part of the page that holds the style sheet; within a `gr.Blocks`, once."""
    return gr.HTML(f"<style>{CSS.read_text(encoding='utf-8')}</style>", visible="hidden", js_on_load=None)


def _reading(one: Reading, said: Mapping[str, str]) -> str:
    nothing = said["declines"] if one.refused else said["none"]
    letter = f"<b>{_text(one.letter)}</b><span>{_text(one.option)}</span>" if one.letter else (
        f'<b class="pg-r-none">–</b><span>{_text(nothing)}</span>'
    )  # fmt: skip
    fired = next(i for i, (key, _, _) in enumerate(one.rules) if key == one.rule)
    _, name, why = one.rules[fired]
    considered = ""
    if len(one.considered) > 1 or (one.considered and one.letter is None):
        considered = f'<p class="pg-r-small">{_text(said["considered"])} {_text(", ".join(one.considered))}</p>'
    rests = _text(said["no_span" if one.span is None else "rests"])
    return (
        f'<section class="pg-reading"><h4>{_text(one.profile)} <small>{_text(one.note)}</small></h4>'
        f'<p class="pg-r-letter">{letter}</p>'
        f'<p><span class="pg-r-small">{_text(said["by"])}</span> <b>{_text(name)}</b><br>{_text(why)}</p>'
        f'<p class="pg-r-small">{rests}</p>{answer_marked(one.answer, one.span)}{considered}'
        f"<h5>{_text(said['order'])}</h5><ol>"
        + "".join(_rule(i, fired, rule, said) for i, rule in enumerate(one.rules))
        + "</ol></section>"
    )


def _rule(place: int, fired: int, rule: tuple[str, str, str], said: Mapping[str, str]) -> str:
    state = "passed" if place < fired else "fired" if place == fired else "unasked"
    _, name, why = rule
    return f'<li class="pg-r-{state}" title="{_text(why)}"><span>{_text(name)}</span><em>{_text(said[state])}</em></li>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)
