"""`playground mmbench`: a benchmark of our own, a model that answers it, and the score of any file of predictions."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from playground import blip, checkpoints, clip, mmbench
from playground.mmbench.mini import mini_benchmark

__all__ = ["mmbench_app"]

mmbench_app = typer.Typer(help="MMBench: make questions, answer them, score predictions.", no_args_is_help=True)
FIXED = ("chance", *"ABCD")  # who answers without a model


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


@mmbench_app.command()
def run(
    questions: Annotated[Path, typer.Argument(help="a TSV in MMBench's columns, without its rotations or with them")],
    out: Annotated[Path, typer.Argument(help="predictions, .jsonl, for `score`; what it holds is not asked again")],
    model: Annotated[str, typer.Option(help="chance, A to D, or a CLIP or BLIP: a folder or a repository")] = "chance",
    kind: Annotated[str, typer.Option(help="clip or blip, where the model is one")] = "clip",
    profile: Annotated[str, typer.Option(help="how letters are read: robust or vlmevalkit")] = "robust",
) -> None:
    """Answer by CircularEval, and skip the rotations of a question that has failed one."""
    problems: list[mmbench.Problem] = []
    try:
        if out.suffix != ".jsonl":
            raise ValueError(f"predictions are written as .jsonl, not as {out.name!r}")
        rows = mmbench.read_tsv(questions, problems=problems)
        asked = [
            one for one in rows if mmbench.group_of(one.index, one.group) == one.index
        ]  # the rotations are made anew
        answer = _remembered(_answerer(model, kind), out)
        calls = saved = 0
        for step in mmbench.evaluate_circular(asked, answer, profile=profile):
            calls, saved = step.calls, step.saved
            typer.echo(
                f"\r{calls:,} calls, {saved:,} saved, {step.passed:,} passed, {step.failed:,} failed   ", nl=False
            )
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    for problem in problems[:5]:
        typer.echo(f"\n{problem}", err=True)
    typer.echo(f"\n{calls:,} calls made, {saved:,} saved since a rotation had failed")
    typer.echo(str(out))


@mmbench_app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="xlsx, csv, tsv or jsonl with the columns index and prediction")],
    questions: Annotated[
        Path | None, typer.Option(help="the benchmark's TSV, where the predictions' file has no options and answers")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="robust, or vlmevalkit: the official toolkit's letters and hits")
    ] = "robust",
    sheet: Annotated[Path | None, typer.Option(help="write the official result sheet: .xlsx or .csv")] = None,
    report: Annotated[Path | None, typer.Option(help="write all of it: .md or .json")] = None,
) -> None:
    """Score a file of predictions: circular and vanilla, by ability and split, with what could not be read."""
    problems: list[mmbench.Problem] = []
    try:
        if report is not None and report.suffix not in (".md", ".json"):
            raise ValueError(f"a report is written as .md or .json, not as {report.name!r}")
        rows = None if questions is None else mmbench.read_tsv(questions, problems=problems, pictures=False)
        found = mmbench.score(mmbench.read_predictions(predictions), rows, profile=profile)
        if sheet is not None:
            mmbench.write_sheet(sheet, found.sheet())
        if report is not None:
            checkpoints.write_text(report, found.markdown() if report.suffix == ".md" else found.to_json())
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    for problem in problems[:20]:
        typer.echo(str(problem), err=True)
    typer.echo(found.markdown())


def _answerer(model: str, kind: str) -> mmbench.Answer:
    """Who answers. Raises `ValueError` and `OSError` for what is no model."""
    if model == "chance":
        return mmbench.by_chance()
    if model in FIXED:
        return mmbench.by_letter(model)
    if kind == "clip":
        network = clip.load(model)

        def by_clip(picture: Image.Image, question: str, options: Sequence[str]) -> list[float]:
            texts = [f"{question} {option}" for option in options]
            return list(map(float, clip.zero_shot(network, [picture], texts).cosines[0]))

        return mmbench.by_scores(by_clip)
    if kind == "blip":
        reader = blip.load(model)

        def by_blip(picture: Image.Image, question: str, options: Sequence[str]) -> list[float]:
            best = blip.answer(reader, [picture], [question], answers=list(options))[0]
            return [float(option == best) for option in options]

        return mmbench.by_scores(by_blip)
    raise ValueError(f"kind must be clip or blip, not {kind!r}")


def _remembered(answer: mmbench.Answer, out: Path) -> mmbench.Answer:
    """The same, but what the file holds is not asked again, and every answer is written down at once."""
    kept = dict(_kept(out)) if out.exists() else {}
    if kept:  # without a last line that was cut off, to which the next would be joined
        checkpoints.write_text(out, "".join(map(_line, kept.items())))

    def answered(questions: Sequence[mmbench.Question]) -> list[str]:
        new = [one for one in questions if one.index not in kept]
        if new:
            with out.open("a", encoding="utf-8") as file:
                for one, text in zip(new, answer(new), strict=True):
                    kept[one.index] = text
                    file.write(_line((one.index, text)))
        return [kept[one.index] for one in questions]

    return answered


def _line(row: tuple[int, str]) -> str:
    return json.dumps({"index": row[0], "prediction": row[1]}, ensure_ascii=False) + "\n"


def _kept(out: Path) -> Iterator[tuple[int, str]]:
    """What a file of predictions holds; a last line that was cut off is asked again."""
    lines = out.read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        try:
            row = json.loads(line)
            yield int(row["index"]), str(row["prediction"])
        except (ValueError, KeyError, TypeError) as error:
            if i + 1 < len(lines):
                raise ValueError(f"{out.name}, line {i + 1}, is no prediction") from error
