"""Why CLIP works, while one looks on: a tiny one learns single objects of the picture world in a minute.

Matching the pictures and texts of a batch is all that it is told to do (Radford et al. 2021, figure 3); colours, sizes
and shapes by name, which nobody labelled, come of it.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from playground import world
from playground.clip.contrast import OBJECTIVES, Objective
from playground.clip.embed import embed_texts
from playground.clip.live_pairs import (
    ATTRIBUTES,
    LivePairs,
    close_up,
    draw_objects,
    full,
    live_tokenizer,
    normalised,
    say,
)
from playground.clip.model import CLIP, SIGLIP_START, Config, build
from playground.clip.tokenizer import Tokenizer
from playground.clip.training import fit
from playground.nn.tower import Tower

__all__ = ["SKILLS", "Glimpse", "Skill", "watch_clip"]

Floats = NDArray[np.float32]
STEPS, BATCH, LR, PICTURES = 900, 32, 2e-3, 3000
EVALUATED, SHOWN = 240, 12  # pictures that no step sees: for the accuracies, and those of them in the matrix
FADING = 0.95  # of a step's share in the smoothed loss, a step later
DRAWN = 0.15  # of the progress, once the pictures are drawn
MOST_FALSE = 8
SKILLS = ("color", "size", "shape")
# 64 patches of 4 pixels behind a convolutional stem: a step of 32 pairs takes one slow core 30 ms.
CONFIG = Config(
    activation="gelu",
    embed_dim=48,
    image_size=32,
    patch_size=4,
    vision=Tower(width=48, layers=1, heads=4, hidden=96),
    text=Tower(width=48, layers=2, heads=3, hidden=96),
    vocab_size=1,
    context_length=20,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    stem="conv",
)


@dataclass(frozen=True, eq=False)
class Skill:
    """Zero-shot accuracy in one attribute, for which nobody made labels."""

    name: str  # of SKILLS
    chance: float
    accuracy: Floats  # (j,) in [0, 1], at the steps `Glimpse.measured`


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What a CLIP that learns can do by now."""

    stage: Literal["drawing", "learning", "done"]  # the training pictures are drawn first
    step: int
    steps: int
    seconds: float
    progress: float  # in [0, 1]
    loss: Floats  # (step,) nats
    smooth: Floats  # (step,) the same as a moving average
    guess: float  # nats: the loss of one who cannot tell the pictures apart; for InfoNCE a little under ln(batch)
    temperature: Floats  # (step,)
    measured: NDArray[np.int64]  # (j,) steps
    skills: tuple[Skill, ...]
    count: int  # pictures behind each accuracy
    similarity: Floats  # (m, m) cosine of picture i and text j
    pictures: NDArray[np.uint8]  # (m, side, side, 3)
    captions: tuple[str, ...]  # (m,) of the pictures, no two the same
    model: CLIP = field(repr=False)  # still learning, until "done"


def watch_clip(
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    false: int = 0,
    objective: Objective = "info_nce",
    language: str = "en",
    pictures: int = PICTURES,
    lr: float = LR,
    seed: int = 0,
    every: float = 1.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Glimpse]:
    """Train a tiny CLIP on single objects, 32 x 32 pixels: a frame at once, then at most one in `every` seconds.

    `pictures` are drawn first, while the frames show the untrained model. `false` texts with one attribute changed are
    added to every picture's sum. The last frame, "done", is of the averaged weights. The same arguments give the same
    weights, however many frames there are. Raises `ValueError` for settings out of range.
    """
    if not 1 <= steps <= 20_000:
        raise ValueError(f"steps must lie between 1 and 20,000, not {steps}")
    if not 2 <= batch <= pictures <= 60_000:
        raise ValueError(f"2 <= batch <= pictures <= 60,000 must hold, not batch {batch} of {pictures} pictures")
    if not 0 <= false <= MOST_FALSE:
        raise ValueError(f"false must lie between 0 and {MOST_FALSE}, not {false}")
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, not {objective!r}")
    if language not in world.LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(world.LANGUAGES)}, not {language!r}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be positive, not {lr}")
    if every < 0:
        raise ValueError(f"every must be 0 seconds or more, not {every}")
    tokenizer = live_tokenizer(language)
    model = _new_model(tokenizer, objective, seed)
    scenes = [close_up(i) for i in range(pictures)]
    drawn = np.zeros((pictures, 3, CONFIG.image_size, CONFIG.image_size), np.uint8)
    data = LivePairs(scenes, drawn, model.config, tokenizer, batch, false, seed, language)
    return _frames(model, data, steps, lr, objective, every, clock)


def _new_model(tokenizer: Tokenizer, objective: Objective, seed: int) -> CLIP:
    config = replace(CONFIG, vocab_size=tokenizer.vocab_size, logit_bias=objective == "sigmoid")
    model = build(config, seed=seed).eval()
    model.tokenizer = tokenizer
    if model.logit_bias is not None:
        model.logit_scale.data.fill_(SIGLIP_START[0])
        model.logit_bias.data.fill_(SIGLIP_START[1])
    return model


def _frames(
    model: CLIP,
    data: LivePairs,
    steps: int,
    lr: float,
    objective: Objective,
    every: float,
    clock: Callable[[], float],
) -> Iterator[Glimpse]:
    began = shown = clock()
    exam = Exam(data)
    frame = exam(_blank(exam, model, steps, data.guess(objective)))
    yield replace(frame, seconds=clock() - began)
    done = 0
    for part in draw_objects(data.scenes, model.config.image_size):
        data.pictures[done : done + len(part)] = part
        done += len(part)
        if clock() - shown >= every:
            shown = clock()
            yield replace(frame, seconds=shown - began, progress=DRAWN * done / len(data.scenes))
    history: list[tuple[float, float]] = []
    training = fit(model, data, steps=steps, lr=lr, objective=objective, clock=clock)
    try:
        for one in training:
            history.append((one.loss, one.temperature))
            if one.step < steps and clock() - shown >= every:
                frame = exam(_further(frame, history, DRAWN + (1 - DRAWN) * one.progress))
                shown = clock()
                yield replace(frame, seconds=shown - began)
    finally:
        training.close()  # the model is left with its averaged weights
    frame = exam(replace(_further(frame, history, 1.0), stage="done"))
    yield replace(frame, seconds=clock() - began)


def _blank(exam: "Exam", model: CLIP, steps: int, guess: float) -> Glimpse:
    nothing = np.zeros(0, np.float32)
    return Glimpse(
        stage="drawing",
        step=0,
        steps=steps,
        seconds=0.0,
        progress=0.0,
        loss=nothing,
        smooth=nothing,
        guess=guess,
        temperature=nothing,
        measured=np.zeros(0, np.int64),
        skills=tuple(Skill(name, 1 / len(ATTRIBUTES[name]), nothing) for name in SKILLS),
        count=EVALUATED,
        similarity=np.zeros((SHOWN, SHOWN), np.float32),
        pictures=exam.shown,
        captions=exam.captions,
        model=model,
    )


def _further(frame: Glimpse, history: list[tuple[float, float]], progress: float) -> Glimpse:
    loss, temperature = np.array(history, np.float32).T
    return replace(
        frame,
        stage="learning",
        step=len(history),
        progress=progress,
        loss=loss,
        smooth=_smoothed(loss),
        temperature=temperature,
    )


def _smoothed(loss: Floats) -> Floats:
    """The mean of the steps so far, older ones fading by `FADING` a step."""
    out, total, weight = [], 0.0, 0.0
    for value in loss.tolist():
        total, weight = FADING * total + value, FADING * weight + 1
        out.append(total / weight)
    return np.array(out, np.float32)


class Exam:
    """Pictures that no step sees, and what is asked of them."""

    def __init__(self, data: LivePairs) -> None:
        scenes = [close_up(world.EVALUATION + i) for i in range(EVALUATED)]
        pictures = np.concatenate(list(draw_objects(scenes, data.config.image_size)))
        self.pixels = normalised(pictures, data.config)
        texts = [say(full(scene), data.language) for scene in scenes]
        first = sorted(texts.index(text) for text in dict.fromkeys(texts))[:SHOWN]
        looks = [(list(world.COLORS).index(o.color), o.shape) for o in (scene.objects[0] for scene in scenes)]
        self.chosen = sorted(first, key=lambda i: looks[i])  # what resembles stands together
        self.shown = np.ascontiguousarray(pictures[self.chosen].transpose(0, 2, 3, 1))
        self.captions = tuple(texts[i] for i in self.chosen)
        self.labels = {
            name: [say(world.Mention(**{name: value}), data.language) for value in ATTRIBUTES[name]] for name in SKILLS
        }
        self.answers = {
            name: np.array([ATTRIBUTES[name].index(getattr(scene.objects[0], name)) for scene in scenes])
            for name in SKILLS
        }

    def __call__(self, frame: Glimpse) -> Glimpse:
        """The frame with what the model answers now; it goes on training as if nothing had been asked."""
        model, training = frame.model, frame.model.training
        model.eval()  # or the batch norms would take these pictures into their means
        with torch.no_grad():
            images = model.encode_image(self.pixels).numpy()
        similarity = images[self.chosen] @ embed_texts(model, self.captions).T
        skills = tuple(self._further(skill, model, images) for skill in frame.skills)
        model.train(training)
        return replace(frame, similarity=similarity, skills=skills, measured=np.append(frame.measured, frame.step))

    def _further(self, skill: Skill, model: CLIP, images: Floats) -> Skill:
        told = (images @ embed_texts(model, self.labels[skill.name]).T).argmax(axis=1)
        right = np.float32((told == self.answers[skill.name]).mean())
        return replace(skill, accuracy=np.append(skill.accuracy, right))
