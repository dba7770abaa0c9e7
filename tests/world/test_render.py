"""Pictures: the same in any company, mirrored with the scene, and showing what the scene says."""

import pytest
import torch

from playground import world
from playground.world.render import DISTANCES, _slopes
from playground.world.scene import Camera, Light, Object, Scene

LIGHT = Light((0.6, 0.7, 0.387), 0.0, (0.4, 0.4, 0.4), (0.7, 0.7, 0.7))
CAMERA = Camera(0.0, 0.46, 7.3)


def one(shape="sphere", color="red", size="large", material="matte", position=(0.0, 0.0)):
    return Scene((Object(shape, color, size, material, position),), LIGHT, CAMERA, 0)


def seen(scene, size=64):
    """Which pixels differ from the empty table's by much."""
    far = Scene((Object("sphere", "gray", "small", "matte", (0.0, -300.0)),), LIGHT, CAMERA, 0)
    return (world.render(scene, size) - world.render(far, size)).abs().amax(0) > 0.15


def test_a_picture_is_the_same_in_any_company():
    scenes = [world.sample(seed) for seed in range(40)]
    alone = world.render(scenes[33])
    assert alone.shape == (3, 64, 64)
    torch.testing.assert_close(world.render_all(scenes)[33], alone, atol=1e-5, rtol=0)
    assert torch.equal(world.render(scenes[33]), alone)


def test_pictures_are_within_their_range():
    pictures = world.render_all([world.sample(seed) for seed in range(64)], 48)
    assert pictures.isfinite().all()
    assert 0 <= pictures.min() < 0.2
    assert 0.9 < pictures.max() <= 1


@pytest.mark.parametrize("seed", range(6))
def test_the_mirrored_scene_is_the_mirrored_picture(seed):
    scene = world.sample(seed)
    flipped = world.render(world.mirror(scene)).flip(-1)
    gap = (world.render(scene) - flipped).abs()
    assert gap.mean() < 2e-3
    assert (gap.amax(0) > 0.1).float().mean() < 0.01, "but for rays that graze an edge"


@pytest.mark.parametrize("shape", world.SHAPES)
def test_distances_are_no_larger_than_true_ones_and_normals_are_their_slopes(shape):
    """Sphere tracing steps through a surface where a distance is too large: slopes are at most 1."""
    distance, _, ball = DISTANCES[shape]
    points = (2 * torch.rand(4000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1) * 2
    x, y, z = (part.requires_grad_() for part in points.unbind(1))
    value = distance(x, y, z)
    slopes = torch.stack(torch.autograd.grad(value.sum(), (x, y, z)), 1)
    assert slopes.square().sum(1).sqrt().max() < 1 + 1e-6
    assert (value[points.norm(dim=1) > ball + 1e-6] > 0).all(), "nothing stands out of the ball around it"
    near = value.abs() < 0.3
    taps = torch.stack(_slopes(distance, x[near], y[near], z[near]), 1).detach()
    assert (taps * slopes[near]).sum(1).median() > 0.999


@pytest.mark.parametrize("shape", world.SHAPES)
def test_shapes_stand_on_the_table_where_they_are(shape):
    left, right = seen(one(shape, position=(-1.2, 0.0))), seen(one(shape, position=(1.2, 0.0)))
    assert left[:, :32].sum() > 3 * left[:, 32:].sum()
    assert right[:, 32:].sum() > 3 * right[:, :32].sum()
    large, small = seen(one(shape)).sum(), seen(one(shape, size="small")).sum()
    assert 1.8 < large / small < 4.5, "as the square of 0.78 / 0.48"


@pytest.mark.parametrize("color", world.COLORS)
def test_colours_are_seen(color):
    """The nearest colour of an object's pixels, by their direction, is its own."""
    picture = world.render(one(color=color, position=(0.0, 0.3)))
    patch = picture[:, 26:34, 29:36].flatten(1).mean(1).pow(2.2)
    names = [name for name in world.COLORS if name != "gray"]
    if color == "gray":
        assert patch.std() / patch.mean() < 0.15
        return
    table = torch.tensor([world.COLORS[name] for name in names])
    found = torch.nn.functional.cosine_similarity(table, patch[None], dim=1).argmax()
    assert names[found] == color


def test_metal_mirrors_its_neighbour_and_matte_does_not():
    def picture(material, color):
        objects = (
            Object("sphere", "gray", "large", material, (-0.5, 0.0)),
            Object("cube", color, "large", "matte", (1.2, 0.4)),
        )
        return world.render(Scene(objects, LIGHT, CAMERA, 0), 96)[:, 20:70, 24:52]

    change = {m: (picture(m, "red") - picture(m, "blue")).abs().amax() for m in world.MATERIALS}
    assert change["metal"] > 0.15
    assert change["metal"] > 3 * change["matte"]


def test_a_shadow_falls_away_from_the_lamp():
    def table(lamp):
        light = Light(lamp, 0.0, LIGHT.ground, LIGHT.sky)
        return world.render(Scene(one().objects, light, CAMERA, 0)).mean(0)

    right, left = table((0.7, 0.64, 0.3)), table((-0.7, 0.64, 0.3))
    side = slice(36, 44), slice(6, 20)
    assert right[side].mean() < left[side].mean() - 0.01
    assert right[side].min() < left[side].min() - 0.1


@pytest.mark.parametrize("size", [8, 4096])
def test_absurd_sizes_are_refused(size):
    with pytest.raises(ValueError, match="between 16 and 1024"):
        world.render(one(), size)


def test_no_scene_is_refused():
    with pytest.raises(ValueError, match="no scene"):
        world.render_all([])
