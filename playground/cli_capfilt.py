"""`playground capfilt`: clean a set of pictures with texts, without a browser."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from playground import blip, checkpoints, clip
from playground.blip.clean import Progress, clean, export, format_of
from playground.blip.report import page, report
from playground.blip.sets import open_set

__all__ = ["capfilt"]

BLIP_WORLD = str(checkpoints.ROOT / "blip-world")


def capfilt(
    source: Annotated[
        Path,
        typer.Argument(help="a folder of pictures with captions.csv or .jsonl, a table, a parquet file, tar shards"),
    ],
    folder: Annotated[
        Path, typer.Argument(help="for the scores, the report and the cleaned set; empty, or of this job")
    ],
    captioner: Annotated[str, typer.Option(help="a BLIP that captions: a folder, a file, a repository")] = BLIP_WORLD,
    filter_: Annotated[
        str | None, typer.Option("--filter", help="a BLIP that matches; the captioner by default, if it does")
    ] = None,
    clip_: Annotated[
        str | None, typer.Option("--clip", help="a CLIP whose cosine is kept beside: as clip.load")
    ] = None,
    threshold: Annotated[float, typer.Option(help="probability of a match from which a text is kept")] = 0.5,
    candidates: Annotated[int, typer.Option(help="captions written of each picture")] = 1,
    top_p: Annotated[float, typer.Option(help="of nucleus sampling")] = 0.9,
    max_length: Annotated[
        int | None, typer.Option(min=1, help="tokens of a caption; the captioner's by default")
    ] = None,
    min_length: Annotated[int | None, typer.Option(min=1, help="likewise")] = None,
    seed: Annotated[int, typer.Option(help="of what is written")] = 0,
    output: Annotated[str, typer.Option(help="the cleaned set: kept.csv, kept.jsonl, kept.parquet or kept.npy")] = (
        "kept.jsonl"
    ),
) -> None:
    """Clean a set by CapFilt: write captions, keep what matches. It may be interrupted and goes on where it was."""
    try:
        pairs = open_set(source)
        writer = blip.load(captioner)
        judge = writer if filter_ in (None, captioner) else blip.load(str(filter_))
        models = {"captioner": captioner, "filter": filter_ or captioner, "clip": clip_ or ""}
        own = writer.config.limits
        limits = blip.Limits(max_length or own.max_length, min_length or own.min_length)
        format_of(output)
        for step in clean(
            pairs, folder, writer, judge, threshold=threshold, candidates=candidates, top_p=top_p, limits=limits,
            seed=seed, scorer=None if clip_ is None else _cosines(clip_), models=models,
        ):  # fmt: skip
            _tell(step)
        told = report(folder, threshold)
        checkpoints.write_text(folder / "report.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        checkpoints.write_text(folder / "report.html", page(told))
        kept = export(folder, folder / output, threshold=threshold)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"\n{kept:,} texts kept: {folder / output}; {folder / 'report.html'}")


def _tell(step: Progress) -> None:
    share = f" of {step.total:,}" if step.total is not None else ""
    rate = step.fresh / step.seconds if step.fresh else 0.0
    left = f", {(step.total - step.done) / rate:,.0f} s left" if rate and step.total is not None else ""
    kept = ", ".join(f"{step.kept[name]:,} of {step.told[name]:,} {name}" for name in step.told)
    typer.echo(f"\r{step.done:,}{share} pairs, {rate:.1f} a second{left}; kept: {kept}   ", nl=False)


def _cosines(name: str) -> Callable[[Sequence[Image.Image], Sequence[str]], np.ndarray]:
    model = clip.load(name)

    def cosines(images: Sequence[Image.Image], texts: Sequence[str]) -> np.ndarray:
        """Of each picture with its text; a picture that is there several times in a row is embedded once."""
        first = [i for i, image in enumerate(images) if i == 0 or image is not images[i - 1]]
        vectors = clip.embed_images(model, [images[i] for i in first])
        rows = np.searchsorted(first, np.arange(len(images)), side="right") - 1
        answer: np.ndarray = (vectors[rows] * clip.embed_texts(model, texts)).sum(1)
        return answer

    return cosines
