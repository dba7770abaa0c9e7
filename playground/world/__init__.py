"""The picture world that the app's own data come from; every public name of the library."""

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

__all__ = [
    "COLORS",
    "EVALUATION",
    "HELD_OUT",
    "MATERIALS",
    "MOST",
    "SHAPES",
    "SIZES",
    "Object",
    "Scene",
    "mirror",
    "render",
    "render_all",
    "sample",
]
