"""Who is asked in the panel "Evaluate": what the picker offers and says, the download, and a lease for each batch."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground import answering
from playground.answering import ANSWERERS, Answerer
from playground.checkpoints import Progress
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.mmbench import Answer, Question
from playground.server import hosted
from playground.tabs import fetching

__all__ = ["CHOICES", "OTHER", "answers", "asked", "batch_of", "called", "download", "line"]

OTHER = "other"  # a repository of the hub, or a folder, that a person names
FIXED = {"chance": "chance", "always A": "letter", "majority": "majority"}  # and their texts
BATCH, BATCH_LARGE = 16, 2  # questions asked at once, between two looks at Stop: of small models, and of the hub's
REPOSITORY = re.compile(r"\w(?:[\w.-]{0,94}\w)?/\w(?:[\w.-]{0,94}\w)?", re.ASCII)

CHOICES: list[tuple[Any, str]] = [
    *((label(f"mmbench.evaluate.model.{FIXED[name]}") if name in FIXED else name, name) for name in ANSWERERS),
    (label("mmbench.evaluate.model.other"), OTHER),
]


@dataclass(frozen=True)
class _Known:
    """What a download tells of itself."""

    source: str
    megabytes: int
    licence: str


def called(name: str, language: str) -> str:
    """What an answerer is called on the page."""
    return say(language, f"mmbench.evaluate.model.{FIXED[name]}") if name in FIXED else name


def line(model: str, language: str) -> str:
    """What the picker says below the choice: where it comes from, its size and licence, and how it answers."""
    if model == OTHER:
        return say(language, f"mmbench.evaluate.about.other{'.hosted' if hosted() else ''}")
    one = ANSWERERS[model]
    if one.how == "fixed":
        return say(language, f"mmbench.evaluate.about.{FIXED[model]}")
    how = say(language, f"mmbench.evaluate.how.{one.how}")
    values = {"source": one.source, "licence": one.licence, "size": f"{one.megabytes or 0:,}"}
    return say(language, f"mmbench.evaluate.about.{'hub' if one.photographs else 'world'}", **values) + " " + how


def asked(model: str, source: str) -> Answerer:
    """The answerer of the picker's choice; of another the configuration is fetched. Raises `ValueError` for a name that
    is none, and in a hosted app for a folder, which is never looked at; and what `answering.custom` does."""
    if model != OTHER:
        return ANSWERERS[model]
    source = source.strip()
    if hosted():
        here = Path(source).exists() or (Path(answering.checkpoints.ROOT).parent / source).exists()
        if here or not REPOSITORY.fullmatch(source):
            raise ValueError(
                f"a model is named by its repository of the hub here, as owner/name, not by {source[:80]!r}"
            )
    return answering.custom(source)


def batch_of(one: Answerer) -> int:
    """How many questions it is asked at once."""
    return BATCH if one.how == "fixed" or not one.photographs else BATCH_LARGE


def download(one: Answerer, stop: threading.Event, language: str) -> Iterator[str]:
    """As `fetching.download`."""
    if one.spec is None:
        return iter(())

    def fetch(_: str, progress: Progress | None) -> Path:
        answering.download(one, progress)
        return Path(one.source)

    known = _Known(one.source, one.megabytes or 0, one.licence)
    return fetching.download(one.name, known, fetch, stop, language)


def answers(manager: ModelManager, one: Answerer, questions: Sequence[Question]) -> Answer:
    """Its answers, the model leased anew for each batch: between two another person's has its turn."""
    spec = one.spec
    if spec is None:
        return answering.answer_with(one, None, questions)

    def answer(batch: Sequence[Question]) -> Sequence[str]:
        with manager.lease(spec, owner="mmbench") as model:
            return answering.answer_with(one, model, questions)(batch)

    return answer
