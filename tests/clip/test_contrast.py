"""The gradient of a whole batch: in parts, in bfloat16, and on two processes, against autograd over all at once."""

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from small_clip import pixels, redraw, small_config
from torch.testing import assert_close

from playground import clip
from playground.clip.captioner import Captioner, Reader
from playground.clip.contrast import Batch, backward, encode_by_length

N, FALSE = 6, 2
RUNS = [(objective, reads) for objective in clip.OBJECTIVES for reads in (False, True)]


def ids(n, seed):
    """Rows of start, words and end of many lengths, in a vocabulary of 50."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.zeros(n, 12, dtype=torch.long)
    for row in rows:
        length = int(torch.randint(3, 13, (), generator=generator))
        row[:length] = torch.randint(1, 48, (length,), generator=generator)
        row[0], row[length - 1] = 48, 49
    return rows


def whole_batch():
    also_true = torch.rand(N, N, generator=torch.Generator().manual_seed(4)) < 0.2
    return Batch(pixels(N), ids(N, 0), ids(N * FALSE, 1).view(N, FALSE, 12), also_true, ids(N, 2), ids(N, 5))


def new_model(*, reads=False, **changes):
    model = clip.build(small_config(vocab_size=50, context_length=12, **changes))
    redraw(model, std=0.1)
    captioner = Captioner(128, vocab_size=50, context_length=12)
    captioner = Reader(captioner, model.config.embed_dim) if reads else captioner
    redraw(captioner, std=0.1)
    return model, captioner


def grads(*modules):
    return {f"{i}.{name}": p.grad for i, one in enumerate(modules) for name, p in one.named_parameters()}


def expected(model, captioner, batch, objective):
    """Everything at once, by the formulas."""
    images, texts = model.encode_image(batch.pixels), model.encode_text(batch.tokens)
    wrong = model.encode_text(batch.negatives.flatten(0, 1)).view(N, FALSE, -1)
    options = {"negatives": wrong, "also_true": batch.also_true}
    scale = model.logit_scale.exp()
    if objective == "info_nce":
        loss = clip.info_nce(images, texts, scale, **options)
    else:
        loss = clip.sigmoid_loss(images, texts, scale, model.logit_bias, **options)
    if isinstance(captioner, Reader):
        said = captioner(images, texts, batch.captions, batch.said)
    else:
        said = captioner(model.visual.states(batch.pixels), batch.captions)
    (loss + said).backward()
    return loss.item()


@pytest.mark.parametrize("part", [None, 1, 4])
@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("objective", clip.OBJECTIVES)
def test_parts_have_the_gradient_of_the_whole(part, reads, objective):
    model, captioner = new_model(reads=reads, logit_bias=objective == "sigmoid")
    loss = expected(model, captioner, whole_batch(), objective)
    wanted = grads(model, captioner)
    other, beside = new_model(reads=reads, logit_bias=objective == "sigmoid")
    got = backward(other, whole_batch(), objective=objective, part=part, captioner=beside)
    assert_close(got, loss, rtol=1e-5, atol=1e-6)
    for name, grad in grads(other, beside).items():
        assert_close(grad, wanted[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    assert all(grad is not None and grad.abs().sum() > 0 for name, grad in wanted.items())


def test_a_plain_batch_needs_nothing_more():
    model, _ = new_model()
    batch = whole_batch()
    clip.info_nce(model.encode_image(batch.pixels), model.encode_text(batch.tokens), model.logit_scale.exp()).backward()
    other, _ = new_model()
    backward(other, Batch(batch.pixels, batch.tokens), part=2)
    for name, grad in grads(other).items():
        assert_close(grad, grads(model)[name], rtol=1e-4, atol=1e-5)


def test_bfloat16_is_near():
    model, _ = new_model()
    batch = whole_batch()
    exact = backward(model, batch)
    other, _ = new_model()
    assert backward(other, batch, bfloat16=True) == pytest.approx(exact, abs=0.05)
    one, two = (torch.cat([g.flatten() for g in grads(m).values()]) for m in (model, other))
    assert torch.cosine_similarity(one, two, dim=0) > 0.99
    assert not torch.equal(one, two)


def test_texts_in_groups_of_their_length():
    model, _ = new_model()
    tokens = ids(9, 3)
    seen = []

    def encode(some):
        seen.append(some.argmax(1).tolist())
        return model.encode_text(some)

    assert_close(encode_by_length(encode, tokens, part=4), model.encode_text(tokens), rtol=1e-5, atol=1e-6)
    assert [len(part) for part in seen] == [4, 4, 1]
    lengths = [length for part in seen for length in part]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "triplet"}, "objective must be one of info_nce, sigmoid, not 'triplet'"),
        ({"part": 0}, "part must be at least 1, not 0"),
        ({"objective": "sigmoid"}, "needs a model with logit_bias"),
    ],
)
def test_refusals(options, words):
    model, _ = new_model()
    with pytest.raises(ValueError, match=words):
        backward(model, whole_batch(), **options)
    model, reader = new_model(reads=True)
    with pytest.raises(ValueError, match="a reader needs batches with captions and said"):
        backward(model, replace(whole_batch(), said=None), captioner=reader)


def share(rank, ranks):
    """Process `rank`'s rows of the batch."""
    batch, rows = whole_batch(), slice(rank * N // ranks, (rank + 1) * N // ranks)
    return Batch(**{field.name: getattr(batch, field.name)[rows] for field in fields(batch)})


def test_two_processes_have_the_gradient_of_one(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*command, __file__, str(tmp_path)], check=True, timeout=120)
    for objective, reads in RUNS:
        model, captioner = new_model(reads=reads, logit_bias=True)
        loss = backward(model, whole_batch(), objective=objective, captioner=captioner)
        for rank in (0, 1):
            got = torch.load(tmp_path / f"{objective}-{reads}-{rank}.pt", weights_only=True)
            assert_close(got.pop("loss").item(), loss, rtol=1e-5, atol=1e-6)
            for name, grad in grads(model, captioner).items():
                wanted = torch.zeros(()) if grad is None else grad
                assert_close(got[name], wanted, rtol=0, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def main(folder: Path) -> None:
    """One of two processes: its share's gradients, to a file."""
    from torch import distributed as dist

    dist.init_process_group("gloo")
    for objective, reads in RUNS:
        model, captioner = new_model(reads=reads, logit_bias=True)
        mine = share(dist.get_rank(), 2)
        loss = backward(model, mine, objective=objective, captioner=captioner, part=2)
        found = {name: torch.zeros(()) if grad is None else grad for name, grad in grads(model, captioner).items()}
        torch.save({"loss": torch.tensor(loss), **found}, folder / f"{objective}-{reads}-{dist.get_rank()}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
