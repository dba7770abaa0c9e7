"""The judge of the panel "Score a file": none, a language model on this machine, or one behind an address."""

import os
import re
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import checkpoints
from playground.i18n import label, refusal, say
from playground.manager import ModelManager, ModelSpec
from playground.mmbench import Predictions, Question
from playground.mmbench.judge import Judge, JudgeStep, audit_rows, judge_rows
from playground.mmbench.judge_endpoint import endpoint_judge
from playground.mmbench.judge_local import PATTERNS, TextModel, load_judge, local_judge
from playground.mmbench.verdicts import Verdict, append_verdict, read_verdicts
from playground.server import hosted
from playground.tabs import fetching
from playground.tabs.checks import choice, whole
from playground.tabs.clip.words import literal
from playground.tabs.components import Slider
from playground.tabs.jobs import alone
from playground.tabs.progress import bar

__all__ = ["AUDIT", "JUDGES", "LOCAL", "Asked", "ask", "check", "chosen", "download", "lay_out", "made", "ready"]

JUDGES = ("none", "local", "endpoint")
AUDIT = (0, 200)  # answers that the rules decide and the judge is asked about all the same
VERDICTS = "verdicts.jsonl"
FRAME = 0.35  # seconds between two bars
REPLY = 200  # characters of a reply that are shown
LONGEST = 300  # characters of a name or an address
GAVE_UP = re.compile(
    r"(?:the judge failed on (\d+) rows in a row, at last since )?(.+); the ([\d,]+) verdicts so far are kept"
)
REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


@dataclass(frozen=True)
class Text:
    """A language model of the picker: its repository, its megabytes as fetched, and its licence."""

    source: str
    megabytes: int
    licence: str


LOCAL: Mapping[str, Text] = {  # small ones that follow an instruction, in bfloat16
    "SmolLM2 360M": Text("HuggingFaceTB/SmolLM2-360M-Instruct", 724, "Apache-2.0"),
    "Qwen2.5 0.5B": Text("Qwen/Qwen2.5-0.5B-Instruct", 988, "Apache-2.0"),
    "Qwen3 0.6B": Text("Qwen/Qwen3-0.6B", 1503, "Apache-2.0"),
    "Qwen2.5 1.5B": Text("Qwen/Qwen2.5-1.5B-Instruct", 3087, "Apache-2.0"),
}


@dataclass(frozen=True)
class Asked:
    """Which judge a person wants: what it is called in verdicts, and where it is; the key is in no repr."""

    kind: str
    name: str
    where: str  # a repository or a folder; of an endpoint its address


def lay_out(w: SimpleNamespace, panel: str) -> None:
    """The controls `w.<panel>_judge`, `local`, `source`, `address`, `model`, `key`, `audit` and `fallback`."""
    key, texts = f"mmbench-{panel}-", f"mmbench.{panel}."

    def at(name: str, component: object) -> None:
        setattr(w, f"{panel}_{name}", component)

    def box(name: str, **more: str) -> None:
        made = gr.Textbox(
            "", label=label(texts + name), max_lines=1, interactive=True, min_width=140, elem_id=key + name, **more
        )
        at(name, made)

    judges = [(label(f"{texts}judge.{name}"), name) for name in JUDGES]
    at("judge", gr.Radio(judges, value=JUDGES[0], label=label(f"{texts}judge"), info=label(f"{texts}judge.info"),
                         interactive=True, elem_id=f"{key}judge", elem_classes="pg-pills"))  # fmt: skip
    with gr.Column(elem_id=f"{key}judge-local", elem_classes="pg-controls"):
        models = [(f"{name} · {one.megabytes:,} MB · {one.licence}", name) for name, one in LOCAL.items()]
        at("local", gr.Dropdown(models, value=next(iter(LOCAL)), label=label(f"{texts}local"), interactive=True,
                                elem_id=f"{key}local"))  # fmt: skip
        box("source", placeholder="owner/name")
    with gr.Column(elem_id=f"{key}judge-endpoint", elem_classes="pg-controls"):
        box("address", placeholder="https://api.example.com/v1")
        box("model")
        box("key", type="password")
        gr.Markdown(label(f"{texts}key.info"), elem_classes="pg-hint")
    with gr.Column(elem_id=f"{key}judge-more", elem_classes="pg-controls"):
        at("audit", Slider(*AUDIT, value=20, step=1, label=label(f"{texts}audit"), info=label(f"{texts}audit.info"),
                           buttons=[], interactive=True, elem_id=f"{key}audit"))  # fmt: skip
        at("fallback", gr.Checkbox(False, label=label(f"{texts}fallback"), info=label(f"{texts}fallback.info"),
                                   interactive=True, elem_id=f"{key}fallback"))  # fmt: skip


def check(judge: str, local: str, audit: int, **texts: str) -> None:
    """Raise `ValueError` for controls that cannot be; an address that holds a password is quoted nowhere."""
    choice("judge", judge, JUDGES)
    choice("local", local, LOCAL)
    whole("audit", audit, *AUDIT)
    for name, text in texts.items():
        if len(text) > LONGEST:
            raise ValueError(f"{name} has {len(text):,} characters, more than the {LONGEST} allowed")
    if "@" in texts.get("address", ""):
        raise ValueError("the judge's address must hold no name, password, ? or #: a key is given by itself")


def chosen(kind: str, local: str, source: str, address: str, model: str) -> Asked | None:
    """The judge of the controls, None where there is none; a source stands before the picker's choice.

    Raises `ValueError` where a name is missing, and in a hosted app for a folder, which is never looked at.
    """
    if kind == "none":
        return None
    if kind == "endpoint":
        if not address.strip() or not model.strip():
            raise ValueError("give the judge's address and the name of its model")
        return Asked(kind, model.strip(), address.strip())
    source = source.strip()
    if not source:
        return Asked(kind, local, LOCAL[local].source)
    if hosted():
        here = Path(source).exists() or (Path(checkpoints.ROOT).parent / source).exists()
        if here or not REPOSITORY.fullmatch(source):
            raise ValueError(
                f"a judge is named by its repository of the hub here, as owner/name, not by {source[:80]!r}"
            )
    return Asked(kind, source, source)


def download(asked: Asked, stop: threading.Event, language: str) -> Iterator[str]:
    """Fetch a local judge that is not here, as bars of progress. Raises as `checkpoints.fetch`."""
    if asked.kind != "local" or Path(asked.where).is_dir():
        return iter(())

    def fetch(source: str, progress: checkpoints.Progress | None) -> Path:
        return checkpoints.fetch(source, PATTERNS, progress)

    known = LOCAL.get(asked.name) or Text(asked.where, 0, "")
    return fetching.download(asked.name, known, fetch, stop, language)


def ready(manager: ModelManager, asked: Asked) -> None:
    """Load a local judge: what is wrong with it is then told once, and not as a call that failed. Raises `ValueError`
    and `OSError` as `load_judge`."""
    if asked.kind == "local":
        with manager.lease(_spec(asked), owner="mmbench"):
            pass


def made(manager: ModelManager, asked: Asked, key: str, stop: threading.Event) -> Judge:
    """The judge itself. A local model is leased anew for each call, so that between two another person's has its turn;
    after Stop no call is made any more. Raises `ValueError` for an address or a key that cannot be one."""
    if asked.kind == "endpoint":
        judge = endpoint_judge(asked.where, asked.name, key, private=not hosted())
    else:
        judge = partial(_local, manager, _spec(asked))

    def unless_stopped(prompt: str) -> str:
        if stop.is_set():
            raise InterruptedError("stopped")
        return judge(prompt)

    return unless_stopped


def ask(
    judge: Judge, name: str, predictions: Predictions, questions: Sequence[Question] | None, work: Path,
    stop: threading.Event, language: str, *, profile: str, audit: int, fallback: bool,
) -> Generator[tuple[dict[str, Any], None], None, tuple[dict[int, Verdict], str]]:  # fmt: skip
    """Have the judge read what the rules leave open, and `audit` of the answers that they decide, as frames; returns
    the verdicts, and why the judge gave up where it did.

    Each verdict is in the folder `work` at once: after Stop, or a crash, none is asked for again. Raises `ValueError`
    where another job judges the same, and as `score`.
    """
    with alone(work) as free:
        if not free:
            raise ValueError("this file is being judged already: wait for that run, or stop it")
        work.mkdir(mode=0o700, exist_ok=True)
        os.utime(work)
        path = work / VERDICTS
        options: dict[str, Any] = {"profile": profile, "name": name, "wait": stop.wait}
        verdicts, drawn = read_verdicts(path), 0.0
        for stage in ("open", "audit") if audit else ("open",):
            if stage == "open":
                draws = "random" if fallback else "none"
                steps = judge_rows(predictions, questions, judge, known=verdicts, fallback=draws, **options)
            else:
                steps = audit_rows(predictions, questions, judge, audit, known=verdicts, **options)
            view: Mapping[int, Verdict] = verdicts
            try:
                for step in steps:
                    view = step.verdicts
                    if stop.is_set():
                        found = dict(view)
                        if step.newest is not None and step.newest.error:  # cut short, not failed
                            del found[step.newest.index]
                        elif step.newest is not None:
                            append_verdict(path, step.newest)
                        return found, ""
                    if step.newest is not None:
                        append_verdict(path, step.newest)
                    if time.monotonic() - drawn > FRAME or step.done == step.total:
                        drawn = time.monotonic()
                        yield _told(stage, step, language), None
            except OSError as error:  # a key that is refused, an endpoint that fails: what the rules read is scored
                return dict(view), _why(error, language)
            verdicts = dict(view)
        return verdicts, ""


def _why(error: OSError, language: str) -> str:
    """Why the judge gave up; what it says is of several sentences, each with a Chinese one of its own."""
    found = GAVE_UP.fullmatch(str(error))
    if found is None:
        return refusal(language, error)
    rows, why, kept = found.groups()
    text = refusal(language, OSError(why))
    if rows:
        text = say(language, "mmbench.score.judge.failed", n=rows, why=text)
    return f"{text} {say(language, 'mmbench.score.judge.kept', n=kept)}"


def _told(stage: str, step: JudgeStep, language: str) -> dict[str, Any]:
    """The bar, and the newest verdict with the judge's reply."""
    values = {"n": f"{step.done:,}", "of": f"{step.total:,}", "calls": f"{step.calls:,}", "saved": f"{step.saved:,}"}
    frame: dict[str, Any] = {
        "progress": bar(step.done / max(step.total, 1), say(language, f"mmbench.score.judge.{stage}", **values))
    }
    if step.newest is not None:
        one = step.newest
        read = one.letter or say(language, "mmbench.score.judge.none")
        said = one.error or " ".join(one.reply.split())[:REPLY]
        newest = {"index": one.index, "letter": read, "reply": literal(said) or "–"}
        frame["judged"] = say(language, "mmbench.score.judge.newest", **newest)
    return frame


def _spec(asked: Asked) -> ModelSpec[TextModel]:
    return ModelSpec(f"judge/{asked.where}", partial(load_judge, asked.where))


def _local(manager: ModelManager, spec: ModelSpec[TextModel], prompt: str) -> str:
    with manager.lease(spec, owner="mmbench") as model:
        return local_judge(model)(prompt)
