"""Relevance: a CLIP whose attention is known, the rule written out, finite differences, and the picture's frame."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from PIL import Image
from planted import painted, planted_clip
from small_clip import pixels, small_clip, tokens
from torch.testing import assert_close

from playground import clip
from playground.clip.explain import Explanation, _by_words
from playground.clip.tokenizer import clean, default_tokenizer
from playground.nn.attentions import Attentions
from playground.nn.tower import Tower


def picture(spots, **size):
    return Image.fromarray(painted(spots, **size).numpy())


BOTH = {(8, 16): 0, (24, 0): 1}  # red in the patch (2, 1), green in (0, 3)


@pytest.fixture(scope="module")
def model():
    model = small_clip(text=Tower(width=64, layers=3, heads=2, hidden=256))
    model.tokenizer = default_tokenizer()
    return model


@pytest.fixture(scope="module")
def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize("looking", [0, 1])
@pytest.mark.parametrize(("text", "word", "patch"), [("a red ball", 1, (2, 1)), ("a Green, ball", 1, (0, 3))])
def test_the_one_patch_and_the_one_word_that_are_read(looking, text, word, patch):
    """The heads look at both patches alike; only the gradient tells which one the text speaks of."""
    model = planted_clip(looking)
    with Attentions() as seen:
        model.encode_image(clip.preprocess([picture(BOTH)], model.config))
    looks = seen.kept[looking].detach()[0, :, 0, 1:].reshape(2, 4, 4)
    assert float(looks[0, 2, 1]) > 0.99
    assert float(looks[1, 0, 3]) > 0.99
    found = clip.explain(model, picture(BOTH), text)
    expected = np.zeros((4, 4))
    expected[patch] = 1
    assert_allclose(found.picture, expected, atol=1e-6)
    assert found.words == tuple(text.split())
    assert_allclose(found.word_scores, np.arange(3) == word, atol=1e-6)
    assert found.cosine == pytest.approx(float(clip.similarity(model, [picture(BOTH)], [text])[0, 0]), abs=1e-6)
    assert found.probability is None


def test_a_word_that_the_picture_lacks_does_not_count():
    found = clip.explain(planted_clip(), picture({(0, 0): 0}), "a green and red ball")
    assert_allclose(found.word_scores, [0, 0, 0, 1, 0], atol=1e-6)


def test_against_another_text():
    found = clip.explain(planted_clip(), picture(BOTH), "red", against=["green"])
    assert found.probability == pytest.approx(0.5, abs=1e-5)
    assert np.unravel_index(found.picture.argmax(), (4, 4)) == (2, 1)
    assert found.picture.sum() == pytest.approx(1, abs=1e-6)
    # "red" and "red and green" differ by green alone: so it is green that speaks for the second.
    found = clip.explain(planted_clip(), picture(BOTH), "red and green", against=["red"])
    assert found.picture[0, 3] == 1
    assert found.picture[2, 1] < 1e-6
    assert found.probability > 0.5


def test_nothing_relevant_is_all_zero():
    found = clip.explain(planted_clip(), picture({}), "a ball")
    assert not found.picture.any()
    assert not found.word_scores.any()


def towers_by_hand(model, image, ids):
    """Each tower's vector, and its attention, one head after another."""
    first = model.visual.class_embedding[None, None]
    x = torch.cat([first, model.visual.conv1(image).flatten(2).mT], 1) + model.visual.positional_embedding
    x, seen = blocks_by_hand(model.visual.transformer, model.visual.ln_pre(x), causal=False)
    v = model.visual.ln_post(x[:, 0]) @ model.visual.proj
    end = int(ids[0].argmax())
    y = model.text.token_embedding(ids[:, : end + 1]) + model.text.positional_embedding[: end + 1]
    y, read = blocks_by_hand(model.text.transformer, y, causal=True)
    t = model.text.ln_final(y[:, end]) @ model.text.text_projection
    return F.normalize(v, dim=-1), F.normalize(t, dim=-1), seen, read


def blocks_by_hand(transformer, x, causal):
    kept = []
    for block in transformer.resblocks:
        q, k, v = (block.ln_1(x) @ block.attn.in_proj_weight.T + block.attn.in_proj_bias).chunk(3, dim=-1)
        width = q.shape[-1] // block.attn.heads
        matrices, mixed = [], []
        for one in range(block.attn.heads):
            cut = slice(one * width, (one + 1) * width)
            scores = q[0, :, cut] @ k[0, :, cut].T / width**0.5
            if causal:
                scores += torch.full_like(scores, -torch.inf).triu(1)
            matrices.append(scores.softmax(-1))
            matrices[-1] = matrices[-1] if matrices[-1].requires_grad else matrices[-1].requires_grad_()
            mixed.append(matrices[-1] @ v[0, :, cut])
        x = x + block.attn.out_proj(torch.cat(mixed, -1)[None])
        x = x + block.mlp(block.ln_2(x))
        kept.append(matrices)
    return x, kept


def rule_by_hand(score, kept):
    """R = R + A_bar R over whole matrices, from the first block to the last."""
    R = torch.eye(len(kept[0][0]))
    for matrices in kept:
        gradients = torch.autograd.grad(score, matrices, retain_graph=True)
        heads = [(g * a).clamp(min=0) for g, a in zip(gradients, matrices, strict=True)]
        R = R + sum(heads) / len(heads) @ R
    return R.detach()


@pytest.mark.parametrize("against", [(), ("two cats", "a picture of something else")])
def test_the_rule_over_whole_matrices(model, noise, against):
    text = "a dog and a cat"  # of one piece a word
    v, t, seen, read = towers_by_hand(model, clip.preprocess([noise], model.config), clip.tokenize(text))
    score = (v * t).sum()
    if against:
        score = model.logits(v, torch.cat([t, model.encode_text(clip.tokenize(against))])).log_softmax(-1)[0, 0]
    patches, words = rule_by_hand(score, seen)[0, 1:].reshape(4, 4), rule_by_hand(score, read)[-1, 1:-1]
    found = clip.explain(model, noise, text, against=against)
    assert_allclose(found.picture, patches / patches.max(), rtol=1e-3, atol=1e-5)
    assert_allclose(found.word_scores, words / words.max(), rtol=1e-3, atol=1e-5)
    assert found.picture.std() > 0.1
    if against:
        assert found.probability == pytest.approx(float(score.detach().exp()), abs=1e-5)


def test_attention_written_out_is_the_same(model):
    with Attentions() as seen:
        images = model.encode_image(pixels())
    with Attentions() as read:
        texts = model.encode_text(tokens((5, 9)))
    assert_close(images.detach(), model.encode_image(pixels()), rtol=0, atol=1e-6)
    assert_close(texts.detach(), model.encode_text(tokens((5, 9))), rtol=0, atol=1e-6)
    assert [tuple(A.shape) for A in seen.kept] == [(2, 2, 17, 17)] * 2
    assert [tuple(A.shape) for A in read.kept] == [(2, 2, 9, 9)] * 3
    for A in (*seen.kept, *read.kept):
        assert_close(A.sum(-1).detach(), torch.ones(A.shape[:-1]))
    assert all(not A.triu(1).any() for A in read.kept)


class Bumped(Attentions):
    """With `by` added to one entry of one block's attention."""

    def __init__(self, block, entry, by):
        super().__init__()
        self.block, self.entry, self.by = block, entry, by

    def keep(self, weights):
        if len(self.kept) == self.block:
            weights = weights.detach().clone()
            weights[self.entry] += self.by
        return super().keep(weights)


@pytest.mark.parametrize("block", [0, 1])
@pytest.mark.parametrize("entry", [(0, 0, 0, 3), (0, 1, 5, 5), (0, 1, 0, 16)])
def test_gradients_against_finite_differences(block, entry):
    model = small_clip().double()
    image, text = pixels(1).double(), model.encode_text(tokens((6,)))
    with Attentions() as seen:
        score = (model.encode_image(image) * text).sum()
    gradient = torch.autograd.grad(score, seen.kept)[block][entry]
    high, low = [], []
    for step, into in ((1e-5, high), (-1e-5, low)):
        with Bumped(block, entry, step):
            into.append((model.encode_image(image) * text).sum().detach())
    difference = (high[0] - low[0]) / 2e-5
    assert_close(gradient, difference, rtol=1e-5, atol=1e-9)
    # In the last block only the class token is read.
    assert (float(gradient.abs()) > 1e-6) == (block == 0 or entry[2] == 0)


def test_the_order_of_heads_is_nothing(model, noise):
    expected = clip.explain(model, noise, "a dog and a cat")
    other = small_clip(text=model.config.text)
    other.tokenizer = model.tokenizer
    for tower in (other.visual, other.text):
        for block in tower.transformer.resblocks:
            a, half = block.attn, block.attn.out_proj.in_features // 2
            order = torch.arange(2 * half).roll(half)
            rows = torch.cat([order + 2 * half * part for part in range(3)])
            a.in_proj_weight.copy_(a.in_proj_weight[rows])
            a.in_proj_bias.copy_(a.in_proj_bias[rows])
            a.out_proj.weight.copy_(a.out_proj.weight[:, order])
    found = clip.explain(other, noise, "a dog and a cat")
    assert_allclose(found.picture, expected.picture, rtol=1e-3, atol=1e-5)
    assert_allclose(found.word_scores, expected.word_scores, rtol=1e-3, atol=1e-5)


def test_the_model_is_only_read(model, noise, monkeypatch):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    vector = model.encode_image(pixels())
    expected = clip.explain(model, noise, "a dog")

    def unchanged():
        assert not model.training
        for name, parameter in model.named_parameters():
            assert not parameter.requires_grad, name
            assert parameter.grad is None, name
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name]), name
        again = model.encode_image(pixels())
        assert not again.requires_grad
        assert torch.equal(again, vector)

    unchanged()
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert_allclose(clip.explain(model, noise, "a dog").picture, expected.picture, rtol=1e-4, atol=1e-6)
    with monkeypatch.context() as patch:

        def fails(*_):
            raise RuntimeError("in the middle of the text")

        patch.setattr(model.text.ln_final, "forward", fails)
        with pytest.raises(RuntimeError, match="in the middle"):
            clip.explain(model, noise, "a dog")
    unchanged()
    assert torch.overrides._get_current_function_mode_stack() == []
    trained = small_clip(text=model.config.text).requires_grad_(True)
    trained.tokenizer = model.tokenizer
    assert_allclose(clip.explain(trained, noise, "a dog").picture, expected.picture, rtol=1e-4, atol=1e-6)
    assert all(parameter.grad is None for parameter in trained.parameters())


def test_bfloat16():
    model = planted_clip().bfloat16()
    found = clip.explain(model, picture(BOTH), "a red ball", against=["a ball"])
    assert np.unravel_index(found.picture.argmax(), (4, 4)) == (2, 1)
    assert found.picture.dtype == found.word_scores.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A zzxxq  Dog,\n running", ("A", "zzxxq", "Dog,", "running")),
        ("一只狗，Hund und 猫。", ("一", "只", "狗，", "Hund", "und", "猫。")),
        ("Caf&eacute; crème", ("Caf&eacute;", "crème")),
        ("A&nbsp;Dog", ("a", "dog")),  # cleaning makes two words of one: then they are the model's
    ],
)
def test_pieces_become_words(text, words):
    tokenizer = default_tokenizer()
    spans = tokenizer.spans(text)
    cleaned = clean(text)
    assert len(spans) == len(tokenizer.encode([text])[0])
    assert spans == sorted(spans)
    covered = {letter for first, last in spans for letter in range(first, last)}
    assert covered == {i for i, letter in enumerate(cleaned) if not letter.isspace()}
    pieces = np.arange(1, len(spans) + 1, dtype=np.float32)
    found, scores = _by_words(tokenizer, text, pieces)
    assert found == words
    assert scores.sum() == pytest.approx(pieces.sum())


def test_a_word_has_the_sum_of_its_pieces():
    tokenizer = default_tokenizer()
    assert tokenizer.spans("a zzxxq 狗") == [(0, 1), (2, 4), (4, 6), (6, 7), (8, 9), (8, 9), (8, 9)]
    found, scores = _by_words(tokenizer, "a zzxxq 狗", np.array([1, 2, 4, 8, 1, 1, 1], np.float32))
    assert found == ("a", "zzxxq", "狗")
    assert_allclose(scores, [1, 14, 3], rtol=1e-6)
    model = planted_clip()
    assert model.tokenizer.spans("a Red, dog") == [(0, 1), (2, 5), (5, 6), (7, 10)]


def test_words_that_are_cut_off_have_none():
    found = clip.explain(planted_clip(), picture(BOTH), "a red ball " + "a " * 5 + "red")
    assert_allclose(found.word_scores, [0, 1, 0, 0, 0, 0, 0, 0, 0], atol=1e-6)
    found = clip.explain(planted_clip(), picture(BOTH), "red <end_of_text> red")
    assert_allclose(found.word_scores, [1, 0, 0], atol=1e-6)


def flat(values, size, resize="shortest", side=32):
    return Explanation(np.asarray(values, np.float32), (), np.zeros(0), 0.0, None, size, side, resize)


def test_heat_between_the_patches():
    values = np.random.default_rng(0).random((5, 5)).astype(np.float32)
    assert_allclose(flat(values, (5, 5)).heat(), values, atol=1e-6)
    expected = np.asarray(Image.fromarray(values).resize((50, 50), Image.Resampling.BICUBIC)).clip(0, 1)
    found = flat(values, (50, 50)).heat()
    assert_allclose(found[20:-20, 20:-20], expected[20:-20, 20:-20], atol=1e-5)  # edges are a matter of taste
    assert found.min() >= 0
    assert found.max() <= 1
    assert_allclose(flat(values, (50, 50)).heat((5, 5)), values, atol=1e-6)
    with pytest.raises(ValueError, match=r"size must be a positive width and height, not \(0, 4\)"):
        flat(values, (50, 50)).heat((0, 4))


@pytest.mark.parametrize(
    ("size", "resize", "frame", "seen"),
    [
        ((64, 128), "shortest", None, (slice(32, 96), slice(None))),
        ((128, 64), "shortest", None, (slice(None), slice(32, 96))),
        ((128, 64), "shortest", (64, 32), (slice(None), slice(16, 48))),
        ((128, 64), "squash", None, (slice(None), slice(None))),
        ((20, 10), "shortest", None, (slice(None), slice(5, 15))),
    ],
)
def test_heat_is_nothing_where_the_crop_did_not_see(size, resize, frame, seen):
    found = flat(np.ones((4, 4)), size, resize).heat(frame)
    width, height = frame or size
    expected = np.zeros((height, width))
    expected[seen] = 1
    assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("resize", ["shortest", "squash"])
@pytest.mark.parametrize(("width", "height"), [(128, 64), (64, 128), (150, 64), (64, 64)])
def test_heat_lies_on_what_is_red(resize, width, height):
    """From a picture's pixels, through the model's crop, and back to these pixels."""
    seen = (width, height) if resize == "squash" else (64, 64)
    x, y = (width - seen[0]) // 2 + seen[0] * 5 // 8, (height - seen[1]) // 2 + seen[1] * 7 // 8
    # Smaller than a patch: scaling spreads it, and LayerNorm makes a faint red as good as a full one.
    scene = picture({(x - 2, y - 2): 0}, width=width, height=height, side=4)
    found = clip.explain(planted_clip(resize=resize), scene, "a red ball")
    assert found.picture[3, 2] == found.picture.sum() == 1
    heat = found.heat()
    assert heat.shape == (height, width)
    ys, xs = np.nonzero(heat > 0.9)  # around the middle of the patch; below the last row of patches it stays
    assert abs(xs.mean() + 0.5 - x) < 1.5
    assert ys.min() < y < ys.max()
    assert ys.max() == (height + seen[1]) // 2 - 1


def test_refusals(model, noise):
    for text, against, words in (
        ("", (), "a text to explain must have words, and '' has none"),
        (" \n", (), "must have words"),
        ("a dog", (" ",), "must have words, and ' ' has none"),
        (3, (), "must have words, and 3 has none"),
        ("a dog", "a cat", "against must be a list of strings, not the one string 'a cat'"),
        ("a dog", ("a cat", "A  Dog"), "the texts must differ, and 'A  Dog' stands twice"),
    ):
        with pytest.raises(ValueError, match=words):
            clip.explain(model, noise, text, against=against)
    with pytest.raises(ValueError, match="this model has no tokenizer"):
        clip.explain(small_clip(), noise, "a dog")
    other = small_clip()
    other.tokenizer = model.tokenizer
    del other.visual.class_embedding
    with pytest.raises(ValueError, match="this model's picture tower has none"):
        clip.explain(other, noise, "a dog")
