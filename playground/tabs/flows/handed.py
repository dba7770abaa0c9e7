"""What the Flows tab's page hands over, as settings, link and program."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from playground.i18n import say
from playground.tabs.checks import number
from playground.tabs.components.table import Column
from playground.tabs.drawings import pack
from playground.tabs.flows import paths, training
from playground.tabs.flows.program import race_program, train_program
from playground.tabs.flows.settings import CALLS, UPLOAD_BYTES, Settings
from playground.tabs.flows.widgets import RACERS
from playground.tabs.toasts import plain, toast

__all__ = [
    "fenced", "is_complete", "link_of", "program_of", "race_columns", "read_calls", "read_settings", "seen_if",
]  # fmt: skip

TABLES = (".csv", ".tsv", ".txt")


def read_settings(values: tuple[Any, ...], tongue: str, *, complete: bool = True) -> Settings:
    """The controls as settings; raises `gr.Error` where they cannot be, or (`complete`) something is missing."""
    source, density, drawing, upload, flow, layers, seconds, seed, constrained, begin = values
    with plain(tongue):
        settings = Settings(
            source, density, flow, number(layers), seconds, number(seed), bool(constrained), begin, pack(drawing),
            upload or "",
        )  # fmt: skip
    if complete and not is_complete(settings):
        raise toast(say(tongue, "error.drawing" if settings.source == "draw" else "error.upload"))
    if settings.source == "upload" and settings.upload:
        path = Path(settings.upload)
        kind = "picture" if settings.key == "picture" else "csv"
        if kind == "csv" and path.suffix.lower() not in TABLES:
            raise toast(say(tongue, "error.upload.kind", name=path.name))
        if not path.is_file():
            raise toast(say(tongue, "error.upload.gone"))
        if (size := path.stat().st_size) > UPLOAD_BYTES[kind]:
            numbers = {"megabytes": f"{size / 1e6:.1f}", "limit": f"{UPLOAD_BYTES[kind] / 1e6:.0f}"}
            raise toast(say(tongue, "error.upload.size", name=path.name, **numbers))
    return settings


def link_of(which: str, names: list[str], settings: Settings) -> str:
    """The link's query string, the open panel and the racers included where they are not the usual ones."""
    more = {"panel": which} if which != "train" else {}
    more |= {"racers": " ".join(names)} if sorted(names) != sorted(RACERS) else {}
    return "&".join([settings.query(), *([urlencode(more)] if more else [])])


def program_of(
    which: str,
    run: training.Run | None,
    race: training.Race | None,
    kept: paths.Voyage | None,
    names: list[str],
    settings: Settings,
    seen: tuple[int, int, str],
) -> str:
    """The Python panel: what made the open panel's picture, or would make it."""
    if which == "race":
        program = race_program(settings, names) if race is None else race.python()
    elif which == "paths" and kept is not None and kept.run is run:
        program = kept.python(*seen)
    else:
        program = train_program(settings, panel=which) if run is None else run.python(which)
    return fenced(program)


def fenced(program: str) -> str:
    return f"```python\n{program}```"


def is_complete(settings: Settings) -> bool:
    """Whether what is to be drawn or uploaded is there."""
    return {"preset": True, "draw": bool(settings.drawing), "upload": bool(settings.upload)}[settings.source]


def race_columns(tongue: str) -> list[Column]:
    heads = ("race.flow", "stat.kl", "stat.nll", "stat.mass", "stat.steps", "stat.rate", "race.weights")
    return [Column(say(tongue, f"flows.{head}"), number=i > 0) for i, head in enumerate(heads)]


def read_calls(value: float) -> int:
    """Calls of the network; a number that is half typed as the slider will leave it."""
    return int(min(max(value or CALLS[0], CALLS[0]), CALLS[1]))


def seen_if(visible: bool) -> dict[str, Any]:
    """Whether a control that some flows have is seen."""
    return gr.update(visible=True if visible else "hidden")
