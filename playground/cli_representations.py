"""`playground train representations`: encoders pre-trained on the picture world, and what few labels are then worth."""

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from playground import checkpoints, world
from playground.representations.efficiency import Score
from playground.representations.world_pictures import FIRST, HELD_OUT, TRAINING, world_pictures
from playground.representations.world_record import (
    FOLDER,
    MAPPED,
    WorldRecord,
    best_of,
    map_of,
    save_encoder,
    write_record,
)
from playground.representations.world_training import (
    DRAWS,
    KEPT_COLOURS,
    LEARNERS,
    STEPS,
    Learned,
    grade,
    learn,
    untrained,
)

__all__ = ["train_representations"]

CARD = """# {name}

An encoder of {weights:,} weights that has seen {pictures:,} still lifes of `playground.world` and no label, and the
record of how far few labels go behind it and behind its rivals (`record.json`; the Representations tab shows it).

- Pictures: one solid each, 32 x 32 in colour, drawn by our own renderer. The label is the solid's shape, one of
  {classes}; its colour, size, material, turn, place and light are free.
  Not quite: in the world's scenes of training a colour does not meet every shape, so the colour alone says a little.
  Seeds 0 to {last:,} teach, {held_out:,} from {first:,} on grade; none is in both. No data of others. Weights:
  Apache-2.0.
- Encoder: three convolutions of stride 2 with batch normalisation, 64 channels, then a linear layer to {dim} numbers.
- Pre-training: {steps:,} steps of {batch} pictures each method, seed {seed}, the same first weights; Adam at 0.002 with
  a warm-up and a cosine; averaged weights. A view is shifted, scaled, mirrored, of any hue or grey, brighter or darker,
  noisy; that of `{plain}` keeps its colours.
- Shipped (`model.safetensors`): `{best}`, whose probe is right most often, a mean over all numbers of labels. It was
  chosen on the same held-out pictures that the table shows, so its own row is a little too good.
- Made again by `{command}`{minutes}.
  It goes on where it was interrupted. Another machine or number of threads changes the last digits, and so the weights.

Accuracy on the held-out pictures, {date}, CPU: the mean over draws of the labels and half of its 95 % interval by
Student's t; the draws are the same in every row. Chance is {chance:.0%}. Labels a class:

{table}

"probe" is a logistic regression on standardised embeddings, over {probes} draws; "fine-tuned" trains all weights on
views of the labelled pictures, over {tunings} draws. "random, fine-tuned" has seen no picture before: it learns from
scratch. Pre-training has one seed: differences between methods smaller than the intervals say nothing, and another seed
moves a row too.
"""
FULL = {"steps": STEPS, "batch": 256, "pictures": TRAINING,
        "held-out": HELD_OUT, "draws": DRAWS["probe"], "seed": 0}  # fmt: skip


def train_representations(
    steps: Annotated[int, typer.Option(help="of each method's pre-training")] = FULL["steps"],
    batch: Annotated[int, typer.Option(help="pictures a step")] = FULL["batch"],
    pictures: Annotated[int, typer.Option(min=8, help="to learn from")] = FULL["pictures"],
    held_out: Annotated[int, typer.Option(min=8, help="pictures to be graded on")] = FULL["held-out"],
    draws: Annotated[int, typer.Option(min=1, max=50, help="of labels for a probe; half as many fine-tunings")] = 10,
    method: Annotated[
        list[str] | None,
        typer.Option(help="once a method; all of them by default: " + ", ".join(LEARNERS)),
    ] = None,
    counts: Annotated[str, typer.Option(help="labels a class")] = "1,2,5,10,50",
    seed: int = 0,
    out: Annotated[Path, typer.Option(help="folder for record, weights and card")] = FOLDER,
    scratch: Annotated[
        Path | None, typer.Option(help="where an interrupted run goes on; in the temporary folder by default")
    ] = None,
) -> None:
    """Pre-train encoders of still lifes without labels, and grade them; it goes on where it was interrupted."""
    import torch

    torch.set_num_threads(1)  # the operations are small: a second thread makes them slower
    work = scratch or Path(tempfile.gettempdir(), "playground-train-representations")
    given = {"steps": steps, "batch": batch, "pictures": pictures, "held-out": held_out, "draws": draws, "seed": seed}
    names = tuple(dict.fromkeys(method)) if method else LEARNERS
    options = "".join(f" --{name} {value}" for name, value in given.items() if value != FULL[name])
    options += "".join(f" --method {name}" for name in names) if names != LEARNERS else ""
    options += f" --counts {counts}" if counts != "1,2,5,10,50" else ""
    command = f"uv run playground train representations{options}"
    try:
        if not all(count.strip().isdecimal() for count in counts.split(",")):
            raise ValueError(f"counts must be whole numbers with commas between, not {counts}")
        labels = tuple(int(count) for count in counts.split(","))
        data = world_pictures(pictures, held_out)
        encoders, seconds = {}, {}
        for made in learn(data.x, work, names=names, steps=steps, batch=batch, seed=seed):
            if isinstance(made, Learned):
                encoders[made.name], seconds[made.name] = made.encoder, made.seconds
            elif made.step % 10 == 0 or made.step == steps:
                line = f"\r{made.name:20} {made.seconds:5.0f} CPU-s, step {made.step:,} of {steps:,}"
                typer.echo(f"{line}, loss {made.loss:.3f}   ", nl=made.step == steps)
        scores = []
        for score in grade(
            encoders, data, work, settings={**given, "methods": list(names)}, counts=labels,
            draws={"probe": draws, "fine_tune": max(1, draws // 2)}, seed=seed,
        ):  # fmt: skip
            scores.append(score)
            typer.echo(f"{score.name:20} {score.way:10} {score.per_class:3} labels a class: {score.mean:.3f}")
    except (ValueError, FloatingPointError) as error:
        raise typer.BadParameter(str(error)) from error
    best = best_of(scores)
    random = untrained(seed, data.x)
    before, after = map_of(random, encoders[best], data)
    record = WorldRecord(
        scores=tuple(scores), seconds=seconds, best=best, classes=world.SHAPES,
        labels=data.held_y[: MAPPED].numpy(), before=before, after=after, steps=steps, pictures=pictures,
        held_out=held_out, command=command,
    )  # fmt: skip
    save_encoder(encoders[best], out, method=best, steps=steps, seed=seed)
    write_record(record, out)
    card = CARD.format(
        name=out.name,
        weights=sum(p.numel() for p in encoders[best].parameters()),
        pictures=pictures,
        classes=", ".join(world.SHAPES),
        last=pictures - 1,
        held_out=held_out,
        first=FIRST,
        dim=encoders[best].dim,
        steps=steps,
        batch=batch,
        seed=seed,
        plain=KEPT_COLOURS,
        best=best,
        command=command,
        minutes=f": about {sum(seconds.values()) / 60:.0f} minutes of one CPU core to learn, and some to grade",
        date=datetime.now(UTC).date(),
        chance=1 / len(world.SHAPES),
        table="\n".join(_table(scores, labels, seconds)),
        probes=draws,
        tunings=max(1, draws // 2),
    )
    checkpoints.write_text(out / "README.md", card)
    typer.echo(f"{out}; {shlex.quote(str(work))} may be deleted")


def _table(scores: Sequence[Score], counts: Sequence[int], seconds: Mapping[str, float]) -> list[str]:
    lines = [f"| method | CPU-s | {' | '.join(str(count) for count in counts)} |", "|---" * (len(counts) + 2) + "|"]
    for name, way in dict.fromkeys((score.name, score.way) for score in scores):
        cells = [
            f"{s.mean:.1%}" + (f" ± {s.half:.1%}" if len(s.accuracies) > 1 else "")
            for s in scores
            if (s.name, s.way) == (name, way)
        ]
        spent = f"{seconds[name]:.0f}" if name in seconds else ""
        lines.append(f"| {name}, {'probe' if way == 'probe' else 'fine-tuned'} | {spent} | {' | '.join(cells)} |")
    return lines
