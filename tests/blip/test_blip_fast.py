"""An accelerated BLIP gives the answers of the plain one."""

import copy

import pytest
import torch
import torch.nn.functional as F
from matmul_libraries import choose
from small_blip import small_blip
from small_sets import noise_pictures
from torch.testing import assert_close

from playground import blip
from playground.blip import fast as accelerating
from playground.blip import generation
from playground.blip.fast import accelerate
from playground.blip.med import PLACES
from playground.nn import matmul

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
LIMITS = blip.Limits(24, 8)


@pytest.fixture(params=matmul.LIBRARIES)
def library(request, monkeypatch):
    """Each library as if it were the fastest, bfloat16 always faster."""
    choose(request.param, accelerating, monkeypatch)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return {
        "both": small_blip(folder, "caption", "match", std=0.3),
        "match": small_blip(folder, "match", std=0.3, seed=1),
        "answer": small_blip(folder, "answer", std=0.3),
        "near": small_blip(folder, "caption", "match", std=0.1),  # as large as a trained one's, in its width
    }


@pytest.fixture(autouse=True)
def _as_in_use():
    """Where gradients may be asked for, nothing is packed."""
    with torch.no_grad():
        yield


def pixels(n, seed=0):
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def texts(n, first=31):
    """Ids and masks of lengths from 2 to 7."""
    ids = torch.randint(7, 30, (n, 7), generator=torch.Generator().manual_seed(n))
    mask = torch.arange(7) < 2 + torch.arange(n)[:, None] % 6
    ids[:, 0] = first
    return ids * mask, mask


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("n", [1, 3])
def test_float32_is_equal(models, n):
    plain = models["both"]
    fast = accelerate(copy.deepcopy(plain))
    states = plain.see(pixels(n))
    assert_close(fast.see(pixels(n)), states, **CLOSE)
    ids, mask = texts(2 * n)
    assert_close(fast.match(states, ids, mask), plain.match(states, ids, mask), **CLOSE)
    assert_close(fast.embed_text(ids, mask), plain.embed_text(ids, mask), **CLOSE)
    logits = plain.text_decoder(ids, plain.text_decoder.look(states), mask=mask)
    assert_close(fast.text_decoder(ids, fast.text_decoder.look(states), mask=mask), logits, **CLOSE)
    last = fast.text_decoder(ids, fast.text_decoder.look(states), last=True)
    assert_close(last, plain.text_decoder(ids, plain.text_decoder.look(states))[:, -1], **CLOSE)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("strategy", blip.STRATEGIES)
def test_the_same_is_written(models, strategy):
    plain = models["both"]
    fast = accelerate(copy.deepcopy(plain))
    one, other = (blip.write(model, noise_pictures(5), strategy, limits=LIMITS) for model in (plain, fast))
    for a, b in zip(one, other, strict=True):
        assert a.ids == b.ids
        assert a.log_probs == pytest.approx(b.log_probs, abs=1e-4)
    assert len({a.ids for a in one}) > 1


@pytest.mark.usefixtures("library")
def test_the_same_is_matched_and_answered(models):
    plain, said = models["match"], ["a red cube", "the ball", "a picture of a blue cube on the ball"]
    one, other = (blip.match(model, noise_pictures(3), said) for model in (plain, accelerate(copy.deepcopy(plain))))
    assert one.probability.std() > 0.1
    assert_close(other.probability, one.probability, rtol=0, atol=1e-4)
    assert_close(other.cosine, one.cosine, rtol=0, atol=1e-4)
    plain, asked = models["answer"], ["the red cube?", "a ball", "a blue ball on the red cube"]
    fast = accelerate(copy.deepcopy(plain))
    for answers in (None, ["red", "blue", "a cube", "the balls"]):
        wanted = blip.answer(plain, noise_pictures(3), asked, answers=answers)
        assert blip.answer(fast, noise_pictures(3), asked, answers=answers) == wanted


@pytest.mark.usefixtures("library")
def test_padding_of_what_is_seen_is_not_looked_at(models):
    plain, told = models["answer"], []
    ids, mask = texts(3)
    for model in (plain, accelerate(copy.deepcopy(plain))):
        states = model.read(model.see(pixels(3)), ids, mask)
        seen = model.text_decoder.look(states + 100 * ~mask[..., None], mask)
        told.append(blip.greedy(model.text_decoder, seen, torch.full((3, 1), 30), 6, LIMITS))
    for a, b in zip(*told, strict=True):
        assert a.log_probs == pytest.approx(b.log_probs, abs=1e-4)


@pytest.mark.usefixtures("library")
def test_bfloat16_is_near_and_float32_outside(models):
    plain = models["near"]
    fast = accelerate(copy.deepcopy(plain), bfloat16=True)
    states, (ids, mask) = fast.see(pixels(4)), texts(8)
    true = plain.see(pixels(4))
    logits = fast.text_decoder(ids, fast.text_decoder.look(states), mask=mask)
    wanted = plain.text_decoder(ids, plain.text_decoder.look(true), mask=mask)
    for a, b in ((states, true), (logits, wanted), (fast.embed_text(ids, mask), plain.embed_text(ids, mask))):
        assert a.dtype == torch.float32
        assert not torch.equal(a, b)
        assert float(F.cosine_similarity(a, b, dim=-1).min()) > 0.999
    assert_close(fast.match(states, ids, mask), plain.match(true, ids, mask), rtol=0, atol=0.02)
    written = blip.write(fast, noise_pictures(2), "beam", limits=LIMITS)
    assert all(sum(one.log_probs) / len(one.log_probs) == pytest.approx(one.score, abs=1e-5) for one in written)


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_of_few_queries(dtype, length):
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 4, n, 8, generator=draw).to(dtype) for n in (length, 9, 9))
    allowed = torch.tensor([9, 5])[:, None, None, None] > torch.arange(9)
    made = accelerating._attend(q, k, v, allowed).float()
    assert_close(made, F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=allowed), rtol=0,
                 atol=1e-5 if dtype == torch.float32 else 0.02)  # fmt: skip


def test_bfloat16_waits_for_a_machine_where_it_is_faster(models, monkeypatch):
    monkeypatch.setattr(accelerating, "probe", lambda dtype, *_: ("torch", 2.0 if dtype == torch.bfloat16 else 1.0))
    fast = accelerate(copy.deepcopy(models["both"]), bfloat16=True)
    assert_close(fast.see(pixels(2)), models["both"].see(pixels(2)), **CLOSE)


def _counting(monkeypatch):
    """Let products be made by `F.linear`, and tell for which weight and how many rows."""
    made, rows = [], []

    def prepare(weight, bias, after="none", **_):
        made.append(tuple(weight.shape))
        linear = matmul.torch_linear(weight, bias, after)
        return lambda x, *other: (rows.append(len(x)), linear(x, *other))[1]

    monkeypatch.setattr(accelerating, "prepare", prepare)
    return made, rows


def test_what_encoder_and_decoder_share_is_packed_once(models, monkeypatch):
    monkeypatch.setattr(accelerating, "probe", lambda *_: ("torch", 1.0))
    made, _ = _counting(monkeypatch)
    accelerate(copy.deepcopy(models["both"]))
    own, shared, head = 2, 6, 2  # a layer's products in self-attention, and behind it; the head's
    assert len(made) == 2 * (2 * own + shared) + head


def test_of_the_last_layer_only_what_is_read(models, monkeypatch):
    _, rows = _counting(monkeypatch)
    monkeypatch.setattr(accelerating, "probe", lambda *_: ("torch", 1.0))
    fast = accelerate(copy.deepcopy(models["both"]))
    seen = fast.text_encoder.look(fast.see(pixels(2)))
    rows.clear()
    fast.match(seen, *texts(4))
    assert rows == [28] * 6 + [28, 4, 4, 4, 4, 4]  # in the last all but the first token feeds only the keys


def test_beams_begin_as_one(models, monkeypatch):
    _, rows = _counting(monkeypatch)
    monkeypatch.setattr(accelerating, "probe", lambda *_: ("torch", 1.0))
    fast = accelerate(copy.deepcopy(models["both"]))
    seen, prompt = fast.text_decoder.look(fast.see(pixels(2))), torch.tensor([[30, 8, 9]]).repeat(2, 1)
    rows.clear()
    blip.beam_search(fast.text_decoder, seen, prompt, 6, blip.Limits(5, 5), beams=3)
    assert set(rows[:7]) == {6}
    assert set(rows[14:]) == {6}  # 2 pictures of 3 beams, a token each
    assert len(rows) == 2 * 14


def test_a_cache_past_the_places_in_hand():
    draw = torch.Generator().manual_seed(0)
    cache, whole = blip.Cache(), torch.zeros(2, 2, 3, 2, 0, 4)  # (layers, 2, n, heads, length, d)
    for more in (3, *[1] * (2 * PLACES), 2):
        new = torch.randn(2, 2, 3, 2, more, 4, generator=draw)
        whole = torch.cat([whole, new], dim=4)
        for layer in range(2):
            k, v = cache.grow(layer, new[layer])
            assert torch.equal(torch.stack([k, v]), whole[layer])
        rows = torch.randint(3, (3,), generator=draw)
        cache.choose(rows)
        whole = whole[:, :, rows]
    assert cache.length == whole.shape[4]


def test_a_nucleus_of_many_words_is_found_among_all(models, monkeypatch):
    """As if all words were sorted, whichever of its rows need it."""
    model, uniforms = models["both"], torch.rand(6, 24, generator=torch.Generator().manual_seed(0))
    seen, prompt = model.text_decoder.look(model.see(pixels(6))), torch.tensor([[30, 8]]).repeat(6, 1)
    written = {}
    for likely in (1, 3, 100):
        monkeypatch.setattr(generation, "LIKELY", likely)
        made = blip.nucleus(model.text_decoder, seen, prompt, 6, LIMITS, uniforms, top_p=0.8)
        written[likely] = [one.ids for one in made]
    assert written[1] == written[3] == written[100]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("bfloat16", [False, True])
def test_where_gradients_may_be_asked_for_it_is_the_plain_model(models, bfloat16):
    plain = models["both"]
    fast = accelerate(copy.deepcopy(plain), bfloat16=bfloat16)
    ids, mask = texts(2)
    packed = fast.text_encoder.look(fast.see(pixels(2)))
    grads = []
    with torch.enable_grad():
        for model in (plain, fast):
            x = pixels(2).requires_grad_()
            model.match(model.see(x), ids, mask)[:, 1].sum().backward()
            grads.append(x.grad)
        looked = fast.text_encoder.look(plain.see(pixels(2)))
        assert fast.match(packed, ids, mask).isfinite().all()  # what was seen packed, and is not read so
    assert grads[0].abs().max() > 0
    assert_close(grads[1], grads[0], rtol=1e-4, atol=1e-6)
    wanted = plain.match(plain.see(pixels(2)), ids, mask)
    assert_close(fast.match(looked, ids, mask), wanted, **(CLOSE if not bfloat16 else {"rtol": 0, "atol": 1.0}))


@pytest.mark.usefixtures("library")
def test_it_can_be_explained(models):
    plain = models["both"]
    fast = accelerate(copy.deepcopy(plain))
    for explain in (
        lambda m: blip.look_caption(m, noise_pictures(1)[0], [8, 11]),
        lambda m: blip.look_match(m, noise_pictures(1)[0], "a red cube"),
    ):
        one, other = explain(plain), explain(fast)
        assert_close(other.maps, one.maps, rtol=1e-3, atol=1e-5)


def test_weights_stay_under_their_names_and_are_saved(models, tmp_path):
    plain = models["both"]
    fast = accelerate(copy.deepcopy(plain), bfloat16=True)
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(fast.state_dict().values(), plain.state_dict().values(), strict=True))
    blip.save(fast, tmp_path)
    assert torch.equal(blip.load(tmp_path).see(pixels(2)), plain.see(pixels(2)))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("bfloat16", [False, True])
def test_other_weights_undo_it(models, bfloat16):
    other, (ids, mask) = copy.deepcopy(models["both"]), texts(2)
    for p in other.parameters():
        p.mul_(1.1)
    fast = accelerate(copy.deepcopy(models["both"]), bfloat16=bfloat16)
    before = fast.text_encoder.look(fast.see(pixels(2)))
    fast.load_state_dict(other.state_dict())
    states = other.see(pixels(2))
    assert torch.equal(fast.see(pixels(2)), states)
    assert torch.equal(fast.match(states, ids, mask), other.match(states, ids, mask))
    logits = other.text_decoder(ids, other.text_decoder.look(states))
    assert torch.equal(fast.text_decoder(ids, fast.text_decoder.look(states)), logits)
    assert fast.match(before, ids, mask).isfinite().all()
    fast = accelerate(copy.deepcopy(models["both"]), bfloat16=bfloat16)
    before = fast.text_encoder.look(fast.see(pixels(2)))
    fast.bfloat16()
    assert fast.match(before, ids, mask).dtype == fast.see(pixels(2)).dtype == torch.bfloat16


@pytest.mark.usefixtures("library")
def test_the_last_acceleration_counts_and_a_copy_is_its_own(models):
    plain = models["both"]
    fast = accelerate(accelerate(copy.deepcopy(plain), bfloat16=True))
    again = copy.deepcopy(fast)
    for model in (fast, again):
        assert_close(model.see(pixels(2)), plain.see(pixels(2)), **CLOSE)
        assert_close(
            model.match(plain.see(pixels(2)), *texts(2)), plain.match(plain.see(pixels(2)), *texts(2)), **CLOSE
        )


@pytest.mark.usefixtures("library")
def test_a_convolutional_stem_is_left(tmp_path):
    plain = small_blip(tmp_path, "match", stem="conv")
    fast = accelerate(copy.deepcopy(plain))
    assert_close(fast.see(pixels(2)), plain.see(pixels(2)), **CLOSE)


def test_who_is_refused_and_who_left_alone(models):
    model = copy.deepcopy(models["both"])
    model.vision_proj.weight.requires_grad_(True)
    with pytest.raises(ValueError, match="only a frozen model can be accelerated"):
        accelerate(model)
    for model in (copy.deepcopy(models["both"]).bfloat16(), copy.deepcopy(models["both"]).to("meta")):
        before = model.text_encoder
        assert accelerate(model) is model
        assert model.text_encoder is before


def test_one_model_that_captions_and_filters_looks_once(models, monkeypatch):
    looked = []
    real = blip.Med.look
    monkeypatch.setattr(blip.Med, "look", lambda self, *x: looked.append(self) or real(self, *x))
    pairs = [blip.Pair(f"p{i}", image, "a red cube") for i, image in enumerate(noise_pictures(3))]
    one = list(blip.score_pairs(pairs, models["both"], models["both"], limits=LIMITS))
    assert len(looked) == 1
    apart = list(blip.score_pairs(pairs, models["both"], copy.deepcopy(models["both"]), limits=LIMITS))
    assert len(looked) == 3
    assert [s.text for s in one] == [s.text for s in apart]
    assert [s.probability for s in one] == pytest.approx([s.probability for s in apart], abs=1e-5)
