"""Training on the picture world: batches, resuming to the same weights, learning at all, the command and its card."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from typer.testing import CliRunner

from playground import cli, clip, world
from playground.clip.captioner import Captioner
from playground.clip.model import Config
from playground.clip.training import fit
from playground.clip.world_pairs import WorldPairs, world_tokenizer
from playground.clip.world_training import stages, train_on_world
from playground.nn.tower import Tower
from playground.world.lessons import draw_pictures, reworded

COUNT = 96


def tiny(**changes) -> Config:
    sizes = {
        "activation": "gelu", "embed_dim": 16, "image_size": 32, "patch_size": 8, "stem": "conv", "context_length": 64,
        "vision": Tower(32, 1, 2, 64), "text": Tower(32, 1, 2, 64), "vocab_size": world_tokenizer().vocab_size,
        "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25),
    }  # fmt: skip
    return Config(**(sizes | changes))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    assert list(draw_pictures(folder, COUNT, 32, part=40)) == [40, 80, 96, 96]
    return np.load(folder / "pictures.npy")


@pytest.fixture
def data(pictures):
    return WorldPairs(pictures, tiny(), world_tokenizer(), 8, easy=2)


def new_model(seed=0, **changes):
    model = clip.build(tiny(**changes), seed=seed)
    model.tokenizer = world_tokenizer()
    return model


def test_drawing_goes_on_where_it_was(tmp_path, pictures):
    drawing = draw_pictures(tmp_path, COUNT, 32, part=40)
    assert next(drawing) == 40
    drawing.close()
    np.lib.format.open_memmap(tmp_path / "pictures.npy", mode="r+")[7] = 0  # it is not drawn again
    assert list(draw_pictures(tmp_path, COUNT, 32, part=40)) == [80, 96, 96]
    again = np.load(tmp_path / "pictures.npy")
    assert not again[7].any()
    assert (again[8:] == pictures[8:]).all()
    assert list(draw_pictures(tmp_path, 8, 32)) == [8, 8]  # another set begins anew


def words(tokens):
    back = {number: word for word, number in world_tokenizer().backend.get_vocab().items()}
    return [" ".join(back[i] for i in row[1 : int(row.argmax())].tolist()) for row in tokens]


def test_batches(data):
    batch, again = data(5), data(5)
    assert batch.pixels.shape == (8, 3, 32, 32)
    assert batch.negatives.shape == (8, 5, 64)
    assert_close(batch.pixels, again.pixels, rtol=0, atol=0)
    assert (batch.tokens == again.tokens).all()
    assert batch.also_true.diagonal().all()
    assert not (data(6).tokens == batch.tokens).all()
    for true, many in zip(words(batch.tokens), batch.negatives, strict=True):
        assert true not in words(many)
    assert data(0).pixels.shape[0] == 4  # easy: half as many, of at most two objects
    assert all(text.count("left") <= 1 for text in words(data(0).captions))
    assert WorldPairs(data.pictures, data.config, data.tokenizer, 8, 0)(3).negatives is None


def test_batches_about_order(data):
    ordered = WorldPairs(data.pictures, data.config, data.tokenizer, 8, order=True)
    same = Counter()
    for pairs in (data, ordered):
        for step in range(2, 22):
            for true, wrong in zip(words(pairs(step).tokens), pairs(step).negatives, strict=True):
                assert true not in words(wrong)
                same[pairs.order] += sorted(true.split()) in [sorted(text.split()) for text in words(wrong)]
    assert same[True] > 2 * same[False]  # false texts of the very same words
    batch = data(3)
    assert words(batch.said) != words(batch.tokens)  # the same said plainly, whatever the text's manner and language


def test_shares_are_a_batch_cut_in_two(data):
    whole = data(7)
    halves = [WorldPairs(data.pictures, data.config, data.tokenizer, 8, easy=2, rank=r, ranks=2)(7) for r in (0, 1)]
    for name in ("tokens", "negatives", "also_true", "captions", "said"):
        assert (torch.cat([getattr(half, name) for half in halves]) == getattr(whole, name)).all(), name
    assert not (halves[0].pixels[0] == halves[1].pixels[0]).all()


def test_no_text_of_training_has_a_held_out_pair(data):
    held_out = {f"{color} {shape}" for color, shape in world.HELD_OUT}
    held_out |= {f"{color} {material} {shape}" for color, shape in world.HELD_OUT for material in world.MATERIALS}
    seen = [text for step in range(60) for part in (data(step).tokens, *data(step).negatives) for text in words(part)]
    assert not [text for text in seen if any(f"{pair} " in f"{text} " for pair in held_out)]
    assert any("red cube" in text for text in seen)


def test_other_words_for_the_same():
    import random

    assert reworded("a large red metal sphere", random.Random(0), rate=0) == "a large red metal sphere"
    said = {reworded("a large sphere", random.Random(i), rate=1) for i in range(20)}
    assert said == {"a big ball"}


def test_every_word_of_the_world_is_known():
    tokenizer = world_tokenizer()
    texts = [
        say
        for seed in range(4000, 4100)
        for say in (world.describe(world.sample(seed)), world.describe(world.sample(seed), "zh"))
    ]
    assert tokenizer.unknown(texts) == []
    assert tokenizer.unknown(["a red dragon", "一个红色的龙"]) == ["dragon", "龙"]
    assert tokenizer("a red dragon")[0, :5].tolist() == tokenizer("a red griffin")[0, :5].tolist()


def test_the_captioners_loss_is_the_mean_over_words():
    captioner = Captioner(16, vocab_size=10, context_length=6)
    states = torch.randn(2, 3, 16)
    captions = torch.tensor([[8, 1, 2, 9, 0, 0], [8, 3, 9, 0, 0, 0]])
    each = []
    for state, length in zip(range(2), (4, 3), strict=True):
        row = captions[state : state + 1, :length]
        x = captioner.words(row[:, :-1]) + captioner.places[: length - 1]
        ahead = torch.ones(length - 1, length - 1, dtype=torch.bool).triu(1)
        logits = (
            captioner.decoder(x, captioner.norm(states[state : state + 1]), tgt_mask=ahead) @ captioner.words.weight.T
        )
        each.append(-logits.log_softmax(-1)[0, range(length - 1), row[0, 1:]].mean())
    assert_close(captioner(states, captions), (each[0] + each[1]) / 2)


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


@pytest.mark.parametrize("cut", [1, 7])
def test_a_run_goes_on_to_the_same_weights(data, tmp_path, cut):
    options = {"steps": 9, "lr": 2e-3}
    whole, broken = new_model(), new_model()
    losses = [step.loss for step in fit(whole, data, **options)]
    run = fit(broken, data, **options, scratch=tmp_path, every=1)
    first = [next(run).loss for _ in range(cut)]
    run.close()
    again = new_model(seed=5)
    rest = [step.loss for step in fit(again, data, **options, scratch=tmp_path, every=1)]
    assert first + rest == losses
    assert_close(weights(again), weights(whole), rtol=0, atol=0)
    assert not again.training
    assert not any(p.requires_grad for p in again.parameters())
    assert list(fit(again, data, **options, scratch=tmp_path)) == []  # done
    with pytest.raises(ValueError, match="holds another run"):
        fit(again, data, steps=10, scratch=tmp_path)


def test_a_tiny_model_learns(pictures):
    """The loss falls and texts are found by their pictures, with parts too; the shipped weights say how far it goes."""
    data = WorldPairs(pictures, tiny(), world_tokenizer(), 16, easy=240)
    model = new_model()
    captioner = Captioner(32, vocab_size=model.config.vocab_size, context_length=64)
    losses = [step.loss for step in fit(model, data, steps=240, lr=4e-3, captioner=captioner, part=8)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.4
    found = []
    with torch.no_grad():
        for batch in map(data, range(1000, 1040)):  # batches that it has not seen
            cosines = model.encode_image(batch.pixels) @ model.encode_text(batch.tokens).T
            others = batch.also_true & ~torch.eye(16, dtype=torch.bool)
            found += (cosines.masked_fill(others, -1).argmax(1) == torch.arange(16)).tolist()
    assert np.mean(found) > 1.4 / 16  # chance is 1 of 16, or a little over where others are masked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps must lie between 1 and"),
        ({"steps": 1, "lr": 0.0}, "lr must be positive"),
        ({"steps": 1, "objective": "hinge"}, "objective must be one of"),
    ],
)
def test_wrong_settings(data, options, words):
    with pytest.raises(ValueError, match=words):
        fit(new_model(), data, **options)


def test_a_loss_that_is_not_finite_says_so(data):
    model = new_model()
    with pytest.raises(FloatingPointError, match="train again with a smaller lr"):
        list(fit(model, data, steps=50, lr=1e6))


def test_batches_that_cannot_be(pictures):
    with pytest.raises(ValueError, match="a batch must have 1 to 96 pairs, not 97"):
        WorldPairs(pictures, tiny(), world_tokenizer(), 97)
    with pytest.raises(ValueError, match="a batch of 6 is no multiple of 4"):
        WorldPairs(pictures, tiny(), world_tokenizer(), 6, ranks=2)


def test_training_on_the_world_keeps_pictures_and_run(tmp_path):
    options = {"steps": 3, "batch": 4, "pictures": 8, "seed": 1}
    one = new_model()
    kinds = [type(made).__name__ for made in train_on_world(one, tmp_path, **options)]
    assert kinds == ["Drawn", "Drawn", "TrainingStep", "TrainingStep", "TrainingStep"]
    two = new_model()
    kinds = [type(made).__name__ for made in train_on_world(two, tmp_path, **options)]
    assert kinds == ["Drawn"]
    assert_close(weights(two), weights(one), rtol=0, atol=0)


def test_the_command_writes_a_checkpoint_with_its_card(tmp_path):
    out = tmp_path / "made"
    command = ["train", "clip", "--steps", "2", "--batch", "4", "--pictures", "8", "--figures", "0", "--out", str(out)]
    done = CliRunner().invoke(cli.app, [*command, "--plain", "--scratch", str(tmp_path / "work")])
    assert done.exit_code == 0, done.output
    model = clip.load(out)
    assert model.tokenizer.unknown(["a red ball"]) == []
    card = (out / "README.md").read_text("utf-8")
    assert "`uv run playground train clip --plain --steps 2 --batch 4 --pictures 8`" in card
    assert "In the last" not in card
    assert "--no-python playground train clip --plain --steps 2 --batch 4 --pictures 8` shares" in card
    command[command.index("2")] = "3"  # a step of each stage
    done = CliRunner().invoke(cli.app, [*command, "--scratch", str(tmp_path / "work")])
    assert done.exit_code == 0, done.output
    assert "In the last 1 steps about half of the texts" in (out / "README.md").read_text("utf-8")
    done = CliRunner().invoke(cli.app, ["clip-figures", str(out), "--count", "10"])
    assert done.exit_code == 0, done.output
    assert "| colour x shape, held-out pairs |" in done.output


def test_the_stages_of_a_training():
    assert stages(11_000, 5) == (2000, 4000)
    assert stages(7000, 0) == (2000, 0)
    assert stages(10, 5, easy=3, order=0) == (3, 0)
    for wrong in ((0, 5), (10, 5, 8, 4), (10, 5, -1)):
        with pytest.raises(ValueError, match="cannot be easy and"):
            stages(*wrong)
