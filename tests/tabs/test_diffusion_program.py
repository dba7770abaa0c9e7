"""The Python panel of the Diffusion tab: its program makes the very numbers that stand beside it."""

import sys
import threading

import numpy as np
import pytest
import torch
from pasted import drawn, executed

from playground import diffusion
from playground.diffusion import ROWS, Row
from playground.manager import ModelManager
from playground.tabs.diffusion import arena, curve, dial, heat, learned, pictures
from playground.tabs.diffusion.program import program
from playground.tabs.diffusion.settings import Settings
from playground.tabs.drawings import pack


def last(frames):
    *_, (_, result) = frames
    return result


@pytest.mark.parametrize("mode", ["first", "heun", "own"])
def test_one_curve(mode, tmp_path, monkeypatch):
    settings = Settings(target="moons", rows=(ROWS["sd"], Row("cosine", "v", "unipc")), steps=9, seed=2, mode=mode)
    left = drawn(program("curve", settings), tmp_path, monkeypatch)
    shown = last(curve.show(settings, threading.Event(), "en"))
    for mine, theirs in zip(left["bundle"].paths, shown.paths, strict=True):
        np.testing.assert_array_equal(mine.x_hat, theirs.x_hat)
        assert mine.row == theirs.row


def test_compare(tmp_path, monkeypatch, capsys):
    settings = Settings(rows=(ROWS["edm"], ROWS["flow"]), sigma=2.0, steps=5)
    left = drawn(program("compare", settings), tmp_path, monkeypatch)
    assert [len(curves.placement) for curves in left["curves"]] == [5, 5]
    assert str(diffusion.row_numbers(ROWS["flow"], 2.0)) in capsys.readouterr().out


@pytest.mark.parametrize("hand", ["", "80, 5, 0.5, 0"])
def test_arena(hand, tmp_path, monkeypatch):
    settings = Settings(solvers=("ddim", "unipc 3"), seed=4, spot="unipc 3@10", hand=hand)
    left = drawn(program("arena", settings), tmp_path, monkeypatch)
    contest = last(arena.show(settings, None, threading.Event(), "en"))
    for line in contest.lines:
        assert [dot.rms for dot in left["lines"][line.solver]] == [dot.rms for dot in line.dots]
    assert left["dot"].nfe == 10
    if hand:
        assert left["hand"].rms == contest.hand.rms


def test_dial(tmp_path, monkeypatch):
    settings = Settings(target="spirals", dial="edm", strength=0.3, dial_steps=12, seed=1)
    left = drawn(program("dial", settings), tmp_path, monkeypatch)
    shown = last(dial.show(settings, threading.Event(), "en"))
    np.testing.assert_array_equal(left["run"].paths, shown.run.paths)
    assert [m.distance for m in left["run"].marginals] == [m.distance for m in shown.run.marginals]
    for mine, theirs in zip(left["milestones"], shown.milestones, strict=True):
        np.testing.assert_array_equal(mine.paths, theirs.paths)


def test_dial_of_a_network(tmp_path, monkeypatch):
    for module in ("dial", "program"):
        monkeypatch.setattr(sys.modules[f"playground.tabs.diffusion.{module}"], "NETWORK_STEPS", 60)
    settings = Settings(target="moons", denoiser="network", dial_steps=8, seed=1)
    left = drawn(program("dial", settings), tmp_path, monkeypatch)
    shown = last(dial.show(settings, threading.Event(), "en"))
    np.testing.assert_array_equal(left["run"].paths, shown.run.paths)
    assert [one.spread for one in left["milestones"]] == [one.spread for one in shown.milestones]
    dial._networks.clear()  # of so few steps


def test_heat(tmp_path, monkeypatch):
    for module in ("heat", "program"):
        monkeypatch.setattr(sys.modules[f"playground.tabs.diffusion.{module}"], "CELLS", 64)
    settings = Settings(target="eight_gaussians", seed=3)
    left = drawn(program("heat", settings), tmp_path, monkeypatch)
    shown = last(heat.show(settings, threading.Event(), "en"))
    assert [frame.error for frame in left["frames"]] == [frame.error for frame in shown.frames]
    np.testing.assert_array_equal(left["frames"][-1].walkers, shown.frames[-1].walkers)


def test_learned_on_a_drawing(tmp_path, monkeypatch):
    """Bit for bit the network on the page; the drawing stands in the program."""
    ink = np.zeros((64, 64), dtype=np.float32)
    ink[10:30, 20:28] = 1
    rows = (ROWS["sd3"], Row("drawn", "edm", "heun", (0.002, 0.1, 1.0, 80.0)))
    settings = Settings(target="drawing", drawing=pack(ink), rows=rows, learn_row=2, learn_steps=100, steps=6, seed=5)
    left = drawn(program("learned", settings), tmp_path, monkeypatch)
    shown = last(learned.train(settings, threading.Event(), "en")).frame
    np.testing.assert_array_equal(left["frame"].samples, shown.samples)
    assert left["frame"].splits == shown.splits
    again = diffusion.load_denoiser(tmp_path / "denoiser")
    for mine, theirs in zip(again.parameters(), shown.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_pictures(tmp_path, monkeypatch):
    rows = (ROWS["edm"], Row("cosine", "v", "dpmpp_2m_sde"))
    settings = Settings(rows=rows, steps=5, seed=3, digits="048", picture_row=2, guidance=1.5)
    left = drawn(program("pictures", settings), tmp_path, monkeypatch)
    shown = last(pictures.show(ModelManager("cpu", 1 << 30), settings, threading.Event(), "en"))
    np.testing.assert_array_equal(left["drawn"].x, shown.x)
    assert left["drawn"].labels == shown.labels == (0, 0, 0, 4, 4, 4, 8, 8, 8)


@pytest.mark.parametrize("row", [ROWS["sd3"], Row("cosine", "v", "dpmpp_2m")])
def test_export(row, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    executed(program("export", Settings(rows=(row, ROWS["edm"]), steps=20)))
    left = executed(capsys.readouterr().out)
    levels, ours = diffusion.noise_levels(left["scheduler"]), row.make_schedule().sigmas(20)
    np.testing.assert_allclose(levels / (1 + levels), ours / (1 + ours), atol=1e-4)
    assert (tmp_path / "scheduler_config.json").stat().st_size > 100
