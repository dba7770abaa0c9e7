"""Batches of the picture world, the loss by its parts, resuming to the same weights, learning, the commands."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from typer.testing import CliRunner

from playground import blip, cli, world
from playground.blip import world_pairs, world_training
from playground.blip.losses import lm
from playground.blip.momentum import Momentum
from playground.blip.objective import answering, pretraining
from playground.blip.world_pairs import PROMPTS, Questions, WorldPairs, world_config, world_tokenizer
from playground.world.lessons import draw_pictures

COUNT = 96


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    list(draw_pictures(folder, COUNT, 64))
    return np.load(folder / "pictures.npy")


@pytest.fixture(scope="module")
def data(pictures):
    return WorldPairs(pictures, world_config("caption", "match"), 8, easy=2)


def said(ids):
    return [world_tokenizer().decode(row) for row in ids.tolist()]


def test_batches(data):
    batch, again = data(5), data(5)
    for name in ("pixels", "captions", "heard", "texts", "also_true"):
        assert_close(getattr(batch, name), getattr(again, name), rtol=0, atol=0)
    assert batch.texts.shape[0] == 8 * 3
    assert batch.also_true.diagonal().all()
    assert all(text.startswith(("a picture of a", "图片：")) for text in said(batch.captions))
    assert not batch.targets[:, :4].any()  # [DEC] and three words, or characters
    assert_close(batch.targets[:, 4:], batch.caption_mask[:, 4:])
    assert batch.word_truth is None
    texts = said(batch.texts)
    for i in range(8):
        assert texts[i] not in texts[8 + 2 * i : 10 + 2 * i]
    assert all(text.count(" left of ") <= 1 for text in said(data(0).captions))  # easy
    tongues = Counter(text[0] == "图" for step in range(2, 30) for text in said(data(step).captions))
    assert 0.05 < tongues[True] / tongues.total() < 0.3


def test_some_colours_are_misheard_and_no_held_out_pair_is_heard_or_said(data):
    held_out = {f"{color} {material} {shape}" for color, shape in world.HELD_OUT for material in world.MATERIALS}
    held_out |= {f"{color} {shape}" for color, shape in world.HELD_OUT}
    changed, seen = Counter(), []
    for step in range(2, 60):
        batch = data(step)
        true, heard = said(batch.captions), said(batch.heard)
        seen += [*true, *heard, *said(batch.texts)]
        for a, b in zip(batch.captions.tolist(), batch.heard.tolist(), strict=True):
            changed.update(world_tokenizer().backend.id_to_token(x) for x, y in zip(a, b, strict=True) if x != y)
    assert set(changed) <= {*world.COLORS, *world.SHAPES}
    shapes = sum(changed[shape] for shape in world.SHAPES)
    assert 100 < shapes == sum(changed[color] for color in world.COLORS)
    assert not [text for text in seen if any(f"{pair} " in f"{text} " for pair in held_out)]


def test_late_batches_are_of_one_language_and_mark_each_word(pictures):
    data = WorldPairs(pictures, world_config("caption", "match"), 8, late=3)
    ordinary = WorldPairs(pictures, world_config("caption", "match"), 8)(2)
    assert_close(data(2).texts, ordinary.texts)  # the batches before are as they were
    backend, tongues, kinds = world_tokenizer().backend, Counter(), Counter()
    for step in range(3, 43):
        batch = data(step)
        assert batch.texts.shape == batch.word_truth.shape
        own = said(batch.captions[:8])
        assert len({text[0] == "图" for text in own}) == 1
        tongues[own[0][0] == "图"] += 1
        assert (batch.word_truth[:8] != 0).all()  # no word of a true text is false
        assert (batch.word_truth[:, 0] == -100).all()
        assert (batch.word_truth[~batch.text_mask] == -100).all()
        for i in range(8):
            for row in range(8 + 2 * i, 10 + 2 * i):
                told = batch.word_truth[row]
                for word, true, truth in zip(batch.texts[row], batch.texts[i], told, strict=True):
                    if truth == 0:
                        assert word != true
                        kinds[backend.id_to_token(int(word))] += 1
                if (told >= 0).any():
                    assert (told == 0).any()  # what makes it false
    assert 1 <= tongues[True] <= 15
    assert {"red", "left", "right", "cube"} <= set(kinds)


def test_between_them_all_is_of_pairs_in_plain_english(pictures):
    data = WorldPairs(pictures, world_config("caption", "match"), 8, order=3, late=6)
    held = Counter()
    for step in (3, 4, 5):
        batch = data(step)
        assert len(batch.pixels) == len(batch.captions) == 8
        assert batch.word_truth is not None
        for i in range(8):
            true, *false = (said(batch.texts[j : j + 1])[0].split() for j in (i, 8 + 2 * i, 9 + 2 * i))
            assert not {"图", "ball", "picture"} & set(true)
            for wrong in false:  # the same words in another order, or the relation turned
                held[Counter(wrong) == Counter(true) or set(wrong) ^ set(true) == {"left", "right"}] += 1
    assert held[True] >= 40  # few pictures have two objects alike, which leaves another claim
    assert len(data(6).pixels) == 10


def test_in_the_end_the_decoder_says_no_claims(pictures):
    data = WorldPairs(pictures, world_config("caption", "match"), 8, late=0, describing=5)
    claiming, describing = data(4), data(5)
    assert len(claiming.captions) == 8 + 2 + 8
    assert len(describing.captions) == 8 + 2
    assert describing.pictures.tolist() == list(range(10))
    assert len(describing.heard) == len(describing.targets) == 10
    assert describing.word_truth is not None
    assert describing.texts.shape[0] == claiming.texts.shape[0] == 24


def test_late_batches_have_pictures_of_other_colours_whose_colours_are_not_asked(pictures):
    data = WorldPairs(pictures, world_config("caption", "match"), 8, late=0)
    gray = 0
    for step in range(20):
        batch = data(step)
        assert len(batch.pixels) == 10
        assert batch.pictures.tolist() == [*range(10), *range(8)]
        claims = [row[row > 0].tolist()[1:] for row in batch.captions[10:]]  # said without a prompt
        assert claims == [row[row > 0].tolist()[1:] for row in batch.texts[:8]]
        assert (batch.targets[10:, 1:] == batch.caption_mask[10:, 1:]).all()
        for pixels, row, heard, targets in zip(
            batch.pixels[8:], batch.captions[8:10], batch.heard[8:10], batch.targets[8:10], strict=True
        ):
            words = [world_tokenizer().backend.id_to_token(int(i)) for i in row]
            colours = torch.tensor([word in world.COLORS for word in words])
            assert colours.any()
            assert not targets[colours].any()
            assert_close(targets, (row != 0) & ~colours & (torch.arange(len(row)) >= 4))
            assert_close(heard[~colours], row[~colours])
            spread = (pixels.mean((1, 2)) - pixels.mean()).abs().max()
            gray += bool(spread < 0.2)
    assert 2 <= gray <= 38


def test_every_word_is_known():
    tokenizer = world_tokenizer()
    texts = [world.describe(world.sample(s), tongue) for s in range(4000, 4060) for tongue in world.LANGUAGES]
    texts += [
        q.text
        for s in range(4000, 4060)
        for tongue in world.LANGUAGES
        for q in world.questions(world.sample(s), tongue)
    ]
    ids, _ = tokenizer([*texts, *PROMPTS.values()], 1, 200)
    assert tokenizer.backend.token_to_id("[UNK]") not in ids
    assert tokenizer.decode(tokenizer(["一个大的红色金属球"], 1)[0][0].tolist()) == "一个大的红色金属球"


def test_losses_by_parts(data):
    model = blip.build(data.config).eval()  # batch norms by running means: rows do not mix
    batch = data(7)
    full = pretraining(model, batch, generator=torch.Generator().manual_seed(0))
    assert_close(full.total, full.language + full.contrast + full.matching)
    assert full.words is None
    alone = pretraining(model, batch, language=False, contrast=False, generator=torch.Generator().manual_seed(0))
    assert alone.language is alone.contrast is None
    assert_close(alone.total, alone.matching)
    alone.total.backward()
    assert model.visual_encoder.cls_token.grad is None  # what is seen stays as the decoder knows it
    model.zero_grad()
    assert pretraining(model, batch, matching=False).matching is None
    with torch.no_grad():
        states = model.see(batch.pixels)
        terms = []
        for i in range(8):
            length = int(batch.caption_mask[i].sum())
            seen = model.text_decoder.look(states[i : i + 1])
            logits = model.text_decoder(batch.heard[i : i + 1, :length], seen).log_softmax(-1)[0]
            for j in range(4, length):
                word = batch.captions[i, j]
                terms.append(-0.9 * logits[j - 1, word] - 0.1 * logits[j - 1].mean())
    assert_close(full.language.detach(), torch.stack(terms).mean(), rtol=1e-4, atol=1e-5)
    momentum = Momentum(model, 16)
    soft = pretraining(model, batch, momentum=momentum, matching=False)
    assert not torch.isclose(soft.contrast, full.contrast)
    assert int(momentum.filled) == 8


def test_the_matching_head_judges_words(pictures):
    data = WorldPairs(pictures, world_config("caption", "match"), 8, late=0)
    model, batch = blip.build(data.config).eval(), data(1)
    full = pretraining(model, batch, generator=torch.Generator().manual_seed(0))
    assert_close(full.total, full.language + full.contrast + full.matching + full.words)
    with torch.no_grad():
        states, ids, terms = model.see(batch.pixels[:8]), batch.texts.clone(), []
        ids[:, 0] = data.config.ground
        for row in range(24):
            picture = row if row < 8 else (row - 8) // 2
            length = int(batch.text_mask[row].sum())
            look = model.text_encoder.look(states[picture : picture + 1])
            told = model.itm_head(model.text_encoder(ids[row : row + 1, :length], look))[0].log_softmax(-1)
            for place, truth in enumerate(batch.word_truth[row, :length].tolist()):
                if truth >= 0:
                    terms.append(-told[place, truth])
    assert_close(full.words.detach(), torch.stack(terms).mean(), rtol=1e-4, atol=1e-5)


def test_questions(pictures):
    data = Questions(pictures, world_config("answer"), 8)
    batch = data(3)
    assert batch.pixels.shape == (8, 3, 64, 64)
    assert batch.pictures.tolist() == sorted(list(range(8)) * world_pairs.ASKED)
    assert (batch.questions[:, 0] == data.config.ground).all()
    assert (batch.answers[:, 0] == data.config.start).all()
    asked = said(batch.questions)
    assert all(asked)
    assert len(set(asked[: world_pairs.ASKED])) > 1
    model = blip.build(data.config)
    assert answering(model, batch).total.item() == pytest.approx(6, abs=1)
    read = model.read(model.see(batch.pixels)[batch.pictures], batch.questions, batch.question_mask)
    look = model.text_decoder.look(read, batch.question_mask)
    told = model.text_decoder(batch.answers, look, mask=batch.answer_mask)
    alone = lm(told, batch.answers, batch.answer_mask, smoothing=0.1)  # a picture seen once for each question
    assert_close(answering(model, batch).total, alone, rtol=1e-5, atol=1e-6)


def test_in_the_end_each_ability_is_asked_as_often(pictures):
    """Of places few are asked otherwise."""
    shares = []
    for balanced in (None, 0):
        data = Questions(pictures, world_config("answer"), 8, balanced=balanced)
        asked = [text for step in range(12) for text in said(data(step).questions)]
        shares.append(sum("seen from" in text for text in asked) / len(asked))
    assert shares[1] > 1.5 * shares[0] > 0
    later = Questions(pictures, world_config("answer"), 8, balanced=5)
    usual = Questions(pictures, world_config("answer"), 8)
    assert said(later(4).questions) == said(usual(4).questions)
    assert said(later(5).questions) == said(data(5).questions)


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def test_a_run_goes_on_to_the_same_weights(data, tmp_path):
    def run(model, **more):
        losses = lambda step: pretraining(model, data(step), generator=torch.Generator().manual_seed(step))  # noqa: E731
        return blip.fit(model, losses, lambda step: data(step).pixels, steps=4, lr=1e-3, **more)

    whole, broken, again = (blip.build(data.config) for _ in range(3))
    told = [step.language for step in run(whole)]
    begun = run(broken, scratch=tmp_path, every=1)
    first = [next(begun).language for _ in range(2)]
    begun.close()
    rest = [step.language for step in run(again, scratch=tmp_path, every=1)]
    assert first + rest == told
    assert_close(weights(again), weights(whole), rtol=0, atol=0)
    assert not again.training
    with pytest.raises(ValueError, match="holds another run"):  # of other weights to begin with
        run(blip.build(data.config, seed=9), scratch=tmp_path)
    with pytest.raises(ValueError, match="steps >= 1"):
        blip.fit(whole, None, None, steps=0, lr=1e-3)


def test_momentum_is_kept_with_the_run(data, tmp_path):
    def run(model, momentum, **more):
        losses = lambda step: pretraining(model, data(step), matching=False, momentum=momentum)  # noqa: E731
        return blip.fit(model, losses, lambda s: data(s).pixels, steps=4, lr=1e-3, momentum=momentum, **more)

    whole, broken, again = (blip.build(data.config) for _ in range(3))
    told = [step.contrast for step in run(whole, Momentum(whole, 16))]
    begun = run(broken, Momentum(broken, 16), scratch=tmp_path, every=1)
    first = [next(begun).contrast for _ in range(2)]
    begun.close()
    assert first + [step.contrast for step in run(again, Momentum(again, 16), scratch=tmp_path, every=1)] == told


def test_a_small_model_learns_to_say_what_it_sees(pictures):
    """A few pictures by heart: the loss of the words falls far, and captions become right."""
    data = WorldPairs(pictures, world_config("caption", "match"), 8, easy=10**6)
    model = blip.build(data.config)
    losses = lambda step: pretraining(model, data(step), contrast=False, matching=False, smoothing=0.0)  # noqa: E731
    told = [step.language for step in blip.fit(model, losses, lambda s: data(s).pixels, steps=40, lr=2e-3)]
    assert np.mean(told[-5:]) < 0.6 * np.mean(told[:5])


def test_an_answering_model_begins_as_the_other(data):
    pairs = blip.build(data.config)
    model = world_training.answering_model(pairs)
    assert_close(model.visual_encoder.cls_token, pairs.visual_encoder.cls_token)
    assert_close(dict(model.text_encoder.state_dict()), dict(pairs.text_encoder.state_dict()))
    assert model.text_encoder.embeddings is not model.text_decoder.bert.embeddings


def test_the_commands_write_checkpoints_with_cards(tmp_path, monkeypatch):
    monkeypatch.setattr("playground.cli_blip.BLIP_WORLD", tmp_path / "made")
    options = ["--steps", "3", "--batch", "4", "--pictures", "8", "--figures", "0", "--scratch", str(tmp_path / "work")]
    for name, more in (("made", []), ("answers", ["--answers"])):
        done = CliRunner().invoke(cli.app, ["train", "blip", *options, *more, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        model = blip.load(tmp_path / name)
        card = (tmp_path / name / "README.md").read_text("utf-8")
        assert f"`uv run playground train blip{' --answers' if more else ''} --steps 3 --batch 4 --pictures 8`" in card
        assert json.loads((tmp_path / name / "figures.json").read_text("utf-8"))["figures"] == []
        done = CliRunner().invoke(cli.app, ["blip-figures", str(tmp_path / name), "--count", "10"])
        assert done.exit_code == 0, done.output
        assert ("| answers, all |" if more else "| matching, places exchanged |") in done.output
        assert model.tokenizer.decode(model.tokenizer(["a red cube"], 1)[0][0].tolist()) == "a red cube"
    assert model.config.context_length == world_pairs.LENGTH
