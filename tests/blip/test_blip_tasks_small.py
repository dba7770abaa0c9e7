"""Captions, matches and answers from pictures and strings; loading, saving, and what is refused."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from small_blip import small_blip, small_config, vocabulary
from small_sets import noise_pictures
from torch.testing import assert_close

from playground import blip, checkpoints


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    pairs = {"both": ("caption", "match"), "answer": ("answer",)}
    return {name: small_blip(folder, *tasks, std=0.3) for name, tasks in pairs.items()}


@pytest.mark.parametrize("strategy", blip.STRATEGIES)
def test_captions(models, strategy):
    said = blip.caption(models["both"], noise_pictures(18), strategy, limits=blip.Limits(12, 6))
    assert len(said) == 18
    again = blip.caption(models["both"], noise_pictures(18), strategy, limits=blip.Limits(12, 6))
    assert said == again
    assert not any(text.startswith("a picture of") for text in said)
    other = blip.caption(models["both"], noise_pictures(18), strategy, limits=blip.Limits(12, 6), prompt="the")
    assert other != said
    if strategy == "nucleus":
        assert blip.caption(models["both"], noise_pictures(18), strategy, limits=blip.Limits(12, 6), seed=1) != said


def test_matches(models):
    texts = ["A red cube!", "a red cube", "the blue ball on the picture, a red cube"]
    found = blip.match(models["both"], noise_pictures(17), texts)
    assert found.probability.shape == found.cosine.shape == (17, 3)
    assert_allclose(found.probability[:, 0], found.probability[:, 1], atol=1e-6)  # cleaned alike
    powers = np.exp(found.logits)
    assert_allclose(found.probability, powers[..., 1] / powers.sum(-1), atol=1e-5)
    one = blip.match(models["both"], noise_pictures(17)[3:4], texts[2:])  # alone, without padding
    assert_allclose(one.probability[0, 0], found.probability[3, 2], atol=1e-5)
    assert_allclose(one.cosine[0, 0], found.cosine[3, 2], atol=1e-5)
    assert blip.match(models["both"], noise_pictures(2), []).probability.shape == (2, 0)


def test_matching_begins_with_its_own_token(models):
    """[ENC], which transformers leaves out: a text that looks at a picture is another than one that does not."""
    model = models["both"]
    ids, mask = model.tokenizer(["a red cube"], model.config.ground)
    with torch.no_grad():
        states = model.see(blip.preprocess(noise_pictures(1), model.config))
        logits = model.match(states, ids, mask)
    assert_allclose(blip.match(model, noise_pictures(1), ["a red cube"]).logits[0, 0], logits[0].numpy(), atol=1e-6)


def test_answers(models):
    model, questions = models["answer"], ["the red cube?", "a ball", "a blue ball on the red cube"]
    said = blip.answer(model, noise_pictures(3), questions)
    assert said == [blip.answer(model, [p], [q])[0] for p, q in zip(noise_pictures(3), questions, strict=True)]
    answers = ["red", "blue", "a cube", "the balls"]
    ranked = blip.answer(model, noise_pictures(3), questions, answers=answers)
    with torch.no_grad():
        for picture, question, given in zip(noise_pictures(3), questions, ranked, strict=True):
            ids, mask = model.tokenizer([question], model.config.ground)
            states = model.read(model.see(blip.preprocess([picture], model.config)), ids, mask)
            scores = []
            for text in answers:
                row, _ = model.tokenizer([text], model.config.start)
                logits = model.text_decoder(row, model.text_decoder.look(states)).log_softmax(-1)[0]
                scores.append(sum(logits[i, row[0, i + 1]].item() for i in range(row.shape[1] - 1)))
            assert given == answers[int(np.argmax(scores))]


def test_encoder_and_decoder_share_all_but_self_attention(models, tmp_path):
    model = models["both"]
    one, other = model.text_encoder.layers[0], model.text_decoder.bert.layers[0]
    assert one.crossattention is other.crossattention
    assert one.intermediate is other.intermediate
    assert one.attention is not other.attention
    assert model.text_encoder.embeddings is model.text_decoder.bert.embeddings
    blip.save(model, tmp_path)
    again = blip.load(tmp_path)
    assert again.config == model.config
    assert again.text_encoder.embeddings is again.text_decoder.bert.embeddings
    assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert blip.caption(again, noise_pictures(2)) == blip.caption(model, noise_pictures(2))
    state = checkpoints.read_tensors(tmp_path / "model.safetensors")
    assert "text_decoder.bert.embeddings.word_embeddings.weight" not in state  # once


@pytest.mark.parametrize("name", ["both", "answer"])
def test_a_weight_that_is_missing_is_not_made_up(models, tmp_path, name):
    blip.save(models[name], tmp_path)
    config, state = checkpoints.read(tmp_path)
    del state["text_decoder.bert.encoder.layer.0.attention.self.query.weight"]
    checkpoints.write(tmp_path, config, state)
    with pytest.raises(ValueError, match=r"the weights have no text_decoder.bert.encoder.layer.0.attention.self.query"):
        blip.load(tmp_path)


def test_a_head_of_other_words_is_refused(models):
    state = dict(models["both"].state_dict())
    words = state["text_decoder.bert.embeddings.word_embeddings.weight"]
    blip.layouts.fill(models["both"].config, state | {"text_decoder.cls.predictions.decoder.weight": words})
    with pytest.raises(ValueError, match="and the two are one in a BLIP"):
        blip.layouts.fill(models["both"].config, state | {"text_decoder.cls.predictions.decoder.weight": words + 1})


def test_everything_is_put_where_the_weights_are(models, monkeypatch):
    """Without a GPU: what a call makes is made on the model's device, or this stand-in for one complains."""
    moved: list[torch.device] = []
    real = torch.Tensor.to
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, *a, **k: moved.append(a[0] if a else None) or real(self, *a, **k)
    )
    here = models["both"].device
    blip.caption(models["both"], noise_pictures(1), "nucleus", limits=blip.Limits(12, 6))
    blip.match(models["both"], noise_pictures(1), ["a ball"])
    blip.answer(models["answer"], noise_pictures(1), ["a ball"])
    assert moved.count(here) >= 3 + 3 + 3  # pixels, prompt and draws; pixels, ids and mask, twice


def test_a_pretrained_file_does_both(tmp_path):
    """With momentum encoders, queues and the tied head in it, as the authors' are; heads of 64 are theirs."""
    from playground.nn.tower import Tower

    model = small_blip(tmp_path, "caption", "match", vision=Tower(64, 1, 1, 64), text=Tower(64, 1, 1, 64),
                       vocab_size=30524, alone=101, end=102, start=30522, ground=30523)  # fmt: skip
    state = dict(model.state_dict())
    words = state["text_decoder.bert.embeddings.word_embeddings.weight"]
    extra = {
        "text_decoder.cls.predictions.decoder.weight": words, "image_queue": torch.zeros(2, 2),
        "text_queue": torch.zeros(2, 2), "queue_ptr": torch.zeros(1), "vision_proj_m.weight": torch.zeros(2, 2),
        "visual_encoder_m.cls_token": torch.zeros(1), "text_encoder.embeddings.position_ids": torch.arange(3),
        "text_encoder_m.embeddings.word_embeddings.weight": words,
    }  # fmt: skip
    torch.save({"model": state | extra, "epoch": 3}, tmp_path / "model_base.pth")
    again = blip.load(tmp_path / "model_base.pth")
    assert again.config.tasks == ("caption", "match")
    assert again.tokenizer.decode([11]) == "red"  # of the vocab.txt beside it
    assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    state["text_decoder.bert.encoder.layer.0.intermediate.dense.bias"] = torch.ones(64)
    torch.save(state, tmp_path / "model_base.pth")
    with pytest.raises(ValueError, match="and the two are one in a model that captions and matches"):
        blip.load(tmp_path / "model_base.pth")


def test_another_picture_size_resizes_the_places(models):
    model = models["both"]
    state = dict(model.state_dict())
    larger = blip.layouts.fill(small_config("caption", "match", image_size=64), state)
    grid = larger.visual_encoder.pos_embed[0, 1:].reshape(8, 8, 32)
    assert grid[:2].mean() == pytest.approx(model.visual_encoder.pos_embed[0, 1:5].mean().item(), abs=0.1)
    assert_close(larger.visual_encoder.pos_embed[0, 0], model.visual_encoder.pos_embed[0, 0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("visual_encoder.norm.weight"), "the weights have no visual_encoder.norm.weight"),
        (lambda s: s.update(more=torch.zeros(1)), "the weights have more, and 0 other keys that no BLIP has"),
        (lambda s: s.update({"vision_proj.bias": torch.zeros(3)}), "vision_proj.bias has the shape"),
    ],
)
def test_weights_that_do_not_fit(models, change, words):
    state = dict(models["both"].state_dict())
    change(state)
    with pytest.raises(ValueError, match=words):
        blip.layouts.fill(models["both"].config, state)


def test_refusals(models, tmp_path):
    with pytest.raises(ValueError, match="can answer, and not caption: load another"):
        blip.caption(models["answer"], noise_pictures(1))
    with pytest.raises(ValueError, match="strategy must be one of greedy, beam, nucleus, not 'best'"):
        blip.caption(models["both"], noise_pictures(1), "best")
    with pytest.raises(ValueError, match="each picture has one question"):
        blip.answer(models["answer"], noise_pictures(2), ["a"])
    with pytest.raises(ValueError, match="answers must be one or more"):
        blip.answer(models["answer"], noise_pictures(1), ["a"], answers=[])
    with pytest.raises(ValueError, match="not the one string"):
        blip.match(models["both"], noise_pictures(1), "a")
    bare = blip.build(small_config("caption"))
    with pytest.raises(ValueError, match="has no tokenizer"):
        blip.caption(bare, noise_pictures(1))
    for wrong in ((), ("sing",), ("caption", "caption"), ("answer", "match")):
        with pytest.raises(ValueError, match="task"):
            small_config(*wrong)
    with pytest.raises(ValueError, match="must be five of the"):
        small_config("caption", end=0)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="holds a 'bert'; a BLIP has"):
        blip.load(tmp_path)
    torch.save({"model": {"text.weight": torch.zeros(1)}}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="are of no BLIP"):
        blip.load(tmp_path / "x.pth")
    vocabulary(tmp_path)


def test_pixels_are_the_authors(models):
    """Their transform: torchvision's Resize to the square, bicubic, and Normalize."""
    from torchvision import transforms

    theirs = transforms.Compose(
        [
            transforms.Resize((32, 32), interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(blip.model.MEAN, blip.model.STD),
        ]
    )
    for picture in noise_pictures(6):
        assert_close(blip.preprocess([picture], models["both"].config)[0], theirs(picture), rtol=0, atol=0)
    assert blip.preprocess([], models["both"].config).shape == (0, 3, 32, 32)
