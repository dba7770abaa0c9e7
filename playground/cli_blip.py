"""`playground train blip` and `playground blip-figures`: the small BLIPs that ship, made and measured again."""

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from playground import blip, checkpoints
from playground.blip import world_figures, world_pairs, world_training
from playground.world.figures import table
from playground.world.lessons import Drawn

__all__ = ["blip_figures", "train_blip"]

BLIP_WORLD, BLIP_ANSWERS = (checkpoints.ROOT / name for name in ("blip-world", "blip-world-answers"))
CARD = """# {name}

A BLIP (Li et al. 2022) of {weights:,} weights that knows one thing: the still lifes of `playground.world`, 64 x 64
pixels, and the words for them in English and Chinese. {what}

- Architecture: a Vision Transformer of width 128 and 4 layers on 8 x 8 patches behind a convolutional stem, a MED of
  width 128 and 2 layers over whole words ({words} of them).
- Data: {pictures:,} pictures drawn from the seeds 0 to {last:,}, mirrored, shifted and tinted. No data of others. Eight
  pairs of a colour and a shape (`world.HELD_OUT`) occur neither in the pictures nor in any text of training; seeds from
  900,000,000 on are never trained on. Weights: Apache-2.0.
- Recipe: {recipe}; Adam at {lr} with a warm-up and a cosine; averaged weights; seed {seed}.
- Made again by `{command}`. It goes on where it was interrupted.

Figures, {date}, CPU, by `uv run playground blip-figures checkpoints/{name}`: {count} pictures each of seeds that
nothing was trained or chosen on. Captions and answers are greedy or by beams and count only if every word is right.

{table}
"""
PAIRS = """It captions them and
tells whether a text matches one. It is strict: a text that names one object of several, "a red cube", gets about .2
though it is true; false ones get less than .01, so a lower threshold tells them apart."""
ANSWERS = """It answers questions
about them."""
TRAP = (
    "A third of the colours that the decoder hears in training are another's, and the shape behind is hidden from it: "
    "it must look. Otherwise it learns from the words alone that pairs it never read do not exist"
)
DETAILS = (
    "half of the claims are of pairs, whose false texts exchange what belongs to whom; the matching head judges each "
    "word too; the decoder says the claims as well; and for every four pictures one more is gray, or its red, green "
    "and blue change places, and its colours are not asked: a shape that was never seen in a colour is still that shape"
)


def train_blip(
    steps: Annotated[
        int | None, typer.Option(help="training steps of all stages; the shipped weights' by default")
    ] = None,
    batch: Annotated[int, typer.Option(help="pictures a step")] = world_training.BATCH,
    pictures: Annotated[int, typer.Option(help="that are drawn, 12 kB each")] = world_training.PICTURES,
    seed: int = 0,
    answers: Annotated[bool, typer.Option(help="the model that answers questions, begun from blip-world")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for the weights and the card")] = None,
    scratch: Annotated[
        Path | None, typer.Option(help="where pictures and runs are kept; in the temporary folder by default")
    ] = None,
    figures: Annotated[int, typer.Option(help="pictures a figure of the card; 0 for none")] = 800,
) -> None:
    """Train the small BLIP on the picture world; it may be interrupted and goes on where it was."""
    import torch

    torch.set_num_threads(1)  # the operations are small: a second thread makes them slower
    work = scratch or Path(tempfile.gettempdir(), "playground-train-clip")  # the same pictures as train clip draws
    folder = out or (BLIP_ANSWERS if answers else BLIP_WORLD)
    every = world_training.ANSWERS if answers else world_training.STEPS
    usual = sum(every.values())
    total = usual if steps is None else steps
    options = {"batch": batch, "pictures": pictures, "seed": seed}
    stages = {name: count * total // usual for name, count in every.items()}
    stages[list(stages)[-1]] += total - sum(stages.values())
    try:
        if answers:
            model = world_training.answering_model(blip.load(BLIP_WORLD), seed)
            run = world_training.train_answers(model, work, steps=stages, **options)
        else:
            model = world_training.pairs_model(seed)
            run = world_training.train_pairs(model, work, steps=stages, **options)
        for made in run:
            _tell(made, total)
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        raise typer.BadParameter(str(error)) from error
    blip.save(model, folder)
    measured = world_figures.answer_figures if answers else world_figures.pair_figures
    found = list(measured(model, figures)) if figures else []
    record = {"count": figures, "figures": [asdict(figure) for figure in found]}
    checkpoints.write_text(folder / "figures.json", json.dumps(record, indent=1) + "\n")
    given = {"steps": (total, usual), "batch": (batch, world_training.BATCH),
             "pictures": (pictures, world_training.PICTURES), "seed": (seed, 0)}  # fmt: skip
    more = "".join(f" --{name} {value}" for name, (value, default) in given.items() if value != default)
    recipe = (
        f"{stages['answers']:,} batches of {batch} pictures with {world_pairs.ASKED} questions and answers each, "
        f"{stages['balanced']:,} more with as many of each ability; picture tower and words are begun as blip-world's"
        if answers
        else f"{stages['words']:,} batches of {batch} captions of one or two objects, {stages['captions']:,} of all "
        f"with the contrast beside them, {stages['matching']:,} with matching too, {stages['order']:,} of matching "
        f"alone on what belongs to whom in plain English, {stages['details']:,} more in which {DETAILS}; and "
        f"{stages['polish']:,} of the same but the claims said. {TRAP}"
    )
    card = CARD.format(
        name="blip-world-answers" if answers else "blip-world",
        weights=sum(p.numel() for p in model.parameters()),
        what=ANSWERS if answers else PAIRS,
        words=model.config.vocab_size,
        pictures=pictures,
        last=pictures - 1,
        recipe=recipe,
        lr=world_training.LR / 2 if answers else world_training.LR,
        seed=seed,
        command="uv run playground train blip" + (" --answers" if answers else "") + more,
        date=datetime.now(UTC).date(),
        count=figures,
        table="\n".join(table(found)) if found else "Not measured.",
    )
    checkpoints.write_text(folder / "README.md", card)
    typer.echo(f"{folder}; {work} may be deleted")


def _tell(made: Drawn | blip.TrainingStep, total: int) -> None:
    if isinstance(made, Drawn):
        typer.echo(f"\rdrawn {made.done:,} of {made.total:,} pictures   ", nl=made.done == made.total)
    elif made.step % 20 == 0 or made.progress == 1:
        parts = {name: getattr(made, name) for name in ("language", "contrast", "matching", "words")}
        told = ", ".join(f"{name} {value:.3f}" for name, value in parts.items() if value is not None)
        typer.echo(f"\r{made.seconds:6.0f} s, step {made.step:,} of {total:,}, nats: {told}   ", nl=made.progress == 1)


def blip_figures(
    folder: Annotated[Path, typer.Argument(help="a checkpoint that train blip made")] = BLIP_WORLD,
    count: Annotated[int, typer.Option(min=10, max=100_000, help="pictures a figure")] = 800,
) -> None:
    """Print what a BLIP knows of the picture world: captions, attributes, held-out pairs, matching, or answers."""
    try:
        model = blip.load(folder)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    answers = "answer" in model.config.tasks
    for line in table((world_figures.answer_figures if answers else world_figures.pair_figures)(model, count)):
        typer.echo(line)
