"""What a CLIP knows of the picture world, on seeds that no training sees: the figures of its card."""

import random
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from playground import world
from playground.clip.embed import embed_images, embed_texts
from playground.clip.model import CLIP
from playground.clip.zero_shot import classifier_head
from playground.world.figures import Figure, pictures_of
from playground.world.scene import EVALUATION, Scene

__all__ = ["TEMPLATES", "world_figures"]

TEMPLATES = ("{}", "a picture of {}", "a photo of {}", "a render of {}")
SEEN, UNSEEN, SOME, PAIRS = (EVALUATION + i * 1_000_000 for i in range(4))  # first seeds of four sets of scenes


def world_figures(model: CLIP, count: int = 800) -> Iterator[Figure]:
    """Zero-shot accuracy by attribute, on colour-shape pairs of training and on held-out ones; then the count,
    retrieval among `count` pictures, left and right, and binding of colours.

    Raises `ValueError` for a model without tokenizer.
    """
    size = model.config.image_size
    draw = partial(pictures_of, size=size)
    for first, pairs in ((SEEN, "seen"), (UNSEEN, "held-out")):
        scenes = [world.sample(first + i, objects=1, pairs=pairs) for i in range(count)]  # type: ignore[arg-type]
        images = embed_images(model, draw(scenes))
        for name, labels, answers in _attributes(scenes):
            yield Figure(f"{name}, {pairs} pairs", _accuracy(model, images, labels, answers), 1 / len(labels), count)
    scenes = [world.sample(SOME + i) for i in range(count)]
    images = embed_images(model, draw(scenes))
    counts = ["one object", "two objects", "three objects", "four objects"]
    yield Figure("count", _accuracy(model, images, counts, [len(scene.objects) - 1 for scene in scenes]), 0.25, count)
    descriptions = [world.describe(scene) for scene in scenes]
    same = np.array([[one == other for other in descriptions] for one in descriptions])
    cosines = images @ embed_texts(model, descriptions).T
    for name, of in (("text", cosines), ("picture", cosines.T)):
        found = float(np.mean(same[np.arange(count), of.argmax(1)]))
        yield Figure(f"R@1 of {count}, {name} found", found, 1 / count, count)
    scenes = [_two(i) for i in range(count)]
    images = embed_images(model, draw(scenes))
    for name, pair in (("left and right", _sides), ("colour binding", _bindings)):
        texts = [pair(scene) for scene in scenes]
        true, false = (embed_texts(model, part) for part in zip(*texts, strict=True))
        right = np.einsum("nd,nd->n", images, true) > np.einsum("nd,nd->n", images, false)
        yield Figure(name, float(right.mean()), 0.5, count)


def _attributes(scenes: Sequence[Scene]) -> Iterator[tuple[str, list[str], list[int]]]:
    objects = [scene.objects[0] for scene in scenes]
    colors, shapes, sizes = list(world.COLORS), list(world.SHAPES), list(world.SIZES)
    yield "colour", [_a(f"{c} object") for c in colors], [colors.index(o.color) for o in objects]
    yield "size", [_a(f"{s} object") for s in sizes], [sizes.index(o.size) for o in objects]
    yield (
        "material",
        [_a(f"{m} object") for m in world.MATERIALS],
        [world.MATERIALS.index(o.material) for o in objects],
    )
    yield "shape", [_a(s) for s in shapes], [shapes.index(o.shape) for o in objects]
    both = [(c, s) for c in colors for s in shapes]
    yield "colour x shape", [_a(f"{c} {s}") for c, s in both], [both.index((o.color, o.shape)) for o in objects]


def _a(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def _accuracy(model: CLIP, images: np.ndarray, labels: list[str], answers: list[int]) -> float:
    *_, head = classifier_head(model, labels, TEMPLATES)
    return float(np.mean((images @ head.weights.T).argmax(1) == np.array(answers)))


def _two(i: int) -> Scene:
    """Two objects of two colours and two shapes that stay pairs of training when the colours are swapped."""
    draw = random.Random(i)
    while True:
        scene = world.sample(PAIRS + draw.randrange(900_000), objects=2)
        one, other = scene.objects
        swapped = {(one.color, other.shape), (other.color, one.shape)}
        if one.color != other.color and one.shape != other.shape and not swapped & world.HELD_OUT:
            return scene


def _names(scene: Scene) -> tuple[str, str]:
    one, other = scene.objects
    return _a(f"{one.color} {one.shape}"), _a(f"{other.color} {other.shape}")


def _sides(scene: Scene) -> tuple[str, str]:
    one, other = _names(scene)
    return f"{one} left of {other}", f"{other} left of {one}"


def _bindings(scene: Scene) -> tuple[str, str]:
    one, other = scene.objects
    swapped = _a(f"{other.color} {one.shape}"), _a(f"{one.color} {other.shape}")
    return " and ".join(_names(scene)), " and ".join(swapped)
