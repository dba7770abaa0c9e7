"""Still lifes of one object, 32 x 32 in colour, to learn from without labels; their label is the object's shape.

The shape is what pixels say least plainly: a solid has any colour, size, material, turn, place and light, so two
pictures of one shape share no pixel, and each of these is seen sooner than the shape. One thing is not free: a colour
does not meet every shape in `playground.world`'s training scenes, so who knows the colour alone guesses a little better
than by chance.
"""

import math
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from playground import world
from playground.representations.efficiency import Labelled

__all__ = ["FIRST", "HELD_OUT", "SIDE", "TRAINING", "world_pictures", "world_view"]

SIDE = 32  # pixels
TRAINING, HELD_OUT = 4000, 1000  # pictures
FIRST = world.EVALUATION + 60_000_000  # the held-out scenes' first seed; those of training begin at 0
NEARER, FOCUS = 0.25, 5.4  # of a close-up: part of the distance to the middle, focus of the lens
SCALE, SHIFT = (0.7, 1.2), 0.25  # of a view: how wide it is, and how far aside its middle, in half widths
LUMINANCE = (0.299, 0.587, 0.114)
GAIN, CONTRAST, GREY, NOISE = 0.3, 0.3, 0.2, 0.03  # of a view's colours; GREY is a probability


@cache
def world_pictures(training: int = TRAINING, held_out: int = HELD_OUT) -> Labelled:
    """Pictures (n, 3, 32, 32) in [0, 1] and shapes (n,), places in `world.SHAPES`, to learn from and to be graded on.

    No seed is in both: training's are below `world.EVALUATION`. Always the same; ten seconds for the usual numbers.
    """
    x, y = _draw(0, training)
    held_x, held_y = _draw(FIRST, held_out)
    return Labelled(x, y, held_x, held_y)


def close_up(scene: world.Scene) -> world.Scene:
    """A scene of one object nearer to the middle and through a longer lens: a small solid is 11 pixels wide, not 6."""
    (one,) = scene.objects
    x, z = one.position
    one = replace(one, position=(NEARER * x, NEARER * z))
    return replace(scene, objects=(one,), camera=replace(scene.camera, focus=FOCUS))


def _draw(first: int, count: int) -> tuple[Tensor, Tensor]:
    scenes = [close_up(world.sample(seed, objects=1)) for seed in range(first, first + count)]
    shapes = torch.tensor([world.SHAPES.index(scene.objects[0].shape) for scene in scenes])
    return world.render_all(scenes, SIDE), shapes


def world_view(x: Tensor, generator: torch.Generator | None = None, *, colour: bool = True) -> Tensor:
    """Pictures (n, 3, h, w) in [0, 1], each changed by chance, as far as its shape stays what it was.

    What may change says what the embedding need not hold: the place and the size, by a crop or a step back; left and
    right, by a mirror, for no solid here has a side; brightness, contrast and hue, a fifth of the pictures being grey.
    Without `colour`, two views of a picture are known by their colours, and a loss of contrast need learn nothing else
    (Chen et al. 2020, section 3.2). No turn: the table stays level, and a cone upside down is no still life.
    """
    n, draw = len(x), lambda low, high: low + (high - low) * torch.rand(len(x), generator=generator)
    zoom, mirror = draw(*SCALE), 1 - 2 * (draw(0, 1) < 0.5).float()
    zero = torch.zeros(n)
    across = torch.stack([zoom * mirror, zero, draw(-SHIFT, SHIFT)], 1)
    down = torch.stack([zero, zoom, draw(-SHIFT, SHIFT)], 1)
    matrix = torch.stack([across, down], 1).to(x)
    grid = affine_grid(matrix, list(x.shape), align_corners=False)
    out = grid_sample(x, grid, padding_mode="border", align_corners=False)
    if colour:
        out = _recoloured(out, draw(0, 2 * math.pi), draw(0, 1) < GREY, draw(1 - CONTRAST, 1 + CONTRAST))
        out = out * draw(1 - GAIN, 1 + GAIN).to(x)[:, None, None, None]
    out = out + NOISE * torch.randn(out.shape, generator=generator).to(x)
    return out.clamp(0, 1)


def _recoloured(x: Tensor, hue: Tensor, grey: Tensor, contrast: Tensor) -> Tensor:
    """Each picture's colours turned by `hue` radians about the grey axis, or grey, and spread about their mean."""
    k = 1 / math.sqrt(3)
    across = torch.tensor([[0, -k, k], [k, 0, -k], [-k, k, 0]])  # what a turn about (1, 1, 1) adds by its sine
    cos, sin = hue.cos()[:, None, None], hue.sin()[:, None, None]
    turn = cos * torch.eye(3) + sin * across + (1 - cos) / 3  # Rodrigues' rotation
    turn[grey] = torch.tensor(LUMINANCE).expand(3, 3)
    out = torch.einsum("nij,njhw->nihw", turn.to(x), x)
    middle = out.mean((1, 2, 3), keepdim=True)
    return middle + contrast.to(x)[:, None, None, None] * (out - middle)
