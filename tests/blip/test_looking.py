"""Where words look, and the tree of a beam search."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image
from small_blip import small_blip
from torch.testing import assert_close

from playground import blip
from playground.blip.attention import _cross
from playground.blip.tasks import log_likelihood
from playground.nn.attentions import Attentions


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return {name: small_blip(folder, *tasks, std=0.3) for name, tasks in KINDS.items()}


KINDS = {"both": ("caption", "match"), "answer": ("answer",)}
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
LIMITS = blip.Limits(12, 6)


def seen_of(model, part):
    return part.look(model.see(blip.preprocess([PICTURE], model.config)))


def test_what_is_caught_is_the_attention_on_the_picture(models):
    """And the answer is the one that is given without."""
    model = models["both"]
    ids, mask = model.tokenizer(["a red cube", "the blue ball on the picture"], model.config.ground)
    for part, more in ((model.text_encoder, {"mask": mask[:1]}), (model.text_decoder.bert, {"causal": True})):
        seen = seen_of(model, part)
        with Attentions() as caught:
            states = part(ids[:1], seen, **more)
        assert_close(states, part(ids[:1], seen, **more), atol=1e-5, rtol=0)
        cross = _cross(caught)
        assert [one.shape for one in cross] == [(1, 4, ids.shape[1], 17)] * 2
        assert_close(cross[0].sum(-1), torch.ones(1, 4, ids.shape[1]))


def test_a_caption_looks(models):
    model = models["both"]
    (written,) = blip.write(model, [PICTURE], "greedy", limits=LIMITS)
    looks = blip.look_caption(model, PICTURE, written.ids)
    assert looks.maps.shape == (len(written.ids), 4, 4)
    assert looks.words == tuple(model.tokenizer.backend.id_to_token(i) for i in written.ids)
    total = looks.maps.sum((1, 2))
    assert ((total > 0) & (total < 1)).all()  # the rest looks at the class token
    assert looks.scores.max() == 1
    other = blip.look_caption(model, PICTURE, written.ids, prompt="the")
    assert abs(other.maps - looks.maps).max() > 1e-4
    with pytest.raises(ValueError, match="caption"):
        blip.look_caption(models["answer"], PICTURE, written.ids)


def test_a_match_looks(models):
    """Attention scaled by its gradient: what is kept makes a match likelier."""
    model = models["both"]
    looks = blip.look_match(model, PICTURE, "A red cube!")
    assert looks.words == ("a", "red", "cube")
    assert looks.maps.shape == (3, 4, 4)
    assert (looks.maps >= 0).all()
    assert looks.maps.max() > 0
    assert looks.scores.max() == 1
    with pytest.raises(ValueError, match="no text to match"):
        blip.look_match(model, PICTURE, " ... ")


def test_the_tree_of_a_search(models):
    model = models["both"]
    (written,) = blip.write(model, [PICTURE], "beam", limits=LIMITS)
    nodes = blip.beam_tree(written.steps)
    for i, node in enumerate(nodes):
        if node.parent is None:
            assert node.step == 0
        else:
            parent = nodes[node.parent]
            assert node.parent < i
            assert (parent.step, parent.finished) == (node.step - 1, False)
            assert node.score <= parent.score
    ids = list(written.ids) + [model.config.end] * written.ended
    chains = {}
    for i, node in enumerate(nodes):
        chains[i] = [*chains.get(node.parent, []), node.token]
    (best,) = [nodes[i] for i, chain in chains.items() if chain == ids and nodes[i].finished]
    assert_allclose(best.score, sum(written.log_probs), atol=1e-4)


def test_answers_with_alternatives(models):
    model = models["answer"]
    with torch.no_grad():
        model.text_decoder.cls["predictions"].bias[model.config.end] += 4.0  # short ones
    found = blip.alternatives(model, PICTURE, "a red cube on the ball?", beams=6)
    assert len(found) > 2
    shares = [one.probability for one in found]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-5
    ids, mask = model.tokenizer(["a red cube on the ball?"], model.config.ground)
    with torch.no_grad():
        seen = model.text_decoder.look(model.read(model.see(blip.preprocess([PICTURE], model.config)), ids, mask), mask)
        rows, real = model.tokenizer([one.text for one in found], model.config.start)
        seen = blip.Seen(*(tuple(x.expand(len(rows), -1, -1, -1) for x in some) for some in (seen.keys, seen.values)))
        alone = log_likelihood(model.text_decoder, seen, rows, real).exp().numpy()
    assert (shares >= alone * (1 - 1e-4)).all()  # several rows of tokens may be the same text
    assert_allclose(shares[0], alone[0], rtol=1e-3)
