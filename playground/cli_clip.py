"""`playground train clip` and `playground clip-figures`: the small CLIP that ships, made and measured again."""

import json
import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from playground import checkpoints, clip
from playground.clip import world_figures, world_training
from playground.clip.world_pairs import FALSE
from playground.world.figures import Figure, table
from playground.world.lessons import Drawn

__all__ = ["clip_figures", "train_clip"]

CLIP_WORLD, CLIP_PLAIN = (checkpoints.ROOT / name for name in ("clip-world", "clip-world-plain"))
CARD = """# {name}

A CLIP (Radford et al. 2021) of {weights:,} weights that knows one thing: the still lifes of `playground.world`, 64 x 64
pixels, and the words for them in English and Chinese. {what}

- Architecture: a Vision Transformer of width 128 and 4 layers on 8 x 8 patches behind a convolutional stem, a causal
  text transformer of width 96 and 2 layers over whole words ({words} of them; others are `<unk>`), embeddings of {dim}.
- Data: {pictures:,} pictures drawn from the seeds 0 to {last:,}, mirrored, shifted and tinted; captions from a grammar,
  another at each look. No data of others. Eight pairs of a colour and a shape (`world.HELD_OUT`) occur neither in the
  pictures nor in any text of training; seeds from 900,000,000 on are never trained on. Weights: Apache-2.0.
- Recipe: {steps:,} steps, seed {seed}; the first {easy:,} of {half} pictures with one or two objects, the others of
  {batch} with up to four; Adam at {lr} with a warm-up and a cosine in each stage, which the first leaves
  at its height; averaged weights; {loss}. A captioner
  learns beside it to say the whole picture and is thrown away (CoCa, Yu et al. 2022): shape is learned sooner so.
{third}- Made again by `{command}`{minutes}.
  It goes on where it was interrupted; `{torchrun}` shares
  each batch between two processes. Another machine or number of processes changes the last digits, and so the weights.

Figures, {date}, CPU, by `uv run playground clip-figures {name_arg}`: {count} pictures each of seeds that nothing was
trained or chosen on, four templates; parts that are right.

{table}
"""
KNOWS = """Beside the
other pictures' texts each picture has five false ones, each with one attribute, relation or count changed (NegCLIP,
Yuksekgonul et al. 2023). They teach attributes and counts quickly; which of two things stands left, and which colour
is whose, is the work of the last stage."""
THIRD = """  In the last {order:,} steps about half of the texts of pictures with two or more objects are about two of
  them, said alike, and three of their five false texts exchange the two, one of their attributes, or the side. The
  captioner is shown embeddings alone: from a picture's it says the picture, from a text's the text. For which of two
  things stands left is in the score only as a product of what both towers hold of it, and while neither holds it, false
  texts teach neither; one decoder for both has them hold it, in the same way.
"""
PLAIN = """Trained by
the texts of the other pictures alone, as Radford et al. did (but for the captioner): without the false texts and the
last stage that checkpoints/clip-world has, and so for 4,000 steps less. It shows what these are good for."""


def train_clip(
    steps: Annotated[
        int | None,
        typer.Option(
            help=f"training steps, by default those of the shipped weights: {world_training.STEPS:,}, or "
            f"{world_training.PLAIN:,} plain ones"
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="pairs a step, of all processes together")] = world_training.BATCH,
    pictures: Annotated[int, typer.Option(help="that are drawn, 12 kB each")] = world_training.PICTURES,
    seed: int = 0,
    plain: Annotated[bool, typer.Option(help="without the rule-made false texts: InfoNCE alone")] = False,
    bfloat16: Annotated[bool, typer.Option(help="mixed precision; pays from a width of about 128")] = False,
    part: Annotated[
        int | None,
        typer.Option(
            help="pairs embedded at once; the gradient stays the batch's, but for the batch norms of the stem"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the weights and the card")] = None,
    scratch: Annotated[
        Path | None, typer.Option(help="where pictures and run are kept; in the temporary folder by default")
    ] = None,
    figures: Annotated[int, typer.Option(help="pictures a figure of the card; 0 for none")] = 800,
) -> None:
    """Train the small CLIP on the picture world; it may be interrupted and goes on where it was."""
    import torch
    from torch import distributed as dist

    torch.set_num_threads(1)  # the operations are small: a second thread makes them slower
    steps = (world_training.PLAIN if plain else world_training.STEPS) if steps is None else steps
    many = int(os.getenv("WORLD_SIZE", "1")) > 1  # set by torchrun
    if many:
        dist.init_process_group("gloo")
    first = not many or dist.get_rank() == 0
    folder = out or (CLIP_PLAIN if plain else CLIP_WORLD)
    work = scratch or Path(tempfile.gettempdir(), "playground-train-clip")
    model = world_training.world_model(seed)
    run = world_training.train_on_world(
        model, work, steps=steps, batch=batch, pictures=pictures, seed=seed, false=0 if plain else FALSE, part=part,
        bfloat16=bfloat16,
    )  # fmt: skip
    try:
        for made in run:
            if first:
                _tell(made, steps)
    except (ValueError, FloatingPointError) as error:
        raise typer.BadParameter(str(error)) from error
    if first:
        clip.save(model, folder)
        found = list(world_figures.world_figures(model, figures)) if figures else []
        record = {"count": figures, "figures": [asdict(figure) for figure in found]}
        checkpoints.write_text(folder / "figures.json", json.dumps(record, indent=1) + "\n")
        card = _card(
            model, found, steps=steps, batch=batch, pictures=pictures, seed=seed, plain=plain, bfloat16=bfloat16,
            part=part, ranks=int(os.getenv("WORLD_SIZE", "1")), figures=figures,
        )  # fmt: skip
        checkpoints.write_text(folder / "README.md", card)
        typer.echo(f"{folder}; {work} may be deleted")
    if many:
        dist.destroy_process_group()


def _tell(made: Drawn | clip.TrainingStep, steps: int) -> None:
    if isinstance(made, Drawn):
        typer.echo(f"\rdrawn {made.done:,} of {made.total:,} pictures   ", nl=made.done == made.total)
    elif made.step % 20 == 0 or made.progress == 1:
        line = f"\r{made.seconds:6.0f} s, step {made.step:,} of {steps:,}, loss {made.loss:.3f} nats   "
        typer.echo(line, nl=made.progress == 1)


def clip_figures(
    folder: Annotated[Path, typer.Argument(help="a checkpoint that train clip made")] = CLIP_WORLD,
    count: Annotated[int, typer.Option(min=10, max=100_000, help="pictures a figure")] = 800,
) -> None:
    """Print what a CLIP knows of the picture world: attributes, seen and held-out pairs, counts, sides, retrieval."""
    try:
        model = clip.load(folder)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    for line in table(world_figures.world_figures(model, count)):
        typer.echo(line)


def _card(
    model: clip.CLIP,
    found: list[Figure],
    *,
    steps: int,
    batch: int,
    pictures: int,
    seed: int,
    plain: bool,
    bfloat16: bool,
    part: int | None,
    ranks: int,
    figures: int,
) -> str:
    easy, order = world_training.stages(steps, 0 if plain else FALSE)
    usual_steps = world_training.PLAIN if plain else world_training.STEPS
    given = {"steps": (steps, usual_steps), "batch": (batch, world_training.BATCH),
             "pictures": (pictures, world_training.PICTURES), "seed": (seed, 0), "part": (part, None)}  # fmt: skip
    options = "".join(f" --{name} {value}" for name, (value, default) in given.items() if value != default)
    options += " --bfloat16" if bfloat16 else ""
    hours = "an hour" if plain else "two and a half hours"
    usual = not options and ranks == 1
    start = "uv run " if ranks == 1 else f"uv run torchrun --nproc-per-node {ranks} --no-python "
    name = "clip-world-plain" if plain else "clip-world"
    job = "train clip" + (" --plain" if plain else "") + options
    return CARD.format(
        name=name,
        weights=sum(p.numel() for p in model.parameters()),
        what=PLAIN if plain else KNOWS,
        words=model.config.vocab_size,
        dim=model.config.embed_dim,
        pictures=pictures,
        last=pictures - 1,
        steps=steps,
        batch=batch,
        half=batch // 2,
        easy=easy,
        third=THIRD.format(order=order) if order else "",
        seed=seed,
        lr=world_training.LR,
        loss="symmetric InfoNCE" + ("" if plain else ", the false texts in each picture's sum"),
        command=f"{start}playground {job}",
        torchrun=f"uv run torchrun --nproc-per-node 2 --no-python playground {job}",
        minutes=f": about {hours} on one idle CPU core, and five minutes to draw" if usual else "",
        date=datetime.now(UTC).date(),
        name_arg=f"checkpoints/{name}",
        count=figures,
        table="\n".join(table(found)) if found else "Not measured.",
    )
