"""`playground ...`: the app's jobs without a browser."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from playground import (
    catalog,
    checkpoints,
    cli_blip,
    cli_bootstrap,
    cli_capfilt,
    cli_clip,
    cli_label,
    cli_mmbench,
    cli_representations,
    flows,
    world,
)
from playground.diffusion import images

__all__ = ["app"]

app = typer.Typer(help="Playground's jobs without a browser.", no_args_is_help=True)
train = typer.Typer(help="Train what the app ships, each by one command that goes on where it was interrupted.")
app.add_typer(train, name="train")
train.command("clip")(cli_clip.train_clip)
app.command()(cli_clip.clip_figures)
train.command("blip")(cli_blip.train_blip)
app.command()(cli_blip.blip_figures)
train.command("representations")(cli_representations.train_representations)
app.command("label")(cli_label.label)
app.command("capfilt")(cli_capfilt.capfilt)
app.command("bootstrap")(cli_bootstrap.bootstrap)
app.add_typer(cli_mmbench.mmbench_app, name="mmbench")

# The examples the Flows tab opens on: our best flow on every density, every other flow on one.
EXAMPLES = [
    *(("spline", density) for density in flows.DENSITIES),
    *((flow, "moons") for flow in flows.FLOWS if flow != "spline"),
    *(("rectified", density) for density in flows.DENSITIES if density != "moons"),
]
STEPS = {"spline": 2000, **dict.fromkeys(flows.MATCHING, 6000)}  # 3000 for the others
CARD = """# {title}

The example on which the Flows tab opens: a {flow} flow with {layers} layers, {weights:,} weights, trained by {loss}
on samples of the density `{density}`, which is exact and made by `playground.flows`: no data of others is
in it. Licence: Apache-2.0.

- KL(p || q) on 4096 new points: {kl:.4f} nats; the density's entropy is {entropy:.4f} nats, the flow's mass in the
  app's picture {mass:.4f}.
- {steps:,} steps, seed 0.
- Made again by `uv run playground train flow --flow {flow} --density {density} --steps {steps}`.
"""

DIGITS_CARD = """# diffusion-digits

A class-conditional denoiser of handwritten digits, pictures of 8 x 8 in [-1, 1]: a U-Net of {weights:,} weights under
EDM's preconditioning (Karras et al. 2022) with sigma_data 0.75, for classifier-free guidance.

- Data: the 1797 digits that ship with scikit-learn, the test part of "Optical Recognition of Handwritten Digits"
  (E. Alpaydin and C. Kaynak, 1998, https://doi.org/10.24432/C50P49), CC BY 4.0. {train} of them trained it, {held_out}
  are held out, by a fixed permutation. The weights are Apache-2.0.
- Recipe: {steps:,} steps of 128 pictures, seed {seed}; Adam at 2e-3 with a warm-up and a cosine, averaged weights;
  EDM's loss and noise (P_mean -1.2, P_std 1.2); one label in ten dropped; half of the pictures turned, zoomed and
  shifted, which the network is told and which is off in sampling.
- Made again by `uv run playground train digits --steps {steps} --seed {seed}`{minutes}. It
  goes on where it was interrupted. Another machine or number of threads changes the last digits, and so the weights.
- Limits: it knows these digits alone, centred, of this size and pen. A label is an order, not a guarantee.

Figures of merit, {date}, CPU, by `uv run playground digits-figures`. As many pictures as in training, of the same
labels, are shown to a judge: a small convolutional classifier of ours, trained on the training part alone. The Fréchet
distance is that of its 32 features to the held-out pictures', so the training pictures' is the floor; a made set that
lies nearer to the training pictures than the held-out ones do is in part memorised.

{table}
{memory}"""
# What was measured on the shipped weights alone.
SHIPPED_STEPS, SHIPPED_SEED = 2500, 0
SHIPPED_MINUTES = ": about ten minutes on one CPU core"
SHIPPED_MEMORY = """
More steps memorise: after 6,000 the squared error on held-out pictures at sigma 0.2 was 1.9 times that on training
pictures, and those made with guidance 1 lay 0.240 from the nearest training picture, the held-out ones 0.266. So the
held-out pictures chose the number of steps, and the figures are a little too good for that.
"""


@app.callback()
def playground() -> None:
    """Playground's jobs without a browser."""


@train.command("flow")
def train_flow(
    flow: Annotated[str, typer.Option(help="a family: " + ", ".join(flows.FLOWS))] = "spline",
    density: Annotated[str, typer.Option(help="a density: " + ", ".join(flows.DENSITIES))] = "moons",
    layers: Annotated[int | None, typer.Option(help="the app's usual number where none is given")] = None,
    steps: Annotated[int, typer.Option(help="training steps; the same number gives the same weights")] = 2000,
    seed: int = 0,
    out: Annotated[
        Path | None, typer.Option(help="folder for the weights; the shipped example's where none is given")
    ] = None,
) -> None:
    """Train one flow on one density and keep its weights, its curve and a card."""
    try:
        target = flows.density(density)
        model = flows.build(flow, seed=seed, layers=flows.LAYERS.get(flow, 1) if layers is None else layers)
        training = flows.watch({flow: model}, target, steps=steps, seed=seed, frames_per_second=1)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    lane = None
    for frame in training:
        (lane,) = frame.lanes
        kl = "" if lane.kl is None else f", KL {lane.kl:.4f}"
        typer.echo(f"\r{lane.seconds:5.1f} s, step {lane.step:,}, {lane.nll:.3f} nats{kl}   ", nl=frame.final)
    assert lane is not None
    folder = out or catalog.flow_example_folder(flow, density)
    flows.save(model, folder)
    _keep_history(folder, lane)
    last = flows.portrait(model, target, seed=1)
    weights = sum(p.numel() for p in model.parameters())
    card = CARD.format(
        title=f"{flow} on {density}",
        flow=flow,
        layers=model.config["layers"],
        weights=weights,
        density=density,
        loss="maximum likelihood" if model.by_likelihood else "flow matching",
        kl=last.kl,
        entropy=target.entropy,
        mass=last.mass,
        steps=lane.step,
    )
    checkpoints.write_text(folder / "README.md", card)
    typer.echo(f"{folder}: KL {last.kl:.4f} nats on new points")


@app.command()
def draw_world(
    folder: Annotated[Path, typer.Argument(help="where pictures and captions.jsonl go")],
    count: Annotated[int, typer.Option(min=1, max=1_000_000)] = 64,
    size: Annotated[int, typer.Option(min=16, max=1024, help="pixels of a side")] = 96,
    seed: Annotated[int, typer.Option(min=0, help="of the first; those from 900,000,000 on are for evaluation")] = 0,
) -> None:
    """Draw still lifes with their words: a picture a seed, and captions.jsonl when all are there."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for first in range(seed, seed + count, 64):
        scenes = [world.sample(one) for one in range(first, min(first + 64, seed + count))]
        pictures = (world.render_all(scenes, size).permute(0, 2, 3, 1) * 255).round().byte().numpy()
        for scene, picture in zip(scenes, pictures, strict=True):
            Image.fromarray(picture).save(folder / f"{scene.seed:09d}.png")
            words = {"en": world.describe(scene), "zh": world.describe(scene, "zh"), "short": world.captions(scene, 3)}
            asked = [{"ability": q.ability, "question": q.text, "options": q.options, "answer": q.letter}
                     for q in world.questions(scene)]  # fmt: skip
            line = {"file": f"{scene.seed:09d}.png", **words, "junk": world.junk(scene.seed), "questions": asked}
            lines.append(json.dumps(line, ensure_ascii=False))
        typer.echo(f"\r{len(lines):,} of {count:,}", nl=False)
    checkpoints.write_text(folder / "captions.jsonl", "\n".join(lines) + "\n")
    typer.echo(f"\r{folder}: {count:,} pictures, and their words in captions.jsonl")


@train.command("examples")
def train_examples() -> None:
    """Train every example the Flows tab opens on that is not there yet, so that it may be interrupted."""
    for flow, density in EXAMPLES:
        if catalog.flow_example(flow, density) is None:
            train_flow(flow=flow, density=density, layers=None, steps=STEPS.get(flow, 3000), seed=0, out=None)


@train.command("digits")
def train_digits(
    steps: Annotated[
        int, typer.Option(help=f"training steps; the shipped weights had {SHIPPED_STEPS}")
    ] = SHIPPED_STEPS,
    seed: int = SHIPPED_SEED,
    out: Annotated[Path, typer.Option(help="folder for the weights and the card")] = catalog.DIGITS,
    scratch: Annotated[
        Path | None, typer.Option(help="where an interrupted run goes on; in the temporary folder by default")
    ] = None,
    figures: Annotated[bool, typer.Option(help="measure the figures of merit for the card, a few minutes")] = True,
) -> None:
    """Train the class-conditional denoiser of scikit-learn's digits; it may be interrupted and goes on where it was."""
    folder = Path(tempfile.gettempdir(), "playground-train-digits") if scratch is None else scratch
    if folder.resolve() == out.resolve():
        raise typer.BadParameter("--scratch and --out must be two folders: the first is cleared at the end")
    train, held_out = images.digits()
    model = images.build(seed=seed)
    try:
        for step in images.fit_pictures(model, train, steps=steps, seed=seed, scratch=folder):
            if step.step % 20 == 0 or step.progress == 1:
                line = f"\r{step.seconds:6.0f} s, step {step.step:,} of {steps:,}, loss {step.loss:.4f}   "
                typer.echo(line, nl=step.progress == 1)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    images.save(model, out)
    shipped = (steps, seed) == (SHIPPED_STEPS, SHIPPED_SEED)
    card = DIGITS_CARD.format(
        weights=sum(p.numel() for p in model.parameters()),
        steps=steps,
        seed=seed,
        train=len(train),
        held_out=len(held_out),
        date=datetime.now(UTC).date(),
        minutes=SHIPPED_MINUTES if shipped else "",
        memory=SHIPPED_MEMORY if shipped else "",
        table="\n".join(_figures(model, train, held_out)) if figures else "Not measured.",
    )
    checkpoints.write_text(out / "README.md", card)
    checkpoints.delete(folder)
    typer.echo(str(out))


@app.command()
def digits_figures(
    folder: Annotated[Path, typer.Argument(help="a checkpoint that train digits made")] = catalog.DIGITS,
) -> None:
    """Print the figures of merit of a denoiser of digits: accuracy and Frechet distance under a judge trained here."""
    train, held_out = images.digits()
    try:
        model = images.load(folder)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    for line in _figures(model, train, held_out):
        typer.echo(line)


def _figures(model: images.PictureModel, train: images.Pictures, held_out: images.Pictures) -> Iterator[str]:
    yield "| pictures | calls | judged right | Fréchet distance | RMS to the nearest training picture |"
    yield "|---|---|---|---|---|"
    for line in images.table(model, train, held_out):
        calls = "" if line.nfe is None else line.nfe
        m = line.merit
        yield f"| {line.name} | {calls} | {m.accuracy:.1%} | {m.frechet:.2f} | {m.nearest:.3f} |"
    yield ""
    for sigma in (0.1, 0.2, 0.5, 1.0):
        seen, unseen = (images.denoising_error(model, part, sigma) for part in (train, held_out))
        yield (
            f"- Squared error a pixel at sigma {sigma}: {unseen:.4f} on held-out pictures, {seen:.4f} on training ones."
        )


def _keep_history(folder: Path, lane: flows.Lane) -> None:
    record: dict[str, Any] = {"step": lane.step}
    for name in ("nll_curve", "kl_curve", "loss_curve"):
        if (curve := getattr(lane, name)) is not None:
            record[name] = [[round(float(value), 5) for value in part] for part in curve]
    checkpoints.write_text(folder / "history.json", json.dumps(record) + "\n")
