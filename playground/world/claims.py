"""What can be said of a still life, as data: mentions of objects, relations and counts, and whether it is true."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import permutations

from playground.world.scene import COLORS, HELD_OUT, MATERIALS, SHAPES, SIZES, Object, Scene

__all__ = ["RELATIONS", "Claim", "Mention", "claim", "exchanged", "falsified", "mention", "paired", "related"]

NEAR = 0.18  # how much nearer or farther an object must be to be called so, in units of the scene
RELATIONS = ("left", "right", "front", "behind")
OPPOSITE = {"left": "right", "right": "left", "front": "behind", "behind": "front"}
VALUES: Mapping[str, tuple[str, ...]] = {
    "size": tuple(SIZES), "color": tuple(COLORS), "material": MATERIALS, "shape": SHAPES,
}  # fmt: skip


@dataclass(frozen=True)
class Mention:
    """An object by some of its attributes; those that are not said are None."""

    size: str | None = None
    color: str | None = None
    material: str | None = None
    shape: str | None = None

    def fits(self, o: Object) -> bool:
        """Whether the object is one that is meant."""
        return all((said := getattr(self, f.name)) is None or said == getattr(o, f.name) for f in fields(self))

    @property
    def said(self) -> tuple[str, ...]:
        """The attributes that are said."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)


@dataclass(frozen=True)
class Claim:
    """A statement about a picture.

    kind "chain": the mentions from left to right, which are all objects; "list": they are there, each another object;
    "relation": one that fits the first stands `relation` of one that fits the second; "count": so many objects fit the
    first, or there are so many.
    """

    kind: str
    mentions: tuple[Mention, ...]
    relation: str | None = None
    count: int | None = None

    def holds(self, scene: Scene) -> bool:
        """Whether it is true of the scene."""
        objects = scene.objects
        if self.kind == "count":
            return sum(self.mentions[0].fits(o) for o in objects) == self.count
        if self.kind == "chain":
            pairs = zip(self.mentions, objects, strict=False)
            return len(self.mentions) == len(objects) and all(m.fits(o) for m, o in pairs)
        for chosen in permutations(range(len(objects)), len(self.mentions)):
            if all(m.fits(objects[i]) for m, i in zip(self.mentions, chosen, strict=True)) and (
                self.relation is None or related(scene, chosen[0], chosen[1], self.relation)
            ):
                return True
        return False


def mention(o: Object, *attributes: str) -> Mention:
    """The object by these attributes."""
    return Mention(**{name: getattr(o, name) for name in attributes})


def related(scene: Scene, i: int, j: int, relation: str) -> bool:
    """Whether object i is to the left or right of, in front of or behind object j, as the camera sees them."""
    one, other = scene.places()[i], scene.places()[j]
    if relation in ("left", "right"):
        return (one[0] < other[0]) == (relation == "left")
    gap = one[2] - other[2]
    return gap < -NEAR if relation == "front" else gap > NEAR


def claim(scene: Scene, draw: random.Random) -> Claim:
    """One of the many true things to say of a scene, short or detailed."""
    count = len(scene.objects)
    kinds: list[tuple[Callable[[Scene, random.Random], Claim], float]] = [(_chain, 4), (_list, 2), (_count, 1)]
    if count > 1:
        kinds.append((_relation, 3))
    make = draw.choices([make for make, _ in kinds], [weight for _, weight in kinds])[0]
    return make(scene, draw)


ALIKE = (("color", "shape"), ("size", "color", "shape"), ("color", "material", "shape"), ("color",), ("shape",))
BESIDE = 0.4  # how often two objects are only said to be there, and not which of them stands left


def paired(scene: Scene, draw: random.Random) -> Claim:
    """Two objects of a scene of two or more, by the same attributes: which stands left, or that both are there."""
    i, j = draw.sample(range(len(scene.objects)), 2)
    names = draw.choice(ALIKE)
    both = mention(scene.objects[i], *names), mention(scene.objects[j], *names)
    return Claim("list", both) if draw.random() < BESIDE else Claim("relation", both, "left" if i < j else "right")


def exchanged(scene: Scene, true: Claim, draw: random.Random) -> Claim | None:
    """The claim of a pair with their places, or one attribute of them, exchanged, or with the relation turned, so that
    it is false; None if none is. But for a turned relation the words stay the same, and only their order changes."""
    one, other = true.mentions
    options = [replace(true, mentions=(other, one))] if true.relation else []
    if true.relation:
        options.append(replace(true, relation=OPPOSITE[true.relation]))
    options += [_swapped(true, 0, 1, name) for name in one.said if name in other.said]
    return _false(scene, true, options, draw)


def falsified(scene: Scene, true: Claim, draw: random.Random) -> Claim | None:
    """The claim with one attribute, relation or count changed, or two swapped, so that it is false; None if none is."""
    return _false(scene, true, _changes(true, draw), draw)


def _false(scene: Scene, true: Claim, options: list[Claim], draw: random.Random) -> Claim | None:
    """One of the options that is false, and without pairs held out, which are in no text of training either."""
    known = {(o.color, o.shape) for o in scene.objects}
    options = [
        wrong
        for wrong in options
        if wrong != true
        and not wrong.holds(scene)
        and not any((m.color, m.shape) in HELD_OUT - known for m in wrong.mentions)
    ]
    return draw.choice(options) if options else None


def _some(o: Object, draw: random.Random, *, least: int = 1) -> Mention:
    """The object by some attributes, oftener all; the shape is oftenest among them."""
    names = list(VALUES)
    if draw.random() < 0.45:
        return mention(o, *names)
    chosen = [name for name in names if draw.random() < (0.85 if name == "shape" else 0.6)]
    while len(chosen) < least:
        chosen = sorted({*chosen, draw.choice(["color", "shape"])})
    return mention(o, *chosen)


def _chain(scene: Scene, draw: random.Random) -> Claim:
    return Claim("chain", tuple(_some(o, draw) for o in scene.objects))


def _list(scene: Scene, draw: random.Random) -> Claim:
    count = draw.randint(1, len(scene.objects))
    return Claim("list", tuple(_some(o, draw) for o in draw.sample(scene.objects, count)))


def _relation(scene: Scene, draw: random.Random) -> Claim:
    pairs = [
        (i, j, relation)
        for i in range(len(scene.objects))
        for j in range(len(scene.objects))
        for relation in RELATIONS
        if i != j and related(scene, i, j, relation)
    ]
    i, j, relation = draw.choice(pairs)
    return Claim("relation", (_some(scene.objects[i], draw), _some(scene.objects[j], draw)), relation)


def _count(scene: Scene, draw: random.Random) -> Claim:
    if draw.random() < 0.5:
        return Claim("count", (Mention(),), count=len(scene.objects))
    name = draw.choice(list(VALUES))
    meant = mention(draw.choice(scene.objects), name)
    return Claim("count", (meant,), count=sum(meant.fits(o) for o in scene.objects))


def _changes(true: Claim, draw: random.Random) -> list[Claim]:
    """What comes of one change; whether it is false is for the caller to see."""
    out = []
    for i, meant in enumerate(true.mentions):
        for name in meant.said:
            other = draw.choice([value for value in VALUES[name] if value != getattr(meant, name)])
            changed: dict[str, str] = {name: other}
            out.append(_with(true, i, replace(meant, **changed)))
        for j in range(i):
            shared = [name for name in meant.said if name in true.mentions[j].said]
            if shared:  # red cube and blue ball: blue cube and red ball
                out.append(_swapped(true, i, j, draw.choice(shared)))
    if true.kind == "relation":
        out.append(replace(true, relation=OPPOSITE[true.relation or "left"]))
        out.append(replace(true, mentions=true.mentions[::-1]))
    if true.kind == "chain" and len(true.mentions) > 1:
        out.append(replace(true, mentions=true.mentions[::-1]))
    if true.count is not None:
        out += [replace(true, count=n) for n in (true.count - 1, true.count + 1) if n > 0]
    return out


def _swapped(true: Claim, i: int, j: int, name: str) -> Claim:
    """The claim with an attribute of mentions i and j exchanged."""
    one: dict[str, str] = {name: getattr(true.mentions[j], name)}
    two: dict[str, str] = {name: getattr(true.mentions[i], name)}
    half = _with(true, i, replace(true.mentions[i], **one))
    return _with(half, j, replace(true.mentions[j], **two))


def _with(true: Claim, i: int, meant: Mention) -> Claim:
    return replace(true, mentions=(*true.mentions[:i], meant, *true.mentions[i + 1 :]))
