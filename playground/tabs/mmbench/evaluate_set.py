"""The questions that a model is asked: of the mini benchmark, drawn as they are needed, or of somebody's TSV."""

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from playground.mmbench import Problem, Question, group_of, read_tsv
from playground.mmbench.mini import mini_benchmark
from playground.tabs.jobs import place_of

__all__ = ["MOST_ROWS", "QuestionSet", "chosen", "kept_safe", "mini", "table"]

MOST_ROWS = 100_000  # of a TSV: a model is asked each of them several times
DRAWN = 4  # mini benchmarks that are kept, by seed and language


@dataclass(frozen=True, eq=False)
class QuestionSet:
    """The questions, each once; what was wrong in their file; and how many of its rows were rotations of others, which
    are left aside where the answers are told, for they are made again."""

    questions: tuple[Question, ...]
    problems: tuple[Problem, ...] = ()
    rotations: int = 0

    @property
    def told(self) -> int:
        """Questions that tell their answer."""
        return sum(one.answer is not None for one in self.questions)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({one.split for one in self.questions if one.split}))


@dataclass
class _Drawing:
    """A mini benchmark as far as it is drawn: a longer one begins with the shorter one."""

    source: Iterator[Question]
    questions: list[Question] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@lru_cache(maxsize=DRAWN)
def _drawing(seed: int, language: str) -> _Drawing:
    return _Drawing(mini_benchmark(MOST_ROWS, seed=seed, language=language))


def mini(count: int, seed: int, language: str) -> Iterator[tuple[Question, ...]]:
    """The first so many questions of the mini benchmark: those drawn so far, one more each time, at last all."""
    drawing = _drawing(seed, language)
    while True:
        with drawing.lock:
            if len(drawing.questions) < count:
                drawing.questions.append(next(drawing.source))
            drawn = tuple(drawing.questions[:count])
        yield drawn
        if len(drawn) == count:
            return


@lru_cache(maxsize=4)
def table(path: str) -> QuestionSet:
    """An uploaded TSV, kept for a week: its path is its own, and reading 200 MB again at each change takes seconds.

    Raises `ValueError` for what is no MMBench TSV, has no row that can be asked, or more than 100,000.
    """
    problems: list[Problem] = []
    rows = list(islice(read_tsv(kept_safe(path), problems=problems), MOST_ROWS + 1))
    name = Path(path).name
    if len(rows) > MOST_ROWS:
        raise ValueError(f"{name} has more than {MOST_ROWS:,} rows: split it into several files")
    if not rows:
        first = f"; {problems[0]}" if problems else ""
        raise ValueError(f"{name} has no question that can be asked{first}")
    there = {one.index for one in rows}
    groups = [group_of(one.index, one.group) for one in rows]
    turned = [group != one.index and group in there for one, group in zip(rows, groups, strict=True)]
    told = any(one.answer is not None for one in rows)
    # A rotation whose question is not there is a question of its own. Without answers none can be made, so that those
    # of the file are asked as they are.
    questions = tuple(
        replace(one, group=None) if one.group != one.index else one
        for one, again in zip(rows, turned, strict=True)
        if not (again and told)
    )
    return QuestionSet(questions, tuple(problems), sum(turned))


def chosen(given: QuestionSet, *, split: str = "", first: int = 0) -> QuestionSet:
    """Those of a split ("": of all), of these the first so many (0: all). Raises `ValueError` where none is left."""
    own = [one for one in given.questions if not split or one.split == split]
    if not own:
        known = ", ".join(given.splits) or "none at all"
        raise ValueError(f"no question is of the split {split[:40]!r}; the file has {known}")
    return replace(given, questions=tuple(own[:first] if first else own))


def kept_safe(path: str) -> str:
    """The same upload where it stays for a week: Gradio deletes its own after an hour, and pictures are read late."""
    folder = place_of("playground-mmbench-sets", (), [path])
    folder.mkdir(mode=0o700, exist_ok=True)
    os.utime(folder)
    there = folder / Path(path).name
    if not there.is_file():
        part = folder / f"{os.getpid()}-{threading.get_ident()}.part"
        try:
            os.link(path, part)
        except OSError:  # on another disk
            shutil.copyfile(path, part)
        part.replace(there)
    return str(there)
