"""Settings of the Flows tab: checked, kept in a link, written as a program that makes the same picture."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground import flows
from playground.tabs.flows.settings import MAX_LAYERS, MAX_SECONDS, Settings, pack, unpack

ROOT = Path(__file__).parents[2]


def drawing():
    ink = np.zeros((64, 64), dtype=np.float32)
    ink[20:44, 30:34] = 1
    ink[30:34, 20:44] = 0.6
    return ink


def from_link(settings):
    return Settings.from_query(dict(parse_qsl(settings.query())))


settings_of_all_kinds = st.builds(
    Settings,
    density=st.sampled_from(sorted(flows.DENSITIES)),
    flow=st.sampled_from(sorted(flows.FLOWS)),
    layers=st.integers(1, MAX_LAYERS),
    seconds=st.integers(1, MAX_SECONDS),
    seed=st.integers(0, 2**31 - 1),
    constrained=st.booleans(),
)


@given(settings_of_all_kinds)
def test_link_restores_settings(settings):
    assert from_link(settings) == (settings, [])


def test_link_restores_a_drawing():
    settings = Settings(source="draw", drawing=pack(drawing()))
    restored, wrong = from_link(settings)
    assert restored == settings
    assert not wrong
    np.testing.assert_allclose(restored.make_density().table.exp(), settings.make_density().table.exp())
    assert len(settings.query()) < 400


def test_link_of_an_upload_leaves_the_file_out():
    query = Settings(source="upload", upload="/tmp/points.csv").query()
    assert "points" not in query


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", "-3"),
        ("layers", "x"),
        ("layers", "1e9"),
        ("seconds", "nan"),
        ("seconds", "1e9"),
        ("seed", "-1"),
        ("flow", "gan"),
        ("density", "../../etc"),
        ("constrained", "yes"),
        ("drawing", "%%%"),
        ("drawing", "eJxLBAAAYgBi"),
        ("source", "web"),
    ],
)
def test_impossible_link_falls_back_and_says_so(name, value):
    settings, wrong = Settings.from_query({name: value})
    assert settings == Settings()
    assert [pair[0] for pair in wrong] == [name]


def test_code_in_a_link_never_reaches_the_program():
    """base64 ignores what follows its padding; the program must not."""
    evil = pack(drawing()).rstrip("=") + '=="); __import__("os").system("echo"); x=("'
    settings, _ = Settings.from_query({"source": "draw", "drawing": evil})
    assert "system" not in settings.python()


def test_bomb_in_a_link_is_not_unpacked():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    with pytest.raises(ValueError, match="damaged"):
        unpack(bomb)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("layers", -1, "1 and 16"),
        ("layers", 17, "1 and 16"),
        ("layers", True, "1 and 16"),
        ("layers", 2.5, "1 and 16"),
        ("seconds", 0, "1 and 60"),
        ("seconds", math.nan, "1 and 60"),
        ("seconds", "5", "1 and 60"),
        ("seed", -1, "0 and 2,147,483,647"),
        ("flow", "gan", "spline"),
        ("density", "cats", "moons"),
        ("source", "web", "preset"),
    ],
)
def test_impossible_settings_name_the_limit(field, value, limit):
    with pytest.raises(ValueError, match=limit):
        Settings(**{field: value})


def test_pack_keeps_sixteen_levels():
    np.testing.assert_allclose(unpack(pack(drawing())), drawing(), atol=0.5 / 15)
    assert pack(None) == pack(np.zeros((64, 64), dtype=np.float32)) == ""
    with pytest.raises(ValueError, match="64, 64"):
        pack(np.full((64, 64), np.nan, dtype=np.float32))


def run_program(settings, folder, steps):
    """Run the Python panel's program as a person would; the picture's numbers, from the flow it leaves behind."""
    program = settings.python(steps) + 'import numpy\nnumpy.save("picture.npy", flows.log_prob_grid(flow))\n'
    (folder / "pasted.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "pasted.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "density.html").stat().st_size > 50_000
    return np.load(folder / "picture.npy")


def test_program_makes_the_picture(tmp_path):
    """One whole program, pasted into a file and run by another Python: bit for bit what the tab shows."""
    settings = Settings(source="draw", drawing=pack(drawing()), flow="planar", layers=3, seed=5)
    flow = flows.build("planar", layers=3, seed=5)
    last = list(flows.watch({"planar": flow}, settings.make_density(), steps=25, seed=5))[-1]
    picture = run_program(settings, tmp_path, 25)
    np.testing.assert_allclose(picture, last.lanes[0].log_p, atol=1e-4)


@pytest.mark.parametrize("density", flows.DENSITIES)
@pytest.mark.parametrize("flow", ["spline"])
def test_program_of_every_density(density, flow, tmp_path, monkeypatch):
    check_in_process(Settings(density=density, flow=flow, layers=2), tmp_path, monkeypatch)


@pytest.mark.parametrize("flow", flows.FLOWS)
def test_program_of_every_flow(flow, tmp_path, monkeypatch):
    check_in_process(Settings(flow=flow, layers=2, seed=3), tmp_path, monkeypatch)


def check_in_process(settings, folder, monkeypatch):
    """The program, executed, leaves the flow that the tab trains with as many steps."""
    monkeypatch.chdir(folder)
    left: dict = {}
    exec(compile(settings.python(6), "pasted.py", "exec"), left)
    flow = flows.build(settings.flow, seed=settings.seed, **settings.options)
    last = list(flows.watch({settings.flow: flow}, settings.make_density(), steps=6, seed=settings.seed, side=50))[-1]
    np.testing.assert_allclose(flows.log_prob_grid(left["flow"], n=50), last.lanes[0].log_p, atol=1e-4)
    assert Path("density.html").exists()


def test_program_of_a_flow_that_folds(tmp_path, monkeypatch):
    check_in_process(Settings(flow="planar", layers=4, seed=5, constrained=False), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["points.csv", "cat.png"])
def test_program_of_an_upload(name, tmp_path, monkeypatch):
    file = tmp_path / name
    if name.endswith("csv"):
        x = np.random.default_rng(0).normal(size=(50, 2))
        file.write_text("x,y\n" + "\n".join(f"{a:.4f},{b:.4f}" for a, b in x))
    else:
        from PIL import Image

        Image.fromarray((255 * (1 - drawing())).astype(np.uint8)).save(file)
    check_in_process(Settings(source="upload", upload=str(file), layers=2), tmp_path, monkeypatch)


def test_program_says_seconds_before_a_run_and_steps_after():
    settings = Settings(seconds=7)
    assert "seconds=7" in settings.python()
    assert "steps=123" in settings.python(123)
    stopped = settings.python(123, stopped=True)
    assert "seconds=7" in stopped
    assert "if step.step == 123:" in stopped
    assert "layers=2" in replace(settings, layers=2).python()
