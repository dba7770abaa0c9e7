"""`playground mmbench record`: the shipped record of our mini benchmark, made again: every model, every rotation."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from playground import checkpoints, mmbench
from playground.answering import ANSWERERS, Answerer, answer_with
from playground.mmbench.leaderboard import board_markdown, leaderboard
from playground.mmbench.mini import mini_drafts
from playground.mmbench.record import FILE, FOLDER, MiniRecord, Sitting, ask_all, record_of, write_record

__all__ = ["SITTERS", "record", "sit"]

SITTERS = ("clip-world", "blip-world-answers", "blip-world", "chance", "majority")
CARD = """# mmbench-mini

Who chose which letter in our mini benchmark: {count:,} questions of MMBench's form about pictures that
`playground.mmbench.mini` draws (seed {seed}, language {language}), each asked in all its rotations, {rows:,} rows a
model. `record.json` holds letters alone; questions and pictures are made anew from the seed, and a digest tells whether
they are the same. No data of others but scikit-learn's handwritten digits. Licence: Apache-2.0.

{table}
Percent; the profile is `robust`; intervals hold 95 % of bootstrap draws of questions.

{who}

Made again by `{command}`; the same bytes on the same machine. Another machine's rounding may change a
choice between two options that score almost alike.

What the gap says here: a model that scores each option's text by itself never sees the letters, so that rotating them
changes nothing, unless options score alike: then the first is taken, and its luck is that of position. They do where
the tokenizer knows neither word, as with signs ("ocr"), or with "yes" and "no" before a CLIP that has read captions
alone. Chance falls to about the mean of k^-k over questions of k options, a constant letter to 0.
"""
WHO = {
    "clip": "scores the cosine of the picture with question and option in one text",
    "vqa": "scores the likelihood of the option as the answer",
    "caption": "scores the likelihood of the option as a caption, by the token, and does not read the question",
    "fixed": "looks at nothing",
}


def record(
    out: Annotated[Path, typer.Option(help="the folder of the record")] = FOLDER,
    count: Annotated[int, typer.Option(help="questions")] = 1000,
    seed: int = 0,
    language: Annotated[str, typer.Option(help="en or zh")] = "en",
    model: Annotated[list[str] | None, typer.Option(help="once a model; by default: " + ", ".join(SITTERS))] = None,
) -> None:
    """Ask our models every rotation of the mini benchmark. What an interrupted run has reached is not asked again."""
    try:
        names = model or list(SITTERS)
        for name in names:
            if name not in ANSWERERS:
                raise ValueError(f"model must be one of {', '.join(ANSWERERS)}, not {name!r}")
        asked = [replace(one.question, picture=one.draw()) for one in mini_drafts(count, seed=seed, language=language)]
        out.mkdir(parents=True, exist_ok=True)
        sittings = {name: _sitting(ANSWERERS[name], asked, out) for name in names}
        made = record_of(asked, sittings, seed=seed, language=language)
        write_record(out / FILE, made)
        checkpoints.write_text(out / "README.md", card(made, _command(count, seed, language, model)))
        for name in names:
            (out / f".{name}.part").unlink(missing_ok=True)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(board_markdown(leaderboard(made.reports(), made.about())))
    typer.echo(str(out / FILE))


def sit(answerer: Answerer, asked: Sequence[mmbench.Question], part: Path | None = None) -> Sitting:
    """All that an answerer chooses, with what `part` holds of an interrupted run not asked again."""
    weights, parameters = _weights(answerer)
    head = {"name": answerer.name, "how": answerer.how, "weights": weights, "set": _digest(asked)}
    chosen = _begun(part, head)
    if len(chosen) < len(asked):
        loaded = answerer.spec.load() if answerer.spec is not None else None
        for some in ask_all(asked, answer_with(answerer, loaded, asked), start=len(chosen)):
            chosen += some
            if part is not None:
                checkpoints.write_text(part, json.dumps(head) + "\n" + " ".join(chosen) + "\n")
            typer.echo(f"\r{answerer.name}: {len(chosen):,} of {len(asked):,} questions", nl=False)
        typer.echo("")
    return Sitting(answerer.how, tuple(chosen), weights, parameters, answerer.licence)


def card(made: MiniRecord, command: str) -> str:
    """The record's README."""
    who = "\n".join(f"- `{name}` {WHO[one.how]}." for name, one in made.models.items())
    rows = sum(map(int, made.options))
    table = board_markdown(leaderboard(made.reports(), made.about()))
    return CARD.format(count=made.count, seed=made.seed, language=made.language, rows=rows, table=table, who=who,
                       command=command)  # fmt: skip


def _sitting(answerer: Answerer, asked: Sequence[mmbench.Question], out: Path) -> Sitting:
    return sit(answerer, asked, out / f".{answerer.name}.part")


def _digest(asked: Sequence[mmbench.Question]) -> str:
    """What is asked, pictures included."""
    found = hashlib.sha256()
    for one in asked:
        assert isinstance(one.picture, bytes)
        found.update(f"{one.index} {one.question} {one.options} {one.answer}".encode() + one.picture)
    return found.hexdigest()[:32]


def _begun(part: Path | None, head: dict[str, str]) -> list[str]:
    """What an interrupted run of the same has reached, in whole batches."""
    if part is None or not part.is_file():
        return []
    first, _, rest = part.read_text(encoding="utf-8").partition("\n")
    chosen = rest.split()
    return chosen if first == json.dumps(head) and rest.endswith("\n") else []


def _weights(answerer: Answerer) -> tuple[str, int | None]:
    """The SHA-256 of the weights' file, and how many numbers are in it."""
    if answerer.spec is None:
        return "", None
    path = checkpoints.fetch(answerer.source, ("model.safetensors", "config.json")) / "model.safetensors"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, sum(tensor.numel() for tensor in checkpoints.read_tensors(path).values())


def _command(count: int, seed: int, language: str, model: Sequence[str] | None) -> str:
    told = [
        (count != 1000, f"--count {count}"),
        (seed != 0, f"--seed {seed}"),
        (language != "en", f"--language {language}"),
    ]
    more = [f"--model {name}" for name in model or ()]
    return " ".join(["playground mmbench record", *(text for tell, text in told if tell), *more])
