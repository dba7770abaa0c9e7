"""The panels of the Diffusion tab without a page: frames, Stop, what is kept, words in both languages, files."""

import csv
import json
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest

from playground import diffusion
from playground.diffusion import ROWS, Row
from playground.i18n import refusal
from playground.manager import ModelManager
from playground.tabs.diffusion import arena, compare, curve, dial, downloads, export, heat, learned, pictures, words
from playground.tabs.diffusion.settings import PANELS, Settings


def run(frames):
    """All frames, and what the last one came with."""
    every = list(frames)
    return [frame for frame, _ in every], every[-1][1]


def go():
    return threading.Event()


@pytest.mark.parametrize(("mode", "limit"), [("first", 1e-13), ("heun", 1.0), ("own", 10.0)])
def test_one_curve(mode, limit):
    frames, bundle = run(curve.show(Settings(mode=mode), go(), "en"))
    assert max(path.deviation for path in bundle.paths) < limit
    assert len(frames[-1]["curve_table"]["rows"]) == 4
    number = min(path.gap[-1] for path in bundle.paths) if mode == "own" else max(p.deviation for p in bundle.paths)
    assert f"{number:.1e}" in frames[-1]["curve_verdict"]
    assert frames[-1]["progress"] == ""


def test_fine_steps_show_progress_stop_and_are_kept():
    settings, stop = Settings(mode="fine", rows=(ROWS["edm"], ROWS["flow"]), seed=11), go()
    frames = curve.show(settings, stop, "en")
    assert "progressbar" in next(frames)[0]["progress"]
    stop.set()
    rest, result = run(frames)
    assert (len(rest), result) == (1, None)
    assert "Stopped" in rest[0]["progress"]
    frames, bundle = run(curve.show(settings, go(), "en"))
    assert len(frames) > 10
    again, same = run(curve.show(settings, go(), "en"))
    assert (len(again), same) == (1, bundle)


def test_compare_shows_formulas_and_numbers():
    settings = Settings(rows=(ROWS["edm"], ROWS["flow"]), sigma=2.0)
    shown = compare.show(settings, "zh-CN")
    assert "\\sigma_d^2" in shown["formulas"]
    assert "流匹配" in shown["formulas"]
    rows = {row["cells"][0]: row["cells"][1:] for row in shown["numbers"]["rows"]}
    assert rows["c_skip"] == ["0.05882", "0.3333"]


def test_every_part_of_a_row_has_its_formula_and_its_name():
    for formulas in (words.SIGMA, words.SCALE, words.STEPS):
        assert formulas.keys() == {*diffusion.SCHEDULES, diffusion.DRAWN}
    for formulas in (words.C_SKIP, words.C_OUT, words.C_IN, words.C_NOISE, words.WEIGHT):
        assert formulas.keys() == diffusion.PRECONDITIONINGS.keys()
    for name in diffusion.FREE_SOLVERS:
        assert words.solver_name(name, "zh-CN")
    assert len({words.grid_name(name) for name in diffusion.FREE_GRIDS}) == len(diffusion.FREE_GRIDS)
    for schedule in diffusion.SCHEDULES:
        for solver in diffusion.SOLVERS:
            assert words.row_name(diffusion.Row(schedule, "v", solver), "zh-CN")
    assert words.row_names((ROWS["edm"], ROWS["edm"]), "en") == ["EDM", "EDM (2)"]


def test_level_and_place_of_the_slider():
    assert compare.level(compare.lg(0.5)) == pytest.approx(0.5, rel=0.01)
    assert compare.level(None) is None  # for the settings to refuse
    assert compare.level(1e9) == 1e9


def test_arena_measures_once():
    settings = Settings(solvers=("ddim", "deis 3"), seed=7)
    frames, contest = run(arena.show(settings, None, go(), "en"))
    assert contest.asked == (("ddim", "deis 3"), settings.grid)
    assert "arena_chart" in frames[-1]
    again, same = run(arena.show(replace(settings, spot="deis 3@10"), contest, go(), "en"))
    assert len(again) == 1
    assert same.lines is contest.lines
    other, changed = run(arena.show(replace(settings, target="moons"), contest, go(), "en"))
    assert len(other) > 1
    assert changed.about == ("moons", "", 7)


def test_arena_stops():
    stop = go()
    frames = arena.show(Settings(seed=8), None, stop, "en")
    next(frames)
    stop.set()
    rest, contest = run(frames)
    assert "Stopped" in rest[-1]["progress"]
    assert sum(len(line.dots) for line in contest.lines) == 1
    assert contest.asked == ((), "")  # measured again when it is next looked at


def test_a_click_means_a_dot():
    _, contest = run(arena.show(Settings(solvers=("ddim", "unipc 3")), None, go(), "zh-CN"))
    assert arena.spot_of(contest, "UniPC 3", 10, "zh-CN") == "unipc 3@10"
    assert arena.spot_of(contest, "UniPC 3", 11, "zh-CN") is None
    assert arena.spot_of(contest, "magic", 10, "en") is None
    assert arena.spot_of(None, "DDIM", 10, "en") is None


def test_levels_by_hand_are_measured_or_refused_beside_them():
    settings = Settings(solvers=("ddim",), hand="80, 5, 0.5, 0")
    frames, contest = run(arena.show(settings, None, go(), "en"))
    assert contest.hand.nfe == 3
    assert f"{contest.hand.rms:.3g}" in frames[-1]["hand_note"]
    for text, note in (("80, 90", "noise levels"), ("70, 0", "must start at sigma_max = 80")):
        _, wrong = run(arena.show(replace(settings, hand=text), contest, go(), "en"))
        assert wrong.hand is None
        assert note in wrong.note
    _, none = run(arena.show(replace(settings, hand=""), contest, go(), "en"))
    assert (none.hand, none.note) == (None, "")
    assert arena.fill(settings, 4).startswith("80, ")
    assert arena.fill(settings, 4).endswith(", 0")


def test_a_distilled_solver_stands_beside_the_rest():
    settings = Settings(solvers=("ddim",))
    _, contest = run(arena.show(settings, None, go(), "en"))
    frames, done = run(arena.distil(settings, contest, [4, 5], 3, go(), "en"))
    assert len(frames) > 10
    assert [solver.nfe for solver, _ in done.distilled] == [4, 5]
    assert "Fitted to Eight Gaussians alone" in done.verdict
    solver, dot = done.distilled[0]
    assert dot.rms < 2 * solver.held_out_error, "measured on other noises again"
    chart = frames[-1]["arena_chart"]
    assert "Distilled on Eight Gaussians" in {trace.name for trace in chart.data}
    assert frames[-1]["spot"]["value"] == "distilled@5"
    stop = go()
    going = arena.distil(settings, done, [6], 30, stop, "en")
    next(going)
    stop.set()
    stopped, kept = run(going)
    assert "Stopped" in stopped[-1]["progress"]
    assert kept.distilled == done.distilled


def test_dial_shows_marginals_as_they_come_and_stops():
    frames, done = run(dial.show(Settings(dial_steps=100), go(), "en"))
    counts = [len(frame["dial_figure"].data) for frame in frames if "dial_figure" in frame]
    assert counts == sorted(counts)
    assert len(counts) >= 4
    assert "Same marginals" in frames[-1]["dial_verdict"]
    assert len(done.run.marginals) == 4
    assert len(done.milestones) == 7
    assert len(frames[-1]["road_table"]["rows"]) == 7
    assert f"{done.milestones[0].spread:.2f}" in frames[-1]["road_verdict"]
    same = run(dial.show(Settings(dial_steps=100, strength=0.3), go(), "en"))[1]
    assert same.milestones == done.milestones, "the road is the same at every place of the dial"
    stop = go()
    going = dial.show(Settings(), stop, "en")
    next(going)
    stop.set()
    assert run(going)[1] is None


def test_a_network_is_trained_once_and_kept(monkeypatch):
    monkeypatch.setattr(dial, "NETWORK_STEPS", 100)
    settings = Settings(target="spirals", denoiser="network", dial_steps=8)
    stop = go()
    going = dial.show(settings, stop, "en")
    assert next(going)[0]["road_figure"] is None, "that of other settings is taken away"
    assert "Training the network: step 50 of 100" in next(going)[0]["progress"]
    stop.set()
    assert run(going)[1] is None
    assert settings.distribution not in dial._networks
    frames, done = run(dial.show(settings, go(), "en"))
    assert "The network shows" in frames[-1]["dial_verdict"]
    again, same = run(dial.show(settings, go(), "zh-CN"))
    assert len(again) < len(frames)
    np.testing.assert_array_equal(same.run.paths, done.run.paths)
    assert "看得出网络的误差" in again[-1]["dial_verdict"]
    dial._networks.clear()  # of so few steps


def test_heat_agrees_and_stops():
    frames, done = run(heat.show(Settings(), go(), "en"))
    assert "They agree" in frames[-1]["heat_verdict"]
    assert max(frame.error for frame in done.frames) < 0.01
    assert max(check.on_grid for check in done.checks) < 0.01
    assert len(frames[-1]["heat_table"]["rows"]) == 4
    stop = go()
    going = heat.show(Settings(), stop, "en")
    next(going)
    stop.set()
    assert run(going)[1] is None


def manager():
    return ModelManager("cpu", 1 << 30)


def test_pictures_come_with_the_model_in_the_books():
    settings, keeper = Settings(rows=(ROWS["edm"], ROWS["sd"]), steps=6, digits="37", picture_row=2), manager()
    frames, drawn = run(pictures.show(keeper, settings, go(), "en"))
    assert drawn.labels == (3,) * 5 + (7,) * 5
    assert drawn.nfe == 6
    assert drawn.strip.shape == (6, 10, 8, 8)
    assert list(drawn.sigmas) == sorted(drawn.sigmas, reverse=True)
    figure = frames[-1]["pictures_figure"]
    assert list(figure.layout.yaxis.ticktext) == ["3"] * 5 + ["7"] * 5
    assert "Stable Diffusion" in frames[-1]["pictures_verdict"]
    assert [status.key for status in keeper.snapshot()] == ["diffusion/digits"]


def test_pictures_refuse_a_row_that_is_not_there_and_no_digit():
    rows = (ROWS["edm"], ROWS["sd"])
    for settings, said in (
        (Settings(rows=rows, picture_row=3), "row 3 is not there to draw: choose one of the first 2"),
        (Settings(rows=rows, digits=""), "choose at least one digit to draw"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            next(pictures.show(manager(), settings, go(), "en"))
        assert "英文" not in refusal("zh-CN", caught.value)


def test_rows_on_pictures_are_measured_once_and_stop():
    settings, keeper, stop = Settings(rows=(ROWS["edm"], ROWS["sd"]), digits="3", seed=21), manager(), go()
    going = pictures.measure(keeper, settings, stop, "en")
    assert "progressbar" in next(going)[0]["progress"]
    stop.set()
    assert "Stopped" in run(going)[0][-1]["progress"]
    frames, _ = run(pictures.measure(keeper, settings, go(), "en"))
    rows = frames[-1]["pictures_table"]["rows"]
    errors = [[float(cell.split()[0]) for cell in row["cells"][1:]] for row in rows]
    assert len(errors) == 2
    assert all(row[0] > row[1] > row[2] > 0 for row in errors), "more steps, less error"
    again, drawn = run(pictures.measure(keeper, settings, go(), "en"))
    assert not any("Measuring" in frame["progress"] for frame in again)
    assert drawn is not None, "the pictures are drawn to the end, too"
    shown, _ = run(pictures.show(keeper, settings, go(), "en"))
    assert shown[-1]["pictures_table"]["rows"] == rows


def test_export_walks_our_levels():
    frames, made = run(export.show(Settings(rows=(ROWS["sd"], ROWS["edm"]), steps=20), "en"))
    assert "DPMSolverMultistepScheduler" in frames[-1]["export_verdict"]
    left: dict = {}
    exec(made.snippet, left)
    np.testing.assert_allclose(diffusion.noise_levels(left["scheduler"]), made.sigmas, rtol=1e-4, atol=1e-4)
    assert left["scheduler"].config.beta_schedule == "scaled_linear"


def test_exported_config_is_read_back_by_diffusers(tmp_path):
    from diffusers import EulerDiscreteScheduler

    _, made = run(export.show(Settings(rows=(Row("sigmoid", "eps", "ddim"), ROWS["edm"]), steps=18), "en"))
    path = Path(export.write_config(made, tmp_path))
    assert path.name == "scheduler_config.json"
    theirs = EulerDiscreteScheduler.from_pretrained(path.parent)
    theirs.set_timesteps(18)
    np.testing.assert_allclose(diffusion.noise_levels(theirs), made.sigmas, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "diffusers has no scheduler that does heun"), ("zh-CN", "没有")]
)
def test_export_without_counterpart_says_so(language, words):
    frames, made = run(export.show(Settings(rows=(ROWS["edm"], ROWS["ddpm"])), language))
    assert made is None
    assert words in frames[-1]["export_verdict"]
    assert frames[-1]["export_config"] == ""


def result_of(panel, settings):
    if panel == "pictures":
        return run(pictures.show(manager(), settings, go(), "en"))[1]
    if panel == "export":
        return run(export.show(settings, "en"))[1]
    if panel == "curve":
        return run(curve.show(settings, go(), "en"))[1]
    if panel == "arena":
        return run(arena.show(settings, None, go(), "en"))[1]
    if panel == "learned":
        return run(learned.train(settings, go(), "en"))[1]
    if panel == "heat":
        return run(heat.show(settings, go(), "en"))[1]
    return run(dial.show(settings, go(), "en"))[1] if panel == "dial" else True


@pytest.mark.parametrize("panel", PANELS)
def test_files(panel, tmp_path):
    settings = Settings(solvers=("ddim",), hand="80, 1, 0", rows=(ROWS["sd"], ROWS["edm"]), learn_steps=100)
    result = result_of(panel, settings)
    with Path(downloads.write("csv", panel, settings, result, tmp_path)).open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    record = json.loads(Path(downloads.write("json", panel, settings, result, tmp_path)).read_text(encoding="utf-8"))
    assert record["columns"] == rows[0]
    assert len(record["rows"]) == len(rows) - 1 > (9 if panel == "arena" else 10)
    assert float(rows[1][-1]) == pytest.approx(record["rows"][0][-1], rel=1e-6)
    assert Settings.from_query(dict(parse_qsl(record["link"]))) == (settings, [])


def test_solvers_file_is_read_back(tmp_path):
    settings = Settings(solvers=("ddim",))
    _, contest = run(arena.distil(settings, None, [4], 2, go(), "en"))
    (text,) = json.loads(Path(downloads.write_solvers(contest, tmp_path)).read_text(encoding="utf-8"))
    again = diffusion.LinearSolver.from_json(json.dumps(text))
    assert again == contest.distilled[0][0]
