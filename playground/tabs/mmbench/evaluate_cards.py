"""The questions of a run as cards, how far each ability is, and which of them a person wants to see."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from playground.figures.mmbench import Tally
from playground.i18n import TEXTS, say
from playground.mmbench import ABILITIES, Question, explain_choice, passes, read_picture, rotated
from playground.tabs.components.question_card import WORDS, Asked, Turn, card
from playground.tabs.mmbench.report_view import rule_names

__all__ = ["OUTCOMES", "Said", "ability_names", "answered", "matching", "passed", "sample", "tallies"]

OUTCOMES = ("all", "passed", "failed", "unparsed", "open")


@dataclass(frozen=True, slots=True)
class Said:
    """One pass of a question: the question as it was asked, what was answered, and the letter read in that."""

    asked: Question
    prediction: str
    letter: str | None

    @property
    def hit(self) -> bool:
        return self.letter is not None and self.letter == self.asked.answer


def passed(question: Question, said: Sequence[Said]) -> bool | None:
    """Whether a question is right in all passes; None while that is not decided, or its answer is not told."""
    if question.answer is None or not said:
        return None
    if any(not one.hit for one in said):
        return False
    return True if len(said) == passes(question) else None


def answered(question: Question | None, said: Sequence[Said], profile: str, language: str) -> str:
    """The card of a question with what was answered so far; None: there is none to show."""
    if question is None:
        return card(None, words=_words(language))
    turns = []
    for one in said:
        rule = explain_choice(one.prediction, dict(one.asked.options), profile).rule
        turns.append(Turn(one.asked.options, one.asked.answer, one.letter, one.prediction, rule))
    fate = passed(question, said)
    turns += list(_not_asked(question, len(said)))
    words = _waiting("later", language) if fate is None else {}
    return card(_asked(question, turns, fate, language), rule_names(language), words=_words(language) | words)


def sample(question: Question, language: str) -> str:
    """The card of a question that nobody has been asked yet, with all its passes."""
    words = {**_waiting("ready", language), "open": say(language, "mmbench.evaluate.card.sample")}
    shown = _asked(question, list(_not_asked(question, 0)), None, language)
    return card(shown, rule_names(language), words=_words(language) | words)


def tallies(questions: Sequence[Question], said: Mapping[int, Sequence[Said]]) -> list[Tally]:
    """How far the questions of each ability are, in the order of the taxonomy; of level 3, or of level 2 where the
    questions have no other."""
    counts: dict[str, list[int]] = {}
    for one in questions:
        own = counts.setdefault(one.category or one.l2_category or "–", [0, 0, 0])
        own[{True: 0, False: 1, None: 2}[passed(one, said.get(one.index, ()))]] += 1
    order = {name: i for i, name in enumerate(ABILITIES)}
    return [Tally(name, *counts[name]) for name in sorted(counts, key=lambda name: (order.get(name, 99), name))]


def matching(
    questions: Sequence[Question], said: Mapping[int, Sequence[Said]], ability: str, outcome: str
) -> list[Question]:
    """The questions of an ability ("": of all) that came to an outcome in `OUTCOMES`."""
    return [
        one
        for one in questions
        if ability in ("", one.category, one.l2_category) and _came_to(one, said.get(one.index, ()), outcome)
    ]


def _came_to(question: Question, said: Sequence[Said], outcome: str) -> bool:
    if outcome == "unparsed":
        return any(one.letter is None for one in said)
    fate = {True: "passed", False: "failed", None: "open"}[passed(question, said)]
    return outcome in ("all", fate)


def ability_names(language: str) -> dict[str, str]:
    """The abilities in the page's language, by the names of the TSV."""
    return {name: one.chinese if language == "zh-CN" else one.english for name, one in ABILITIES.items()}


def _asked(question: Question, turns: Sequence[Turn], fate: bool | None, language: str) -> Asked:
    ability = question.category or question.l2_category
    return Asked(
        question.index, _picture(question), question.question, question.hint,
        ability_names(language).get(ability, ability), turns, fate,
    )  # fmt: skip


def _not_asked(question: Question, begin: int) -> Iterator[Turn]:
    for number in range(begin, passes(question)):
        one = rotated(question, number)
        yield Turn(one.options, one.answer, None, "", "", asked=False)


def _picture(question: Question) -> bytes | None:
    """The picture's file; what cannot be read is none that the card can show, and the card says so."""
    if question.picture is None:
        return None
    try:
        return read_picture(question.picture)
    except ValueError:
        return b""


def _waiting(key: str, language: str) -> dict[str, str]:
    """What is said of a pass that is still to come."""
    texts = TEXTS[language]
    return {"not_asked": texts[f"mmbench.evaluate.card.{key}"], "why": texts[f"mmbench.evaluate.card.{key}.why"]}


def _words(language: str) -> dict[str, str]:
    texts = TEXTS[language]
    return {name: texts[key] for name in WORDS if (key := f"mmbench.card.{name}") in texts}
