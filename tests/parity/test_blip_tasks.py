"""BLIP against transformers' at random weights: towers, heads, greedy and beam search, questions, in real sizes too."""

import pytest
import torch
import transformers
from torch.testing import assert_close

from playground import blip, checkpoints
from playground.blip.layouts import from_transformers

END, START, PAD = 102, 30522, 0
SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
KINDS = {
    "caption": "BlipForConditionalGeneration",
    "match": "BlipForImageTextRetrieval",
    "answer": "BlipForQuestionAnswering",
}


def peer(kind, *, real=False, seed=0, std=0.04, end_bias=0.0):
    """transformers' model of random weights; its default would draw the picture tower's near zero."""
    text = {"num_attention_heads": 12} if real else {**SMALL, "num_attention_heads": 4, "vocab_size": 30524}
    vision = {"image_size": 384} if real else {**SMALL, "num_attention_heads": 4, "image_size": 64}
    if not real:
        text["encoder_hidden_size"] = 64
    config = transformers.BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=256 if real else 32)
    model = getattr(transformers, KINDS[kind])(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(1)
        if end_bias:
            model.text_decoder.cls.predictions.bias[END] += end_bias
    return model


def ours(theirs, folder):
    """The same weights through our loader."""
    theirs.save_pretrained(folder)
    return blip.load(folder, like_transformers=True)


def direct(theirs):
    """The same without files, for many models."""
    return from_transformers(theirs.state_dict(), theirs.config.to_dict(), like_transformers=True)


def pixels(n, side=64, seed=1):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def ids(n, length, first, seed=2):
    rows = torch.randint(1000, 30000, (n, length), generator=torch.Generator().manual_seed(seed))
    rows[:, 0], rows[:, -1] = first, END
    return rows


def test_logits_of_the_decoder(tmp_path):
    theirs = peer("caption")
    mine = ours(theirs, tmp_path)
    x, words = pixels(3), ids(3, 7, START)
    with torch.no_grad():
        wanted = theirs(pixel_values=x, input_ids=words).logits
        states = mine.see(x)
        assert_close(states, theirs.vision_model(x).last_hidden_state, rtol=1e-4, atol=1e-5)
        got = mine.text_decoder(words, mine.text_decoder.look(states))
        cache = blip.Cache()
        seen = mine.text_decoder.look(states)
        piecewise = [mine.text_decoder(words[:, :3], seen, cache=cache)]
        piecewise += [mine.text_decoder(words[:, i : i + 1], seen, cache=cache) for i in range(3, 7)]
    assert wanted.std() > 0.1  # the test would pass on a tower near zero
    assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    assert_close(torch.cat(piecewise, dim=1), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("min_length", [2, 8])
@pytest.mark.parametrize("end_bias", [0.0, 3.0])
def test_greedy_and_beam_write_the_same(min_length, end_bias):
    different = ended = 0
    for seed in range(20):
        theirs = peer("caption", seed=seed, std=0.08, end_bias=end_bias)
        mine = direct(theirs)
        n = 1 + seed % 3
        x, prompt = pixels(n, seed=seed), ids(n, 3, START, seed=seed)
        limits = blip.Limits(max_length=14, min_length=min_length)
        with torch.no_grad():
            seen = mine.text_decoder.look(mine.see(x))
        for beams in (1, 3):
            wanted = theirs.generate(
                x, input_ids=torch.cat([prompt, prompt[:, :1]], 1), max_length=14, min_length=min_length,
                num_beams=beams, do_sample=False,
            )  # fmt: skip
            search = blip.greedy if beams == 1 else blip.beam_search
            got = search(mine.text_decoder, seen, prompt, END, limits)
            for row, one in zip(wanted[:, 3:].tolist(), got, strict=True):
                cut = row[: row.index(END)] if END in row else [i for i in row if i != PAD]
                assert list(one.ids) == cut, (seed, beams)
                ended += one.ended
                different += beams > 1 and list(one.ids) != []
    assert different
    assert not end_bias or ended > 20


def test_a_repetition_penalty_is_theirs(tmp_path):
    theirs = peer("caption", std=0.08)
    mine = ours(theirs, tmp_path)
    x, prompt = pixels(2), ids(2, 3, START)
    with torch.no_grad():
        seen = mine.text_decoder.look(mine.see(x))
    for beams, search in ((1, blip.greedy), (3, blip.beam_search)):
        rows = []
        for penalty in (1.0, 0.2):  # under one it asks for repetition, which random weights would not show
            wanted = theirs.generate(
                x, input_ids=torch.cat([prompt, prompt[:, :1]], 1), max_length=14, min_length=2,
                num_beams=beams, do_sample=False, repetition_penalty=penalty,
            )  # fmt: skip
            got = search(mine.text_decoder, seen, prompt, END, blip.Limits(14, 2, penalty))
            for row, one in zip(wanted[:, 3:].tolist(), got, strict=True):
                assert list(one.ids) == row[: row.index(END) if END in row else len(row)]
            rows.append([one.ids for one in got])
        assert rows[0] != rows[1]


def test_scores_of_matching(tmp_path):
    theirs = peer("match")
    mine = ours(theirs, tmp_path)
    x, words = pixels(3), ids(3, 9, 101)
    mask = torch.ones_like(words)
    mask[1, 5:] = mask[2, 7:] = 0
    with torch.no_grad():
        itm = theirs(input_ids=words, pixel_values=x, attention_mask=mask).itm_score
        itc = theirs(input_ids=words, pixel_values=x, attention_mask=mask, use_itm_head=False).itm_score
        states = mine.see(x)
        assert_close(mine.match(states, words, mask.bool()), itm, rtol=1e-5, atol=1e-5)
        assert_close(mine.embed_image(states) @ mine.embed_text(words, mask.bool()).T, itc, rtol=1e-5, atol=1e-5)
        twice = mine.match(states, words.repeat_interleave(2, 0), mask.bool().repeat_interleave(2, 0))
    assert itm.std() > 0.05
    assert_close(twice[::2], itm, rtol=1e-5, atol=1e-5)  # several texts a picture, looked at together


def test_answers(tmp_path):
    theirs = peer("answer", std=0.08, end_bias=1.0)
    mine = ours(theirs, tmp_path)
    x, words = pixels(4), ids(4, 8, 101)
    mask = torch.ones_like(words)
    mask[1, 5:] = 0
    wanted = theirs.generate(words, x, attention_mask=mask, num_beams=3, max_length=10, min_length=1, do_sample=False)
    with torch.no_grad():
        read = mine.read(mine.see(x), words, mask.bool())
        got = blip.beam_search(
            mine.text_decoder, mine.text_decoder.look(read), torch.full((4, 1), START), END, blip.Limits(10, 1)
        )
        apart = mine.text_decoder(words[:, :3], mine.text_decoder.look(read, mask.bool()))
        changed = read.clone()
        changed[1, 5:] = 9.0  # a question's padding
        again = mine.text_decoder(words[:, :3], mine.text_decoder.look(changed, mask.bool()))
    for row, one in zip(wanted[:, 1:].tolist(), got, strict=True):
        assert list(one.ids) == row[: row.index(END) if END in row else len(row)]
    assert_close(again, apart, rtol=0, atol=0)  # which transformers looks at: it drops the mask


@pytest.mark.parametrize("kind", ["caption", "match"])  # what answers has no other parts
def test_real_sizes(kind):
    theirs = peer(kind, real=True, std=0.03)
    mine = direct(theirs)
    assert mine.config.text == mine.config.vision
    assert (mine.config.image_size, mine.config.patch_size) == (384, 16)
    x, words = pixels(1, 384), ids(1, 6, START if kind == "caption" else 101)
    with torch.no_grad():
        if kind == "caption":
            wanted = theirs(pixel_values=x, input_ids=words).logits
            got = mine.text_decoder(words, mine.text_decoder.look(mine.see(x)))
        else:
            wanted = theirs(input_ids=words, pixel_values=x).itm_score
            got = mine.match(mine.see(x), words, torch.ones_like(words).bool())
    assert wanted.std() > 0.05
    assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_salesforces_files(tmp_path):
    """Their keys, made of transformers' by the table of both; the file is a pickle of tensors in "model"."""
    theirs = peer("caption")
    mine = ours(theirs, tmp_path / "hf")
    state = dict(mine.state_dict())
    state["text_decoder.cls.predictions.decoder.weight"] = state["text_decoder.bert.embeddings.word_embeddings.weight"]
    state["text_decoder.cls.predictions.decoder.bias"] = state["text_decoder.cls.predictions.bias"]
    state["text_decoder.bert.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"model": state}, tmp_path / "model.pth")
    again = blip.load(tmp_path / "model.pth")
    assert again.config.tasks == ("caption",)
    assert again.config.vision_eps == 1e-6  # the authors' own
    assert again.config.text.heads == 1  # of width 64 a head, as theirs all are
    for name, value in mine.state_dict().items():
        assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    assert checkpoints.read_json(tmp_path / "hf" / "config.json")["model_type"] == "blip"
