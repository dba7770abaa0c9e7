"""A sheet of predictions to try scoring with: what a made-up model answers, in words, to questions of still lifes.

It is no measurement. It knows some questions, prefers an early letter on others, and words its answers as models do, so
that every kind of rule has something to decide; a few rows are missing, doubled or unknown, as in real sheets.
"""

import random
from collections.abc import Mapping
from pathlib import Path

from playground import world
from playground.mmbench.circular import circular
from playground.mmbench.questions import LETTERS, Question, cells_of
from playground.mmbench.report import Cell, write_sheet
from playground.mmbench.taxonomy import l2_of

__all__ = ["example_questions", "example_rows", "write_example"]

FIRST = 985_000_000  # of the scenes' seeds: none that anything is trained or graded on
COLUMNS = ("index", "question", *"ABCD", "answer", "category", "l2-category", "split", "prediction")
KNOWN, GUESSED = 0.62, 0.9  # shares of the questions: known, and up to there guessed with a liking for early letters
LIKING = (0.55, 0.25, 0.12, 0.08)  # by letter, of who guesses
# L and T: the letter and text that are meant; l: the letter in lower case; w and W: of another option.
SAID = (
    *["{L}"] * 8, *["{L}. {T}"] * 5, *["The answer is {L}."] * 3, "({L})", "{T}", "The correct answer is {T}.",
    "The answer is {T}.", "It is {T}: one sees it by the shadow.", "Answer: **{L}**", "{l}", "答案是{L}。",
    "I think {L} is the best choice here.", "选{L}，因为图中正是如此。", "Not {w}, but {L}", "\\boxed{{{L}}}",
    "<think>It could be {W}. But no, look at the left.</think>{L}", '{{"answer": "{L}"}}',
    "At first I thought {W}, but actually it is {T}.",
    "Looking at the light and at how the objects stand on the table, I conclude that the picture shows this: {T}",
)  # fmt: skip
MUTE = (  # that name no option, or several
    "I'm sorry, but I can't see any picture.", "无法确定。", "", "{L} or {w}", "It is hard to say.",
    "None of the above", "<think>Let me look at each object in turn, beginning with the one at the",
    "The picture shows a table in soft light.",
)  # fmt: skip


def example_questions(count: int = 60, *, seed: int = 0) -> list[Question]:
    """So many questions about still lifes, without pictures. Raises `ValueError` for a count outside 1..1,000."""
    if not 1 <= count <= 1_000:
        raise ValueError(f"count must lie between 1 and 1,000, not {count}")
    found: list[Question] = []
    scenes = 0
    while len(found) < count:
        asked = world.questions(world.sample(FIRST + 10_000 * seed + scenes))
        scenes += 1
        by_ability = {one.ability: one for one in random.Random(f"{seed} {scenes}").sample(asked, len(asked))}
        for one in by_ability.values():
            options = tuple(zip(LETTERS, one.options, strict=False))
            found.append(
                Question(len(found), one.text, options, one.letter, "", one.ability, l2_of(one.ability) or "", "dev")
            )
    return found[:count]


def example_rows(count: int = 60, *, seed: int = 0) -> list[list[Cell]]:
    """A header in the official columns, and a row for each rotation with its answer. Raises as `example_questions`."""
    draw = random.Random(f"example {seed}")
    questions = example_questions(count, seed=seed)
    knows = {one.index: draw.random() for one in questions}
    rows = list(circular(questions))
    lines = [_line(one, _said(one, knows[one.index if one.group is None else one.group], draw)) for one in rows]
    gone = draw.sample(range(len(lines)), len(lines) // 60)  # rotations that are missing
    lines = [line for i, line in enumerate(lines) if i not in gone]
    again = draw.choice(lines)
    lines.append([*again[:-1], "A" if again[-1] != "A" else "B"])
    lines.append([999_999, *[None] * (len(COLUMNS) - 2), "B"])  # of no question
    lines.append(["x-17", *lines[0][1:-1], "C"])
    return [[*COLUMNS], *lines]


def write_example(path: str | Path, count: int = 60, *, seed: int = 0) -> None:
    """Write it as .xlsx or .csv. Raises as `example_questions` and `write_sheet`."""
    write_sheet(path, example_rows(count, seed=seed))


def _line(question: Question, said: str) -> list[Cell]:
    cells: Mapping[str, Cell] = {**cells_of(question), "prediction": said}
    return [cells.get(name) for name in COLUMNS]


def _said(question: Question, knows: float, draw: random.Random) -> str:
    options = dict(question.options)
    letters = list(options)
    right = question.answer or letters[0]
    if knows < KNOWN:
        meant = right if draw.random() < 0.97 else draw.choice(letters)
    elif knows < GUESSED:
        meant = draw.choices(letters, LIKING[: len(letters)])[0]
    else:
        meant = draw.choice([one for one in letters if one != right])
    other = draw.choice([one for one in letters if one != meant])
    words = {"L": meant, "l": meant.lower(), "T": options[meant], "w": other, "W": options[other]}
    return draw.choice(MUTE if draw.random() < 0.06 else SAID).format(**words)
