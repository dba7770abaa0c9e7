"""Settings of the Diffusion tab: checked, and kept in a link."""

import math
from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground import diffusion
from playground.diffusion import ROWS, Row
from playground.tabs.diffusion.program import program
from playground.tabs.diffusion.settings import (
    MODES,
    PANELS,
    PRESETS,
    RACERS,
    SIGMAS,
    TARGETS,
    Settings,
    preset_of,
    read_rows,
    write_rows,
)
from playground.tabs.drawings import pack


def from_link(settings, panel="curve"):
    return Settings.from_query(dict(parse_qsl(settings.query(panel))))


levels = st.lists(st.floats(1e-3, 200), min_size=2, max_size=7, unique=True).map(lambda x: tuple(sorted(x)))
named_row = st.builds(
    Row,
    schedule=st.sampled_from(sorted(diffusion.SCHEDULES)),
    preconditioning=st.sampled_from(sorted(diffusion.PRECONDITIONINGS)),
    solver=st.sampled_from(sorted(diffusion.SOLVERS)),
)
hand_row = st.builds(
    Row,
    schedule=st.just("drawn"),
    preconditioning=st.sampled_from(sorted(diffusion.PRECONDITIONINGS)),
    solver=st.sampled_from(sorted(diffusion.SOLVERS)),
    levels=levels,
)
any_row = named_row | hand_row
INK = np.zeros((64, 64), dtype=np.float32)
INK[20:30, 30:50] = 1
settings_of_all_kinds = st.builds(
    Settings,
    target=st.sampled_from([*TARGETS, "drawing"]),
    drawing=st.just(pack(INK)),
    rows=st.lists(any_row | st.sampled_from(list(ROWS.values())), min_size=2, max_size=4).map(tuple),
    steps=st.integers(2, 100),
    seed=st.integers(0, 2**31 - 1),
    mode=st.sampled_from(MODES),
    sigma=st.floats(*SIGMAS).map(lambda x: float(f"{x:.3g}")).filter(lambda x: SIGMAS[0] <= x <= SIGMAS[1]),
    solvers=st.lists(st.sampled_from(sorted(RACERS)), min_size=1, max_size=5, unique=True).map(tuple),
    grid=st.sampled_from(sorted(diffusion.FREE_GRIDS)),
    spot=st.sampled_from(["ddim@8", "distilled@6", "unipc 3@10", "hand@5"]),
    hand=st.sampled_from(["", "80, 10, 1, 0", "80 1e-2 0"]),
    hand_solver=st.sampled_from(sorted(diffusion.FREE_SOLVERS)),
    dial=st.sampled_from(diffusion.DIALS),
    strength=st.integers(0, 20).map(lambda n: n / 20),
    dial_steps=st.integers(4, 200),
    digits=st.sampled_from(["0123456789", "7", "048"]),
    picture_row=st.integers(1, 2),
    guidance=st.integers(0, 100).map(lambda n: n / 10),
    learn_row=st.integers(1, 2),
    learn_steps=st.integers(100, 20_000),
)


@given(settings_of_all_kinds, st.sampled_from(PANELS))
def test_link_restores_settings(settings, panel):
    left = settings if settings.target == "drawing" else replace(settings, drawing="")  # on the pad, and not seen
    assert from_link(settings, panel) == (left, [])


def test_link_of_the_usual_is_short():
    assert Settings().query() == "tab=diffusion&target=eight_gaussians"
    assert "rows=vp+ve+iddpm+edm" in Settings(rows=PRESETS["table"]).query()


@given(st.lists(any_row, min_size=1, max_size=4).map(tuple))
def test_rows_are_written_and_read(rows):
    assert read_rows(write_rows(rows)) == rows


@pytest.mark.parametrize("name", PRESETS)
def test_presets_know_their_name(name):
    assert preset_of(PRESETS[name]) == name
    assert preset_of(PRESETS[name][:1]) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target", "high"),
        ("target", "../../etc"),
        ("rows", "edm"),
        ("rows", "edm magic"),
        ("rows", "edm drawn.edm.heun"),
        ("rows", "edm drawn~1~0.5.edm.heun"),
        ("rows", "edm edm~1~2.edm.heun"),
        ("drawing", "never packed"),
        ("learn_row", "5"),
        ("learn_steps", "1e9"),
        ("rows", "edm a.b.c"),
        ("rows", "edm " * 9),
        ("steps", "0"),
        ("steps", "1e9"),
        ("seed", "-1"),
        ("mode", "fast"),
        ("sigma", "nan"),
        ("sigma", "-1"),
        ("sigma", "1e300"),
        ("solvers", ""),
        ("solvers", "ddim,magic"),
        ("solvers", "euler"),
        ("grid", "magic"),
        ("spot", "<b>"),
        ("hand", '80, 1, 0"); import os; ("'),
        ("hand", "1 " * 999),
        ("hand_solver", "rk45"),
        ("dial", "euler"),
        ("strength", "2"),
        ("strength", "inf"),
        ("dial_steps", "1"),
        ("digits", "10"),
        ("digits", "a"),
        ("picture_row", "5"),
        ("picture_row", "0"),
        ("guidance", "nan"),
        ("guidance", "99"),
    ],
)
def test_impossible_link_falls_back_and_says_so(name, value):
    settings, wrong = Settings.from_query({name: value})
    assert settings == Settings()
    assert [pair[0] for pair in wrong] == [name]


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("steps", 1, "2 and 100"),
        ("steps", 2.5, "2 and 100"),
        ("steps", True, "2 and 100"),
        ("seed", -1, "0 and 2,147,483,647"),
        ("rows", (), "2 to 4, not 0"),
        ("target", "cats", "moons"),
        ("sigma", math.nan, "between 0.002 and 200"),
        ("sigma", None, "between 0.002 and 200"),
        ("strength", -0.1, "between 0 and 1"),
        ("solvers", (), "1 to 12, not 0"),
        ("dial_steps", 1000, "4 and 200"),
    ],
)
def test_impossible_settings_name_the_limit(field, value, limit):
    with pytest.raises(ValueError, match=limit):
        Settings(**{field: value})


@given(settings_of_all_kinds, st.sampled_from(PANELS))
def test_every_program_is_python(settings, panel):
    compile(program(panel, settings), "pasted.py", "exec")


def test_the_solvers_left_out_of_the_arena_are_others_by_another_name():
    arena = diffusion.make_arena(diffusion.target("moons"), noises=16)
    for name, same in (("euler", "ddim"), ("dpm_1", "ddim"), ("edm", "heun")):
        left, kept = (next(reversed(list(diffusion.run_race(arena, [n], nfes=(9,)))))[0].dots[0] for n in (name, same))
        assert left.rms == pytest.approx(kept.rms, rel=1e-9)


def test_a_link_without_its_drawing_opens_the_usual_target():
    settings, wrong = Settings.from_query({"target": "drawing"})
    assert (settings.target, wrong) == (Settings.target, [])
