"""A small CLIP with a vocabulary of whole words, and pictures of plain colours for it."""

import numpy as np
import tokenizers
from PIL import Image
from saved_pictures import saved
from small_clip import small_clip
from tokenizers import models

from playground.clip.tokenizer import Tokenizer

WORDS = ["?", "red", "green", "blue", "ball", "a", "photo", "of", "<start_of_text>", "<end_of_text>"]


def small_words_clip():
    model = small_clip(vocab_size=len(WORDS), context_length=16)
    backend = tokenizers.Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="?"))
    model.tokenizer = Tokenizer(backend)
    return model


def picture(seed, side=40, form="PNG"):
    """The bytes of a picture of noise about a colour, another for each seed."""
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 256, 3) + draw.integers(-20, 21, (side, side, 3))
    return saved(Image.fromarray(values.clip(0, 255).astype(np.uint8)), form)


def lay_pictures(folder, count, folders=("red", "green_ball", "other")):
    """`count` pictures in turn in each of the folders; the names in order."""
    for i in range(count):
        path = folder / folders[i % len(folders)] / f"{i:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(i))
    return folder
