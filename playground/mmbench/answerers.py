"""Who answers: chance, one letter for ever, and anything that scores texts beside a picture."""

import random
from collections.abc import Callable, Sequence

from PIL import Image

from playground.mmbench.pictures import open_picture
from playground.mmbench.questions import Question

__all__ = ["Answer", "by_chance", "by_letter", "by_scores", "prompt_of"]

Answer = Callable[[Sequence[Question]], Sequence[str]]  # a batch of questions, each with what was answered


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


def by_scores(score: Callable[[Image.Image, str, Sequence[str]], Sequence[float]]) -> Answer:
    """The option whose text scores highest: `score(picture, question, options)` gives a number each.

    Raises `ValueError` for a question without a picture and for scores that are not one an option.
    """

    def answer(questions: Sequence[Question]) -> list[str]:
        found = []
        for question in questions:
            if question.picture is None:
                raise ValueError(f"question {question.index} has no picture")
            texts = [text for _, text in question.options]
            values = list(score(open_picture(question.picture), question.question, texts))
            if len(values) != len(texts):
                raise ValueError(f"question {question.index} has {len(texts)} options, and {len(values)} scores came")
            found.append(question.options[max(range(len(texts)), key=values.__getitem__)][0])
        return found

    return answer
