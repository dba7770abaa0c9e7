"""Pictures: the data's split, the U-Net's formula, guidance, training that goes on to the bit, figures of merit."""

import json
import math
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from playground import catalog, cli, diffusion
from playground.diffusion import images
from playground.diffusion.images.merit import fit_judge, frechet_distance, merit, nearest
from playground.diffusion.images.training import augment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def flat(model):
    return torch.cat([p.detach().clone().flatten() for p in model.parameters()])


def small(seed=0, *, spread=0.0):
    """A little network; `spread` shakes the weights that start at 0, so that every part speaks."""
    model = images.build(seed=seed, channels=4)
    if spread:
        with torch.no_grad():
            for p in model.parameters():
                p.add_(spread * torch.randn(p.shape, generator=generator(seed + 1)))
    return model


@pytest.fixture(scope="module")
def parts():
    return images.digits()


@pytest.fixture(scope="module")
def judge(parts):
    return fit_judge(parts[0], steps=300, batch=128)


@pytest.fixture(scope="module")
def shipped():
    return images.load("checkpoints/diffusion-digits")


def test_the_split_is_fixed_whole_and_disjoint(parts):
    from sklearn.datasets import load_digits

    train, held_out = parts
    assert (len(train), len(held_out)) == (1297, 500)
    both = torch.cat([train.x, held_out.x]).flatten(1)
    whole = torch.as_tensor(load_digits().data, dtype=torch.float32) / 8 - 1
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, whole.tolist()))
    assert (both.min(), both.max()) == (-1, 1)
    again = images.digits()[1]
    assert torch.equal(again.x, held_out.x)
    assert torch.equal(again.labels, held_out.labels)
    assert float(torch.cdist(train.x.flatten(1), held_out.x.flatten(1)).min()) > 0
    assert train.labels.bincount().min() > 110


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_denoiser_is_edm_s_formula_around_the_network(dtype):
    model = small(spread=0.1)
    row = diffusion.preconditioning("edm", sigma_data=0.75)
    sigma = torch.tensor([0.01, 0.5, 20.0], dtype=torch.float64)
    s = sigma[:, None, None, None]
    x = (torch.randn(3, 1, 8, 8, generator=generator(), dtype=torch.float64) * (1 + s)).to(dtype)
    labels = torch.tensor([0, 4, 9])
    with torch.no_grad():
        F = model.predict(row.c_in(s).to(dtype) * x, row.c_noise(s), labels)
        got = model.denoiser(labels)(x, sigma)
    assert got.dtype == dtype
    assert float(F.abs().mean()) > 0.01
    torch.testing.assert_close(got.double(), row.c_skip(s) * x + row.c_out(s) * F, rtol=1e-5, atol=1e-5)


def test_gradient_reaches_every_weight():
    model = small(spread=0.1)
    x = torch.randn(22, 1, 8, 8, generator=generator())
    how = torch.randn(22, 4, generator=generator(1))
    sigma = torch.linspace(0.1, 3, 22, dtype=torch.float64)
    model(x, sigma, torch.arange(22) % 11, how).square().sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert bool((p.grad != 0).any()), name


def test_guided_is_the_formula_and_none_is_any_label():
    model = small(spread=0.1).requires_grad_(False)
    x = torch.randn(3, 1, 8, 8, generator=generator(), dtype=torch.float64)
    sigma = torch.tensor(0.8, dtype=torch.float64)
    conditional, anything = model.denoiser([1, 2, 3])(x, sigma), model.denoiser(None)(x, sigma)
    assert float((conditional - anything).abs().max()) > 1e-3
    torch.testing.assert_close(anything, model(x, sigma, torch.full((3,), 10)), rtol=0, atol=0)
    guided = model.denoiser([1, 2, 3], guidance=2.5)(x, sigma)
    torch.testing.assert_close(guided, anything + 2.5 * (conditional - anything), rtol=1e-12, atol=1e-12)
    one = model.denoiser([2])(x, sigma)  # one label for all
    torch.testing.assert_close(one[1], conditional[1], rtol=1e-6, atol=1e-6)


def test_a_picture_that_is_not_augmented_stays_and_is_said_to(parts):
    x = parts[0].x[:200]
    moved, how = augment(x, generator())
    still = (how == 0).all(1)
    assert 60 < int(still.sum()) < 140
    assert torch.equal(moved[still], x[still])
    assert float((moved[~still] - x[~still]).flatten(1).abs().amax(1).min()) > 0.01
    assert moved.min() >= -1
    assert moved.max() <= 1


def test_training_lowers_the_error_on_held_out_pictures(parts):
    train, held_out = parts
    model = images.build(channels=8)
    sigma = torch.tensor(0.5, dtype=torch.float64)
    x0 = held_out.x[:200].double()
    x = x0 + sigma * torch.randn(x0.shape, generator=generator(), dtype=torch.float64)

    def error():
        with torch.no_grad():
            return float((model.denoiser(held_out.labels[:200])(x, sigma) - x0).square().mean())

    before = error()
    records = list(images.fit_pictures(model, train, steps=60, batch=64, lr=1e-2))
    assert [r.step for r in records] == list(range(1, 61))
    assert records[-1].progress == 1
    assert error() < 0.7 * before


def test_an_interrupted_run_goes_on_to_the_same_bits(parts, tmp_path):
    options = {"steps": 7, "batch": 16}
    whole = small()
    list(images.fit_pictures(whole, parts[0], **options))
    first = small()
    run = images.fit_pictures(first, parts[0], scratch=tmp_path, every=2, **options)
    for _ in range(5):
        next(run)
    run.close()  # kept at step 4
    rest = small(seed=9)  # whatever it holds, it goes on with what was kept
    assert [r.step for r in images.fit_pictures(rest, parts[0], scratch=tmp_path, every=2, **options)] == [5, 6, 7]
    assert torch.equal(flat(rest), flat(whole))
    untouched = small()
    storage = next(untouched.parameters()).data_ptr()
    with pytest.raises(ValueError, match="holds another run"):
        images.fit_pictures(untouched, parts[0], scratch=tmp_path, steps=8, batch=16)
    assert next(untouched.parameters()).data_ptr() == storage


def test_a_kill_between_the_two_files_of_a_kept_run_does_no_harm(parts, tmp_path, monkeypatch):
    """The weights are new, the configuration is the old one: the run goes on where the weights are."""
    options = {"steps": 6, "batch": 16, "scratch": tmp_path, "every": 2}
    whole = small()
    list(images.fit_pictures(whole, parts[0], steps=6, batch=16))
    run = images.fit_pictures(small(), parts[0], **options)
    for _ in range(3):
        next(run)  # kept at step 2
    replace = Path.replace

    def killed(self, target):
        if Path(target).name == "config.json":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            list(run)
    rest = small(seed=9)
    assert [r.step for r in images.fit_pictures(rest, parts[0], **options)] == [5, 6]
    assert torch.equal(flat(rest), flat(whole))


def test_closing_keeps_the_average(parts):
    model, options = small(), {"steps": 50, "batch": 16, "lr": 0.05}
    run = images.fit_pictures(model, parts[0], **options)
    iterates = [(next(run), flat(model))[1] for _ in range(3)]
    run.close()
    average = iterates[0]
    for t, w in enumerate(iterates[1:], start=2):
        average = average + 17 / (t + 16) * (w - average)
    torch.testing.assert_close(flat(model), average, rtol=1e-5, atol=1e-6)
    assert not torch.equal(flat(model), iterates[-1])


def test_frechet_distance_is_the_closed_form_of_gaussians():
    """Samples whose moments are exact: d^2 = |mu|^2 + sum (s_a - s_b)^2 for aligned axes, and 0 to itself."""
    z = torch.randn(500, 3, generator=generator(), dtype=torch.float64)
    z = (z - z.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(z.T))).T  # mean 0, covariance 1
    a, b = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([3.0, 2.0, 0.1]).double()
    mu = torch.tensor([1.0, -2.0, 0.5]).double()
    expected = float(mu.square().sum() + (a - b).square().sum())
    assert frechet_distance(z * a, z * b + mu) == pytest.approx(expected, rel=1e-9)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator(1), dtype=torch.float64))[0]
    assert frechet_distance(z * a @ turn, (z * b + mu) @ turn) == pytest.approx(expected, rel=1e-9)
    assert abs(frechet_distance(z * a, z * a)) < 1e-9


def test_the_judge_knows_held_out_digits(parts, judge):
    train, held_out = parts
    own = merit(judge, held_out.x, held_out.labels, train, held_out)
    assert own.accuracy > 0.98
    assert abs(own.frechet) < 1e-6
    wrong = merit(judge, held_out.x, (held_out.labels + 1) % 10, train, held_out)
    assert wrong.accuracy < 0.02
    assert merit(judge, train.x, train.labels, train, held_out).nearest == pytest.approx(0, abs=1e-6)
    assert nearest(torch.full((2, 1, 8, 8), 1.0), torch.full((3, 1, 8, 8), 0.5)) == pytest.approx(0.5)


def test_shipped_pictures_are_taken_for_their_labels(parts, judge, shipped):
    train, held_out = parts
    labels = torch.arange(100) % 10
    noise = torch.randn(100, 1, 8, 8, generator=generator(3))
    made = diffusion.sample(
        shipped.denoiser(labels, guidance=2.0), noise, schedule=diffusion.schedule("edm"), solver="dpmpp_2m", steps=8
    )
    found = merit(judge, made.x[-1], labels, train, held_out)
    assert found.accuracy >= 0.95
    assert 0.15 < found.nearest < 0.4  # neither noise nor the training pictures themselves
    assert made.x[-1].abs().max() < 1.5
    plain = merit(judge, noise, labels, train, held_out)
    assert found.frechet < 0.2 * plain.frechet


def test_shipped_denoiser_heeds_labels_and_knows_the_null_label(parts, shipped):
    """The right label helps on held-out pictures, a wrong one hurts, none lies between: it was learned as one."""
    held_out, sigma = parts[1], torch.tensor(1.0, dtype=torch.float64)
    x0, labels = held_out.x[:200].double(), held_out.labels[:200]
    x = x0 + sigma * torch.randn(x0.shape, generator=generator(), dtype=torch.float64)
    right, none, wrong = (
        float((shipped.denoiser(chosen)(x, sigma) - x0).square().mean()) for chosen in (labels, None, (labels + 1) % 10)
    )
    assert right < 0.95 * none < 0.8 * wrong
    exact = diffusion.DataDenoiser(parts[0].x)(x, sigma)  # what remembering the training part would give
    assert right < 0.8 * float((exact - x0).square().mean())


@pytest.mark.parametrize("schedule", ["edm", "vp", "flow", "cosine"])
@pytest.mark.parametrize("solver", ["heun", "dpmpp_3m", "ddpm"])
def test_shipped_pictures_are_finite_digits_under_schedules_and_solvers(schedule, solver, judge, shipped):
    labels = torch.arange(20) % 10
    noise = torch.randn(20, 1, 8, 8, generator=generator(4))
    made = diffusion.sample(
        shipped.denoiser(labels, guidance=1.5),
        noise,
        schedule=diffusion.schedule(schedule),
        solver=solver,
        steps=16,
        generator=generator(5),
    )
    assert judge.accuracy(made.unified()[-1], labels) >= 0.75


def test_the_catalog_offers_it_frozen_and_its_card_is_whole(shipped):
    model = catalog.spec("diffusion/digits").load()
    assert torch.equal(flat(model), flat(shipped))
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    size = (catalog.DIGITS / "model.safetensors").stat().st_size
    assert size < 3e6
    card = (catalog.DIGITS / "README.md").read_text()
    for words in ("CC BY 4.0", "uv run playground train digits", "Fréchet", f"{flat(model).numel():,}", "held out"):
        assert words in card


def test_saved_is_loaded_bit_for_bit(tmp_path):
    model = small(spread=0.1)
    images.save(model, tmp_path)
    again = images.load(tmp_path)
    assert again.config == model.config
    x = torch.randn(2, 1, 8, 8, generator=generator(), dtype=torch.float64)
    assert torch.equal(again.denoiser([3, 4])(x, torch.tensor(0.5)), model.denoiser([3, 4])(x, torch.tensor(0.5)))


def damage(folder, how):
    weights = folder / "model.safetensors"
    config = json.loads((folder / "config.json").read_text())
    if how == "pickled":
        torch.save(small().state_dict(), weights)
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-8])
    elif how == "points":
        diffusion.save_denoiser(diffusion.build_denoiser(width=8), folder)
        return
    elif how == "other sizes":
        config["channels"] = 8
    elif how == "unknown option":
        config["heads"] = 2
    elif how == "huge":
        config["channels"] = 10**9
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("pickled", "is no safetensors file"),
        ("truncated", "is no safetensors file"),
        ("points", "is no picture denoiser"),
        ("other sizes", "not those of its config"),
        ("unknown option", "describes no picture denoiser"),
        ("huge", "channels must be"),
    ],
)
def test_what_is_no_picture_denoiser_is_refused(how, words, tmp_path):
    images.save(small(), tmp_path)
    damage(tmp_path, how)
    with pytest.raises(ValueError, match=words):
        images.load(tmp_path)


@pytest.mark.parametrize(
    ("labels", "guidance", "words"),
    [
        ([0, 10], 1.0, "between 0 and 9, not 10"),
        ([-1], 1.0, "between 0 and 9, not -1"),
        ([], 1.0, "list of whole numbers"),
        ([0.5], 1.0, "list of whole numbers"),
        (3, 1.0, "list of whole numbers"),
        ([3], -1.0, "guidance must lie"),
        ([3], math.nan, "guidance must lie"),
        (None, 2.0, "guidance needs labels"),
    ],
)
def test_impossible_labels_and_guidance_are_refused(labels, guidance, words):
    with pytest.raises(ValueError, match=words):
        small().denoiser(labels, guidance=guidance)


@pytest.mark.parametrize(
    ("shape", "sigma", "words"),
    [((3, 1, 8, 8), 1.0, "2 labels do not fit 3 pictures"), ((2, 1, 7, 8), 1.0, "shape"), ((2, 64), 1.0, "shape")]
    + [((2, 1, 8, 8), sigma, "sigma must be positive") for sigma in (0.0, -1.0, math.nan)]
    + [((2, 1, 8, 8), [[1.0], [2.0]], r"sigma must have the shape \(\), \(n,\) or \(n, 1, 1, 1\) .*, not \(2, 1\)")],
)
def test_impossible_calls_are_refused(shape, sigma, words):
    with pytest.raises(ValueError, match=words):
        small().denoiser([1, 2])(torch.zeros(shape), torch.tensor(sigma))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"steps": 0}, "steps"), ({"steps": 1, "batch": 1298}, "batch"), ({"steps": 1, "lr": math.nan}, "lr")],
)
def test_impossible_settings_of_training_are_refused_at_the_call(options, words, parts):
    with pytest.raises(ValueError, match=words):
        images.fit_pictures(small(), parts[0], **options)


def test_the_command_makes_what_the_library_makes(parts, tmp_path):
    out, scratch = tmp_path / "made", tmp_path / "scratch"
    command = ["train", "digits", "--steps", "2", "--out", str(out), "--scratch", str(scratch), "--no-figures"]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    again = images.build()
    list(images.fit_pictures(again, parts[0], steps=2))
    assert torch.equal(flat(images.load(out)), flat(again))
    card = (out / "README.md").read_text()
    assert "train digits --steps 2 --seed 0" in card
    assert "ten minutes" not in card
    assert "More steps memorise" not in card
    assert not scratch.exists()


def test_the_command_deletes_nothing_of_others(tmp_path):
    out, scratch = tmp_path / "made", tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "thesis.txt").write_text("mine")
    command = ["train", "digits", "--steps", "1", "--no-figures", "--scratch", str(scratch), "--out"]
    done = CliRunner().invoke(cli.app, [*command, str(out)])
    assert done.exit_code == 0, done.output
    assert [file.name for file in scratch.iterdir()] == ["thesis.txt"]
    done = CliRunner().invoke(cli.app, [*command, str(scratch / ".." / "scratch")])
    assert done.exit_code == 2
    assert "must be two folders" in " ".join(done.output.replace("│", " ").split())
    assert [file.name for file in scratch.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["train", "digits", "--steps", "0", "--out", "OUT"], "steps must lie between 1"),
        (["digits-figures", "checkpoints/flows-nice-moons"], "is no picture denoiser"),
        (["digits-figures", "nowhere"], "holds no config.json"),
    ],
)
def test_impossible_commands_are_refused_in_one_sentence(command, words, tmp_path):
    done = CliRunner().invoke(cli.app, [part.replace("OUT", str(tmp_path / "x")) for part in command])
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "x").exists()
