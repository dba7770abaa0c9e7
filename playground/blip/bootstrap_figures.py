"""What the experiment of CapFilt measures: models on scenes that no training sees, the filter where truth is known."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from playground import world
from playground.blip.capfilt import Decision, Pair, score_pairs
from playground.blip.grading import Grade, Truth, grade
from playground.blip.model import BLIP
from playground.blip.noisy_web import FEW, KINDS, Kind, WebPair, one_wrong, told
from playground.blip.preprocess import preprocess
from playground.blip.tasks import caption, log_likelihood, tokenizer_of
from playground.world.figures import pictures_of
from playground.world.scene import EVALUATION

__all__ = ["Cleaning", "Quality", "cleaning", "held_out", "quality"]

FIRST = EVALUATION + 40_000_000  # of the scenes' seeds
BATCH = 64


@dataclass(frozen=True)
class Quality:
    """How well a model captions, matches and retrieves. All but nats are parts, 0 to 1."""

    greedy_exact: float  # of greedy captions, those that are right word for word
    nucleus_exact: float  # of sampled ones (nucleus .9)
    nats: float  # a true caption, by the decoder
    itm_auc_another: float  # area under the ROC curve of matching: true texts against another picture's
    itm_auc_attribute: float  # the same against true texts with one attribute changed
    recall_text: float  # pictures whose text has the largest cosine of all texts (R@1)
    recall_picture: float  # texts whose picture has the largest of all pictures


@dataclass(frozen=True)
class Cleaning:
    """What the filter makes of the web, and of what the captioner wrote. Shares in [0, 1]."""

    grade: Grade
    auc: float  # area under the ROC curve: probabilities of true texts of the web against those of all wrong ones
    auc_of: dict[Kind, float]  # against the wrong ones of each kind
    kept_of: dict[Kind, float]  # of the web's texts of each kind those that are kept
    web: int  # texts of the web that are kept
    written: int  # texts that were written and are kept


def held_out(count: int) -> list[world.Scene]:
    """Scenes of one or two objects, of seeds that nothing is trained on."""
    return [world.sample(FIRST + i, objects=range(1, FEW + 1)) for i in range(count)]


def quality(model: BLIP, scenes: Sequence[world.Scene], samples: int) -> Quality:
    """A model's figures on two scenes or more, from so many samples a picture."""
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]  # heavy; it ships no types

    images, true = pictures_of(scenes), [told(scene) for scene in scenes]
    right = [_right(caption(model, images, "nucleus", seed=i), true) for i in range(samples)]
    draw = random.Random(0)
    wrong = {
        "itm_auc_another": [draw.choice([one for one in true if one != own]) for own in true],
        "itm_auc_attribute": [one_wrong(scene, draw) for scene in scenes],
    }
    probability = {}
    for name, texts in {"true": true, **wrong}.items():
        pairs = (Pair(str(i), image, text) for i, (image, text) in enumerate(zip(images, texts, strict=True)))
        scored = score_pairs(pairs, model, model, candidates=0, batch_size=BATCH)
        probability[name] = [one.probability for one in scored]
    truth = [True] * len(true) + [False] * len(true)
    nats, text, picture = _nats_and_recall(model, scenes)
    return Quality(
        greedy_exact=_right(caption(model, images, "greedy"), true),
        nucleus_exact=float(np.mean(right)),
        nats=nats,
        **{name: float(roc_auc_score(truth, probability["true"] + probability[name])) for name in wrong},
        recall_text=text,
        recall_picture=picture,
    )


def _right(said: Sequence[str], true: Sequence[str]) -> float:
    return float(np.mean([a == b for a, b in zip(said, true, strict=True)]))


@torch.no_grad()
def _nats_and_recall(model: BLIP, scenes: Sequence[world.Scene]) -> tuple[float, float, float]:
    """Nats a true caption, and R@1 both ways among the scenes whose texts differ, the first of each."""
    words, config = tokenizer_of(model), model.config
    true = [told(scene) for scene in scenes]
    pixels = preprocess(pictures_of(scenes), config)
    states = torch.cat([model.see(some) for some in pixels.split(BATCH)])
    ids, mask = words(true, config.start, config.context_length)
    nats = -log_likelihood(model.text_decoder, model.text_decoder.look(states), ids, mask).mean()
    first = [i for i, text in enumerate(true) if text not in true[:i]]
    alone, there = words([true[i] for i in first], config.alone, config.text_length)
    cosine = model.embed_image(states[first]) @ model.embed_text(alone, there).T
    own = torch.arange(len(first))
    text, picture = ((cosine.argmax(dim) == own).float().mean().item() for dim in (1, 0))
    return nats.item(), text, picture


def cleaning(web: Sequence[WebPair], decisions: Sequence[Decision]) -> Cleaning:
    """The figures of what `capfilt` decided of the web's pairs, whose uids are their pictures' seeds."""
    from sklearn.metrics import roc_auc_score

    kind_of: dict[str, Kind] = {str(one.picture): one.kind for one in web}
    said = {uid: told(world.sample(int(uid))) for uid in kind_of}
    own = [one for one in decisions if one.source == "web"]
    kept, probability = np.array([one.kept for one in own]), np.array([one.probability for one in own])
    kinds = np.array([kind_of[one.uid] for one in own])
    true = kinds == "true"
    return Cleaning(
        grade=grade(decisions, Truth({uid: kind == "true" for uid, kind in kind_of.items()}, said)),
        auc=float(roc_auc_score(true, probability)),
        auc_of={kind: _against(true, kinds == kind, probability) for kind in KINDS[1:]},
        kept_of={kind: float(kept[kinds == kind].mean()) for kind in KINDS},
        web=int(kept.sum()),
        written=sum(one.kept for one in decisions if one.source == "written"),
    )


def _against(true: np.ndarray, wrong: np.ndarray, probability: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(true[true | wrong], probability[true | wrong]))
