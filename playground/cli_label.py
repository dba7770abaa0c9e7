"""`playground label`: a folder or a zip of pictures, labelled by CLIP, into a table."""

import time
from pathlib import Path
from typing import Annotated

import typer

from playground import clip
from playground.clip.labelling import Labelled, label_pictures
from playground.clip.tables import Confusion, check_table, confusion, write_table
from playground.pictures import Pictures, find_pictures

__all__ = ["label"]


def label(
    source: Annotated[str, typer.Argument(help="a folder of pictures, with all below it, or a zip")],
    labels: Annotated[str, typer.Option(help='the labels, with commas: "cat,dog"')] = "",
    labels_file: Annotated[Path | None, typer.Option(help="a text file of labels, one a line")] = None,
    template: Annotated[
        list[str] | None, typer.Option(help='a sentence with {} for the label, "a photo of {}"; may be given often')
    ] = None,
    model: Annotated[str, typer.Option(help="a folder, a file, or a repository of the hub")] = "checkpoints/clip-world",
    out: Annotated[Path, typer.Option(help="the table: .csv, .json or .parquet")] = Path("labels.csv"),
    batch_size: Annotated[int, typer.Option(min=1, help="pictures encoded at once")] = 16,
    workers: Annotated[int, typer.Option(min=1, help="threads that decode pictures")] = 2,
    margin: Annotated[
        float | None, typer.Option(min=0, max=1, help="lead in probability under which no label is given")
    ] = None,
) -> None:
    """Label every picture of a folder or a zip; it may be interrupted and goes on where it was."""
    journal = out.with_name(out.name + ".journal.jsonl")
    try:
        check_table(out)
        names = _labels(labels, labels_file)
        with find_pictures(source) as pictures:
            network = clip.load(model)
            steps = label_pictures(
                network,
                pictures,
                names,
                template or None,
                batch_size=batch_size,
                journal=journal,
                model_name=model,
                workers=workers,
                margin=margin,
            )
            results = []
            begun = shown = time.monotonic()
            for result in steps:
                results.append(result)
                if time.monotonic() - shown > 0.2 or len(results) == len(pictures):
                    shown = time.monotonic()
                    _progress(results, pictures, shown - begun)
        write_table(results, out)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    journal.unlink(missing_ok=True)
    _tell(results, pictures, out)


def _labels(given: str, file: Path | None) -> list[str]:
    """The labels of the option or of the file. Raises `ValueError` for none and for both; `OSError`."""
    if bool(given) == (file is not None):
        raise ValueError("give the labels either by --labels or by --labels-file")
    parts = given.split(",") if file is None else file.read_text(encoding="utf-8-sig").splitlines()
    found = [part.strip() for part in parts if part.strip()]
    if not found:
        raise ValueError("there is no label: --labels takes them with commas, --labels-file one a line")
    return found


def _progress(results: list[Labelled], pictures: Pictures, seconds: float) -> None:
    last = len(results) == len(pictures)
    typer.echo(f"\r{len(results):,} of {len(pictures):,} pictures, {seconds:.0f} s   ", nl=last)


def _tell(results: list[Labelled], pictures: Pictures, out: Path) -> None:
    """What was found, in a few lines."""
    unread = [result for result in results if result.error]
    if unread:
        typer.echo(f"{len(unread):,} could not be read, such as {unread[0].name}: {unread[0].error}")
    if pictures.skipped:
        typer.echo(f"{pictures.skipped:,} other files were passed over")
    seen: Confusion = confusion(results)
    if seen.accuracy is not None:
        typer.echo(f"accuracy {seen.accuracy:.1%} of {seen.count:,} pictures in folders that are labels")
        if seen.unknown:
            typer.echo("folders that are no label: " + ", ".join(name or "(none)" for name in seen.unknown[:5]))
    typer.echo(str(out))
