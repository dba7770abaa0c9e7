"""Clean a set of any size by CapFilt: in whole parts, resumed where it was killed, decided again at will."""

import csv
import io
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from playground import checkpoints
from playground.blip.capfilt import Decision, Scored, Scorer, decide, score_pairs
from playground.blip.generation import Limits
from playground.blip.model import BLIP
from playground.blip.sets import PairSet

__all__ = ["FORMATS", "Progress", "clean", "decisions", "export", "format_of"]

Format = Literal["csv", "jsonl", "parquet", "uids"]
FORMATS: tuple[Format, ...] = get_args(Format)
JOB = "job.json"
PART = 256  # pairs a part


@dataclass(frozen=True)
class Progress:
    """How far a set is cleaned."""

    done: int  # pairs
    total: int | None
    unread: int  # pairs whose picture cannot be read
    kept: Mapping[str, int]  # texts by their source, at the job's threshold
    told: Mapping[str, int]  # texts by their source
    seconds: float  # of this run
    fresh: int  # pairs that this run has done


def clean(
    pairs: PairSet,
    folder: str | Path,
    captioner: BLIP,
    filter: BLIP,
    *,
    threshold: float = 0.5,
    candidates: int = 1,
    top_p: float = 0.9,
    limits: Limits | None = None,
    seed: int = 0,
    scorer: Scorer | None = None,
    models: Mapping[str, str] | None = None,
    part: int = PART,
    batch_size: int = 16,
) -> Iterator[Progress]:
    """Score every text of a set into `folder`, a part at a time, yielding after each.

    A part is a file of JSON lines that appears whole or not at all, so a run that was killed goes on behind the last
    one, with nothing lost and nothing twice. The folder must be empty or hold the same job: the same set, seed and
    options, and `models`, names of what is used. Raises `ValueError` for another, and as `score_pairs` does; `OSError`
    where the disk is full, and what is there stays good.
    """
    folder = Path(folder)
    job: dict[str, Any] = {
        "source": str(pairs.source.resolve()), "kind": pairs.kind, "total": pairs.total,
        "scorer": scorer is not None, "candidates": candidates, "top_p": top_p, "seed": seed,
        "limits": asdict(limits or captioner.config.limits), "part": part, "models": dict(models or {}),
    }  # fmt: skip
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in [0, 1], not {threshold}")
    if part < 1:
        raise ValueError(f"part must be at least 1, not {part}")
    options: dict[str, Any] = {
        "candidates": candidates, "top_p": top_p, "limits": limits, "seed": seed, "scorer": scorer,
        "batch_size": batch_size,
    }  # fmt: skip
    score_pairs([], captioner, filter, **options)  # refuses at once what cannot be
    _begin(folder, job)
    return _clean(pairs, folder, captioner, filter, threshold, part, options)


def _begin(folder: Path, job: dict[str, Any]) -> None:
    path = folder / JOB
    if path.is_file():
        kept = checkpoints.read_json(path)
        if differing := [name for name in job if kept.get(name) != job[name]]:
            raise ValueError(
                f"{folder} holds another job, which differs in {', '.join(differing)}; give an empty folder, or the "
                "same options to go on"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty, and holds no job to go on with; give an empty folder")
    checkpoints.write_text(path, json.dumps(job, indent=1) + "\n")


def _clean(
    pairs: PairSet, folder: Path, captioner: BLIP, judge: BLIP, threshold: float, part: int, options: dict[str, Any]
) -> Iterator[Progress]:
    begun = time.monotonic()
    kept, told, done, unread = {"web": 0, "written": 0}, {"web": 0, "written": 0}, 0, 0

    def count(some: list[Scored]) -> None:
        nonlocal done, unread
        done += sum(one.source == "web" for one in some)
        unread += sum(bool(one.error) for one in some)
        for one in some:
            told[one.source] += 1
            kept[one.source] += decide(one, threshold).kept

    last: Scored | None = None
    for path in _parts(folder):
        kept_part = list(_read(path))
        last = [one for one in kept_part if one.source == "web"][-1]
        count(kept_part)
    first = done
    rest = iter(pairs)
    if last is not None:
        there = next(islice(rest, done - 1, done), None)
        if there is None or (there.uid, there.text) != (last.uid, last.text):
            raise ValueError(f"{folder} has {done} pairs done, and {pairs.source} has others there: it is another set")
    yield Progress(done, pairs.total, unread, dict(kept), dict(told), time.monotonic() - begun, 0)
    number = len(_parts(folder))
    while some := list(islice(rest, part)):
        scored = list(score_pairs(some, captioner, judge, **options))
        lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in scored)
        checkpoints.write_text(folder / _name(number), lines)
        number += 1
        count(scored)
        yield Progress(done, pairs.total, unread, dict(kept), dict(told), time.monotonic() - begun, done - first)


def _parts(folder: Path) -> list[Path]:
    """The parts, in order. Raises `ValueError` where one is missing."""
    parts = sorted(folder.glob("part-*.jsonl"))
    if [part.name for part in parts] != [_name(i) for i in range(len(parts))]:
        raise ValueError(f"a part of {folder} is missing: delete those behind it, or the folder, to do them again")
    return parts


def _name(number: int) -> str:
    return f"part-{number:06d}.jsonl"


def _read(path: Path) -> Iterator[Scored]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield Scored(**json.loads(line))


def decisions(folder: str | Path, threshold: float = 0.5) -> Iterator[Decision]:
    """All texts of a job, in the set's order, decided by this threshold: nothing is computed again."""
    return (decide(one, threshold) for path in _parts(Path(folder)) for one in _read(path))


def export(folder: str | Path, path: str | Path, *, threshold: float = 0.5, format: Format | None = None) -> int:
    """Write the texts that are kept to a file, and return how many; the format is its ending's by default.

    Rows have uid, text, source and all scores; "uids" is DataComp's, a sorted .npy of each uid's two 64-bit halves,
    for uids of 32 hexadecimal digits. Raises `ValueError` for another ending, and for other uids.
    """
    chosen = format or format_of(path)
    rows = [_row(one) for one in decisions(folder, threshold) if one.kept]
    checkpoints.write_bytes(path, _written(rows, chosen))
    return len(rows)


def format_of(path: str | Path) -> Format:
    """The format that a file's ending says. Raises `ValueError` for another ending."""
    endings: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".npy": "uids"}
    if (chosen := endings.get(Path(path).suffix)) is None:
        raise ValueError(f"{Path(path).name} must end in {', '.join(endings)}")
    return chosen


def _row(one: Decision) -> dict[str, Any]:
    scores = {"itm": one.probability, "itc": one.cosine, "clip": one.clip}
    return {"uid": one.uid, "text": one.text, "source": one.source, **scores}


def _written(rows: list[dict[str, Any]], chosen: str) -> bytes:
    if chosen == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if chosen == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["uid", "text", "source", "itm", "itc", "clip"])
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    file = io.BytesIO()
    if chosen == "parquet":
        import pyarrow
        from pyarrow import parquet

        numbers = [(name, pyarrow.float64()) for name in ("itm", "itc", "clip")]
        words = [(name, pyarrow.string()) for name in ("uid", "text", "source")]
        parquet.write_table(pyarrow.Table.from_pylist(rows, pyarrow.schema([*words, *numbers])), file)
        return file.getvalue()
    try:
        halves = sorted({(int(row["uid"][:16], 16), int(row["uid"][16:32], 16)) for row in rows})
    except ValueError as error:
        raise ValueError(
            "DataComp's uids are 32 hexadecimal digits, and these are not; choose another format"
        ) from error
    np.save(file, np.array(halves, dtype=np.dtype("u8,u8")))
    return file.getvalue()
