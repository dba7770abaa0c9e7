"""Clean a set of any size by CapFilt: in whole parts, resumed where it was killed, decided again at will."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from playground import checkpoints
from playground.blip.capfilt import Scorer, score_pairs
from playground.blip.generation import Limits
from playground.blip.model import BLIP
from playground.blip.rules import Decision, Rule, Scored, decide, decide_all, either
from playground.blip.sets import PairSet

__all__ = ["Engine", "Progress", "by_pair", "clean", "decisions", "scored"]

# The set, how many of its pairs are done, pairs a part and `score_pairs`' options to the parts that are left, in order.
Engine = Callable[[PairSet, int, int, Mapping[str, Any]], Iterator[list[Scored]]]
JOB = "job.json"
PART = 256  # pairs a part


@dataclass(frozen=True)
class Progress:
    """How far a set is cleaned."""

    done: int  # pairs
    total: int | None
    unread: int  # pairs whose picture cannot be read
    kept: Mapping[str, int]  # texts by their source; none where a share is asked, which all of the set decides
    told: Mapping[str, int]  # texts by their source
    seconds: float  # of this run
    fresh: int  # pairs that this run has done


def clean(
    pairs: PairSet,
    folder: str | Path,
    captioner: BLIP,
    filter: BLIP | None,
    *,
    threshold: float | None = None,
    rule: Rule | None = None,
    candidates: int = 1,
    top_p: float = 0.9,
    limits: Limits | None = None,
    seed: int = 0,
    scorer: Scorer | None = None,
    models: Mapping[str, str] | None = None,
    part: int = PART,
    batch_size: int = 16,
    engine: Engine | None = None,
) -> Iterator[Progress]:
    """Score every text of a set into `folder`, a part at a time, yielding after each.

    A part is a file of JSON lines that appears whole or not at all, so a run that was killed goes on behind the last
    one, with nothing lost and nothing twice. The folder must be empty or hold the same job: the same set, seed and
    options, and `models`, names of what is used. `threshold` (of the paper's rule, by default its .5) or `rule` only
    counts what is kept so far: all is scored. Raises `ValueError` for another job, for both, and as `score_pairs`
    does; `OSError` where the disk is full, and what is there stays good.

    `engine` scores elsewhere what these models would score here (`ray_engine.RayEngine`); a job may go on with another.
    """
    folder = Path(folder)
    job: dict[str, Any] = {
        "source": str(pairs.source.resolve()), "kind": pairs.kind, "total": pairs.total,
        "filter": filter is not None, "scorer": scorer is not None, "candidates": candidates, "top_p": top_p,
        "seed": seed, "limits": asdict(limits or captioner.config.limits), "part": part, "models": dict(models or {}),
    }  # fmt: skip
    rule = either(threshold, rule)
    if (filter if rule.by == "itm" else scorer) is None:
        raise ValueError(f"there is no {'filter' if rule.by == 'itm' else 'scorer'} to decide by; give one, or a rule")
    if part < 1:
        raise ValueError(f"part must be at least 1, not {part}")
    options: dict[str, Any] = {
        "candidates": candidates, "top_p": top_p, "limits": limits, "seed": seed, "scorer": scorer,
        "batch_size": batch_size,
    }  # fmt: skip
    score_pairs([], captioner, filter, **options)  # refuses at once what cannot be
    _begin(folder, job)
    return _clean(pairs, folder, captioner, filter, rule, part, options, engine)


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
    pairs: PairSet, folder: Path, captioner: BLIP, judge: BLIP | None, rule: Rule, part: int, options: dict[str, Any],
    engine: Engine | None,
) -> Iterator[Progress]:  # fmt: skip
    begun = time.monotonic()
    kept, told, done, unread = {"web": 0, "written": 0}, {"web": 0, "written": 0}, 0, 0
    if rule.top_share is not None:
        kept = {}

    def count(some: list[Scored]) -> None:
        nonlocal done, unread
        done += sum(one.source == "web" for one in some)
        unread += sum(bool(one.error) for one in some)
        for one in some:
            told[one.source] += 1
            if kept:
                kept[one.source] += decide(one, rule).kept

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
    if engine is not None and next(rest, None) is None:
        return  # no cluster is begun for nothing
    here = (list(score_pairs(some, captioner, judge, **options)) for some in iter(lambda: list(islice(rest, part)), []))
    for some in here if engine is None else engine(pairs, done, part, options):
        lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in some)
        checkpoints.write_text(folder / _name(number), lines)
        number += 1
        count(some)
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


def scored(folder: str | Path) -> Iterator[Scored]:
    """All texts of a job with their scores, in the set's order.

    Raises `FileNotFoundError` where there is no job, `ValueError` where a part is missing.
    """
    if not Path(folder, JOB).is_file():
        raise FileNotFoundError(f"{folder} holds no job: clean a set into it")
    return (one for path in _parts(Path(folder)) for one in _read(path))


def decisions(folder: str | Path, threshold: float | None = None, *, rule: Rule | None = None) -> Iterator[Decision]:
    """All texts of a job, in the set's order, decided by the paper's rule at a threshold (by default .5) or by a rule;
    nothing is computed again, and memory is `decide_all`'s.

    Raises as `scored` does, `ValueError` for both, and as `decide_all` does.
    """
    return decide_all(lambda: scored(folder), either(threshold, rule))


def by_pair(told: Iterable[Decision]) -> Iterator[list[Decision]]:
    """The texts of one pair after another: each begins with the web's."""
    own: list[Decision] = []
    for one in told:
        if one.source == "web" and own:
            yield own
            own = []
        own.append(one)
    if own:
        yield own
