"""The picture world that the app's own data come from; every public name of the library."""

from playground.world.claims import RELATIONS, Claim, Mention
from playground.world.questions import ABILITIES, Question, questions
from playground.world.render import render, render_all
from playground.world.scene import (
    COLORS,
    EVALUATION,
    HELD_OUT,
    MATERIALS,
    MOST,
    SHAPES,
    SIZES,
    Object,
    Scene,
    mirror,
    sample,
)
from playground.world.words import LANGUAGES, caption, captions, describe, junk, negative, negatives, say

__all__ = [
    "ABILITIES",
    "COLORS",
    "EVALUATION",
    "HELD_OUT",
    "LANGUAGES",
    "MATERIALS",
    "MOST",
    "RELATIONS",
    "SHAPES",
    "SIZES",
    "Claim",
    "Mention",
    "Object",
    "Question",
    "Scene",
    "caption",
    "captions",
    "describe",
    "junk",
    "mirror",
    "negative",
    "negatives",
    "questions",
    "render",
    "render_all",
    "sample",
    "say",
]
