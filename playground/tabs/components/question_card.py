"""A question of choice with all its passes, as HTML: what was asked, answered and read; every text is escaped."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from playground.pictures import read_image
from playground.tabs.components.grid import data_url

__all__ = ["WORDS", "Asked", "Turn", "answer_marked", "card", "card_styles"]

CSS = Path(__file__).with_name("question_card.css")
SIDE = 480  # pixels of the picture's longer side, at most
SHOWN = 300  # characters of an answer before it folds
LONGEST = 20_000  # characters of an answer, unfolded
WORDS = {  # where the caller has none in another language
    "picture": "the picture of the question", "no_picture": "The picture cannot be read.", "hint": "Hint",
    "pass": "Pass {0}", "right": "right answer", "chosen": "chosen", "not_asked": "not asked", "why": "an earlier pass "
    "failed", "unread": "No letter could be read.", "rule": "Decided by", "answer": "Answer", "more": "all of it",
    "empty": "an empty answer", "passed": "Right in every pass", "failed": "Wrong in a pass", "open": "Still open",
    "nothing": "No question to show.", "cut": "… {0} more characters",
}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """One pass: options in its order, each with its letter, which is right, what was answered, the letter read in that
    (None: none) and the rule that read it; `asked` is False where an earlier pass had failed already."""

    options: Sequence[tuple[str, str]]
    answer: str | None
    letter: str | None
    prediction: str
    rule: str
    asked: bool = True


@dataclass(frozen=True)
class Asked:
    """A question with its picture as a file's bytes, the ability in the page's language, its passes, and whether it is
    right in all of them (None: not decided yet)."""

    index: int
    picture: bytes | None
    question: str
    hint: str
    ability: str
    turns: Sequence[Turn]
    passed: bool | None = None


def card(asked: Asked | None, rules: Mapping[str, str] | None = None, *, words: Mapping[str, str] | None = None) -> str:
    """The card; `rules` are what the rules are called. It wants `card_styles()` once on the page."""
    said = {**WORDS, **(words or {})}
    if asked is None:
        return f'<p class="pg-hint">{html.escape(said["nothing"])}</p>'
    verdict = {True: "passed", False: "failed", None: "open"}[asked.passed]
    hint = f'<p class="pg-q-hint"><b>{_text(said["hint"])}</b> {_text(asked.hint)}</p>' if asked.hint.strip() else ""
    ability = f'<span class="pg-q-ability">{_text(asked.ability)}</span>' if asked.ability else ""
    turns = "".join(_turn(i, turn, rules or {}, said) for i, turn in enumerate(asked.turns, 1))
    return (
        f'<article class="pg-q"><div class="pg-q-head">{_picture(asked.picture, said)}<div class="pg-q-said">'
        f'<p class="pg-q-line">{ability}<span>#{asked.index}</span>'
        f'<b class="pg-q-verdict pg-q-{verdict}">{_text(said[verdict])}</b></p>'
        f'<p class="pg-q-question">{_text(asked.question)}</p>{hint}</div></div>'
        f'<div class="pg-q-turns">{turns}</div></article>'
    )


def card_styles() -> gr.HTML:
    """An invisible part of the page that holds the cards' style sheet; within a `gr.Blocks`, once."""
    return gr.HTML(f"<style>{CSS.read_text(encoding='utf-8')}</style>", visible="hidden", js_on_load=None)


def answer_marked(text: str, span: tuple[int, int] | None) -> str:
    """An answer as it is written, the characters from `span[0]` to before `span[1]` highlighted; None marks none."""
    begin, end = (max(0, min(at, len(text))) for at in span or (0, 0))
    if begin >= end:
        return f'<p class="pg-q-answer">{_text(text)}</p>'
    marked = f"<mark>{_text(text[begin:end])}</mark>"
    return f'<p class="pg-q-answer">{_text(text[:begin])}{marked}{_text(text[end:])}</p>'


def _turn(number: int, turn: Turn, rules: Mapping[str, str], said: Mapping[str, str]) -> str:
    options = "".join(_option(letter, text, turn, said) for letter, text in turn.options)
    title = _text(said["pass"].format(number))
    if not turn.asked:
        why = f"{_text(said['not_asked'])}: {_text(said['why'])}"
        return f'<section class="pg-q-turn pg-q-skipped"><h4>{title}</h4><ul>{options}</ul><p>{why}</p></section>'
    read = "" if turn.letter is not None else f'<p class="pg-q-unread">{_text(said["unread"])}</p>'
    rule = f'<p class="pg-q-rule">{_text(said["rule"])}: {_text(rules.get(turn.rule, turn.rule))}</p>'
    hit = turn.letter is not None and turn.letter == turn.answer
    kind, sign = ("hit", "✓") if hit else ("miss", "✗")
    return (
        f'<section class="pg-q-turn"><h4>{title} <span class="pg-q-{kind}" aria-hidden="true">{sign}</span></h4>'
        f"<ul>{options}</ul>{read}{rule}{_answer(turn.prediction, said)}</section>"
    )


def _option(letter: str, text: str, turn: Turn, said: Mapping[str, str]) -> str:
    right, chosen = letter == turn.answer, turn.asked and letter == turn.letter
    classes = " ".join(
        name
        for name, on in (("pg-q-right", right), ("pg-q-chosen", chosen), ("pg-q-wrong", chosen and not right))
        if on
    )
    told = ", ".join(said[name] for name, on in (("right", right), ("chosen", chosen)) if on)
    mark = "✓" if right else "✗" if chosen else ""
    spoken = f'<i class="pg-q-spoken">({_text(told)})</i>' if told else ""
    return (
        f'<li class="{classes}" title="{_text(told)}"><b>{_text(letter)}</b><span>{_text(text)}{spoken}</span>'
        f'<em aria-hidden="true">{mark}</em></li>'
    )


def _answer(text: str, said: Mapping[str, str]) -> str:
    title = _text(said["answer"])
    if not text.strip():
        return f'<p class="pg-q-answer pg-q-none"><b>{title}</b> {_text(said["empty"])}</p>'
    if len(text) <= SHOWN:
        return f'<p class="pg-q-answer"><b>{title}</b> {_text(text)}</p>'
    cut = f" <i>{_text(said['cut'].format(f'{len(text) - LONGEST:,}'))}</i>" if len(text) > LONGEST else ""
    return (
        f'<details class="pg-q-answer"><summary><b>{title}</b> <span class="pg-q-start">{_text(text[:SHOWN])}…</span> '
        f'<span class="pg-q-more">{_text(said["more"])}</span></summary>{_text(text[:LONGEST])}{cut}</details>'
    )


def _picture(content: bytes | None, said: Mapping[str, str]) -> str:
    if content is None:
        return ""
    try:
        picture = read_image(content)
    except ValueError:  # the question is there to be read all the same
        return f'<p class="pg-q-picture pg-hint">{_text(said["no_picture"])}</p>'
    picture.thumbnail((SIDE, SIDE))
    return f'<img class="pg-q-picture" src="{data_url(np.asarray(picture))}" alt="{_text(said["picture"])}">'


def _text(text: str) -> str:
    return html.escape(text, quote=True)
