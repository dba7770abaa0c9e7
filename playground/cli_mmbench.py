"""`playground mmbench`: a benchmark of our own, a model that answers it, and the score of any file of predictions."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from playground import checkpoints, mmbench
from playground.cli_mmbench_record import record
from playground.cli_mmbench_run import questions_at, run_benchmark
from playground.mmbench.judge import Judge, JudgeStep, audit_rows, judge_rows
from playground.mmbench.judge_endpoint import endpoint_judge
from playground.mmbench.mini import mini_benchmark
from playground.mmbench.verdicts import Verdict, append_verdict, read_verdicts

__all__ = ["mmbench_app"]

mmbench_app = typer.Typer(help="MMBench: make questions, answer them, score predictions.", no_args_is_help=True)
KEY = "PLAYGROUND_JUDGE_KEY"  # no option: those are in the shell's history and in the list of processes


@mmbench_app.command()
def mini(
    out: Annotated[Path, typer.Argument(help="the TSV, in the official columns")],
    count: Annotated[int, typer.Option(help="questions")] = 1000,
    seed: int = 0,
    language: Annotated[str, typer.Option(help="en or zh")] = "en",
    rotations: Annotated[bool, typer.Option(help="every rotation as a row of its own, for CircularEval")] = True,
) -> None:
    """Make our own benchmark: 13 abilities of 20, on pictures drawn from a seed."""
    try:
        asked = mini_benchmark(count, seed=seed, language=language)
        mmbench.write_tsv(out, mmbench.circular(asked) if rotations else asked)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(str(out))


mmbench_app.command("run")(run_benchmark)
mmbench_app.command("record")(record)


@mmbench_app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="xlsx, csv, tsv or jsonl with the columns index and prediction")],
    questions: Annotated[
        Path | None,
        typer.Option(
            help="the benchmark's TSV, .jsonl or folder, where the predictions' file has no options and answers"
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="robust, or vlmevalkit: the official toolkit's letters and hits")
    ] = "robust",
    sheet: Annotated[Path | None, typer.Option(help="write the official result sheet: .xlsx or .csv")] = None,
    report: Annotated[Path | None, typer.Option(help="write all of it: .md or .json")] = None,
    judge: Annotated[
        str,
        typer.Option(
            help="who reads what the rules leave open: a language model (folder or repository), or the address of an "
            f"endpoint like OpenAI's, http(s)://..., with its key in the environment as {KEY}"
        ),
    ] = "",
    judge_model: Annotated[str, typer.Option(help="the model to ask for at the endpoint")] = "",
    fallback: Annotated[
        str, typer.Option(help="for what the judge does not decide: none, or random as the official toolkit")
    ] = "none",
    verdicts: Annotated[
        Path | None, typer.Option(help="the judge's verdicts, .jsonl: read, not asked again, and added to")
    ] = None,
    audit: Annotated[int, typer.Option(help="ask the judge about so many rows too that the rules decide")] = 0,
    every: Annotated[bool, typer.Option(help="judge rows of lost questions too, for vanilla accuracy")] = False,
) -> None:
    """Score a file of predictions: circular and vanilla, by ability and split, with what could not be read."""
    problems: list[mmbench.Problem] = []
    try:
        if report is not None and report.suffix not in (".md", ".json"):
            raise ValueError(f"a report is written as .md or .json, not as {report.name!r}")
        given, failure = mmbench.read_predictions(predictions), ""
        rows: Iterable[mmbench.Question] | None = None
        if questions is not None:
            rows = questions_at(questions, problems, pictures=False)
        known = {} if verdicts is None else read_verdicts(verdicts)
        if judge:
            rows = None if rows is None else list(rows)
            place = verdicts or predictions.with_suffix(".verdicts.jsonl")
            name = judge_model or judge
            known = {index: one for index, one in read_verdicts(place).items() if one.judge == name}  # no other's
            ask = _judge(judge, judge_model)
            steps = judge_rows(
                given, rows, ask, profile=profile, name=name, known=known, fallback=fallback, every=every
            )
            failure = _judging(steps, known, place, "rows that the rules leave open")
            if audit and not failure:
                steps = audit_rows(given, rows, ask, audit, profile=profile, name=name, known=known)
                failure = _judging(steps, known, place, "rows that the rules decide")
        found = mmbench.score(given, rows, profile=profile, verdicts=known, problems=problems)
        if sheet is not None:
            mmbench.write_sheet(sheet, found.sheet())
        if report is not None:
            checkpoints.write_text(report, found.markdown() if report.suffix == ".md" else found.to_json())
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(found.markdown())
    if failure:
        typer.echo(failure, err=True)
        raise typer.Exit(1)


def _judge(source: str, model: str) -> Judge:
    """The judge behind an address, or one on this machine. Raises `ValueError` and `OSError` for what is none."""
    if source.startswith(("http://", "https://")):
        return endpoint_judge(source, model, os.environ.get(KEY, ""))
    from playground.mmbench.judge_local import load_judge, local_judge

    return local_judge(load_judge(source))


def _judging(steps: Iterator[JudgeStep], known: dict[int, Verdict], place: Path, what: str) -> str:
    """Write each verdict down as it is made, and all into `known`; why the judge failed, if it did."""
    found: Mapping[int, Verdict] = {}
    try:
        for step in steps:
            found = step.verdicts
            if step.newest is not None:
                append_verdict(place, step.newest)
            done = f"{step.done:,} of {step.total:,} {what}, {step.calls:,} calls, {step.saved:,} saved"
            typer.echo(f"\r{done}   ", err=True, nl=False)
        typer.echo("", err=True)
    except OSError as error:
        typer.echo("", err=True)
        return f"{error} in {place}: the same command goes on from there"
    finally:
        known.update(found)
    return ""
