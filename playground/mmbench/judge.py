"""A judge: a language model that reads the answers which rules leave open, in the official order (Liu et al. 2024).

Rules come first, on every row. A question of whose rotations one is decided to a wrong letter is lost, and no judge is
asked about it; of the others only the rows left open are judged, pass by pass, until the first miss.
"""

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from playground.mmbench.extraction import explain_choice
from playground.mmbench.predictions import Predictions
from playground.mmbench.questions import Question
from playground.mmbench.report import Row
from playground.mmbench.scoring import decide_rows
from playground.mmbench.verdicts import MOST_REPLY, Verdict, mark_of

__all__ = ["FALLBACKS", "BusyError", "Judge", "JudgeStep", "audit_rows", "judge_prompt", "judge_rows",
           "rule_verdicts"]  # fmt: skip

Judge = Callable[[str], str]  # a prompt in, a reply out; OSError and ValueError where it cannot
FALLBACKS = ("none", "random")
TRIES = 3  # as the official toolkit
LOST = 5  # rows in a row of which every call failed: no use in going on
PAUSE = 1.0  # seconds before the second try of a call that failed, twice that before the third, ...
LONGEST = 10.0  # seconds of a pause, whatever an endpoint asks for: a person may want to stop
CJK = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
OPEN = "empty"  # the rule of an answer in which there is nothing to judge

ENGLISH = """\
You are given a question with lettered options, and an answer that somebody gave in their own words. Decide which \
option the answer means, and reply with its letter: one capital letter and nothing else. If no option is similar in \
meaning to the answer, reply Z. Do not judge whether the answer is right.

Example
Question: What is the man at the table doing?
Options:
A. having a meal
B. writing a letter
C. fixing a radio
D. taking a nap
Answer: He holds a spoon and eats from a bowl of soup.
Letter: A

Example
Question: What is the man at the table doing?
Options:
A. having a meal
B. writing a letter
C. fixing a radio
D. taking a nap
Answer: The walls of the room are painted green.
Letter: Z

Now decide.
Question: {question}
Options:
{options}
Answer: {prediction}
Letter:"""
CHINESE = """\
下面有一道带选项的单选题，以及某人用自己的话给出的回答。请判断这个回答对应哪个选项，并只回复该选项的字母：一个大写字母，不要回复其他内容。\
如果没有任何选项与回答的意思相近，请回复 Z。不要判断回答是否正确。

示例
问题：桌边的男人在做什么？
选项：
A. 吃饭
B. 写信
C. 修收音机
D. 打盹
回答：他拿着勺子，正在喝碗里的汤。
字母：A

示例
问题：桌边的男人在做什么？
选项：
A. 吃饭
B. 写信
C. 修收音机
D. 打盹
回答：房间的墙壁刷成了绿色。
字母：Z

现在请判断。
问题：{question}
选项：
{options}
回答：{prediction}
字母："""


class BusyError(OSError):
    """A judge that asks for a pause, in seconds, before it is asked again."""

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass(frozen=True)
class JudgeStep:
    """Rows done of all that wait for the judge; the calls made, the rows that need none since their question is lost,
    the newest verdict (None: none was made), and all verdicts so far, a view that goes on growing."""

    done: int
    total: int
    calls: int
    saved: int
    newest: Verdict | None
    verdicts: Mapping[int, Verdict]


def judge_prompt(question: str, options: Mapping[str, str], prediction: str) -> str:
    """What a judge is asked: in Chinese where the question is, and for one capital letter, Z for none."""
    listed = "\n".join(f"{letter}. {text}" for letter, text in options.items())
    template = CHINESE if CJK.search(question) else ENGLISH
    return template.format(question=question, options=listed, prediction=prediction)


def judge_rows(
    predictions: Predictions | Mapping[int, str],
    questions: Iterable[Question] | None,
    judge: Judge,
    *,
    profile: str = "robust",
    name: str = "",
    tries: int = TRIES,
    fallback: str = "none",
    seed: int = 0,
    known: Mapping[int, Verdict] | None = None,
    every: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[JudgeStep]:
    """Ask the judge, called `name` in its verdicts, about the rows that the rules of the profile leave open.

    Without the questions, they are those that the predictions' file tells, with their options and answers.
    Its replies are read by the same rules. A call that fails and a reply that cannot be read count as a try; after
    `tries` the row stays unparsed, and so wrong. `fallback` "random" draws it from the letters and Z instead, as the
    official toolkit does, but from `seed`, and the verdict says so. What is in `known`, of the same judge, answer and
    profile, is not asked again, unless its last call had failed. With `every`, rows of lost questions are judged too:
    circular accuracy is the same, vanilla is then whole. An empty answer is judged by no model in `robust`.

    The first step has no verdict; each of the others is a place to stop. Raises `ValueError` for bad settings and as
    `score` does; `OSError` where a key, address or model is refused, and where on 5 rows in a row all calls failed.
    """
    if fallback not in FALLBACKS:
        raise ValueError(f"fallback must be one of {', '.join(FALLBACKS)}, not {fallback!r}")
    groups = dict[int, list[tuple[Row, Question]]]()
    for row, question in _decided(predictions, questions, profile):
        groups.setdefault(row.group, []).append((row, question))
    waiting, saved = list[list[tuple[Row, Question]]](), 0
    for group in groups.values():
        left = [(row, question) for row, question in group if _open(row, profile)]
        lost = any(not row.hit for row, _ in group if not _open(row, profile))
        if profile == "vlmevalkit" and all(row.index != row.group for row, _ in group):
            lost = True  # without its first pass that toolkit leaves it out
        saved += len(left) if lost and not every else 0
        waiting += [left] if left and not (lost and not every) else []
    asking = _Asking(judge, profile, name, tries, fallback, seed, dict(known or {}), wait)
    done, total = 0, sum(map(len, waiting))
    yield JudgeStep(done, total, 0, saved, None, asking.view)
    for group in waiting:
        for i, (row, question) in enumerate(group):
            before = asking.known(row, question)
            made = before or asking.ask(row, question)
            done += 1
            stop = made.letter != row.answer and not every
            if stop:
                saved, done = saved + len(group) - i - 1, done + len(group) - i - 1
            if before is None or done == total:
                yield JudgeStep(done, total, asking.calls, saved, None if before else made, asking.view)
            asking.check()
            if stop:
                break


def audit_rows(
    predictions: Predictions | Mapping[int, str],
    questions: Iterable[Question] | None,
    judge: Judge,
    count: int,
    *,
    profile: str = "robust",
    name: str = "",
    tries: int = TRIES,
    seed: int = 0,
    known: Mapping[int, Verdict] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[JudgeStep]:
    """Ask the judge about `count` of the rows that the rules did decide, drawn from `seed`: `agreement` with
    `rule_verdicts` then tells how far the two agree. Their score is not changed. As `judge_rows`."""
    if count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    decided = [pair for pair in _decided(predictions, questions, profile) if pair[0].letter is not None]
    drawn = random.Random(seed).sample(decided, min(count, len(decided)))
    asking = _Asking(judge, profile, name, tries, "none", seed, dict(known or {}), wait)
    yield JudgeStep(0, len(drawn), 0, 0, None, asking.view)
    for done, (row, question) in enumerate(drawn, 1):
        made = None if asking.known(row, question) else asking.ask(row, question)
        if made is not None or done == len(drawn):
            yield JudgeStep(done, len(drawn), asking.calls, 0, made, asking.view)
        asking.check()


def rule_verdicts(
    predictions: Predictions | Mapping[int, str], questions: Iterable[Question] | None, *, profile: str = "robust"
) -> dict[int, Verdict]:
    """The rows that the rules alone decide to a letter, as verdicts."""
    return {
        row.index: Verdict(row.index, row.letter, "rules", mark=_mark(row, question, profile))
        for row, question in _decided(predictions, questions, profile)
        if row.letter is not None
    }


def _decided(
    predictions: Predictions | Mapping[int, str], questions: Iterable[Question] | None, profile: str
) -> list[tuple[Row, Question]]:
    found = decide_rows(predictions, questions, profile, [])
    return [pair for pair in zip(found.rows, found.asked, strict=True) if pair[1].answer is not None]


def _open(row: Row, profile: str) -> bool:
    """Whether the rules leave the row to a judge."""
    empty = profile == "robust" and row.rule == OPEN
    return row.letter is None and not row.refused and row.rule != "no_options" and not empty


def _mark(row: Row, question: Question, profile: str) -> str:
    return mark_of(row.prediction, dict(question.options), profile)


class _Asking:
    """One judge in the course of one run: its calls, its verdicts, and the rows in a row on which it failed."""

    def __init__(
        self, judge: Judge, profile: str, name: str, tries: int, fallback: str, seed: int,
        verdicts: dict[int, Verdict], wait: Callable[[float], None],
    ) -> None:  # fmt: skip
        if tries < 1:
            raise ValueError(f"tries must be 1 or more, not {tries}")
        self.judge, self.profile, self.name, self.tries = judge, profile, name, tries
        self.fallback, self.seed, self.wait = fallback, seed, wait
        self.verdicts, self.view = verdicts, MappingProxyType(verdicts)
        self.calls = self.lost = 0
        self.last = ""  # why the last row failed

    def known(self, row: Row, question: Question) -> Verdict | None:
        """The verdict that is there already, if it is on this very row and its last call had not failed."""
        one = self.verdicts.get(row.index)
        if (
            one is None
            or one.error
            or one.judge != self.name
            or one.mark not in ("", _mark(row, question, self.profile))
        ):
            return None
        self.verdicts[row.index] = self._settled(one, question)
        return self.verdicts[row.index]

    def ask(self, row: Row, question: Question) -> Verdict:
        options = dict(question.options)
        prompt = judge_prompt(question.question, options, row.prediction)
        reply, error, failed, letter, read = "", "", 0, None, False
        for number in range(1, self.tries + 1):
            try:
                self.calls += 1
                reply, error = self.judge(prompt), ""
            except (PermissionError, FileNotFoundError) as refused:  # the same at every call
                raise OSError(self._kept(str(refused))) from refused
            except (OSError, ValueError) as fault:
                error, failed = " ".join(str(fault).split())[:500] or type(fault).__name__, failed + 1
                if number < self.tries and isinstance(fault, OSError):
                    self.wait(min(max(PAUSE * 2 ** (number - 1), getattr(fault, "pause", 0.0)), LONGEST))
                continue
            found = explain_choice(reply, options, profile=self.profile)
            if found.letter is not None or found.refused:
                letter, read = found.letter, True
                break
        self.lost = self.lost + 1 if failed == self.tries else 0
        self.last, mark = error, _mark(row, question, self.profile)
        made = Verdict(row.index, letter, "judge" if read else "unparsed", reply[:MOST_REPLY], number, error, self.name,
                       mark)  # fmt: skip
        self.verdicts[row.index] = self._settled(made, question)
        return self.verdicts[row.index]

    def check(self) -> None:
        """Raise `OSError` where the judge has failed too often to go on."""
        if self.lost >= LOST:
            raise OSError(self._kept(f"the judge failed on {LOST} rows in a row, at last since {self.last}"))

    def _kept(self, text: str) -> str:
        good = sum(not one.error for one in self.verdicts.values())
        return f"{text.rstrip('.')}; the {good:,} verdicts so far are kept"

    def _settled(self, one: Verdict, question: Question) -> Verdict:
        """A verdict that could not be read, by the fallback of this run."""
        if one.by not in ("unparsed", "fallback"):
            return one
        if self.fallback == "none":
            return replace(one, letter=None, by="unparsed")
        letters = [letter for letter, _ in question.options]
        drawn = random.Random(f"{self.seed} {one.index}").choice([*letters, *(["Z"] if "Z" not in letters else [])])
        return replace(one, letter=drawn if drawn in letters else None, by="fallback")
