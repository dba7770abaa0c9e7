"""CircularEval: a question counts as right only if it is under every rotation of its options (Liu et al. 2024, 4.3)."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from playground.mmbench.questions import PASS, Question, group_of

__all__ = ["Ask", "CircularStep", "circular", "circular_steps", "evaluate_circular", "passes", "rotated"]

BATCH = 16  # questions asked at once
Ask = Callable[[Sequence[Question]], Generator[Sequence[str]]]  # a pass's rows in, their answers out by batches


@dataclass(frozen=True)
class CircularStep:
    """One batch of answers: the pass (0: options as they stand), the rows asked, what was answered, the letters read in
    them (None: none), and which are right. Then the calls made, the calls that failed rotations saved, and those that
    may still come; and the questions that failed, that passed, and all."""

    number: int
    asked: tuple[Question, ...]
    predictions: tuple[str, ...]
    letters: tuple[str | None, ...]
    hits: tuple[bool, ...]
    calls: int
    saved: int
    remaining: int
    failed: int
    passed: int
    total: int


def passes(question: Question) -> int:
    """The rotations of a question, itself included: as many as it has options, or 1 where a rotation would change what
    it asks: an option is a letter of the options or holds two of them as words, or its answer is none of them."""
    letters = {letter for letter, _ in question.options}
    if question.answer not in letters:
        return 1
    for _, text in question.options:
        if (
            text.strip() in letters
            or len(letters & set(re.findall(r"(?<![A-Za-z0-9])[A-Z](?![A-Za-z0-9])", text))) >= 2
        ):
            return 1
    return len(letters)


def rotated(question: Question, number: int, *, offset: int = PASS) -> Question:
    """The question in pass `number`, its options shifted right by so many: pass 1 lists D, A, B, C of A, B, C, D.

    Its index is `offset` a pass higher. Raises `ValueError` for a pass that the question does not have.
    """
    count = passes(question)
    if not 0 <= number < count:
        raise ValueError(f"question {question.index} has the passes 0 to {count - 1}, not {number}")
    if not number:
        return question if offset == PASS else replace(question, group=question.index)
    letters = [letter for letter, _ in question.options]
    texts = [text for _, text in question.options]
    options = tuple((letter, texts[(i - number) % count]) for i, letter in enumerate(letters))
    answer = letters[(letters.index(question.answer or "") + number) % count]
    index = question.index + number * offset
    return replace(question, index=index, options=options, answer=answer, group=question.index)


def circular(questions: Iterable[Question]) -> Iterator[Question]:
    """The rows of the circular set, pass by pass as in the official files: all questions, then all rotated once, ...

    Each pass raises the index by 1,000,000, or by the next power of ten that is above all indices; `group` is then the
    only one to tell the question. Raises `ValueError` for questions that are rotations already.
    """
    base = _base(questions)
    offset = _offset(base)
    for number in range(max((passes(one) for one in base), default=0)):
        for one in base:
            if number < passes(one):
                yield rotated(one, number, offset=offset)


def evaluate_circular(
    questions: Iterable[Question],
    answer: Callable[[Sequence[Question]], Sequence[str]],
    *,
    profile: str = "robust",
    batch: int = BATCH,
) -> Iterator[CircularStep]:
    """Ask pass by pass, and no question again that failed one. Each `yield` is a batch; what is asked can be scored.

    A question whose answer is not told fails. One that was answered without a letter is asked on, for a judge may read
    it later; unless its answer declines, it fails with its last pass. Raises `ValueError` for questions that are
    rotations already, and where there are not as many answers as questions.
    """

    def ask(rows: Sequence[Question]) -> Generator[Sequence[str]]:
        for i in range(0, len(rows), batch):
            yield answer(rows[i : i + batch])

    return circular_steps(questions, ask, profile=profile, batch=batch)


def circular_steps(
    questions: Iterable[Question], ask: Ask, *, profile: str, batch: int, vanilla: bool = False
) -> Generator[CircularStep]:
    """As `evaluate_circular`, where `ask` answers the rows of a pass a batch at a time; with `vanilla` pass 0 alone."""
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, not {batch}")
    return _steps(_base(questions), ask, profile, batch, vanilla)


def _steps(base: list[Question], ask: Ask, profile: str, batch: int, vanilla: bool) -> Generator[CircularStep]:
    from playground.mmbench.extraction import explain_choice

    offset, total = _offset(base), len(base)
    alive = [(one, 1 if vanilla else passes(one), True) for one in base]  # and whether it is right so far
    calls = saved = failed = passed = number = 0
    remaining = sum(count for _, count, _ in alive)
    while alive:
        left: list[tuple[Question, int, bool]] = []
        rows = [rotated(one, number, offset=offset) for one, _, _ in alive]
        with closing(ask(rows)) as answers:
            for i in range(0, len(alive), batch):
                asked, said = tuple(rows[i : i + batch]), tuple(next(answers))
                if len(said) != len(asked):
                    raise ValueError(f"{len(asked)} questions were asked, and {len(said)} answers came")
                read = [explain_choice(text, dict(one.options), profile) for text, one in zip(said, asked, strict=True)]
                letters = tuple(one.letter for one in read)
                hits = tuple(one.answer == letter is not None for one, letter in zip(asked, letters, strict=True))
                for (one, count, right), hit, text, found in zip(alive[i : i + batch], hits, said, read, strict=True):
                    later = count - number - 1
                    calls, remaining = calls + 1, remaining - 1
                    unread = found.letter is None and not found.refused and bool(text.strip())
                    if later and (hit or (unread and one.answer is not None)):
                        left.append((one, count, right and hit))
                    elif hit and right:
                        passed += 1
                    else:
                        failed, saved, remaining = failed + 1, saved + later, remaining - later
                yield CircularStep(number, asked, said, letters, hits, calls, saved, remaining, failed, passed, total)
        alive, number = left, number + 1


def _base(questions: Iterable[Question]) -> list[Question]:
    found = list(questions)
    for one in found:
        if one.group is not None and one.group != one.index:
            raise ValueError(f"question {one.index} is a rotation of {one.group} already: give the questions alone")
    groups = {one.index for one in found}
    for one in found:
        if one.group is None and one.index >= PASS and group_of(one.index) in groups:
            raise ValueError(f"question {one.index} is a rotation of {group_of(one.index)} already: give these alone")
    return found


def _offset(questions: Sequence[Question]) -> int:
    offset, highest = PASS, max((one.index for one in questions), default=0)
    while highest >= offset:
        offset *= 10
    return offset
