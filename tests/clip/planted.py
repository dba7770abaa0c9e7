"""A CLIP written by hand: each tower reads what is red with one head, what is green with another, and nothing else."""

import tokenizers
import torch
from small_clip import small_config
from tokenizers import models

from playground.clip.model import CLIP, build
from playground.clip.tokenizer import Tokenizer
from playground.nn.tower import Tower

SHARP = 2.0
# Channels come in pairs of a value and its opposite, so that LayerNorm keeps the mean of 0.
RED, READER, FOUND_RED, GREEN = 0, 2, 4, 6
VOCABULARY = ("<unk>", "a", "and", "ball", "green", "red", ",", "<start_of_text>", "<end_of_text>")


def planted_clip(looking: int = 0, layers: int = 2, **changes) -> CLIP:
    """The block `looking` reads; the others do nothing. Picture and text meet in coordinate 0 (red) and 2 (green)."""
    tower = Tower(width=8, layers=layers, heads=2, hidden=8)
    sizes = {"embed_dim": 4, "vision": tower, "text": tower, "vocab_size": len(VOCABULARY), "context_length": 8}
    model = build(small_config(**(sizes | {"mean": (0.0,) * 3, "std": (1.0,) * 3} | changes)))
    model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name != "logit_scale":
            parameter.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
    area = model.config.patch_size**2
    for channel, place in ((0, RED), (1, GREEN)):
        model.visual.conv1.weight[place, channel], model.visual.conv1.weight[place + 1, channel] = 1 / area, -1 / area
    model.visual.class_embedding[READER], model.visual.class_embedding[READER + 1] = 1, -1
    for word, place in (("red", RED), ("green", GREEN), ("<end_of_text>", READER)):
        row = model.text.token_embedding.weight[VOCABULARY.index(word)]
        row[place], row[place + 1] = 1, -1
    for tower_of, projection, own in (
        (model.visual, model.visual.proj, 1),
        (model.text, model.text.text_projection, 3),
    ):
        attention = tower_of.transformer.resblocks[looking].attn
        for head, (place, found) in enumerate(((RED, FOUND_RED), (GREEN, GREEN))):
            first = 4 * head
            attention.in_proj_weight[first, READER] = SHARP  # q
            attention.in_proj_weight[8 + first, place] = SHARP  # k
            attention.in_proj_weight[16 + first, place] = 1  # v
            attention.out_proj.weight[found, first], attention.out_proj.weight[found + 1, first] = 1, -1
        projection[FOUND_RED, 0] = projection[READER, own] = projection[GREEN, 2] = 1
    vocabulary = {word: i for i, word in enumerate(VOCABULARY)}
    model.tokenizer = Tokenizer(tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>")))
    return model.eval()


def painted(spots, width: int = 32, height: int = 32, side: int = 8) -> torch.Tensor:
    """A black picture (height, width, 3), uint8, with squares of colour: (left, top) -> channel."""
    picture = torch.zeros(height, width, 3, dtype=torch.uint8)
    for (left, top), channel in spots.items():
        picture[top : top + side, left : left + side, channel] = 255
    return picture
