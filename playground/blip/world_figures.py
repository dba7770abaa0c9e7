"""What a BLIP knows of the picture world, on seeds that no training sees: the figures of its card."""

import random
from collections.abc import Iterator, Sequence

import numpy as np

from playground import world
from playground.blip.generation import Limits
from playground.blip.model import BLIP
from playground.blip.tasks import answer, caption, match
from playground.blip.world_pairs import LENGTH, PROMPTS
from playground.world.claims import Claim, exchanged, falsified, paired
from playground.world.figures import Figure, pictures_of
from playground.world.scene import EVALUATION, Scene

__all__ = ["answer_figures", "pair_figures"]

FIRST = EVALUATION + 20_000_000  # of the scenes' seeds; each set has its own million
LIMITS = Limits(max_length=LENGTH - 1, min_length=1)
ATTRIBUTES = ("size", "color", "material", "shape")


def pair_figures(model: BLIP, count: int = 800) -> Iterator[Figure]:
    """Captions that say all there is, by how many objects there are; their attributes; held-out pairs; Chinese; and
    how well matching tells true texts from others."""
    for n in range(1, 5):
        scenes = [world.sample(FIRST + n * 1_000_000 + i, objects=n) for i in range(count)]
        yield Figure(f"caption exact, {n} object{'s' * (n > 1)}", _exact(model, scenes), 0.0, count)
    scenes = [world.sample(FIRST + i) for i in range(count)]
    said = _captions(model, scenes)
    yield Figure("caption exact, all", _part(said, scenes), 0.0, count)
    for name in ATTRIBUTES:
        yield Figure(f"{name} said right", _attribute(said, scenes, name), 0.0, count)
    unseen = [world.sample(FIRST + 5_000_000 + i, objects=1, pairs="held-out") for i in range(count)]
    yield Figure("caption exact, held-out pairs", _exact(model, unseen), 0.0, count)
    yield Figure("caption exact, Chinese", _exact(model, scenes, "zh"), 0.0, count)
    yield from _matching(model, [world.sample(FIRST + 6_000_000 + i) for i in range(count)])


def answer_figures(model: BLIP, count: int = 800) -> Iterator[Figure]:
    """Questions answered word for word, by ability."""
    asked: dict[str, list[bool]] = {}
    scenes = [world.sample(FIRST + 7_000_000 + i) for i in range(count)]
    for scene, picture in zip(scenes, pictures_of(scenes), strict=True):
        some = world.questions(scene)
        told = answer(model, [picture] * len(some), [one.text for one in some])
        for question, said in zip(some, told, strict=True):
            right = said == question.options[question.answer].lower()
            asked.setdefault(question.ability, []).append(right)
    every = [right for many in asked.values() for right in many]
    yield Figure("answers, all", float(np.mean(every)), 0.0, count)
    for ability, many in asked.items():
        yield Figure(f"answers, {ability.replace('_', ' ')}", float(np.mean(many)), 0.0, len(many))


def _captions(model: BLIP, scenes: Sequence[Scene], language: str = "en") -> list[str]:
    return caption(model, pictures_of(scenes), "greedy", prompt=PROMPTS[language], limits=LIMITS)


def _exact(model: BLIP, scenes: Sequence[Scene], language: str = "en") -> float:
    return _part(_captions(model, scenes, language), scenes, language)


def _part(said: Sequence[str], scenes: Sequence[Scene], language: str = "en") -> float:
    wanted = [world.describe(scene, language) for scene in scenes]
    return float(np.mean([a == b for a, b in zip(said, wanted, strict=True)]))


def _attribute(said: Sequence[str], scenes: Sequence[Scene], name: str) -> float:
    """Of the captions with the right number of objects in the grammar: the attributes that are right."""
    right = []
    for text, scene in zip(said, scenes, strict=True):
        words = [part.split()[1:] for part in text.split(" left of ")]
        if len(words) == len(scene.objects) and all(len(one) == len(ATTRIBUTES) for one in words):
            place = ATTRIBUTES.index(name)
            right += [one[place] == getattr(o, name) for one, o in zip(words, scene.objects, strict=True)]
    return float(np.mean(right)) if right else 0.0


def _matching(model: BLIP, scenes: Sequence[Scene]) -> Iterator[Figure]:
    """Areas under the ROC curve of the matching head: descriptions against another picture's, or with an attribute or
    the places of two objects changed."""
    pictures = pictures_of(scenes)
    true = [world.describe(scene) for scene in scenes]
    others = [true[(i + 1) % len(true)] for i in range(len(true))]
    kinds: dict[str, list[tuple[int, str, str]]] = {
        "another picture's": [(i, a, b) for i, (a, b) in enumerate(zip(true, others, strict=True)) if a != b],
        "one attribute changed": [],
        "places exchanged": [],
    }
    for i, scene in enumerate(scenes):
        draw = random.Random(scene.seed)
        whole = Claim("chain", tuple(world.Mention(**{n: getattr(o, n) for n in ATTRIBUTES}) for o in scene.objects))
        wrong = falsified(scene, whole, draw)
        if wrong is not None and sum(a != b for a, b in zip(whole.mentions, wrong.mentions, strict=False)) == 1:
            kinds["one attribute changed"].append((i, world.say(whole), world.say(wrong)))
        if len(scene.objects) > 1:
            pair = paired(scene, draw)
            swapped = exchanged(scene, pair, draw) if pair.relation else None
            if swapped is not None:
                kinds["places exchanged"].append((i, world.say(pair), world.say(swapped)))
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]  # heavy; it ships no types

    for name, rows in kinds.items():
        scores = [match(model, [pictures[i]], [right, wrong]).probability[0] for i, right, wrong in rows]
        told = np.array(scores).T.ravel()
        truth = np.repeat([1, 0], len(rows))
        yield Figure(f"matching, {name}", float(roc_auc_score(truth, told)), 0.5, len(rows))
