"""`playground mmbench run`: let a model sit a benchmark, here or on Ray; it may be interrupted and goes on."""

import errno
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from playground import mmbench
from playground.answering import ANSWERERS, answer_with, answerer_of, download, identity
from playground.device import choose
from playground.mmbench.answerers import Answer, majority_of
from playground.mmbench.asking import ANSWERS
from playground.mmbench.ray_engine import RayEngine
from playground.mmbench.running import KINDS, RunStep, run, write_predictions

__all__ = ["questions_at", "run_benchmark"]


def run_benchmark(
    questions: Annotated[
        Path, typer.Argument(help="MMBench's TSV, a .jsonl or a folder of ours, without its rotations or with them")
    ],
    out: Annotated[Path, typer.Argument(help=f"predictions for `score`: {', '.join(KINDS)}")],
    model: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(list(ANSWERERS)[:4])} and so on (`list` lists them), a letter, or any CLIP, BLIP or "
            "image-text-to-text model of transformers: a folder or a repository"
        ),
    ] = "chance",
    profile: Annotated[str, typer.Option(help="how letters are read: robust or vlmevalkit")] = "robust",
    vanilla: Annotated[bool, typer.Option("--vanilla", help="ask only the options as they stand")] = False,
    batch: Annotated[int, typer.Option(help="questions asked at once")] = 16,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="a folder where answers are kept, of any models and sets, and not asked again; `answers` beside the "
            "predictions by default"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps; Ray's workers have their own")] = "auto",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="where the model runs: here, or in workers of Ray (the extra `ray`)")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="of a running cluster of Ray: auto, or host:port; this machine by default")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="of Ray; as many as there is room for by default")] = None,
    cpus: Annotated[float | None, typer.Option(help="cores of a worker; 1 by default")] = None,
    gpus: Annotated[float | None, typer.Option(help="of a worker: .25 lets four share one; none by default")] = None,
) -> None:
    """Answer by CircularEval, and skip the rotations of a question that has failed one. It may be interrupted."""
    if model == "list":
        for one in ANSWERERS.values():
            size = f", {one.megabytes:,} MB, {one.licence}" if one.spec else ""
            typer.echo(f"{one.name}: {one.how}{size}")
        return
    problems: list[mmbench.Problem] = []
    try:
        if out.suffix.lower() not in KINDS:
            raise ValueError(f"predictions are written as {', '.join(KINDS)}, not as {out.name!r}")
        if engine == "local" and any(option is not None for option in (address, workers, cpus, gpus)):
            raise ValueError("--address, --workers, --cpus and --gpus need --engine ray")
        asked = _read(questions, problems)
        who = answerer_of(_placed(model))
        download(who)
        name = identity(who, asked)
        if who.name == "majority":
            who = answerer_of(majority_of(asked))
        load = partial(_load, who.name)
        elsewhere = None
        if engine == "ray":
            elsewhere = RayEngine(load, workers, 1 if cpus is None else cpus, 0 if gpus is None else gpus, address)
        answer = None if elsewhere else load(str(choose(device)))
        rows: list[tuple[mmbench.Question, str]] = []
        with nullcontext() if elsewhere is None else elsewhere.pool.session():
            for step in run(
                asked, answer, answers or out.parent / "answers", name=name, profile=profile, batch=batch,
                vanilla=vanilla, engine=elsewhere,
            ):  # fmt: skip
                rows += step.rows
                problems += step.problems
                _tell(step)
        write_predictions(out, rows)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise typer.BadParameter(
                f"the disk of {out} is full; free some room, and go on by the same command"
            ) from error
        raise typer.BadParameter(str(error)) from error
    for problem in problems[:20]:
        typer.echo(f"\n{problem}", err=True, nl=False)
    last, fresh = step.circular, step.fresh
    typer.echo(
        f"\n{last.calls:,} calls, of which {fresh:,} were made now and {last.calls - fresh:,} were remembered "
        f"({answers or out.parent / 'answers'}/{ANSWERS}); {last.saved:,} saved since a rotation had failed"
    )
    how = "as they stand" if vanilla else "in every rotation"
    typer.echo(f"{last.passed:,} of {last.total:,} questions right {how}, {last.passed / last.total:.1%}")
    typer.echo(str(out))


def questions_at(path: Path, problems: list[mmbench.Problem], *, pictures: bool = True) -> Iterator[mmbench.Question]:
    """The questions of a folder, a .jsonl or a TSV; of a TSV its pictures need not be looked at."""
    if path.is_dir():
        return mmbench.read_folder(path, problems=problems)
    if path.suffix.lower() == ".jsonl":
        return mmbench.read_jsonl(path, problems=problems)
    return mmbench.read_tsv(path, problems=problems, pictures=pictures)


def _read(path: Path, problems: list[mmbench.Problem]) -> list[mmbench.Question]:
    """The questions, whose rotations are made anew. Raises `ValueError` where there is none."""
    rows = list(questions_at(path, problems))
    there = {one.index for one in rows}
    asked = [
        one
        for one in rows
        if (group := mmbench.group_of(one.index, one.group)) == one.index or (one.group is None and group not in there)
    ]  # a high index alone makes no rotation
    if not asked:
        raise ValueError(f"{path.name} has no question, at least none that is not a rotation")
    return asked


def _placed(name: str) -> str:
    """A model's name for processes that run in other folders."""
    return str(Path(name).resolve()) if name not in ANSWERERS and Path(name).is_dir() else name


def _load(name: str, device: str) -> Answer:
    """The answerer of a name on a device, as `RayEngine` has each worker load it."""
    who = answerer_of(name)
    return answer_with(who, None if who.spec is None else who.spec.load().to(device))


def _tell(step: RunStep) -> None:
    one = step.circular
    left = f", {step.left:,.0f} s left at most" if step.left else ""
    typer.echo(
        f"\rpass {one.number}: {one.calls:,} calls, {one.saved:,} saved, {one.passed:,} passed, {one.failed:,} failed, "
        f"{one.remaining:,} to come{left}   ",
        nl=False,
    )
