"""Still lifes: one to four solids on a table, each with shape, colour, size and material; all drawn from a seed."""

import math
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

__all__ = [
    "COLORS",
    "EVALUATION",
    "HELD_OUT",
    "MATERIALS",
    "MOST",
    "SHAPES",
    "SIZES",
    "Camera",
    "Light",
    "Object",
    "Scene",
    "mirror",
    "sample",
]

SHAPES = ("sphere", "cube", "cylinder", "cone", "torus")
COLORS: Mapping[str, tuple[float, float, float]] = {  # linear light
    "red": (0.78, 0.035, 0.045),
    "orange": (0.88, 0.24, 0.02),
    "yellow": (0.86, 0.66, 0.03),
    "green": (0.05, 0.42, 0.06),
    "cyan": (0.05, 0.58, 0.62),
    "blue": (0.045, 0.10, 0.70),
    "purple": (0.31, 0.055, 0.56),
    "gray": (0.26, 0.26, 0.26),
}
SIZES: Mapping[str, float] = {"small": 0.48, "large": 0.78}  # half the width
MATERIALS = ("matte", "metal")
MOST = 4  # objects
EVALUATION = 900_000_000  # seeds from here on are never trained on
# Colour and shape that never meet in training: every colour loses one shape, every shape one or two colours.
HELD_OUT = frozenset(
    {
        ("red", "cylinder"),
        ("orange", "cube"),
        ("yellow", "cone"),
        ("green", "torus"),
        ("cyan", "sphere"),
        ("blue", "cone"),
        ("purple", "cube"),
        ("gray", "sphere"),
    }
)
Pairs = Literal["seen", "all", "held-out"]
WIDTH, DEPTH = 2.05, (-1.9, 1.9)  # of the table where objects may stand
GAP = 0.1  # between two on the table
APART = 0.94  # of their widths on the picture: none hides another
ASIDE = 0.14  # least distance from left to right on the picture, whose half width is 1
TRIES = 60  # of places for an object, before all are laid out anew


@dataclass(frozen=True)
class Object:
    """A solid that stands on the table."""

    shape: str
    color: str
    size: str
    material: str
    position: tuple[float, float]  # of its foot: x to the right, z towards the camera
    angle: float = 0.0  # turned about the upright, radians
    shade: float = 1.0  # brightness of its colour, about 1

    @property
    def radius(self) -> float:
        return SIZES[self.size]


@dataclass(frozen=True)
class Light:
    """The lamp, and what it shines on."""

    direction: tuple[float, float, float]  # towards it, a unit vector
    warmth: float  # -1 cold to 1 warm
    ground: tuple[float, float, float]  # linear light
    sky: tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the middle of the table."""

    azimuth: float  # radians, 0 from the front
    elevation: float
    distance: float
    focus: float = 2.85  # of the lens: 1 over the tangent of half the angle of view

    @cached_property
    def basis(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """Its place, and the unit vectors to the right, up and forward."""
        ca, sa, ce, se = (f(x) for x in (self.azimuth, self.elevation) for f in (math.cos, math.sin))
        forward = (-sa * ce, -se, -ca * ce)
        place = tuple(target - self.distance * f for target, f in zip((0.0, 0.3, 0.1), forward, strict=True))
        return place, (ca, 0.0, -sa), (-sa * se, ce, -ca * se), forward

    def project(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Where a point is seen: (-1 left to 1 right, -1 bottom to 1 top) and how far it is."""
        (px, py, pz), right, up, forward = self.basis
        x, y, z = x - px, y - py, z - pz
        depth = x * forward[0] + y * forward[1] + z * forward[2]
        across, above = x * right[0] + y * right[1] + z * right[2], x * up[0] + y * up[1] + z * up[2]
        return self.focus * across / depth, self.focus * above / depth, depth


@dataclass(frozen=True)
class Scene:
    """A still life; its objects are in the order from left to right on the picture."""

    objects: tuple[Object, ...]
    light: Light
    camera: Camera
    seed: int = -1

    def places(self) -> list[tuple[float, float, float]]:
        """Where each object's middle is seen, as `Camera.project` says it."""
        return [self.camera.project(o.position[0], 0.6 * o.radius, o.position[1]) for o in self.objects]


def sample(seed: int, *, objects: int | Collection[int] = (1, 2, 3, 4), pairs: Pairs = "seen") -> Scene:
    """The still life of a seed; the same arguments give the same one on every machine.

    `objects`: how many, or what to draw the number from. `pairs`: which colours meet which shapes: those of training,
    all, or for every object one of `HELD_OUT`. Raises `ValueError` for a negative seed, for numbers outside 1 to
    `MOST`, and for held-out pairs with a seed of training, below `EVALUATION`.
    """
    counts = [objects] if isinstance(objects, int) else sorted(objects)
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, not {seed}")
    if not counts or not all(1 <= count <= MOST for count in counts):
        raise ValueError(f"objects must be 1 to {MOST}, not {objects}")
    if pairs not in ("seen", "all", "held-out"):
        raise ValueError(f"pairs must be seen, all or held-out, not {pairs!r}")
    if pairs != "seen" and seed < EVALUATION:
        raise ValueError(f"held-out pairs are for evaluation alone, with seeds from {EVALUATION:,} on, not {seed:,}")
    draw = random.Random(seed)
    count = draw.choice(counts)
    camera = Camera(draw.uniform(-0.16, 0.16), draw.uniform(0.40, 0.52), draw.uniform(7.0, 7.7))
    light = _light(draw)
    kinds = [_kind(draw, pairs) for _ in range(count)]
    made = _laid_out(kinds, camera, draw)
    while made is None:  # four large ones that found no room
        made = _laid_out(kinds, camera, draw)
    made.sort(key=lambda o: camera.project(o.position[0], 0.6 * o.radius, o.position[1])[0])
    return Scene(tuple(made), light, camera, seed)


def mirror(scene: Scene) -> Scene:
    """What a mirror shows: the picture of it is that of `scene` flipped from left to right."""
    objects = tuple(
        Object(o.shape, o.color, o.size, o.material, (-o.position[0], o.position[1]), -o.angle, o.shade)
        for o in reversed(scene.objects)
    )
    x, y, z = scene.light.direction
    light = Light((-x, y, z), scene.light.warmth, scene.light.ground, scene.light.sky)
    camera = Camera(-scene.camera.azimuth, scene.camera.elevation, scene.camera.distance, scene.camera.focus)
    return Scene(objects, light, camera, scene.seed)


def _kind(draw: random.Random, pairs: Pairs) -> tuple[str, str, str, str]:
    """Shape, colour, size and material."""
    while True:
        color, shape = draw.choice(list(COLORS)), draw.choice(SHAPES)
        held_out = (color, shape) in HELD_OUT
        if pairs == "all" or held_out == (pairs == "held-out"):
            return shape, color, draw.choice(list(SIZES)), draw.choice(MATERIALS)


def _light(draw: random.Random) -> Light:
    side = draw.choice((-1, 1))  # a lamp behind the camera hides the shadows
    azimuth, elevation = side * draw.uniform(0.7, 1.5), draw.uniform(0.62, 0.95)
    direction = (
        math.cos(elevation) * math.sin(azimuth),
        math.sin(elevation),
        math.cos(elevation) * math.cos(azimuth),
    )
    hue = draw.uniform(0, math.tau)
    grey, tint = draw.uniform(0.30, 0.52), draw.uniform(0.0, 0.10)
    ground = tuple(grey * (1 + tint * math.cos(hue - i * math.tau / 3)) for i in range(3))
    far, hue = draw.uniform(0.55, 0.80), draw.uniform(0, math.tau)
    sky = tuple(far * (1 + 0.08 * math.cos(hue - i * math.tau / 3)) for i in range(3))
    return Light(direction, draw.uniform(-1, 1), ground, sky)  # type: ignore[arg-type]


def _laid_out(kinds: list[tuple[str, str, str, str]], camera: Camera, draw: random.Random) -> list[Object] | None:
    """The objects, each put where it stands well beside those before it; None where one finds no place."""
    made: list[Object] = []
    for kind in kinds:
        for _ in range(TRIES):
            o = Object(
                *kind,
                position=(draw.uniform(-WIDTH, WIDTH), draw.uniform(*DEPTH)),
                angle=draw.uniform(0, math.tau),
                shade=draw.uniform(0.86, 1.14),
            )
            if stands_well(o, made, camera):
                made.append(o)
                break
        else:
            return None
    return made


def stands_well(o: Object, others: list[Object], camera: Camera) -> bool:
    """Whether it is on the picture, touches and hides none of the others, and left and right are beyond doubt."""
    x, y, width = _seen(o, camera)
    if abs(x) + 1.15 * width > 0.97 or y + 1.2 * width > 0.97 or y - 1.2 * width < -0.97:
        return False
    for other in others:
        if math.dist(o.position, other.position) < 1.15 * (o.radius + other.radius) + GAP:
            return False
        u, v, breadth = _seen(other, camera)
        if abs(x - u) < ASIDE or math.dist((x, y), (u, v)) < APART * (width + breadth):
            return False
    return True


def _seen(o: Object, camera: Camera) -> tuple[float, float, float]:
    """Where its middle is seen, and half how wide it is there."""
    x, y, depth = camera.project(o.position[0], 0.6 * o.radius, o.position[1])
    return x, y, camera.focus * o.radius / depth
