"""`playground bootstrap`: the experiment that shows what CapFilt is good for, run and written down."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from playground import blip, checkpoints
from playground.blip.bootstrap_figures import Cleaning
from playground.blip.bootstrapping import ARMS, Arm, Outcome, Plan, Progress, Trained
from playground.blip.bootstrapping import bootstrap as experiment
from playground.blip.noisy_web import OF_WRONG, WRONG, Kind

__all__ = ["bootstrap"]

FOLDER = checkpoints.ROOT / "blip-bootstrap"
PLAN = Plan()
SHOWN = 0  # the seed whose models are kept
HAS: dict[Arm, str] = {
    "noisy": "all the web's texts",
    "filtered": "the web's texts that the filter keeps (F)",
    "captioned": "all the web's and all written texts (C)",
    "both": "the web's and the written texts that the filter keeps (C and F)",
    "seed-only": "none",
}
CARD = """# blip-bootstrap

The experiment of table 1 of BLIP (Li et al. 2022) on the still lifes of `playground.world`, where it is known which
text is true: what CapFilt is good for, and which part of it. In each folder is the small BLIP of one row, of seed
{shown}, {weights:,} weights in half precision: `blip.load("checkpoints/blip-bootstrap/both")`. `results.json` has every
row of every seed.

- The web: {web:,} pictures of one or two objects with a text each, of which {wrong:.0%} are wrong: {kinds}. A true text
  says size and colour of every object from left to right; shape and material, which are learned late, are left out.
  Beside it are {clean} clean pairs of other pictures, which every row learns from too.
- A model learns from the web as it is. Fine-tuned on the clean pairs for {tuning} steps each, it becomes a captioner
  (LM), which writes a text for every picture (nucleus 0.9), and a filter (ITC and ITM), which keeps texts that match
  with a probability of 0.5 or more.
- Each row is a new model, with weights and a picture tower of its own, after {steps:,} steps of {batch}: the first
  {words} of captions, the others of captions, contrast and matching (LM, ITC, ITM; hard negatives from the batch). No
  training is told what is true: negatives are texts that differ.
- Unlike the paper's: momentum encoders are left out; each picture has a random false text beside the hard one, without
  which matching is learned late; the towers begin untrained.
- The sizes above, the learning rates and the steps of tuning were chosen on seed 0. Each seed draws its web, its clean
  pairs and its weights anew, from the same {pictures:,} pictures.
- Pictures are of the seeds below {pictures:,}, those of the figures of seeds that nothing is trained on. No data of
  others. Weights: Apache-2.0.
- Made again by `uv run playground bootstrap`, which goes on where it was interrupted: about {minutes} minutes of one
  idle CPU core. Another machine changes the last digits, and so the figures.

Figures, {date}, CPU, on {tested} scenes: the mean of {seeds}, and the lowest and the highest. Captions count only if
every word is right; sampled ones are {samples} a scene (nucleus 0.9). Matching is the area under the ROC curve of true
texts against another scene's, or against the same with one attribute changed. R@1 is among the scenes whose texts
differ.

{table}

The filter on the web, and what the captioner wrote:

{cleaning}
"""
MINUTES = 100
KINDS: dict[Kind, str] = {
    "another's": "another picture's text", "attribute": "with one attribute changed", "junk": "junk"
}  # fmt: skip
MEASURES = {
    "greedy_exact": "greedy exact",
    "nucleus_exact": "sampled exact",
    "nats": "nats a caption",
    "itm_auc_another": "matching, another's",
    "itm_auc_attribute": "matching, one attribute",
    "recall_text": "R@1, text",
    "recall_picture": "R@1, picture",
}
CLEANING: dict[str, Callable[[Cleaning], float | None]] = {
    "kept web texts that are true (precision)": lambda one: one.grade.precision,
    "true web texts that are kept (recall)": lambda one: one.grade.recall,
    "area under the ROC curve, true against wrong": lambda one: one.auc,
    "the same against another picture's": lambda one: one.auc_of["another's"],
    "the same against one attribute changed": lambda one: one.auc_of["attribute"],
    "the same against junk": lambda one: one.auc_of["junk"],
    "another picture's texts that are kept": lambda one: one.kept_of["another's"],
    "texts with one attribute changed that are kept": lambda one: one.kept_of["attribute"],
    "junk that is kept": lambda one: one.kept_of["junk"],
    "written texts that are right, before the filter": lambda one: one.grade.before,
    "written texts that are right, after it": lambda one: one.grade.after,
}


def bootstrap(
    seeds: Annotated[int, typer.Option(min=1, max=100, help="how often all is repeated, from other seeds")] = 3,
    out: Annotated[Path, typer.Option(help="folder for results, card and models")] = FOLDER,
    scratch: Annotated[
        Path | None, typer.Option(help="where pictures and runs are kept; in the temporary folder by default")
    ] = None,
) -> None:
    """Train on a noisy web, its filtered and its captioned texts, and both; it goes on where it was interrupted."""
    import torch

    torch.set_num_threads(1)  # the operations are small: a second thread makes them slower
    work = scratch or Path(tempfile.gettempdir(), "playground-bootstrap")
    outcomes: list[Outcome] = []
    weights = 0
    try:
        for seed in range(seeds):
            for made in experiment(work, seed=seed, plan=PLAN):
                if isinstance(made, Progress):
                    _tell(made)
                elif isinstance(made, Trained):
                    weights = sum(p.numel() for p in made.model.parameters())
                    if seed == SHOWN:
                        blip.save(made.model.half(), out / made.arm)
                else:
                    outcomes.append(made)
            record = {"plan": asdict(PLAN), "seeds": [asdict(one) for one in outcomes]}
            checkpoints.write_text(out / "results.json", json.dumps(record, indent=1) + "\n")
            checkpoints.write_text(out / "README.md", _card(outcomes, weights))
    except (ValueError, FloatingPointError) as error:
        raise typer.BadParameter(str(error)) from error
    for line in (*_table(outcomes), "", *_cleaning(outcomes)):
        typer.echo(line)
    typer.echo(f"{out}; {work} may be deleted")


def _tell(made: Progress) -> None:
    if made.done % 20 == 0 or made.done == made.total:
        seed = f"seed {made.seed}, " if made.seed is not None else ""
        typer.echo(f"\r{seed}{made.stage}: {made.done:,} of {made.total:,}   ", nl=made.done == made.total)


def _card(outcomes: Sequence[Outcome], weights: int) -> str:
    return CARD.format(
        **asdict(PLAN),
        shown=SHOWN,
        weights=weights,
        wrong=WRONG,
        kinds=", ".join(f"{WRONG * share:.0%} {KINDS[kind]}" for kind, share in OF_WRONG.items()),
        minutes=MINUTES,
        date=datetime.now(UTC).date(),
        seeds=f"{len(outcomes)} seed{'s' * (len(outcomes) > 1)}",
        table="\n".join(_table(outcomes)),
        cleaning="\n".join(_cleaning(outcomes)),
    )


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| learned from, beside the clean pairs | pairs | " + " | ".join(MEASURES.values()) + " |"
    yield "|---" * (2 + len(MEASURES)) + "|"
    for arm in ARMS:
        pairs = _spread([one.pairs[arm] for one in outcomes], "{:,.0f}")
        cells = [
            _spread([getattr(one.arms[arm], name) for one in outcomes], "{:.2f}" if name == "nats" else "{:.1%}")
            for name in MEASURES
        ]
        yield f"| {arm}: {HAS[arm]} | {pairs} | " + " | ".join(cells) + " |"


def _cleaning(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| what | share |"
    yield "|---|---|"
    for name, value in CLEANING.items():
        yield f"| {name} | {_spread([value(one.cleaning) for one in outcomes], '{:.1%}')} |"


def _spread(found: Sequence[float | None], form: str) -> str:
    """The mean, and between which values it lies; of a share of nothing there is none."""
    values = [x for x in found if x is not None]
    if not values:
        return "-"
    mean, least, most = (form.format(x) for x in (sum(values) / len(values), min(values), max(values)))
    return mean if least == most else f"{mean} ({least} to {most})"
