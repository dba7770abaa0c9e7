"""The panel "Extraction lab": an answer read by both profiles, rule by rule, and cases that are easily misread."""

import re
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr

from playground import mmbench
from playground.i18n import TEXTS, label, say
from playground.mmbench import Extraction
from playground.mmbench.extraction_rules import RULES as ROBUST
from playground.mmbench.judge import judge_prompt
from playground.mmbench.tricky import TRICKY, Tricky
from playground.tabs.components import Table
from playground.tabs.components import reading_card as card
from playground.tabs.components.question_card import card_styles
from playground.tabs.components.table import Column, Row, table
from playground.tabs.listeners import private
from playground.tabs.mmbench.panel import PanelSettings
from playground.tabs.panel import Frames, Panel, Record

__all__ = ["PANEL", "Read", "Settings", "options_of"]

UPSTREAM = ("refusal", "token", "z_token", "answer_is", "too_long", "text", "several_texts", "nothing")  # in its order
ORDER: Mapping[str, tuple[str, ...]] = {"robust": tuple(ROBUST), "vlmevalkit": UPSTREAM}
LONGEST, MOST = 20_000, 26  # characters of a text, options
SHOWN = 60  # characters of a case's options in the table
LETTERED = re.compile(r"([A-Z])\s*[.):：．、]\s*(?=\S)")
FIRST = TRICKY[0]
SCROLL = "() => document.querySelector('#mmbench-lab-verdict').scrollIntoView({behavior: 'smooth'})"  # to its reading


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The controls."""

    PANEL: ClassVar[str] = "lab"

    answer: str = FIRST.answer
    options: str = "\n".join(FIRST.options)
    question: str = "Which animal is in the picture?"

    def __post_init__(self) -> None:
        for name in ("answer", "options", "question"):
            length = len(getattr(self, name))
            if length > LONGEST:
                raise ValueError(f"the {name} has {length:,} characters, more than the {LONGEST:,} allowed")


@dataclass(frozen=True)
class Read:
    """An answer as the profiles read it."""

    options: Mapping[str, str]
    found: tuple[Extraction, ...]


def options_of(text: str) -> dict[str, str]:
    """Options by letter, from a text with one a line, A first; "A. cat" is cat if every line has its letter so.

    Raises `ValueError` for fewer than 2 and more than 26.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 2 <= len(lines) <= MOST:
        raise ValueError(f"there must be 2 to {MOST} options, one a line, not {len(lines)}")
    heads = [LETTERED.match(line) for line in lines]
    if all(head and head.group(1) == letter for head, letter in zip(heads, string.ascii_uppercase, strict=False)):
        lines = [line[head.end() :] for line, head in zip(lines, heads, strict=True) if head]
    return dict(zip(string.ascii_uppercase, lines, strict=False))


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "mmbench-lab"
    card_styles()
    card.reading_styles()
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("mmbench.lab.lead"), elem_classes="pg-hint")
            w.lab_answer = gr.Textbox(
                usual.answer, label=label("mmbench.lab.answer"), lines=3, max_lines=12, interactive=True,
                elem_id=f"{key}-answer",
            )  # fmt: skip
            w.lab_options = gr.Textbox(
                usual.options, label=label("mmbench.lab.options"), info=label("mmbench.lab.options.info"), lines=4,
                max_lines=10, interactive=True, elem_id=f"{key}-options",
            )  # fmt: skip
            with gr.Row(elem_classes="pg-buttons"):
                w.lab_read = gr.Button(label("mmbench.lab.read"), variant="primary", elem_id=f"{key}-read")
            with gr.Accordion(label("mmbench.lab.judge"), open=False, elem_id=f"{key}-judge"):
                gr.Markdown(label("mmbench.lab.judge.info"), elem_classes="pg-hint")
                w.lab_question = gr.Textbox(
                    usual.question, label=label("mmbench.lab.question"), max_lines=4, interactive=True,
                    elem_id=f"{key}-question",
                )  # fmt: skip
                w.lab_prompt = gr.Textbox(
                    label=label("mmbench.lab.prompt"), lines=8, max_lines=24, interactive=False, buttons=["copy"],
                    elem_id=f"{key}-prompt",
                )  # fmt: skip
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.lab_verdict = gr.Markdown(elem_id=f"{key}-verdict")
            w.lab_reading = gr.HTML(elem_id=f"{key}-reading", js_on_load=None)
    gr.Markdown(label("mmbench.lab.cases"))
    w.lab_count = gr.Markdown(elem_id=f"{key}-count", elem_classes="pg-hint")
    w.lab_cases = Table(elem_id=f"{key}-cases", elem_classes="pg-r-table")
    w.lab_cases.click(None, None, None, js=SCROLL, **private())


def show(settings: Settings, _: Read | None, __: threading.Event, language: str) -> Frames:
    """Both readings, the judge's prompt, and the cases."""
    options = options_of(settings.options)
    found = tuple(mmbench.explain_choice(settings.answer, options, profile) for profile in ORDER)
    case = next((one for one in TRICKY if _is(one, settings.answer, options)), None)
    frame = {
        "progress": "",
        "verdict": _verdict(found, case, language),
        "reading": card.readings(
            [_reading(one, settings.answer, options, language) for one in found],
            words={name: TEXTS[language][f"mmbench.lab.reading.{name}"] for name in card.WORDS},
        ),
        "prompt": judge_prompt(settings.question, options, settings.answer),
        "count": _count(language),
        "cases": _cases(case, language),
    }
    yield frame, Read(options, found)


def _is(case: Tricky, answer: str, options: Mapping[str, str]) -> bool:
    return case.answer == answer and list(case.options) == list(options.values())


def _reading(one: Extraction, answer: str, options: Mapping[str, str], language: str) -> card.Reading:
    texts = TEXTS[language]
    rules = [(rule, texts[f"mmbench.rule.{rule}"], _why(rule, one.profile, language)) for rule in ORDER[one.profile]]
    option = options[one.letter] if one.letter else ""
    note = texts[f"mmbench.lab.profile.{one.profile}"]
    return card.Reading(
        one.profile, note, answer, one.letter, option, one.refused, one.rule, one.span, one.considered, rules
    )


def _why(rule: str, profile: str, language: str) -> str:
    """Why a rule decides; where both profiles have one of a name, each its own."""
    texts, key = TEXTS[language], f"mmbench.rule.{rule}.why"
    own = f"{key}.{profile}"
    return texts[own] if own in texts else texts[key]


def _verdict(found: tuple[Extraction, ...], case: Tricky | None, language: str) -> str:
    robust, upstream = found
    values = {one.profile: _named(one.letter, one.refused, language) for one in found}
    same = robust.letter == upstream.letter
    key = ("none" if robust.letter is None else "same") if same else "differ"
    text = say(language, f"mmbench.lab.verdict.{key}", **values)
    if case is not None:
        text += " " + say(language, "mmbench.lab.verdict.person", letter=_named(case.person, False, language))
    return text


def _named(letter: str | None, refused: bool, language: str) -> str:
    return letter or say(language, f"mmbench.lab.reading.{'declines' if refused else 'none'}")


def _count(language: str) -> str:
    """How many cases each profile misreads, and how: a wrong letter is worse than none."""
    values: dict[str, Any] = {"cases": len(TRICKY)}
    for name in ORDER:
        missed = [one for one in TRICKY if name in one.missed]
        wrong = sum(getattr(one, name) is not None for one in missed)
        values |= {name: len(missed), f"{name}_wrong": wrong, f"{name}_none": len(missed) - wrong}
    return say(language, "mmbench.lab.count", **values)


def _cases(now: Tricky | None, language: str) -> dict[str, Any]:
    heads = ("answer", "person", *ORDER, "options", "group")
    columns = [Column(say(language, f"mmbench.lab.column.{head}")) for head in heads]
    rows = []
    for i, one in enumerate(TRICKY):
        read = [f"{'✗' if name in one.missed else '✓'} {getattr(one, name) or '–'}" for name in ORDER]
        listed = " · ".join(one.options)
        listed = listed if len(listed) <= SHOWN else listed[: SHOWN - 1] + "…"
        cells = [one.answer, one.person or "–", *read, listed, say(language, f"mmbench.lab.group.{one.group}")]
        rows.append(Row(cells, id=str(i), best=one is now))
    return table(columns, rows, action=say(language, "mmbench.lab.try"))


def fill_case(row: str, _: Path, __: str) -> Mapping[str, Any]:
    """The boxes of a row of the table."""
    one = TRICKY[int(row)]
    return {"answer": one.answer, "options": "\n".join(one.options)}


def read_again(_: str, __: Path, ___: str) -> Mapping[str, Any]:
    """The boxes as they are: a look at them follows."""
    return {"answer": gr.skip()}


def program(settings: Settings, _: str) -> list[str]:
    """The same readings, and the judge's prompt."""
    return [
        "from playground import mmbench",
        "from playground.mmbench.judge import judge_prompt",
        "",
        f"answer = {settings.answer!r}",
        f"options = {options_of(settings.options)!r}",
        "for profile in mmbench.PROFILES:",
        "    found = mmbench.explain_choice(answer, options, profile)",
        "    print(profile, found.letter, found.rule, found.span, found.considered)",
        "",
        f"print(judge_prompt({settings.question!r}, options, answer))",
    ]


def record(settings: Settings, kept: Read) -> Record:
    """The own case, then the tricky ones, each with both readings and their rules."""
    columns = ["group", "answer", "options", "person"]
    columns += [f"{name}{part}" for name in ORDER for part in ("", "_rule")]
    own = next((one for one in TRICKY if _is(one, settings.answer, kept.options)), None)
    lines = [
        ["own", settings.answer, " | ".join(kept.options.values()), (own and own.person) or "", *_parts(kept.found)]
    ]
    for one in TRICKY:
        found = tuple(mmbench.explain_choice(one.answer, one.options, profile) for profile in ORDER)
        lines.append([one.group, one.answer, " | ".join(one.options), one.person or "", *_parts(found)])
    return columns, lines, {"judge_prompt": judge_prompt(settings.question, kept.options, settings.answer)}


def _parts(found: tuple[Extraction, ...]) -> list[str]:
    return [part for one in found for part in ("Z" if one.refused else one.letter or "", one.rule)]


PANEL = Panel(
    Settings,
    lay_out,
    ("verdict", "reading", "prompt", "count", "cases"),
    show,
    {},
    program,
    record,
    fills={"cases": fill_case, "read": read_again},
)
