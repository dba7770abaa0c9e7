"""Lines of the arena's chart: each dot is the arena's own error, by hand or distilled alike."""

import math

import numpy as np
import pytest

from playground import diffusion


@pytest.fixture(scope="module")
def arena():
    return diffusion.make_arena(diffusion.target("eight_gaussians"), noises=64)


def last(frames):
    *_, end = frames
    return end


def test_dots_are_the_arenas_errors(arena):
    lines = last(diffusion.run_race(arena, ["ddim", "heun", "unipc 3"], grid="karras to 0.01", nfes=(5, 8, 9, 20)))
    assert [[dot.nfe for dot in line.dots] for line in lines] == [[5, 8, 9, 20], [5, 7, 9, 19], [5, 8, 9, 20]]
    for line in lines:
        for dot in line.dots:
            error = arena.error(diffusion.FREE_SOLVERS[line.solver](), sigmas=dot.sigmas)
            assert (dot.rms, dot.nfe) == (error.rms, error.nfe)
            gap = (dot.samples - diffusion.exact_ends(arena)) / arena.std
            assert math.sqrt((gap**2).mean()) == pytest.approx(dot.rms)
        assert line.dots[-1].rms < line.dots[0].rms


def test_a_dot_at_a_time(arena):
    counts = [
        sum(len(line.dots) for line in lines) for lines in diffusion.run_race(arena, ["ddim", "deis 3"], nfes=(4, 6))
    ]
    assert counts == [1, 2, 3, 4]


def test_by_hand_is_the_race_on_the_same_levels(arena):
    levels = diffusion.free_levels("ramp 1", "theta_ab 3", 6, arena.sigma_max)
    ((dot,),) = (line.dots for line in last(diffusion.run_race(arena, ["theta_ab 3"], grid="ramp 1", nfes=(6,))))
    assert diffusion.by_hand(arena, "theta_ab 3", levels).rms == dot.rms
    text = ", ".join(f"{level!r}" for level in levels)
    assert diffusion.read_levels(text) == levels


def test_levels_matter(arena):
    good = diffusion.by_hand(arena, "ddim", [80, 10, 2, 0.7, 0.2, 0])
    bad = diffusion.by_hand(arena, "ddim", [80, 79, 78, 77, 76, 0])
    assert good.rms < bad.rms / 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("80, ten, 0", "'ten' is no noise level"),
        ("80, -1, 0", "'-1' is no noise level"),
        ("80, 1e9999, 0", "no noise level"),
        ("80, 90, 0", "fall to 0"),
        ("80", "at least two"),
        ("", "at least two"),
        (" ".join(map(str, range(80, 0, -1))), "too many"),
    ],
)
def test_levels_that_are_none(text, message):
    with pytest.raises(ValueError, match=message):
        diffusion.read_levels(text)


def test_wrong_names_and_grids(arena):
    with pytest.raises(ValueError, match="no solver of the arena"):
        last(diffusion.run_race(arena, ["magic"]))
    with pytest.raises(ValueError, match="no grid is called"):
        last(diffusion.run_race(arena, ["ddim"], grid="magic"))
    with pytest.raises(ValueError, match="between 1 and 1000"):
        last(diffusion.run_race(arena, ["ddim"], nfes=(0,)))
    with pytest.raises(ValueError, match="must start at sigma_max = 80"):
        diffusion.by_hand(arena, "ddim", [70.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="no solver of the arena"):
        diffusion.by_hand(arena, "magic", [80.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="no solver of the arena"):
        diffusion.free_levels("karras to 0.002", "magic", 8, 80.0)
    with pytest.raises(ValueError, match="no grid is called"):
        diffusion.free_levels("magic", "ddim", 8, 80.0)


def test_a_distilled_solver_beats_the_race(arena):
    solver = last(diffusion.distill(diffusion.target("eight_gaussians"), nfe=6, seconds=6)).solver
    dot = diffusion.distilled_dot(arena, solver)
    lines = last(diffusion.run_race(arena, ["theta_ab 3", "ipndm 3", "deis 3"], nfes=(6,)))
    assert dot.nfe == 6
    assert dot.rms < min(line.dots[0].rms for line in lines)
    assert np.isfinite(dot.samples).all()
