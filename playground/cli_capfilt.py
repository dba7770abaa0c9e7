"""`playground capfilt`: clean a set of pictures with texts, without a browser."""

import errno
import json
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from playground import blip, checkpoints, clip
from playground.blip.clean import Progress, clean
from playground.blip.exports import export, export_unread, format_of
from playground.blip.ray_engine import Load, Models, RayEngine
from playground.blip.report import page, report
from playground.blip.rules import Rule
from playground.blip.sets import open_set

__all__ = ["capfilt"]

BLIP_WORLD = str(checkpoints.ROOT / "blip-world")


def capfilt(
    source: Annotated[
        Path,
        typer.Argument(
            help="a folder of pictures with captions.csv or .jsonl, a table, a parquet file, tar shards, or a Hugging "
            "Face data set saved to disk"
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(help="for the scores, the report and the cleaned set; empty, or of this job")
    ],
    captioner: Annotated[str, typer.Option(help="a BLIP that captions: a folder, a file, a repository")] = BLIP_WORLD,
    filter_: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="a BLIP that matches; the captioner by default, or none where that cannot and a CLIP decides",
        ),
    ] = None,
    clip_: Annotated[
        str | None, typer.Option("--clip", help="a CLIP whose cosine is kept beside: as clip.load")
    ] = None,
    keep: Annotated[
        Literal["itm", "clip"],
        typer.Option(help="what decides: the filter's probability of a match, or the CLIP's cosine"),
    ] = "itm",
    threshold: Annotated[
        float | None, typer.Option(help="from which a text is kept; .5 by default, of the probability")
    ] = None,
    top_share: Annotated[
        float | None,
        typer.Option(help="of the web's texts, and of those written, to keep instead: .3 for the best 30 %"),
    ] = None,
    basic: Annotated[
        bool,
        typer.Option(
            "--basic",
            help="and DataComp's basic rules: over 2 words and 5 characters, a picture of 200 pixels or more "
            "whose sides are 3 to 1 at most; not its English, for which a model would have to be fetched",
        ),
    ] = False,
    candidates: Annotated[int, typer.Option(help="captions written of each picture")] = 1,
    top_p: Annotated[float, typer.Option(help="of nucleus sampling")] = 0.9,
    max_length: Annotated[
        int | None, typer.Option(min=1, help="tokens of a caption; the captioner's by default")
    ] = None,
    min_length: Annotated[int | None, typer.Option(min=1, help="likewise")] = None,
    seed: Annotated[int, typer.Option(help="of what is written")] = 0,
    output: Annotated[
        str,
        typer.Option(
            help="the cleaned set, by its ending: a table (.csv, .jsonl, .parquet), DataComp's uids (.npy), WebDataset "
            "shards (kept.tar: kept-00000.tar and so on), or without an ending a Hugging Face data set"
        ),
    ] = "kept.jsonl",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="where models run: here, or in workers of Ray (the extra `ray`)")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="of a running cluster of Ray: auto, or host:port; this machine by default")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="of Ray; as many as there is room for by default")] = None,
    cpus: Annotated[float | None, typer.Option(help="cores of a worker; 1 by default")] = None,
    gpus: Annotated[float | None, typer.Option(help="of a worker: .25 lets four share one; none by default")] = None,
) -> None:
    """Clean a set by CapFilt: write captions, keep what matches. It may be interrupted and goes on where it was."""
    try:
        rule = _rule(keep, threshold, top_share, basic, clip_)
        form = format_of(output)
        pairs = open_set(source)
        load = partial(_models, _placed(captioner), filter_ and _placed(filter_), clip_ and _placed(clip_), keep)
        elsewhere = _elsewhere(engine, load, address, workers, cpus, gpus)
        writer, judge, scorer = load("cpu")
        models = {"captioner": captioner, "filter": filter_ or captioner, "clip": clip_ or ""}
        own = writer.config.limits
        limits = blip.Limits(max_length or own.max_length, min_length or own.min_length)
        for step in clean(
            pairs, folder, writer, judge, rule=rule, candidates=candidates, top_p=top_p, limits=limits, seed=seed,
            scorer=scorer, models=models, engine=elsewhere,
        ):  # fmt: skip
            _tell(step)
        told = report(folder, rule=rule)
        checkpoints.write_text(folder / "report.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        checkpoints.write_text(folder / "report.html", page(told))
        export_unread(folder, folder / "unread.csv")
        kept = export(folder, folder / output, rule=rule)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise typer.BadParameter(
                f"the disk of {folder} is full; free some room, and go on by the same command"
            ) from error
        raise typer.BadParameter(str(error)) from error
    if told["unread"]:
        typer.echo(f"\n{told['unread']:,} pictures could not be read: {folder / 'unread.csv'}", nl=False)
    place = folder / output
    if form == "webdataset":
        place = place.with_name(f"{place.stem}-*.tar")
    typer.echo(f"\n{kept:,} texts kept: {place}; {folder / 'report.html'}")


def _elsewhere(
    engine: str, load: Load, address: str | None, workers: int | None, cpus: float | None, gpus: float | None
) -> RayEngine | None:
    """The engine of the options. Raises `ValueError` for those of another."""
    if engine == "ray":
        return RayEngine(load, workers, 1 if cpus is None else cpus, 0 if gpus is None else gpus, address)
    if any(option is not None for option in (address, workers, cpus, gpus)):
        raise ValueError("--address, --workers, --cpus and --gpus need --engine ray")
    return None


def _placed(name: str) -> str:
    """A model's name for processes that run in other folders."""
    return str(Path(name).resolve()) if Path(name).exists() else name


def _models(captioner: str, filter_: str | None, clip_: str | None, keep: str, device: str) -> Models:
    """Captioner, filter and scorer by their names, as `RayEngine` has each worker load them."""
    writer = blip.load(captioner).to(device)
    judge: blip.BLIP | None = writer
    if filter_ not in (None, captioner):
        judge = blip.load(str(filter_)).to(device)
    elif filter_ is None and keep == "clip" and "match" not in writer.config.tasks:
        judge = None
    return writer, judge, None if clip_ is None else clip.cosines(clip.load(clip_).to(device))


def _rule(
    keep: Literal["itm", "clip"], threshold: float | None, share: float | None, basic: bool, scorer: str | None
) -> Rule:
    """The rule of the options. Raises `ValueError` for those that contradict each other."""
    if keep == "itm":
        return Rule(keep, 0.5 if threshold is None and share is None else threshold, share, basic)
    if scorer is None:
        raise ValueError("--keep clip needs a CLIP: name it by --clip")
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(f"--threshold of --keep clip is a cosine, which lies in [-1, 1], not {threshold:g}")
    return Rule(keep, threshold, share, basic)


def _tell(step: Progress) -> None:
    share = f" of {step.total:,}" if step.total is not None else ""
    rate = step.fresh / step.seconds if step.fresh else 0.0
    left = f", {(step.total - step.done) / rate:,.0f} s left" if rate and step.total is not None else ""
    texts = ", ".join(
        f"{step.kept[name]:,} of {told:,} {name} kept" if step.kept else f"{told:,} {name}"
        for name, told in step.told.items()
    )
    typer.echo(f"\r{step.done:,}{share} pairs, {rate:.1f} a second{left}; {texts}   ", nl=False)
