"""`playground ...`: the app's jobs without a browser."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from playground import catalog, checkpoints, flows

__all__ = ["app"]

app = typer.Typer(help="Playground's jobs without a browser.", no_args_is_help=True)

# The examples the Flows tab opens on: our best flow on every density, every other flow on one.
EXAMPLES = [
    *(("spline", density) for density in flows.DENSITIES),
    *((flow, "moons") for flow in flows.FLOWS if flow != "spline"),
]
STEPS = {"spline": 2000}  # 3000 for the others
CARD = """# {title}

The example on which the Flows tab opens: a {flow} flow with {layers} layers, {weights:,} weights, trained by maximum
likelihood on samples of the density `{density}`, which is exact and made by `playground.flows`: no data of others is
in it. Licence: Apache-2.0.

- KL(p || q) on 4096 new points: {kl:.4f} nats; the density's entropy is {entropy:.4f} nats, the flow's mass in the
  app's picture {mass:.4f}.
- {steps:,} steps, seed 0.
- Made again by `uv run playground train-flow --flow {flow} --density {density} --steps {steps}`.
"""


@app.callback()
def playground() -> None:
    """Playground's jobs without a browser."""


@app.command()
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
        kl=last.kl,
        entropy=target.entropy,
        mass=last.mass,
        steps=lane.step,
    )
    checkpoints.write_text(folder / "README.md", card)
    typer.echo(f"{folder}: KL {last.kl:.4f} nats on new points")


@app.command()
def train_examples() -> None:
    """Train every example the Flows tab opens on that is not there yet, so that it may be interrupted."""
    for flow, density in EXAMPLES:
        if catalog.flow_example(flow, density) is None:
            train_flow(flow=flow, density=density, layers=None, steps=STEPS.get(flow, 3000), seed=0, out=None)


def _keep_history(folder: Path, lane: flows.Lane) -> None:
    record: dict[str, Any] = {"step": lane.step}
    for name in ("nll_curve", "kl_curve"):
        record[name] = [[round(float(value), 5) for value in part] for part in getattr(lane, name)]
    checkpoints.write_text(folder / "history.json", json.dumps(record) + "\n")
