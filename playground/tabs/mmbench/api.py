"""The tab's public endpoints, MCP tools too: `score_predictions` and `extract_choice`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground import mmbench
from playground.manager import ModelManager
from playground.tabs.checks import choice, whole

__all__ = ["build"]

MOST_ROWS = 20_000
LONGEST = 20_000  # characters of an answer
SHOWN = 200  # problems told


def build(_: ModelManager) -> None:
    """Offer the endpoints; what is sent is gone with the answer."""
    for offered in (score_predictions, extract_choice):
        gr.api(offered, api_name=offered.__name__, concurrency_id="mmbench-api", concurrency_limit=2)


def score_predictions(
    predictions: list[dict[str, Any]],
    questions: list[dict[str, Any]] | None = None,
    profile: str = "robust",
    seed: int = 0,
) -> dict[str, Any]:
    """Score predictions as MMBench does: read the letter in each, and count a question that is right in all rotations.

    Args:
        predictions: at most 20,000 rows in the official columns: index and prediction, and A, B, C, D, answer,
            category, l2-category and split where questions are not given. Rotation r of a question has r * 1,000,000
            added to its index.
        questions: rows of the benchmark in its own columns, pictures left out; at most 20,000.
        profile: how letters are read: robust, or vlmevalkit for the official toolkit's letters and hits.
        seed: of the bootstrap.
    """
    with _refusing(), TemporaryDirectory(prefix="playground-") as folder:
        choice("profile", profile, mmbench.PROFILES)
        whole("seed", seed, 0, 2**31 - 1)
        rows = mmbench.read_predictions(_written(Path(folder, "predictions.jsonl"), "predictions", predictions))
        problems: list[mmbench.Problem] = []
        asked = None
        if questions is not None:
            asked = list(
                mmbench.read_jsonl(_written(Path(folder, "q.jsonl"), "questions", questions), problems=problems)
            )
        report = mmbench.score(rows, asked, profile=profile, seed=seed, problems=problems)
    return {
        "profile": report.profile,
        "circular": asdict(report.overall.circular),
        "vanilla": asdict(report.overall.vanilla),
        "questions": report.overall.n,
        "predictions": len(report.rows),
        "extraction_success": report.extraction_success,
        "incomplete": report.incomplete,
        "missing": report.missing,
        "scores": [asdict(one) for one in report.scores],
        "letters": [asdict(one) for one in report.letters],
        "rules": dict(report.rules),
        "sheet": report.sheet(),
        "hits": {str(one.index): one.hit for one in report.groups},
        "problems": [str(one) for one in report.problems[:SHOWN]],
        "problem_count": len(report.problems),
    }


def extract_choice(prediction: str, options: list[str], profile: str = "robust") -> dict[str, Any]:
    """Tell which option a model's free answer means, and by which rule.

    Args:
        prediction: what the model answered, at most 20,000 characters.
        options: the options' texts in order, from A on, at most 26.
        profile: robust, or vlmevalkit for the official toolkit's rules.
    """
    with _refusing():
        if len(prediction) > LONGEST:
            raise ValueError(f"an answer may have at most {LONGEST:,} characters, not {len(prediction):,}")
        return asdict(mmbench.explain_choice(prediction, options, profile))


def _written(path: Path, name: str, rows: Sequence[Any]) -> Path:
    """The rows as a file, to be read and checked as a person's own are."""
    if not 1 <= len(rows) <= MOST_ROWS:
        raise ValueError(f"{name} must be 1 to {MOST_ROWS:,} rows, not {len(rows):,}")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
