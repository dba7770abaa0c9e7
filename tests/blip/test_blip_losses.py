"""The three losses by hand, negatives that are drawn as they should be, momentum encoders and their queue."""

import pytest
import torch
import torch.nn.functional as F
from small_blip import small_blip
from torch.testing import assert_close

from playground.blip.losses import hard_negatives, itc, itm, lm
from playground.blip.momentum import Momentum


def unit(n, seed, d=8):
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_contrast_without_momentum_is_info_nce():
    images, texts, temp = unit(5, 0), unit(5, 1), torch.tensor(0.2)
    loss, to_texts, to_images = itc(images, texts, temp, momentum_images=images, momentum_texts=texts, alpha=0.0)
    logits, target = images @ texts.T / 0.2, torch.arange(5)
    assert_close(loss, (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2)
    assert_close(to_texts, logits)
    assert_close(to_images, logits.T)


def test_soft_labels_by_hand():
    images, texts, temp, alpha = unit(3, 0).requires_grad_(), unit(3, 1), torch.tensor(0.1, requires_grad=True), 0.4
    slow_images, slow_texts = unit(7, 2), unit(7, 3)
    same = torch.zeros(3, 7, dtype=torch.bool)
    same[range(3), range(3)] = same[1, 5] = True
    loss, _, _ = itc(
        images, texts, temp, momentum_images=slow_images, momentum_texts=slow_texts, alpha=alpha, same=same
    )
    total = 0.0
    for i in range(3):
        for own, mine, others in ((images, slow_images, slow_texts), (texts, slow_texts, slow_images)):
            think = [torch.exp(mine[i] @ other / 0.1) for other in others]
            say = [own[i] @ other / 0.1 for other in others]
            norm = torch.logsumexp(torch.stack(say), 0)
            for j in range(7):
                share = {(0, 0): 1.0, (1, 1): 0.5, (1, 5): 0.5, (2, 2): 1.0}.get((i, j), 0.0)
                target = alpha * think[j] / sum(think) + (1 - alpha) * share
                total = total - target * (say[j] - norm)
    assert_close(loss, total / 6)
    loss.backward()
    assert images.grad.abs().sum() > 0
    assert temp.grad != 0
    with pytest.raises(ValueError, match="3 pictures and 2 texts do not go with"):
        itc(images, texts[:2], temp, momentum_images=slow_images, momentum_texts=slow_texts, alpha=0)


def test_hard_negatives_follow_similarity():
    similarities = torch.tensor([[9.0, 3.0, 2.0], [0.0, 9.0, 0.0], [1.0, 1.0, 9.0]])
    same = torch.zeros(3, 3, dtype=torch.bool)
    same[2, 0] = same[1, 0] = same[1, 2] = True
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([hard_negatives(similarities, same, generator) for _ in range(4000)])
    assert set(drawn[:, 0].tolist()) == {1, 2}
    weights = similarities.softmax(1)[0] + 1e-4
    assert (drawn[:, 0] == 1).float().mean() == pytest.approx(float(weights[1] / weights[1:].sum()), abs=0.03)
    assert set(drawn[:, 1].tolist()) == {1}  # it has no negative
    assert set(drawn[:, 2].tolist()) == {1}


def test_matching_and_language_by_hand():
    logits = torch.randn(4, 2)
    matches = torch.tensor([True, False, True, False])
    wanted = -sum(logits.log_softmax(1)[i, int(m)] for i, m in enumerate(matches)) / 4
    assert_close(itm(logits, matches), wanted)
    words = torch.randn(2, 5, 9)
    ids = torch.tensor([[8, 1, 2, 3, 4], [8, 1, 5, 0, 0]])
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    told, terms = words.log_softmax(-1), []
    for i, j in ((0, 2), (0, 3), (0, 4), (1, 2)):  # without the first and the prompt's one word
        terms.append(-0.9 * told[i, j - 1, ids[i, j]] - 0.1 * told[i, j - 1].mean())
    assert_close(lm(words, ids, mask, ignored=2), sum(terms) / 4)


def test_momentum_follows_and_queues(tmp_path):
    model = small_blip(tmp_path, "caption", "match")
    slow = Momentum(model, 5, rate=0.9)
    pixels = torch.randn(3, 3, 32, 32)
    ids, mask = model.tokenizer(["a red cube", "the ball", "blue"], model.config.alone)
    images, texts = slow.embed(pixels, ids, mask)
    assert_close(images, model.embed_image(model.see(pixels)))
    assert_close(texts, model.embed_text(ids, mask))
    before = slow.parts["text_proj"].weight.clone()
    with torch.no_grad():
        model.text_proj.weight.add_(1)
    slow.follow(model)
    assert_close(slow.parts["text_proj"].weight, before + 0.1)
    slow.keep(images, texts)
    assert slow.embed(pixels, ids, mask)[0].shape == (6, 16)
    slow.keep(-images, -texts)
    assert_close(slow.images, torch.cat([-images[2:], images[1:], -images[:2]]))  # the oldest made room
    assert slow.embed(pixels, ids, mask)[1].shape == (8, 16)
    assert not any(p.requires_grad for p in slow.parameters())
    assert Momentum(model, 0).embed(pixels, ids, mask)[0].shape == (3, 16)
    with pytest.raises(ValueError, match="a queue holds 0 or more"):
        Momentum(model, -1)
