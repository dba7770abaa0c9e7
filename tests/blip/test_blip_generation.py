"""Writing: the beam's book-keeping, the nucleus, rows that do not depend on their neighbours, limits, refusals."""

import math
from collections import Counter

import pytest
import torch
from small_blip import small_blip

from playground import blip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_blip(tmp_path_factory.mktemp("words"), "caption", std=0.3)


def seen(model, n, seed=0):
    x = torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return model.text_decoder.look(model.see(x))


def prompt(model, n):
    return torch.tensor([[model.config.start, 8]]).repeat(n, 1)


def told(model, looked, begun, ids):
    """Log-probabilities of ids after the prompt, all at once."""
    whole = torch.cat([begun, torch.tensor([ids])], dim=1)
    logits = model.text_decoder(whole, looked).log_softmax(-1)[0]
    return [logits[begun.shape[1] - 1 + i, token].item() for i, token in enumerate(ids)]


@pytest.mark.parametrize("penalty", [1.0, 0.2])
@pytest.mark.parametrize("search", ["greedy", "beam", "nucleus"])
def test_log_probabilities_are_those_of_the_whole_text(model, search, penalty):
    looked, begun, limits = seen(model, 1), prompt(model, 1), blip.Limits(9, 3, penalty)
    if search == "greedy":
        (one,) = blip.greedy(model.text_decoder, looked, begun, 6, limits)
    elif search == "beam":
        (one,) = blip.beam_search(model.text_decoder, looked, begun, 6, limits)
    else:
        (one,) = blip.nucleus(model.text_decoder, looked, begun, 6, limits, torch.rand(1, 9))
    ids = [*one.ids, 6] if one.ended else list(one.ids)
    assert one.log_probs == pytest.approx(told(model, looked, begun, ids), abs=1e-4)
    if penalty == 1:
        assert one.score == pytest.approx(sum(one.log_probs) / len(ids), abs=1e-5)
    assert 6 not in one.ids


def test_many_beams_find_the_best_text(model):
    """Against all texts of up to two more words."""
    looked, begun = seen(model, 1, 3), prompt(model, 1)
    words = range(model.config.vocab_size)
    logits = model.text_decoder(torch.tensor([[*begun[0].tolist(), word] for word in words]), seen(model, 1, 3))
    first, second = logits[0, 1].log_softmax(-1), logits[:, 2].log_softmax(-1)
    scores = {(w, v): (first[w] + second[w, v]).item() / 2 for w in words for v in words if w != 6}
    scores[6,] = first[6].item()
    best = max(scores, key=scores.get)
    (one,) = blip.beam_search(model.text_decoder, looked, begun, 6, blip.Limits(4, 1), beams=30)
    assert one.score == pytest.approx(scores[best], abs=1e-5)
    assert (*one.ids, 6)[: len(best)] == best


def test_the_tree_of_beams(model):
    (one,) = blip.beam_search(model.text_decoder, seen(model, 1), prompt(model, 1), 6, blip.Limits(9, 3))
    texts = [()]
    ends = []
    for step in one.steps:
        grown = [(*texts[p], t) for p, t in zip(step.parents, step.tokens, strict=True)]
        assert list(step.scores) == sorted(step.scores, reverse=True)
        ends += [grown[i] for i in step.finished]
        texts = [grown[i] for i in step.kept]
    assert ((*one.ids, 6) if one.ended else one.ids) in ends


def test_rows_do_not_depend_on_those_beside_them(model):
    limits, uniforms = blip.Limits(12, 4), torch.rand(4, 12)
    looked = seen(model, 4)
    for search in (
        lambda s, p, _: blip.greedy(model.text_decoder, s, p, 6, limits),
        lambda s, p, _: blip.beam_search(model.text_decoder, s, p, 6, limits),
        lambda s, p, u: blip.nucleus(model.text_decoder, s, p, 6, limits, u),
    ):
        together = [one.ids for one in search(looked, prompt(model, 4), uniforms)]
        for i in range(4):
            own = blip.Seen(tuple(k[i : i + 1] for k in looked.keys), tuple(v[i : i + 1] for v in looked.values))
            assert [one.ids for one in search(own, prompt(model, 1), uniforms[i : i + 1])] == [together[i]]


def test_the_nucleus(model):
    """The draws are of the fewest words that reach top_p, in proportion to their probabilities."""
    begun, looked = prompt(model, 1), seen(model, 1)
    probabilities = model.text_decoder(begun, looked, last=True).softmax(1)[0]
    ranked = probabilities.sort(descending=True)
    count = int((ranked.values.cumsum(0) < 0.6).sum()) + 1
    inside = {int(i): float(p) for i, p in zip(ranked.indices[:count], ranked.values[:count], strict=True)}
    assert 1 < count < 30
    n = 4000
    many = blip.Seen(tuple(k.expand(1, -1, -1, -1) for k in looked.keys), looked.values)
    evenly = (torch.arange(n)[:, None] + 0.5) / n
    written = blip.nucleus(model.text_decoder, many, begun.repeat(n, 1), 6, blip.Limits(3, 1), evenly, top_p=0.6)
    drawn = Counter((*one.ids, 6)[0] for one in written)
    assert set(drawn) <= set(inside)
    for word, p in inside.items():
        assert drawn[word] / n == pytest.approx(p / sum(inside.values()), abs=2 / n)
    extreme = torch.tensor([[0.0], [math.nextafter(1.0, 0.0)]])
    first, last = blip.nucleus(model.text_decoder, many, begun.repeat(2, 1), 6, blip.Limits(3, 1), extreme, top_p=0.6)
    assert (*first.ids, 6)[0] == int(ranked.indices[0])
    assert (*last.ids, 6)[0] == int(ranked.indices[count - 1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: blip.Limits(5, 6), "1 <= min_length <= max_length"),
        (lambda _: blip.Limits(repetition_penalty=0), "repetition_penalty must be positive"),
        (lambda m: blip.beam_search(m.text_decoder, seen(m, 1), prompt(m, 1), 6, blip.Limits(), beams=0), "at least 1"),
        (lambda m: blip.greedy(m.text_decoder, seen(m, 1), prompt(m, 1), 6, blip.Limits(2, 1)), "leaves no room"),
        (
            lambda m: blip.nucleus(m.text_decoder, seen(m, 1), prompt(m, 1), 6, blip.Limits(), torch.rand(1, 3)),
            "uniforms must have the shape",
        ),
        (
            lambda m: blip.nucleus(
                m.text_decoder, seen(m, 1), prompt(m, 1), 6, blip.Limits(), torch.rand(1, 20), top_p=0
            ),
            "top_p must lie in",
        ),
        (lambda m: m.text_decoder(torch.zeros(1, 41, dtype=torch.long), seen(m, 1)), "at most 40 tokens, not 41"),
    ],
)  # fmt: skip
def test_refusals(model, call, words):
    with pytest.raises(ValueError, match=words):
        call(model)
