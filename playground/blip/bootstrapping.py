"""The experiment of table 1 of BLIP (Li et al. 2022) on the picture world: does CapFilt help, and which part of it?

A model learns from a noisy web; fine-tuned on a few clean pairs, it becomes a captioner and a filter, which make the
web anew; and new models, each with a picture tower of its own, learn from the web before and after, for as many steps.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image

from playground import checkpoints
from playground.blip.bootstrap_figures import Cleaning, Quality, cleaning, held_out, quality
from playground.blip.capfilt import Decision, Pair, Scored, decide, score_pairs
from playground.blip.model import BLIP, build
from playground.blip.noisy_web import TextPairs, WebPair, few, noisy, true_pairs
from playground.blip.objective import Losses, pretraining
from playground.blip.rules import PAPER
from playground.blip.training import fit
from playground.blip.world_pairs import world_config, world_tokenizer
from playground.nn.tower import Tower
from playground.world.lessons import draw_pictures

__all__ = ["ARMS", "Arm", "Outcome", "Plan", "Progress", "Trained", "bootstrap", "new_model", "texts_of"]

Arm = Literal["noisy", "filtered", "captioned", "both", "seed-only"]
ARMS: tuple[Arm, ...] = get_args(Arm)
BERT = 768  # the width for which new weights deviate by .02
WIDTH, LENGTH = 64, 24
MODELS = 100  # more than an experiment has: each of a seed has a seed of its own
Tuned = Literal["captioner", "filter"]


@dataclass(frozen=True)
class Plan:
    """The sizes of the experiment, the same for every seed and arm."""

    pictures: int = 12_000  # that are drawn; about half have one or two objects
    web: int = 5000  # pictures with a text each
    clean: int = 500  # pairs as people write them, of other pictures
    steps: int = 2000  # of every model that is trained from the beginning
    words: int = 300  # of these the first, that learn captions alone
    tuning: int = 500  # steps on the clean pairs, for the captioner and for the filter
    batch: int = 32
    lr: float = 1.8e-3
    tuning_lr: float = 1.5e-3
    tested: int = 600  # scenes
    samples: int = 4  # captions of each by nucleus sampling


@dataclass(frozen=True)
class Progress:
    """How far one stage of a seed is; the pictures are drawn for all seeds."""

    seed: int | None
    stage: str
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Trained:
    """An arm's model, frozen and rounded to half precision as it is kept, and its figures."""

    seed: int
    arm: Arm
    pairs: int  # that it learned from, with the clean ones
    quality: Quality
    model: BLIP


@dataclass(frozen=True)
class Outcome:
    """All that one seed has shown."""

    seed: int
    cleaning: Cleaning
    arms: dict[Arm, Quality]
    pairs: dict[Arm, int]


def new_model(seed: int) -> BLIP:
    """A new BLIP of width 64 that captions and matches, with the world's words.

    Its weights deviate by .02 times the root of BERT's width by its own: left at .02, layers so narrow are too quiet in
    the beginning, and matching is not learned from hard negatives.
    """
    tower = Tower(width=WIDTH, layers=3, heads=2, hidden=4 * WIDTH)
    config = replace(
        world_config("caption", "match"), vision=tower, text=replace(tower, layers=2), embed_dim=WIDTH, prompt="",
        context_length=LENGTH, max_length=LENGTH - 1, text_length=LENGTH,
    )  # fmt: skip
    model = build(config, seed=seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
                module.weight.mul_((BERT / WIDTH) ** 0.5)
    model.tokenizer = world_tokenizer()
    return model


def texts_of(arm: Arm, web: Sequence[WebPair], decisions: Sequence[Decision]) -> list[tuple[int, str]]:
    """The pairs that an arm learns from beside the clean ones, as pictures' seeds and texts."""
    every = [(one.picture, one.text) for one in web]
    kept = {source: [(int(one.uid), one.text) for one in decisions if one.source == source and one.kept]
            for source in ("web", "written")}  # fmt: skip
    written = [(int(one.uid), one.text) for one in decisions if one.source == "written"]
    has: dict[Arm, list[tuple[int, str]]] = {
        "noisy": every,
        "filtered": kept["web"],
        "captioned": every + written,
        "both": kept["web"] + kept["written"],
        "seed-only": [],
    }
    return has[arm]


def bootstrap(scratch: Path, *, seed: int = 0, plan: Plan = Plan()) -> Iterator[Progress | Trained | Outcome]:
    """Run the experiment of one seed, telling how far it is, every arm's model, and at last the outcome.

    `scratch` keeps pictures, runs, decisions and figures; killed, the experiment goes on from there to the same. The
    noise, the clean pairs, and the weights that each model begins with are the seed's own. Raises `ValueError` for
    pictures that are too few for the plan, and for a scratch folder of another plan.
    """
    kept = scratch / "plan.json"
    if kept.is_file() and checkpoints.read_json(kept) != asdict(plan):
        raise ValueError(f"{scratch} holds an experiment of another plan: give another folder, or delete it")
    pool = list(few(plan.pictures))
    if len(pool) < plan.clean + plan.web:
        raise ValueError(
            f"of {plan.pictures} pictures {len(pool)} have one or two objects, and the plan needs "
            f"{plan.clean + plan.web}: draw more"
        )
    random.Random(f"{seed} pool").shuffle(pool)
    clean = true_pairs(pool[: plan.clean])
    web = noisy(pool[plan.clean : plan.clean + plan.web], seed)
    checkpoints.write_text(kept, json.dumps(asdict(plan), indent=1) + "\n")
    return _bootstrap(scratch, scratch / f"seed-{seed}", seed, plan, web, clean)


def _bootstrap(
    scratch: Path, folder: Path, seed: int, plan: Plan, web: Sequence[WebPair], clean: Sequence[WebPair]
) -> Iterator[Progress | Trained | Outcome]:
    side = world_config("caption").image_size
    for done in draw_pictures(scratch, plan.pictures, side):
        yield Progress(None, "pictures", done, plan.pictures)
    pictures = np.load(scratch / "pictures.npy", mmap_mode="r")
    shared = [(one.picture, one.text) for one in clean]

    def learn(
        model: BLIP, name: str, pairs: Sequence[tuple[int, str]], tuned: Tuned | None = None
    ) -> Iterator[Progress]:
        """Train a new model, or tune one as captioner or filter; its run is kept in a folder of its own."""
        data = TextPairs(pictures, pairs, model.config, plan.batch, seed)
        steps, lr = (plan.tuning, plan.tuning_lr) if tuned else (plan.steps, plan.lr)
        losses = _losses(model, data, plan, tuned)
        run = fit(model, losses, lambda step: data(step).pixels, steps=steps, lr=lr, scratch=folder / name)
        for step in run:
            yield Progress(seed, name, step.step, steps)

    first = new_model(seed * MODELS)
    yield from learn(first, "bootstrap", [*texts_of("noisy", web, ()), *shared])
    captioner, judge = deepcopy(first), deepcopy(first)
    yield from learn(captioner, "captioner", shared, "captioner")
    yield from learn(judge, "filter", shared, "filter")
    scored: list[Scored] = []
    for one in _scored(folder / "scored.jsonl", web, pictures, captioner, judge, seed):
        scored.append(one)
        if one.source == "written":
            yield Progress(seed, "capfilt", len(scored) // 2, len(web))
    decisions = [decide(one, PAPER) for one in scored]
    arms, pairs = {}, {}
    for number, arm in enumerate(ARMS, start=1):
        model = new_model(seed * MODELS + number)
        has = [*texts_of(arm, web, decisions), *shared]
        yield from learn(model, arm, has)
        model = model.half().float()  # as it is kept
        pairs[arm], arms[arm] = len(has), _measured(folder / arm / "figures.json", model, plan)
        yield Trained(seed, arm, len(has), arms[arm], model)
    yield Outcome(seed, cleaning(web, decisions), arms, pairs)


def _losses(model: BLIP, data: TextPairs, plan: Plan, tuned: Tuned | None) -> Callable[[int], Losses]:
    """A captioner is tuned by language, a filter by contrast and matching; a new model learns by all, words first."""

    def losses(step: int) -> Losses:
        match = tuned == "filter" or (tuned is None and step >= plan.words)
        made = pretraining(
            model, data(step), contrast=match, matching=match, generator=torch.Generator().manual_seed(step)
        )
        return replace(made, language=None) if tuned == "filter" else made

    return losses


def _scored(
    path: Path, web: Sequence[WebPair], pictures: np.ndarray, captioner: BLIP, judge: BLIP, seed: int
) -> Iterator[Scored]:
    """What CapFilt writes and how it scores all texts, kept in a file when all is scored."""
    if path.is_file():
        yield from (Scored(**json.loads(line)) for line in path.read_text("utf-8").splitlines())
        return
    pairs = (Pair(str(one.picture), Image.fromarray(pictures[one.picture].transpose(1, 2, 0)), one.text) for one in web)
    lines = []
    for one in score_pairs(pairs, captioner, judge, seed=seed):
        lines.append(json.dumps(asdict(one)))
        yield one
    checkpoints.write_text(path, "\n".join(lines) + "\n")


def _measured(path: Path, model: BLIP, plan: Plan) -> Quality:
    """The model's figures, measured once."""
    if not path.is_file():
        found = quality(model, held_out(plan.tested), plan.samples)
        checkpoints.write_text(path, json.dumps(asdict(found)) + "\n")
    return Quality(**checkpoints.read_json(path))
