"""A small renderer of still lifes on the CPU: signed distances, sphere tracing, soft shadows, reflections.

Sphere tracing (Hart 1996) of only those rays that meet an object's bounding sphere, grouped by shape, so that every
distance is computed for its own rays alone; soft shadows by the nearest pass of the ray to the lamp (Quilez 2010).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.world.scene import COLORS, SHAPES, Scene

__all__ = ["render", "render_all"]

STEPS, SHADOW_STEPS = 20, 14
BATCH = 32  # scenes at once: what they need stays in the cache
SOFTNESS = 7.0  # of shadows: the larger, the harder
GAMMA = 1 / 2.2
FAR = 1e4
Distance = Callable[[Tensor, Tensor, Tensor], Tensor]


def _sphere(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return (x * x + y * y + z * z).sqrt() - 1.0


def _cube(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return _rounded(x.abs() - 0.74, y.abs() - 0.74, z.abs() - 0.74, 0.06)


def _rounded(a: Tensor, b: Tensor, c: Tensor, radius: float) -> Tensor:
    """A box's distance from how far a point lies outside its three slabs, its edges rounded."""
    outside = (a.clamp(min=0).square() + b.clamp(min=0).square() + c.clamp(min=0).square()).sqrt()
    return outside + torch.maximum(a, torch.maximum(b, c)).clamp(max=0) - radius


def _cylinder(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    a, b = (x * x + z * z).sqrt() - 0.74, y.abs() - 0.80
    outside = (a.clamp(min=0).square() + b.clamp(min=0).square()).sqrt()
    return outside + torch.maximum(a, b).clamp(max=0) - 0.06


CONE_FOOT, CONE_HEIGHT = 0.84, 1.72
_SLANT = math.hypot(CONE_FOOT, CONE_HEIGHT)


def _cone(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """From the middle of its height; never more than the true distance."""
    r, h = (x * x + z * z).sqrt(), y + CONE_HEIGHT / 2
    side = (r * CONE_HEIGHT + (h - CONE_HEIGHT) * CONE_FOOT) / _SLANT
    return torch.maximum(side + 0.04, -h + 0.04) - 0.04


def _torus(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    ring = (x * x + z * z).sqrt() - 0.70
    return (ring * ring + y * y).sqrt() - 0.29


# shape -> distance in units of the object's size, height of its middle, radius of a ball around it
DISTANCES: dict[str, tuple[Distance, float, float]] = {
    "sphere": (_sphere, 1.0, 1.0),
    "cube": (_cube, 0.80, 1.34),
    "cylinder": (_cylinder, 0.86, 1.18),
    "cone": (_cone, CONE_HEIGHT / 2, 1.21),
    "torus": (_torus, 0.29, 1.0),
}


@dataclass(frozen=True, eq=False)
class _Table:
    """All objects of a batch, one after another."""

    scene: Tensor  # (k,) whose
    shape: Tensor  # (k,) index in SHAPES
    middle: Tensor  # (k, 3)
    size: Tensor  # (k,)
    ball: Tensor  # (k,) radius of a ball around it
    turn: Tensor  # (k, 2) cosine and sine
    color: Tensor  # (k, 3) linear
    metal: Tensor  # (k,) 0 or 1


def render(scene: Scene, size: int = 64) -> Tensor:
    """A picture (3, size, size) in [0, 1] of a still life."""
    return render_all([scene], size)[0]


@torch.no_grad()
def render_all(scenes: Sequence[Scene], size: int = 64) -> Tensor:
    """Pictures (n, 3, size, size) in [0, 1]; the same scene gives the same picture in any company.

    Raises `ValueError` for a size outside 16 to 1024 and for no scene.
    """
    if not 16 <= size <= 1024:
        raise ValueError(f"size must lie between 16 and 1024, not {size}")
    if not scenes:
        raise ValueError("there is no scene to render")
    batch = max(1, BATCH * 64 * 64 // (size * size))
    return torch.cat([_render(scenes[i : i + batch], size) for i in range(0, len(scenes), batch)])


def _render(scenes: Sequence[Scene], size: int) -> Tensor:
    table, lights = _table(scenes), _lights(scenes)
    eye, coarse = _rays(scenes, size)
    picture = _ground(table, lights, eye, coarse)  # (n, size, size, 3)
    fine = 2 * size
    _, rays = _rays(scenes, fine)
    picture = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    flat = picture.reshape(-1, 3)
    k, ray = _meet(table, eye, rays)
    if len(k):
        t, hit, normal = _trace(table, eye, rays, k, ray)
        k, ray, t = k[hit], ray[hit], t[hit]
        pixel = table.scene[k] * fine * fine + ray
        nearest = torch.full((len(scenes) * fine * fine,), FAR).scatter_reduce(0, pixel, t, "amin")
        first = t <= nearest[pixel]
        facing = tuple(axis[hit][first] for axis in normal)
        flat[pixel[first]] = _shade(table, lights, eye, rays, k[first], ray[first], t[first], facing)
    linear = picture.reshape(len(scenes), size, 2, size, 2, 3).mean((2, 4))
    return (linear / (1 + 0.18 * linear)).clamp(0, 1).pow(GAMMA).permute(0, 3, 1, 2).contiguous()


def _table(scenes: Sequence[Scene]) -> _Table:
    rows, colors = [], []
    for i, scene in enumerate(scenes):
        for o in scene.objects:
            _, height, ball = DISTANCES[o.shape]
            rows.append(
                (
                    i, SHAPES.index(o.shape), o.position[0], height * o.radius, o.position[1], o.radius,
                    ball * o.radius, math.cos(o.angle), math.sin(o.angle), float(o.material == "metal"),
                )
            )  # fmt: skip
            colors.append([o.shade * value for value in COLORS[o.color]])
    data = torch.tensor(rows, dtype=torch.float32)
    return _Table(
        data[:, 0].long(), data[:, 1].long(), data[:, 2:5], data[:, 5], data[:, 6], data[:, 7:9],
        torch.tensor(colors, dtype=torch.float32), data[:, 9],
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Lights:
    lamp: Tensor  # (n, 3) unit
    glow: Tensor  # (n, 3) its colour
    ground: Tensor  # (n, 3)
    sky: Tensor  # (n, 3)


def _lights(scenes: Sequence[Scene]) -> _Lights:
    glow = [[1.0 + 0.07 * s.light.warmth, 1.0, 1.0 - 0.09 * s.light.warmth] for s in scenes]
    return _Lights(
        torch.tensor([s.light.direction for s in scenes]),
        2.1 * torch.tensor(glow),
        torch.tensor([s.light.ground for s in scenes]),
        torch.tensor([s.light.sky for s in scenes]),
    )


def _rays(scenes: Sequence[Scene], size: int) -> tuple[Tensor, Tensor]:
    """Where the cameras are (n, 3), and the unit directions of their pixels (3, n, size * size), row 0 on top."""
    bases = torch.tensor([s.camera.basis for s in scenes])  # (n, 4, 3)
    focus = torch.tensor([s.camera.focus for s in scenes])
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    v, u = torch.meshgrid(-axis, axis, indexing="ij")
    u, v = u.flatten(), v.flatten()
    directions = (
        bases[:, 1, :, None] * u + bases[:, 2, :, None] * v + (bases[:, 3] * focus[:, None])[:, :, None]
    )  # (n, 3, p)
    directions = directions / directions.square().sum(1, keepdim=True).sqrt()
    return bases[:, 0], directions.transpose(0, 1).contiguous()


def _meet(table: _Table, eye: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of object and ray (m,), (m,) where the ray meets the ball around the object."""
    away = table.middle - eye[table.scene]  # (k, 3)
    own = rays[:, table.scene]  # (3, k, p)
    along = away[:, 0, None] * own[0] + away[:, 1, None] * own[1] + away[:, 2, None] * own[2]
    miss = away.square().sum(1, keepdim=True) - along.square()
    k, ray = (miss < table.ball.square()[:, None]).nonzero(as_tuple=True)
    return k, ray


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _local(table: _Table, k: Tensor, vector: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """A vector in the turned coordinates of object k."""
    c, s = table.turn[k, 0], table.turn[k, 1]
    x, y, z = vector
    return c * x + s * z, y, c * z - s * x


def _by_shape(table: _Table, k: Tensor) -> list[tuple[str, Tensor]]:
    """The pairs of each shape that is there."""
    shapes = table.shape[k]
    return [(name, (shapes == i).nonzero()[:, 0]) for i, name in enumerate(SHAPES) if bool((shapes == i).any())]


def _trace(
    table: _Table, eye: Tensor, rays: Tensor, k: Tensor, ray: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Distance along the ray (m,), whether it hits (m,), and the normal in the world."""
    scene = table.scene[k]
    d = _local(table, k, [axis[scene, ray] for axis in rays])
    away = eye[scene] - table.middle[k]
    o = [part / table.size[k] for part in _local(table, k, away.unbind(1))]
    t, hit = torch.zeros_like(o[0]), torch.zeros_like(k, dtype=torch.bool)
    normals = [torch.zeros_like(t) for _ in range(3)]
    for name, mine in _by_shape(table, k):
        distance, _, ball = DISTANCES[name]
        ox, oy, oz, dx, dy, dz = (part[mine] for part in (*o, *d))
        middle = -(ox * dx + oy * dy + oz * dz)
        half = (ball * ball - (ox * ox + oy * oy + oz * oz - middle * middle)).clamp(min=0).sqrt()
        at = middle - half
        if name != "sphere":
            for _ in range(STEPS):
                at = at + distance(ox + at * dx, oy + at * dy, oz + at * dz)
        x, y, z = ox + at * dx, oy + at * dy, oz + at * dz
        hit[mine] = (distance(x, y, z) < 4e-3) & (at < middle + half + 1e-3)
        t[mine] = at
        for axis, slope in zip(normals, _slopes(distance, x, y, z), strict=True):
            axis[mine] = slope
    c, s = table.turn[k, 0], table.turn[k, 1]
    nx, ny, nz = normals
    return t * table.size[k], hit, (c * nx - s * nz, ny, s * nx + c * nz)


def _slopes(distance: Distance, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The unit normal by four taps at the corners of a tetrahedron."""
    e = 2e-3
    a, b = distance(x + e, y - e, z - e), distance(x - e, y - e, z + e)
    c, d = distance(x - e, y + e, z - e), distance(x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, c + d - a - b, b + d - a - c
    length = (nx * nx + ny * ny + nz * nz).sqrt().clamp(min=1e-9)
    return nx / length, ny / length, nz / length


def _sky(lights: _Lights, scene: Tensor, y: Tensor) -> Tensor:
    """What is seen far away in a direction of height y (m,): (m, 3)."""
    rise = y.clamp(0, 1)[:, None]
    return lights.sky[scene] * (1.0 - 0.22 * rise) + 0.10 * rise


def _shadow(table: _Table, lights: _Lights, points: tuple[Tensor, ...], owner: Tensor, skip: Tensor) -> Tensor:
    """How much of the lamp is seen (m,) from points of scenes `owner`; object `skip` (-1 for none) casts none."""
    count = int(torch.bincount(table.scene, minlength=1).max())
    first = torch.searchsorted(table.scene, torch.arange(len(lights.lamp)))
    seen = torch.ones_like(points[0])
    for i in range(count):
        k = first[owner] + i
        there = (k < len(table.scene)) & (table.scene[k.clamp(max=len(table.scene) - 1)] == owner) & (k != skip)
        k = k.clamp(max=len(table.scene) - 1)
        lamp = lights.lamp[owner]
        away = [p - table.middle[k, j] for j, p in enumerate(points)]
        along = -_dot(away, lamp.unbind(1))
        square = _dot(away, away)
        reach = 1.35 * table.ball[k] + 0.08 * along.clamp(min=0)
        near = (there & (along > -table.ball[k]) & (square - along * along < reach * reach)).nonzero()[:, 0]
        if len(near):
            seen[near] = torch.minimum(seen[near], _passes(table, k[near], [a[near] for a in away], lamp[near]))
    return seen


def _passes(table: _Table, k: Tensor, away: Sequence[Tensor], lamp: Tensor) -> Tensor:
    """The light that gets past object k (m,): how near the ray to the lamp passes it, over how far that is."""
    o = [part / table.size[k] for part in _local(table, k, away)]
    d = _local(table, k, lamp.unbind(1))
    out = torch.ones_like(o[0])
    for name, mine in _by_shape(table, k):
        distance, _, ball = DISTANCES[name]
        ox, oy, oz, dx, dy, dz = (part[mine] for part in (*o, *d))
        middle = -(ox * dx + oy * dy + oz * dz)
        at = (middle - 1.35 * ball).clamp(min=0.03)
        light = torch.ones_like(at)
        for _ in range(SHADOW_STEPS):
            gap = distance(ox + at * dx, oy + at * dy, oz + at * dz)
            light = torch.minimum(light, SOFTNESS * gap / at.clamp(min=0.05))
            at = at + gap.clamp(0.04, 0.5)
        out[mine] = light.clamp(0, 1)
    return out * out * (3 - 2 * out)


def _ground(table: _Table, lights: _Lights, eye: Tensor, rays: Tensor) -> Tensor:
    """The table and the wall behind it, with shadows: (n, size, size, 3), linear."""
    n, pixels = rays.shape[1:]
    scene = torch.arange(n).repeat_interleave(pixels)
    dx, dy, dz = (axis.reshape(-1) for axis in rays)
    below = dy < -1e-3
    t = torch.where(below, -eye[scene, 1] / dy.clamp(max=-1e-3), torch.full_like(dy, 60.0)).clamp(max=60.0)
    x, z = eye[scene, 0] + t * dx, eye[scene, 2] + t * dz
    zero = torch.zeros_like(x)
    shadow = torch.ones_like(x)
    near = (below & (t < 16)).nonzero()[:, 0]
    shadow[near] = _shadow(table, lights, (x[near], zero[near], z[near]), scene[near], torch.full_like(near, -1))
    corner = _corners(table, x.view(n, -1), z.view(n, -1)).reshape(-1)
    lamp = lights.lamp[scene]
    light = lights.glow[scene] * (0.62 * lamp[:, 1] * shadow)[:, None] + (0.55 * corner)[:, None]
    color = lights.ground[scene] * light
    haze = ((t - 8.0) / 7.0).clamp(0, 1)
    haze = (haze * haze * (3 - 2 * haze))[:, None]
    color = color * (1 - haze) + _sky(lights, scene, dy) * haze
    size = math.isqrt(pixels)
    return color.view(n, size, size, 3).contiguous()


def _corners(table: _Table, x: Tensor, z: Tensor) -> Tensor:
    """Where little of the sky is seen because an object stands near: (n, p) in [0, 1]."""
    out = torch.ones_like(x)
    for k in range(len(table.scene)):
        i = int(table.scene[k])
        height, radius = float(table.middle[k, 1]), 0.9 * float(table.size[k])
        square = (x[i] - table.middle[k, 0]) ** 2 + (z[i] - table.middle[k, 2]) ** 2 + height * height
        out[i] *= 1 - 0.85 * height * radius * radius / square.pow(1.5).clamp(min=1e-6)
    return out.clamp(0.15, 1)


def _shade(
    table: _Table,
    lights: _Lights,
    eye: Tensor,
    rays: Tensor,
    k: Tensor,
    ray: Tensor,
    t: Tensor,
    normal: tuple[Tensor, ...],
) -> Tensor:
    """The colour (m, 3), linear, of points at distance t on objects k."""
    scene = table.scene[k]
    d = [axis[scene, ray] for axis in rays]
    points = tuple(eye[scene, j] + t * d[j] for j in range(3))
    lamp, color, metal = lights.lamp[scene], table.color[k], table.metal[k][:, None]
    seen = _shadow(table, lights, tuple(p + 0.02 * n for p, n in zip(points, normal, strict=True)), scene, k)
    faces = _dot(normal, lamp.unbind(1))
    lit = (faces.clamp(min=0) * seen)[:, None]
    up = (0.5 + 0.5 * normal[1])[:, None]
    low = (points[1] / table.size[k]).clamp(0, 1)[:, None]  # near the table it is darker
    around = (lights.sky[scene] * up + 0.5 * lights.ground[scene] * (1 - up)) * (0.55 + 0.45 * low)
    toward = _dot(normal, d)
    mirrored = [a - 2 * toward * n for a, n in zip(d, normal, strict=True)]
    glint = _dot(mirrored, lamp.unbind(1)).clamp(min=0)
    matte = color * (lights.glow[scene] * lit * 0.95 + 0.75 * around)
    matte = matte + (0.07 * glint.pow(16) * seen)[:, None] * lights.glow[scene]
    fresnel = (1 + toward).clamp(0, 1).pow(5)[:, None]
    seen_in_it = _reflected(table, lights, scene, k, points, mirrored)
    shine = seen_in_it * (color * 1.25 + (1 - color) * fresnel)
    shine = shine + color * lights.glow[scene] * lit * 0.18
    shine = shine + (2.2 * glint.pow(110) * seen)[:, None] * lights.glow[scene]
    return matte * (1 - metal) + shine * metal


def _reflected(
    table: _Table, lights: _Lights, scene: Tensor, k: Tensor, points: tuple[Tensor, ...], ways: Sequence[Tensor]
) -> Tensor:
    """What a mirror shows (m, 3): wall, a soft box of light above, the table, and other objects as blurred balls."""
    y = ways[1]
    sky = _sky(lights, scene, y) * 1.05
    box = ((y - 0.55) / 0.25).clamp(0, 1) * ((0.55 - ways[0].abs()) / 0.3).clamp(0, 1)
    sky = sky + 1.5 * box[:, None]
    reach = (points[1] / (-y).clamp(min=0.05)).clamp(max=12)
    dim = 0.55 + 0.45 * (reach / 2.5).clamp(0, 1)
    table_top = lights.ground[scene] * dim[:, None] * 0.8
    part = ((y + 0.04) / 0.16).clamp(0, 1)[:, None]
    out = table_top * (1 - part) + sky * part
    count = int(torch.bincount(table.scene, minlength=1).max())
    first = torch.searchsorted(table.scene, torch.arange(len(lights.lamp)))
    for i in range(count if count > 1 else 0):
        other = first[scene] + i
        there = (other < len(table.scene)) & (other != k)
        other = other.clamp(max=len(table.scene) - 1)
        there &= table.scene[other] == scene
        away = [table.middle[other, j] - p for j, p in enumerate(points)]
        along = _dot(away, ways)
        square = _dot(away, away) - along * along
        radius = 0.92 * table.size[other]
        cover = ((1.15 * radius - square.clamp(min=0).sqrt()) / (0.3 * radius)).clamp(0, 1)
        cover = (cover * there * (along > 0))[:, None]
        out = out * (1 - cover) + table.color[other] * (0.9 + 0.6 * y.clamp(min=0))[:, None] * cover
    return out
