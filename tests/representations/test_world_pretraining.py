"""Still lifes to learn from: no leak, views that keep the shape, a killed run that goes on to the bit, the record."""

import json
import math
from functools import partial

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from playground import checkpoints, cli, world
from playground.representations.efficiency import Score, label_efficiency
from playground.representations.encoder import features
from playground.representations.pretraining import Recipe, build_objective, train_objective
from playground.representations.world_pictures import FIRST, TRAINING, _recoloured, close_up, world_pictures, world_view
from playground.representations.world_record import FOLDER, MAPPED, best_of, load_encoder, world_record
from playground.representations.world_training import learn, untrained

RUN = CliRunner()
TINY = ["--steps", "5", "--batch", "16", "--pictures", "90", "--held-out", "30", "--draws", "2", "--counts", "1",
        "--method", "nt_xent", "--method", "dim"]  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return world_pictures(90, 30)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pictures_are_those_of_their_seeds_and_none_is_in_both_parts(data):
    assert data.x.shape == (90, 3, 32, 32)
    assert data.held_x.shape == (30, 3, 32, 32)
    assert TRAINING < world.EVALUATION <= FIRST
    for x, y, first in ((data.x, data.y, 0), (data.held_x, data.held_y, FIRST)):
        scene = world.sample(first + 7, objects=1)
        assert world.SHAPES[y[7]] == scene.objects[0].shape
        torch.testing.assert_close(x[7], world.render(close_up(scene), 32), atol=1e-5, rtol=0)
    assert torch.cdist(data.held_x.flatten(1), data.x.flatten(1)).min() > 0.5  # no picture twice
    assert data.y.bincount(minlength=5).min() > 0
    assert world_pictures(90, 30).y is data.y  # rendered once


def test_close_ups_keep_the_solid_in_the_picture():
    for seed in range(300):
        scene = close_up(world.sample(seed, objects=1))
        (one,), ((x, y, depth),) = scene.objects, scene.places()
        assert max(abs(x), abs(y)) + 0.5 * scene.camera.focus * one.radius / depth < 1, seed


@pytest.mark.parametrize("colour", [True, False])
def test_views_keep_size_and_range_and_differ(data, colour):
    view = partial(world_view, colour=colour)
    one, again, two = view(data.x, random(0)), view(data.x, random(0)), view(data.x, random(1))
    assert one.shape == data.x.shape
    assert one.dtype == data.x.dtype
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, again)
    assert (one - two).abs().mean((1, 2, 3)).min() > 0.005


def test_hue_turns_about_grey(data):
    """A third of a turn exchanges the three colours; grey stays, and so does the sum of the three."""
    n, still = len(data.x), torch.zeros(len(data.x))
    no, one = torch.zeros(n, dtype=torch.bool), torch.ones(n)
    turned = _recoloured(data.x, still + math.tau / 3, no, one)
    torch.testing.assert_close(turned, data.x[:, [2, 0, 1]], atol=1e-5, rtol=0)
    torch.testing.assert_close(_recoloured(data.x, still, no, one), data.x, atol=1e-6, rtol=0)
    any_turn = _recoloured(data.x, torch.rand(n, generator=random()) * 6, no, one)
    torch.testing.assert_close(any_turn.sum(1), data.x.sum(1), atol=1e-5, rtol=1e-5)
    grey = _recoloured(data.x, still + 1, ~no, one)
    torch.testing.assert_close(grey[:, 0], grey[:, 2])
    flat = _recoloured(data.x, still, no, 0 * one)
    torch.testing.assert_close(flat, data.x.mean((1, 2, 3), keepdim=True).expand_as(data.x), atol=1e-5, rtol=0)


def test_a_view_without_colour_keeps_each_colour_of_a_plain_picture():
    plain = torch.tensor([0.7, 0.2, 0.4])[:, None, None].expand(3, 32, 32).repeat(20, 1, 1, 1)
    seen = world_view(plain, random(), colour=False).mean((2, 3))
    torch.testing.assert_close(seen, plain[:, :, 0, 0], atol=0.01, rtol=0)
    assert (world_view(plain, random()).mean((2, 3)) - plain[:, :, 0, 0]).abs().max() > 0.1


@pytest.mark.parametrize(
    ("method", "kept", "stop"), [("nt_xent", 4, 6), ("moco", 4, 5), ("byol", 4, 7), ("vicreg", 2, 3), ("dim", 4, 8)]
)
def test_a_killed_run_goes_on_to_the_same_weights(data, tmp_path, method, kept, stop):
    """Killed after `stop` of 10 steps, the last multiple of `kept` being on the disk: the same to the bit."""

    def start(folder=None):
        encoder = untrained(3)
        recipe = Recipe(method, prior=0.1 if method == "dim" else 0.0)
        objective = build_objective(encoder, recipe, 3)
        steps = train_objective(
            objective, data.x, view=world_view, steps=10, batch=24, seed=3, scratch=folder, every=kept
        )
        return encoder, steps

    whole, steps = start()
    losses = [step.loss for step in steps]
    _, killed = start(tmp_path)
    for step in killed:
        if step.step == stop:
            break
    resumed, rest = start(tmp_path)  # as a new process would: the first generator is not closed yet
    again = [(step.step, step.loss) for step in rest]
    assert again == list(enumerate(losses, 1))[stop // kept * kept :]
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    finished, none = start(tmp_path)  # killed between its last step and its end
    assert list(none) == []
    assert torch.equal(features(finished, data.held_x), features(whole, data.held_x))


def test_another_run_s_folder_is_refused(data, tmp_path):
    for _ in learn(data.x, tmp_path, names=("vicreg",), steps=2, batch=16):
        pass
    with pytest.raises(ValueError, match="holds another run"):
        list(learn(data.x, tmp_path, names=("vicreg",), steps=3, batch=16))
    with pytest.raises(ValueError, match="no method is called 'magic'"):
        learn(data.x, tmp_path, names=("magic",))


def test_the_command_goes_on_where_it_was_killed_and_keeps_a_record(tmp_path, monkeypatch):
    whole, parts, scratch = tmp_path / "whole", tmp_path / "parts", tmp_path / "scratch"
    done = RUN.invoke(
        cli.app, ["train", "representations", *TINY, "--out", str(whole), "--scratch", str(tmp_path / "one")]
    )
    assert done.exit_code == 0, done.output

    calls = []

    def killed(*arguments, **settings):
        calls.append(arguments[0])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return label_efficiency(*arguments, **settings)

    monkeypatch.setattr("playground.representations.world_training.label_efficiency", killed)
    command = ["train", "representations", *TINY, "--out", str(parts), "--scratch", str(scratch)]
    assert RUN.invoke(cli.app, command).exit_code != 0
    assert not parts.exists()
    done = RUN.invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    assert len(calls) == 3 + 5  # 7 of ways and encoders in all, two of which were kept

    record, again = world_record(whole), world_record(parts)
    assert record.scores == again.scores
    assert np.array_equal(record.after, again.after)
    assert len(record.scores) == 7
    assert {(s.name, s.way) for s in record.scores if s.name == "pixels"} == {("pixels", "probe")}
    assert {len(s.accuracies) for s in record.scores if s.way == "probe"} == {2}
    assert set(record.seconds) == {"nt_xent", "dim"}
    assert record.best in record.seconds
    assert record.before.shape == record.after.shape == (30, 2)
    assert record.labels.tolist() == world_pictures(90, 30).held_y.tolist()
    assert record.command.endswith("--method nt_xent --method dim --counts 1")
    assert f"Made again by `{record.command}`" in (whole / "README.md").read_text("utf-8")

    encoder = load_encoder(whole)
    x = world_pictures(90, 30).held_x
    assert torch.equal(features(encoder, x), features(load_encoder(parts), x))
    seen = features(encoder, x) - features(encoder, x).mean(0)
    spread = torch.linalg.svdvals(seen)[:2]  # what the map's axes are: principal components
    found = np.linalg.svd(record.after, compute_uv=False)
    np.testing.assert_allclose(found[0] / found[1], float(spread[0] / spread[1]), rtol=0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "magic"], "no method is called 'magic'"),
        (["--steps", "0"], "steps must lie between"),
        (["--counts", "1,many"], "counts must be whole numbers"),
        (["--counts", "0"], "labels a class must lie between"),
    ],
)
def test_the_command_refuses(tmp_path, options, words):
    done = RUN.invoke(
        cli.app,
        ["train", "representations", *TINY[:8], *options, "--out", str(tmp_path / "x"), "--scratch", str(tmp_path)],
    )
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "x").exists()


def test_what_is_no_record_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        world_record(tmp_path / "nowhere")
    (tmp_path / "record.json").write_text(json.dumps({"scores": []}))
    with pytest.raises(ValueError, match="is no record"):
        world_record(tmp_path)


def test_the_best_is_the_mean_of_the_probes():
    def score(name, way, *accuracies):
        return Score(name, way, 1, accuracies, 1.0)

    scores = [score("pixels", "probe", 0.99), score("random", "probe", 0.98), score("a", "probe", 0.5, 0.7),
              score("b", "probe", 0.65), score("a", "fine_tune", 0.9), score("b", "probe", 0.5)]  # fmt: skip
    assert best_of(scores) == "a"
    with pytest.raises(ValueError, match="no method"):
        best_of(scores[:2])


def test_the_shipped_record():
    """It holds together, and learning without labels was worth it; the shipped encoder is the one on the map."""
    record = world_record()
    assert record.best in record.seconds
    assert {s.per_class for s in record.scores} == {1, 2, 5, 10, 50}
    probe = {(s.name, s.per_class): s for s in record.scores if s.way == "probe"}
    for count in (5, 10, 50):
        gain = np.subtract(probe[record.best, count].accuracies, probe["random", count].accuracies)
        assert gain.min() > 0.05
    assert record.before.shape == record.after.shape == (MAPPED, 2)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000
    assert checkpoints.read_json(FOLDER / "config.json")["method"] == record.best
    x = torch.cat([world.render_all([close_up(world.sample(FIRST + i, objects=1))], 32) for i in (0, 1)])
    assert features(load_encoder(), x).isfinite().all()
