"""The noisy web and what training is told of it, the figures, arms, resuming to the same outcome, the command."""

import json
import random
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from typer.testing import CliRunner

from playground import blip, cli, world
from playground.blip import noisy_web
from playground.blip.bootstrap_figures import cleaning, held_out, quality
from playground.blip.bootstrapping import ARMS, Outcome, Plan, Progress, Trained, bootstrap, new_model, texts_of
from playground.blip.noisy_web import TextPairs, WebPair, few, noisy, told, true_pairs
from playground.blip.world_pairs import world_tokenizer
from playground.world.figures import pictures_of
from playground.world.lessons import draw_pictures

PLAN = Plan(pictures=80, web=20, clean=8, steps=3, words=1, tuning=2, batch=4, tested=6, samples=1)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scratch")
    list(draw_pictures(folder, PLAN.pictures, 64))
    return folder


@pytest.fixture(scope="module")
def pictures(scratch):
    return np.load(scratch / "pictures.npy")


@pytest.fixture(scope="module")
def model():
    return new_model(3).eval().requires_grad_(False)


def test_half_of_the_web_is_wrong_and_its_kinds_say_how():
    seeds = few(900)[:400]
    web = noisy(seeds, 0)
    assert [one.picture for one in web] == list(seeds)
    assert Counter(one.kind for one in web) == {"true": 200, "another's": 60, "attribute": 80, "junk": 60}
    truth = {one.picture: one.text for one in true_pairs(seeds)}
    for one in web:
        own, said = truth[one.picture].split(), one.text.split()
        assert (one.text == truth[one.picture]) == (one.kind == "true")
        if one.kind == "another's":
            assert one.text in truth.values()
        if one.kind == "attribute":
            differ = [(a, b) for a, b in zip(own, said, strict=True) if a != b and {a, b} != {"a", "an"}]
            assert len(differ) == 1
        if one.kind == "junk":
            assert "object" not in said
    assert noisy(seeds, 0) == web
    assert [one.kind for one in noisy(seeds, 1)] != [one.kind for one in web]
    with pytest.raises(ValueError, match="have not two texts"):
        noisy(seeds[:1], 0)


def test_what_is_told_is_true_of_no_other_picture():
    scenes = held_out(120)
    assert {len(scene.objects) for scene in scenes} == {1, 2}
    assert min(scene.seed for scene in scenes) >= world.EVALUATION
    assert told(world.sample(1, objects=1)).count("object") == 1
    draw = random.Random(0)
    for scene in scenes:
        said = [[(o.size, o.color) for o in other.objects] for other in scenes if told(other) == told(scene)]
        assert all(one == said[0] for one in said)
        assert noisy_web.one_wrong(scene, draw) != told(scene)


def test_batches_are_of_pictures_and_texts_alone(pictures, model, monkeypatch):
    pairs = [(0, "a red cube"), (1, "a blue cube"), (2, "A red cube!"), (0, "a gray cone")]
    data = TextPairs(pictures, pairs, model.config, 4, 7)
    monkeypatch.setattr(world, "sample", None)  # who asks for a scene fails
    batch, again = data(5), data(5)
    for name in ("pixels", "captions", "texts", "also_true"):
        assert_close(getattr(batch, name), getattr(again, name), rtol=0, atol=0)
    words = world_tokenizer()
    texts = [words.decode(row) for row in batch.texts.tolist()]
    assert [words.decode(row) for row in batch.captions.tolist()] == texts[:4]
    assert sorted(texts[:4]) == ["a blue cube", "a gray cone", "a red cube", "a red cube"]
    assert all(true != false for true, false in zip(texts[:4], texts[4:], strict=True))
    equal = torch.tensor([[a == b for b in texts[:4]] for a in texts[:4]])
    assert batch.also_true[equal].all()
    assert int((batch.also_true & ~equal).sum()) == 2  # the gray cone and the red cube of one picture
    assert int(batch.also_true[texts.index("a blue cube")].sum()) == 1
    assert_close(
        batch.pixels, TextPairs(pictures, [(i, text[::-1]) for i, text in pairs], model.config, 4, 7)(5).pixels
    )
    with pytest.raises(ValueError, match="a batch of 5 needs as many pairs"):
        TextPairs(pictures, pairs, model.config, 5, 7)
    with pytest.raises(ValueError, match="the pairs have one text"):
        TextPairs(pictures, [(0, "a cube"), (1, "A cube.")], model.config, 2, 7)


def test_a_new_model_is_as_loud_as_bert_and_shares_its_weights(model):
    width = model.config.text.width
    deep = model.text_encoder.layers[0].intermediate["dense"].weight
    assert deep.std().item() == pytest.approx(0.02 * (768 / width) ** 0.5, rel=0.05)
    assert model.text_encoder.embeddings is model.text_decoder.bert.embeddings
    assert sum(p.numel() for p in model.parameters()) * 2 * len(ARMS) < 8 * 2**20  # bytes, as they are kept


def scored(uid, source, text, probability):
    return blip.Decision(str(uid), source, text, probability, kept=probability >= 0.5)


def test_figures_of_the_filter():
    seeds = few(80)[:4]
    right = {i: told(world.sample(i)) for i in seeds}
    web = [WebPair(seeds[0], right[seeds[0]], "true"), WebPair(seeds[1], right[seeds[1]], "true"),
           WebPair(seeds[2], "x", "attribute"), WebPair(seeds[3], "y", "junk")]  # fmt: skip
    web += [WebPair(one + 1000, "z", "another's") for one in seeds[:1]]
    told_web = [scored(one.picture, "web", one.text, p) for one, p in zip(web, (0.9, 0.4, 0.6, 0.1, 0.2), strict=True)]
    written = [scored(seeds[0], "written", right[seeds[0]], 0.8), scored(seeds[1], "written", "w", 0.7),
               scored(seeds[2], "written", "w", 0.3), scored(seeds[3], "written", "w", 0.2)]  # fmt: skip
    found = cleaning(web, told_web + written)
    assert (found.grade.precision, found.grade.recall) == (0.5, 0.5)
    assert (found.grade.before, found.grade.after) == (0.25, 0.5)
    assert found.auc == pytest.approx(5 / 6)  # of six pairs one is the wrong way round
    assert found.auc_of == {"attribute": 0.5, "junk": 1, "another's": 1}
    assert found.kept_of == {"true": 0.5, "attribute": 1, "junk": 0, "another's": 0}
    assert (found.web, found.written) == (2, 2)


def test_what_each_arm_learns_from():
    web = [WebPair(1, "a", "true"), WebPair(2, "b", "junk")]
    decisions = [scored(1, "web", "a", 0.9), scored(1, "written", "c", 0.9),
                 scored(2, "web", "b", 0.1), scored(2, "written", "d", 0.1)]  # fmt: skip
    assert {arm: texts_of(arm, web, decisions) for arm in ARMS} == {
        "noisy": [(1, "a"), (2, "b")],
        "filtered": [(1, "a")],
        "captioned": [(1, "a"), (2, "b"), (1, "c"), (2, "d")],
        "both": [(1, "a"), (1, "c")],
        "seed-only": [],
    }


def test_figures_of_a_model(model):
    scenes = held_out(9)
    found = quality(model, scenes, 1)
    images, true = pictures_of(scenes), [told(scene) for scene in scenes]
    first = [i for i, text in enumerate(true) if text not in true[:i]]
    matches = blip.match(model, [images[i] for i in first], [true[i] for i in first])
    assert found.recall_text == pytest.approx(np.mean(matches.cosine.argmax(1) == np.arange(len(first))))
    assert found.recall_picture == pytest.approx(np.mean(matches.cosine.argmax(0) == np.arange(len(first))))
    nats = []
    for image, text in zip(images, true, strict=True):
        ids, _ = model.tokenizer([text], model.config.start)
        with torch.no_grad():
            seen = model.text_decoder.look(model.see(blip.preprocess([image], model.config)))
            logits = model.text_decoder(ids[:, :-1], seen).log_softmax(-1)[0]
        nats.append(-sum(logits[i, word].item() for i, word in enumerate(ids[0, 1:])))
    assert found.nats == pytest.approx(np.mean(nats), rel=1e-4)
    assert 0 <= found.itm_auc_another <= 1
    assert found.greedy_exact == 0  # it knows nothing


def test_figures_of_a_model_that_knows(model, monkeypatch):
    """A captioner and a head that are right: captions exact, areas 1."""
    scenes = held_out(8)
    true = [told(scene) for scene in scenes]
    monkeypatch.setattr("playground.blip.bootstrap_figures.caption", lambda *_, **__: [*true[:-1], "a"])
    monkeypatch.setattr(
        "playground.blip.bootstrap_figures.score_pairs",
        lambda pairs, *_, **__: [blip.Scored(p.uid, "web", p.text, float(p.text == true[int(p.uid)])) for p in pairs],
    )
    found = quality(model, scenes, 3)
    assert (found.greedy_exact, found.nucleus_exact) == (7 / 8, 7 / 8)
    assert (found.itm_auc_another, found.itm_auc_attribute) == (1, 1)


def test_a_killed_experiment_goes_on_to_the_same(scratch, tmp_path):
    def run(folder, until=None):
        made = []
        for one in bootstrap(folder, seed=1, plan=PLAN):
            made.append(one)
            if isinstance(one, Progress) and (one.stage, one.done) == until:
                break
        return made

    for name in ("pictures.npy", "pictures.txt"):
        (tmp_path / name).write_bytes((scratch / name).read_bytes())
    whole = run(tmp_path)
    kinds = Counter(one.stage for one in whole if isinstance(one, Progress))
    assert kinds["capfilt"] == PLAN.web
    assert all(kinds[name] == PLAN.steps for name in ("bootstrap", *ARMS))
    arms = [one for one in whole if isinstance(one, Trained)]
    assert [one.arm for one in arms] == list(ARMS)
    begun = [one.model.visual_encoder.cls_token for one in arms]
    assert all(not torch.equal(a, b) for i, a in enumerate(begun) for b in begun[:i])  # a tower of its own each
    # Lost in the midst: some figures, an arm's run, and what capfilt has decided.
    for name in ("scored.jsonl", "captioned/figures.json", "both/model.safetensors", "both/config.json"):
        (tmp_path / "seed-1" / name).unlink()
    run(tmp_path, ("both", 1))
    again = run(tmp_path)
    assert isinstance(again[-1], Outcome)
    assert again[-1] == whole[-1]
    for one, other in zip(arms, [one for one in again if isinstance(one, Trained)], strict=True):
        assert_close(one.model.state_dict(), other.model.state_dict(), rtol=0, atol=0)
    done = Counter(one.stage for one in again if isinstance(one, Progress))
    assert done["bootstrap"] == done["noisy"] == 0  # not trained again
    with pytest.raises(ValueError, match="another plan"):
        bootstrap(tmp_path, plan=replace(PLAN, steps=4))
    with pytest.raises(ValueError, match="draw more"):
        bootstrap(tmp_path / "new", plan=replace(PLAN, web=200))
    assert not (tmp_path / "new").exists()


def test_the_command_keeps_results_card_and_models(scratch, tmp_path, monkeypatch):
    monkeypatch.setattr("playground.cli_bootstrap.PLAN", PLAN)
    options = ["--seeds", "1", "--out", str(tmp_path / "made"), "--scratch", str(scratch)]
    done = CliRunner().invoke(cli.app, ["bootstrap", *options])
    assert done.exit_code == 0, done.output
    told_all = json.loads((tmp_path / "made" / "results.json").read_text("utf-8"))
    assert told_all["plan"] == asdict(PLAN)
    assert [one["seed"] for one in told_all["seeds"]] == [0]
    for arm in ARMS:
        kept = blip.load(tmp_path / "made" / arm)
        figures = asdict(quality(kept, held_out(PLAN.tested), PLAN.samples))
        assert figures == pytest.approx(
            told_all["seeds"][0]["arms"][arm], abs=1e-6
        )  # what is kept is what was measured
    card = (tmp_path / "made" / "README.md").read_text("utf-8")
    assert "`uv run playground bootstrap`" in card
    assert "15% another picture's text, 20% with one attribute changed, 15% junk" in card
    assert card.count("| both: ") == 1
    again = CliRunner().invoke(cli.app, ["bootstrap", *options])
    assert "bootstrap: 3 of 3" not in again.output  # nothing is trained twice
    monkeypatch.setattr("playground.cli_bootstrap.PLAN", replace(PLAN, steps=9))
    refused = CliRunner().invoke(cli.app, ["bootstrap", *options])
    assert refused.exit_code == 2
    assert "another plan" in refused.output
