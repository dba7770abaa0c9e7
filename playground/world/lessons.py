"""What models learn the picture world from: pictures drawn once, each a little other at every look, and its words."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from playground.world.render import render_all
from playground.world.scene import sample
from playground.world.words import LANGUAGES, captions, describe

__all__ = ["OPENINGS", "SYNONYMS", "Drawn", "augmented", "draw_pictures", "reworded", "vocabulary"]

# What people say for the world's words; a few are drawn in the place of the words in training.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "sphere": ("ball",), "spheres": ("balls",), "cube": ("box", "block"), "cubes": ("boxes", "blocks"),
    "cylinder": ("can",), "cylinders": ("cans",), "torus": ("ring", "donut"), "tori": ("rings", "donuts"),
    "cone": ("pyramid",), "cones": ("pyramids",), "object": ("thing",), "objects": ("things",),
    "small": ("little", "tiny"), "large": ("big",), "gray": ("grey",), "purple": ("violet",), "cyan": ("turquoise",),
    "metal": ("shiny", "metallic"), "matte": ("dull", "rubber"),
    "one": ("1",), "two": ("2",), "three": ("3",), "four": ("4",), "picture": ("image",), "photo": ("photograph",),
}  # fmt: skip
SYNONYM = 0.12  # how often one is said
OPENINGS = ("a {} photo of ", "a {} picture of ", "this is ", "a photo of the {} ", "an image of ")
SHIFT, LIGHT, TINT = 3, 0.15, 0.06  # pixels, and parts of the brightness and of each colour


@dataclass(frozen=True)
class Drawn:
    """How many of the pictures are drawn."""

    done: int
    total: int


def vocabulary() -> list[str]:
    """Every word of the captions in English, every character of those in Chinese, and what people say for them."""
    words: set[str] = set()
    for seed in range(3000):
        scene = sample(seed)
        for language in LANGUAGES:
            for text in (describe(scene, language), *captions(scene, 2, language)):
                words.update(text.lower().replace(",", " , ").split() if language == "en" else text)
    for many in SYNONYMS.values():
        words.update(many)
    for opening in OPENINGS:
        words.update(opening.replace("{}", " ").split())
    return sorted(words)


def reworded(text: str, draw: random.Random, rate: float = SYNONYM) -> str:
    """An English text with some of its words in other words, the meaning kept."""
    said = [draw.choice(SYNONYMS[word]) if word in SYNONYMS and draw.random() < rate else word for word in text.split()]
    return " ".join(said)


def draw_pictures(folder: Path, count: int, size: int = 64, *, seed: int = 0, part: int = 256) -> Iterator[int]:
    """Draw the first `count` pictures of the world into `folder`/pictures.npy, yielding how many are there.

    Where it was interrupted, it goes on; a file of another size or count is drawn anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, done = folder / "pictures.npy", folder / "pictures.txt"
    name = f"{count} {size} {seed}"
    kept = done.read_text().split(":") if done.is_file() and path.is_file() else ["", "0"]
    first = int(kept[1]) if kept[0] == name else 0
    shape = (count, 3, size, size)
    pictures = np.lib.format.open_memmap(path, mode="r+" if first else "w+", dtype=np.uint8, shape=shape)
    for start in range(first, count, part):
        scenes = [sample(seed + i) for i in range(start, min(start + part, count))]
        pictures[start : start + len(scenes)] = (render_all(scenes, size) * 255).round().byte().numpy()
        pictures.flush()
        done.write_text(f"{name}:{start + len(scenes)}")
        yield start + len(scenes)
    yield count


def augmented(pictures: Tensor, flipped: list[bool], generator: torch.Generator) -> Tensor:
    """Pictures (n, 3, side, side) in [0, 1], mirrored where that is said, shifted, brightened and tinted."""
    flip = torch.tensor(flipped)[:, None, None, None]
    x = torch.where(flip, pictures.flip(3), pictures)
    n, side = len(x), x.shape[-1]
    padded = torch.nn.functional.pad(x, [SHIFT] * 4, mode="replicate")
    places = torch.randint(2 * SHIFT + 1, (n, 2), generator=generator).tolist()
    x = torch.stack([one[:, a : a + side, b : b + side] for one, (a, b) in zip(padded, places, strict=True)])
    light = 1 + LIGHT * (2 * torch.rand(n, 1, 1, 1, generator=generator) - 1)
    tint = 1 + TINT * (2 * torch.rand(n, 3, 1, 1, generator=generator) - 1)
    return (x * light * tint).clamp(0, 1)
