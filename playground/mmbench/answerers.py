"""Who answers: chance, one letter for ever, the commonest answer, and anything that scores texts beside a picture."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from PIL import Image

from playground.mmbench.pictures import Picture, open_picture
from playground.mmbench.questions import Question

__all__ = [
    "Answer", "Scores", "best_options", "by_chance", "by_letter", "by_majority", "by_scores", "majority_of",
    "picture_of", "pictures_of", "prompt_of",
]  # fmt: skip

Answer = Callable[[Sequence[Question]], Sequence[str]]  # a batch of questions, each with what was answered
Scores = Callable[[Sequence[Question]], Sequence[Sequence[float]]]  # a batch, each with a number for every option


def prompt_of(question: Question) -> str:
    """The official prompt: hint, question, options, and what is to be done (VLMEvalKit, also for Chinese)."""
    hint = f"Hint: {question.hint}\n" if question.hint else ""
    options = "".join(f"{letter}. {text}\n" for letter, text in question.options)
    end = "Please select the correct answer from the options above. \n" if question.options else ""
    return f"{hint}Question: {question.question}\n" + (f"Options:\n{options}" if options else "") + end


def by_chance(seed: int = 0) -> Answer:
    """A letter drawn evenly for each row; the same row is always answered alike."""

    def answer(questions: Sequence[Question]) -> list[str]:
        return [random.Random(f"{seed} {q.index}").choice([letter for letter, _ in q.options]) for q in questions]

    return answer


def by_letter(letter: str = "A") -> Answer:
    """The same letter, whatever is asked: what CircularEval never lets pass."""
    return lambda questions: [letter] * len(questions)


def by_majority(questions: Iterable[Question]) -> Answer:
    """The letter of `majority_of` for ever: who answers so has seen no picture. Raises as that does."""
    return by_letter(majority_of(questions))


def majority_of(questions: Iterable[Question]) -> str:
    """The letter that is most often right, the first of several. Raises `ValueError` where no answer is told."""
    told = Counter(one.answer for one in questions if one.answer is not None)
    if not told:
        raise ValueError("no question tells its answer, so that none is the commonest")
    return min(told, key=lambda letter: (-told[letter], letter))


def by_scores(score: Callable[[Image.Image, str, Sequence[str]], Sequence[float]]) -> Answer:
    """The option whose text scores highest: `score(picture, question, options)` gives a number each.

    Raises `ValueError` for a question without a picture and for scores that are not one an option.
    """

    def scores(questions: Sequence[Question]) -> list[Sequence[float]]:
        found: list[Sequence[float]] = []
        for question in questions:
            texts = [text for _, text in question.options]
            found.append(list(score(picture_of(question), question.question, texts)))
        return found

    return best_options(scores)


def best_options(scores: Scores) -> Answer:
    """The option that scores highest, of several the first. Raises `ValueError` unless there is a score an option."""

    def answer(questions: Sequence[Question]) -> list[str]:
        found = []
        for question, values in zip(questions, scores(questions), strict=True):
            n = len(question.options)
            if len(values) != n:
                raise ValueError(f"question {question.index} has {n} options, and {len(values)} scores came")
            found.append(question.options[max(range(n), key=values.__getitem__)][0])
        return found

    return answer


def picture_of(question: Question) -> Image.Image:
    """The question's picture, of several the first, in RGB. Raises `ValueError` as `pictures_of`."""
    return _opened(question, question.picture)


def pictures_of(question: Question) -> list[Image.Image]:
    """All its pictures in RGB. Raises `ValueError`, naming the question, where there is none or one cannot be read."""
    return [_opened(question, one) for one in (question.picture, *question.more_pictures)]


def _opened(question: Question, picture: Picture | None) -> Image.Image:
    if picture is None:
        raise ValueError(f"question {question.index} has no picture")
    try:
        return open_picture(picture)
    except ValueError as error:
        raise ValueError(f"question {question.index}: {error}") from error
