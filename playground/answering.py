"""Who can sit MMBench: every model of the catalog that answers, what needs none, and any other; where they meet."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from playground import blip, catalog, checkpoints, clip, mmbench
from playground.blip.likelihood import likelihood
from playground.blip.model import Task
from playground.clip.embed import embed_images, embed_texts
from playground.manager import ModelSpec
from playground.mmbench import image_text
from playground.mmbench.answerers import (
    Answer,
    Scores,
    best_options,
    by_chance,
    by_letter,
    by_majority,
    majority_of,
    picture_of,
)
from playground.mmbench.questions import LETTERS

__all__ = [
    "ANSWERERS", "Answerer", "How", "answer_with", "answerer_of", "custom", "download", "identity", "scores_of",
]  # fmt: skip

How = Literal[
    "fixed",  # without a model
    "clip",  # the option whose text has the highest cosine with the picture
    "vqa",  # the option that a BLIP finds the likeliest answer
    "caption",  # the option that the picture makes likeliest as a caption of a BLIP
    "transformers",  # what the model writes
]
GREY = Image.new("RGB", (64, 64), (128, 128, 128))  # a picture that shows nothing


@dataclass(frozen=True)
class Answerer:
    """Who answers, how, and what a person should know before it is fetched."""

    name: str
    how: How
    source: str = ""  # a folder of ours, or a repository of the hub; "" without a model
    megabytes: int | None = 0  # to fetch; None where nobody has told
    licence: str = ""
    photographs: bool = True  # what it was trained on; ours know still lifes alone
    spec: ModelSpec[Any] | None = None


def _all() -> Iterator[Answerer]:
    for name in ("chance", "always A", "majority"):
        yield Answerer(name, "fixed")
    for name, dual in catalog.CLIPS.items():
        spec: ModelSpec[Any] = catalog.clip_spec(name)
        yield Answerer(name, "clip", dual.source, dual.megabytes, dual.licence, dual.photographs, spec)
    hows: tuple[tuple[How, Task], ...] = (("vqa", "answer"), ("caption", "caption"))
    for how, task in hows:
        for name, one in catalog.BLIPS.items():
            if task in one.tasks:
                spec = catalog.blip_spec(name)
                yield Answerer(name, how, one.source, one.megabytes, one.licence, one.photographs, spec)
    for name, writer in catalog.IMAGE_TEXTS.items():
        spec = catalog.image_text_spec(name)
        yield Answerer(name, "transformers", writer.source, writer.megabytes, writer.licence, spec=spec)


ANSWERERS: Mapping[str, Answerer] = {one.name: one for one in _all()}


def answerer_of(name: str) -> Answerer:
    """The answerer of a name in `ANSWERERS`; of a letter, or "always" with one; or `custom` of any other name."""
    letter = name.removeprefix("always ")
    if len(letter) == 1 and letter in LETTERS:
        return Answerer(f"always {letter}", "fixed")
    return ANSWERERS[name] if name in ANSWERERS else custom(name)


def custom(source: str) -> Answerer:
    """Any CLIP or BLIP that ours can load, or image-text-to-text model of transformers: a folder or a repository.

    Its configuration is fetched, which tells what it is. Raises `ValueError` for what is none of them and for a BLIP
    that only matches, and what `checkpoints.fetch` does.
    """
    source = source.strip()
    if not source:
        raise ValueError("a model needs a name: a folder, or a repository of the hub such as owner/name")
    folder = checkpoints.fetch(source, ("config.json", "open_clip_config.json"))
    config = checkpoints.read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    kind = config.get("kind", config.get("model_type"))
    size = None if folder.parent.name == "snapshots" else sum(one.stat().st_size for one in _weights(folder)) // 10**6
    make = partial(Answerer, source, source=source, megabytes=size)
    if kind in ("playground.blip", "blip"):
        how = _how_of_blip(source, config)
        return make(how, spec=ModelSpec(f"blip/{source}", partial(blip.load, source)))
    if kind in ("playground.clip", "clip", "siglip") or (folder / "open_clip_config.json").is_file():
        return make("clip", spec=ModelSpec(f"clip/{source}", partial(clip.load, source)))
    image_text.check_kind(source, config)
    return make("transformers", spec=ModelSpec(f"image-text/{source}", partial(image_text.load, source)))


def download(answerer: Answerer, progress: checkpoints.Progress | None = None) -> None:
    """Fetch what the answerer's model needs, once. Raises as the model's own `download`."""
    if answerer.how == "clip":
        clip.download(answerer.source, progress)
    elif answerer.how in ("vqa", "caption"):
        blip.download(answerer.source, progress)
    elif answerer.how == "transformers":
        image_text.download(answerer.source, progress)


def answer_with(
    answerer: Answerer, model: Any = None, questions_all: Sequence[mmbench.Question] | None = None
) -> Answer:
    """Answers of the answerer: its spec's model, leased or loaded, and for "majority" all questions of the set.

    Raises `ValueError` where the majority is asked for without questions, or with none that tells its answer.
    """
    if answerer.how == "transformers":
        return partial(image_text.answer, model)
    if answerer.how != "fixed":
        return best_options(scores_of(answerer, model))
    if answerer.name == "chance":
        return by_chance()
    return by_majority(questions_all or ()) if answerer.name == "majority" else by_letter(answerer.name[-1])


def scores_of(answerer: Answerer, model: Any) -> Scores:
    """Why an answerer that scores options chooses as it does: cosines, nats, or nats a token, one an option (`How`).

    Raises `ValueError` for one that does not score.
    """
    if answerer.how == "clip":
        return partial(_by_clip, model)
    if answerer.how in ("vqa", "caption"):
        return partial(_by_vqa if answerer.how == "vqa" else _by_caption, model)
    raise ValueError(f"{answerer.name} does not score options: it {'writes' if answerer.spec else 'has no model'}")


def identity(answerer: Answerer, questions_all: Sequence[mmbench.Question] | None = None) -> str:
    """Who answers, to the version: what an answer that is kept belongs to. The model must have been fetched.

    Of a repository the commit is told, of a folder its configuration with sizes and times of its weights; of the
    majority the letter, which another set may change.
    """
    name = f"{answerer.name} ({answerer.how})"
    if answerer.name == "majority":
        return f"{name} {majority_of(questions_all or ())}"
    if answerer.spec is None:
        return name
    folder = checkpoints.fetch(answerer.source, ("config.json", "open_clip_config.json"))
    if folder.parent.name == "snapshots":
        return f"{name} {folder.name}"
    digest = hashlib.sha256()
    for file in (*sorted(folder.glob("*.json")), *sorted(folder.glob("*.jinja"))):
        digest.update(file.name.encode() + file.read_bytes())
    for file in _weights(folder):
        digest.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
    return f"{name} {digest.hexdigest()[:16]}"


def _by_clip(model: clip.CLIP, questions: Sequence[mmbench.Question]) -> list[list[float]]:
    """Cosines of the picture with question and option in one text, a caption of a kind: without the question mark."""
    pictures = embed_images(model, [picture_of(one) for one in questions])
    said = [[f"{one.question.rstrip('?？ ')} {text}" for _, text in one.options] for one in questions]
    texts = list(dict.fromkeys(text for some in said for text in some))
    vectors = dict(zip(texts, embed_texts(model, texts), strict=True))
    return [[float(picture @ vectors[text]) for text in some] for picture, some in zip(pictures, said, strict=True)]


def _by_vqa(model: blip.BLIP, questions: Sequence[mmbench.Question]) -> list[list[float]]:
    """Nats of the option as an answer, as BLIP's authors rank answers."""
    pictures, texts = [picture_of(one) for one in questions], [_texts(one) for one in questions]
    found = likelihood(model, pictures, texts, questions=[one.question for one in questions])
    return [one.nats.tolist() for one in found]


def _by_caption(model: blip.BLIP, questions: Sequence[mmbench.Question]) -> list[list[float]]:
    """Nats a token by which the picture makes the option likelier as a caption than a grey one does: what is likely of
    any picture counts for nothing (Zhao et al. 2021, Calibrate before use). The question is not read."""
    texts = [_texts(one) for one in questions]
    some = list(dict.fromkeys(text for own in texts for text in own))
    before = dict(zip(some, likelihood(model, [GREY], [some])[0].mean, strict=True)) if some else {}
    after = likelihood(model, [picture_of(one) for one in questions], texts)
    return [
        [float(mean - before[text]) for text, mean in zip(own, one.mean, strict=True)]
        for own, one in zip(texts, after, strict=True)
    ]


def _texts(question: mmbench.Question) -> list[str]:
    return [text for _, text in question.options]


def _how_of_blip(source: str, config: Mapping[str, Any]) -> How:
    told = (*config.get("tasks", ()), *config.get("architectures", ()))
    if {"answer", "BlipForQuestionAnswering"} & set(told):
        return "vqa"
    if {"caption", "BlipForConditionalGeneration"} & set(told):
        return "caption"
    raise ValueError(f"{source} is a BLIP that neither answers nor captions: it cannot choose an option")


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))
