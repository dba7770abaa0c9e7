"""A judge's rows, their order and their file: by scripted judges, against the official order counted by hand."""

import json
import random
import re
from dataclasses import replace

import pytest

from playground.mmbench import Prediction, Predictions, Question, circular, score
from playground.mmbench.judge import BusyError, audit_rows, judge_prompt, judge_rows, rule_verdicts
from playground.mmbench.verdicts import Verdict, agreement, append_verdict, read_verdicts

ANIMALS = ("teddy bear", "rabbit", "cat", "dog")
OPEN = "The one with the long ears, or maybe the other one."  # names no option: left open by both profiles


def question(index, answer="B", k=4):
    return Question(index, f"Which animal is it ({index})?", tuple(zip("ABCD"[:k], ANIMALS, strict=False)), answer,
                    category="ocr", l2_category="finegrained_perception (instance-level)", split="dev")  # fmt: skip


class Scripted:
    """A judge that says what a script says of the question in its prompt, and remembers what it was asked."""

    def __init__(self, say):
        self.say, self.asked = say, []

    def __call__(self, prompt):
        own = prompt.rpartition("Now decide.")[2]
        options = dict(re.findall(r"^([A-Z])\. (.+)$", own, re.MULTILINE))
        self.asked.append((int(re.search(r"\((\d+)\)\?", own).group(1)), options))
        said = self.say(*self.asked[-1])
        if isinstance(said, Exception):
            raise said
        return said


def rabbit(_, options):
    return next(letter for letter, text in options.items() if text == "rabbit")


def nothing(_seconds):
    """No pause."""


def run(*arguments, **settings):
    steps = list(judge_rows(*arguments, wait=nothing, **settings))
    return steps, dict(steps[-1].verdicts)


@pytest.mark.parametrize("profile", ["robust", "vlmevalkit"])
def test_rules_come_first_and_a_question_that_is_lost_costs_no_call(profile):
    """1: all open. 2: right by rules in pass 0, open else. 3: pass 2 is wrong by the rules. 4: all right by rules.
    5: declines in pass 3, which the rules decide."""
    rows = list(circular(question(i) for i in range(1, 6)))
    said = {row.index: OPEN for row in rows}
    said |= {2: "B", 2000003: "A" if next(r for r in rows if r.index == 2000003).answer != "A" else "C"}
    said |= {row.index: row.answer for row in rows if row.index % 1000000 == 4}
    said[3000005] = "Cannot determine the answer"
    judge = Scripted(rabbit)
    steps, verdicts = run(said, rows, judge, profile=profile, name="me")
    assert [index for index, _ in judge.asked] == [1] * 4 + [2] * 3
    assert (steps[-1].done, steps[-1].total, steps[-1].calls, steps[-1].saved) == (7, 7, 7, 6)
    assert (steps[0].done, steps[0].newest, len(steps)) == (0, None, 8)
    assert list(verdicts) == [1, 1000001, 2000001, 3000001, 1000002, 2000002, 3000002]
    assert all(one.by == "judge" and one.tries == 1 and one.judge == "me" for one in verdicts.values())
    report = score(said, rows, profile=profile, verdicts=verdicts)
    assert [one.hit for one in report.groups] == [True, True, False, True, False]
    assert (report.judged.judge, report.judged.not_judged, report.judged.name) == (7, 6, "me")
    assert report.decided == {"rules": 7, "judge": 7, "fallback": 0, "unparsed": 6}
    assert [one.hit for one in score(said, rows, profile=profile).groups] == [False, False, False, True, False]


def test_a_question_is_lost_at_the_first_miss_of_the_judge():
    rows = list(circular([question(1), question(2)]))
    judge = Scripted(lambda index, options: "Z" if index == 1 and options["A"] == "dog" else rabbit(index, options))
    steps, verdicts = run({row.index: OPEN for row in rows}, rows, judge)
    assert [index for index, _ in judge.asked] == [1, 1, 2, 2, 2, 2]  # pass 1 lists dog, teddy bear, ...
    assert (steps[-1].done, steps[-1].calls, steps[-1].saved) == (8, 6, 2)
    assert (verdicts[1000001].letter, verdicts[1000001].by, verdicts[1000001].reply) == (None, "judge", "Z")
    every, _ = run({row.index: OPEN for row in rows}, rows, judge, every=True)
    assert (every[-1].calls, every[-1].saved) == (8, 0)
    report = score({row.index: OPEN for row in rows}, rows, verdicts=verdicts)
    assert [(one.hit, one.vanilla) for one in report.groups] == [(False, True), (True, True)]
    assert report.decided == {"rules": 0, "judge": 6, "fallback": 0, "unparsed": 2}
    assert report.matching.judged_acc == 5 / 6
    assert report.matching.llm_match_acc == 5 / 8
    assert (report.matching.exact_match_rate, report.matching.matched_acc) == (0, None)


def test_a_reply_is_read_by_the_rules_of_the_profile_and_tried_again():
    said = iter(["I would not know.", OSError("down"), "**B**. Long ears, a rabbit."])
    _, verdicts = run({1: OPEN}, [question(1)], Scripted(lambda *_: next(said)))
    assert (verdicts[1].letter, verdicts[1].by, verdicts[1].tries, verdicts[1].error) == ("B", "judge", 3, "")
    said = iter(["the answer is blue"] * 6)  # a letter to the official rules alone
    for profile, letter in (("vlmevalkit", "B"), ("robust", None)):
        _, verdicts = run({1: OPEN}, [question(1)], Scripted(lambda *_: next(said)), profile=profile)
        assert verdicts[1].letter == letter
    assert (verdicts[1].by, verdicts[1].tries, verdicts[1].reply) == ("unparsed", 3, "the answer is blue")
    _, verdicts = run({1: OPEN}, [question(1)], Scripted(lambda *_: "y" * 5000), tries=2)
    assert (verdicts[1].tries, len(verdicts[1].reply)) == (2, 2000)


def test_the_fallback_is_an_even_draw_over_the_letters_and_z_and_repeats():
    rows = [question(i) for i in range(800)]
    said = {row.index: OPEN for row in rows}
    _, none = run(said, rows, Scripted(lambda *_: "?"), tries=1)
    assert {(one.letter, one.by) for one in none.values()} == {(None, "unparsed")}
    _, drawn = run(said, rows, Scripted(lambda *_: "?"), tries=1, fallback="random")
    for letter in (*"ABCD", None):
        share = sum(one.letter == letter for one in drawn.values()) / 800
        assert abs(share - 1 / 5) < 5 * (0.2 * 0.8 / 800) ** 0.5
    judge = Scripted(lambda *_: "?")
    _, again = run(said, rows, judge, tries=1, fallback="random", known=none)
    assert (again, judge.asked) == (drawn, [])  # what could not be read is drawn, not asked again
    _, back = run(said, rows, judge, tries=1, known=drawn)
    assert (back, judge.asked) == (none, [])
    assert run(said, rows, judge, tries=1, fallback="random", seed=1)[1] != drawn
    report = score(said, rows, verdicts=drawn)
    assert report.decided["fallback"] == 800
    assert report.matching.llm_match_acc == 0  # a draw is no reading
    assert 0.1 < report.overall.circular.value < 0.3


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    rows = [question(i) for i in range(6)]
    said = {row.index: OPEN for row in rows}
    path = tmp_path / "verdicts.jsonl"
    assert read_verdicts(path) == {}
    for step in judge_rows(said, rows, Scripted(rabbit), name="me"):
        if step.newest is not None:
            append_verdict(path, step.newest)
        if step.done == 3:
            break
    path.write_bytes(path.read_bytes() + b'{"index": 3, "let')  # cut off in the middle of a line
    judge = Scripted(rabbit)
    for step in judge_rows(said, rows, judge, name="me", known=read_verdicts(path)):
        if step.newest is not None:
            append_verdict(path, step.newest)
    assert [index for index, _ in judge.asked] == [3, 4, 5]
    assert read_verdicts(path) == run(said, rows, Scripted(rabbit), name="me")[1]
    assert len(path.read_bytes().splitlines()) == 6
    known = read_verdicts(path)
    for name, changed in (("you", said), ("me", said | {2: OPEN + " Or not."})):  # another judge, another answer
        judge = Scripted(rabbit)
        run(changed, rows, judge, name=name, known=known)
        assert len(judge.asked) == (6 if name == "you" else 1)
    judge = Scripted(rabbit)
    run(said, rows, judge, name="me", known=known | {4: replace(known[4], error="down")})
    assert [index for index, _ in judge.asked] == [4]


def test_verdicts_of_any_text_are_read_back_and_lines_that_are_none_are_told(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    whole = [
        Verdict(1, "B", "judge", "答案\u2028是\ud800B\n", 2, "", "模型", "ab"),
        Verdict(2, None, "unparsed", error="x"),
    ]
    for one in (*whole, replace(whole[0], letter="C")):
        append_verdict(path, one)
    assert read_verdicts(path) == {1: replace(whole[0], letter="C"), 2: whole[1]}
    good = {"index": 1, "letter": "B", "by": "judge"}
    wrong = (
        {"index": "1"},
        {"index": True},
        {"letter": "BB"},
        {"letter": "b"},
        {"by": "me"},
        {"tries": "2"},
        {"reply": 3},
    )
    for line in ("nonsense", "[]", "[" * 5000, *(json.dumps(good | one) for one in wrong)):
        (tmp_path / "bad.jsonl").write_text(line + "\n")
        with pytest.raises(ValueError, match=r"^bad.jsonl, line 1, is no verdict$"):
            read_verdicts(tmp_path / "bad.jsonl")


def test_a_judge_that_fails_again_and_again_ends_the_run_and_nothing_is_lost():
    rows = [question(i) for i in range(20)]
    said = {row.index: OPEN for row in rows}
    waits, found = [], {}
    judge = Scripted(lambda index, options: OSError("down") if index >= 4 else rabbit(index, options))
    steps = judge_rows(said, rows, judge, wait=waits.append)
    with pytest.raises(
        OSError, match=r"^the judge failed on 5 rows in a row, at last since down; the 4 verdicts so far "
    ):
        found.update((step.newest.index, step.newest) for step in steps if step.newest)
    assert len(judge.asked) == 4 + 5 * 3
    assert waits == [1, 2] * 5
    assert [one.letter for one in found.values()] == ["B"] * 4 + [None] * 5
    assert [one.error for one in found.values()] == [""] * 4 + ["down"] * 5
    _, verdicts = run(said, rows, Scripted(rabbit), known=found)
    assert {one.letter for one in verdicts.values()} == {"B"}
    refused = Scripted(lambda *_: PermissionError("the endpoint refuses the key (401)"))
    with pytest.raises(OSError, match=r"^the endpoint refuses the key \(401\); the 0 verdicts so far are kept$"):
        run(said, rows, refused)
    assert len(refused.asked) == 1


def test_failures_between_successes_do_not_end_it_and_a_busy_judge_is_given_its_time():
    rows = [question(i) for i in range(12)]
    said = {row.index: OPEN for row in rows}
    judge = Scripted(lambda index, options: ValueError("nonsense") if index % 5 else rabbit(index, options))
    _, verdicts = run(said, rows, judge)
    assert [one.letter for one in verdicts.values()] == ["B" if i % 5 == 0 else None for i in range(12)]
    waits, busy = [], iter([BusyError("429", 7), BusyError("429", 3600), "B"])
    list(judge_rows({1: OPEN}, [question(1)], Scripted(lambda *_: next(busy)), wait=waits.append))
    assert waits == [7, 10]


def test_an_empty_answer_is_no_ones_to_judge():
    one = replace(question(1), options=(("A", "fox"), ("B", "hen")))
    for profile, calls in (("robust", 0), ("vlmevalkit", 1)):  # there it reads nan, and is asked about
        judge = Scripted(lambda *_: "B")
        run({1: ""}, [one], judge, profile=profile)
        assert len(judge.asked) == calls


def test_an_audit_asks_about_decided_rows_and_measures_the_agreement():
    rows = [question(i) for i in range(100)]
    said = {row.index: "B" if row.index % 4 else "A" for row in rows} | {7: OPEN}
    judge = Scripted(lambda index, _: "B" if index % 8 else "D")
    verdicts = dict(list(audit_rows(said, rows, judge, 60, seed=3, name="me"))[-1].verdicts)
    assert len(judge.asked) == len(verdicts) == 60
    assert 7 not in verdicts
    found = agreement(rule_verdicts(said, rows), verdicts)
    apart = tuple(index for index in sorted(verdicts) if index % 4 == 0)
    assert (found.n, found.splits) == (60, apart)
    report = score(said, rows, verdicts=verdicts)
    assert report.judged.agreement == found
    assert report.scores == score(said, rows).scores  # the rules are followed
    assert report.judged.not_judged == 1
    judge.asked.clear()
    list(audit_rows(said, rows, judge, 60, seed=3, name="me", known=verdicts))
    assert not judge.asked
    with pytest.raises(ValueError, match="count must be 1 or more, not 0"):
        next(audit_rows(said, rows, judge, 0))


def test_kappa_is_cohens():
    """Cohen 1960, with 35 + 15 of 50 alike and the margins 25/25 and 30/20: p_e = .5, kappa = (.7 - .5)/.5 = .4."""
    letters = [("A", "A")] * 20 + [("A", "B")] * 5 + [("B", "A")] * 10 + [("B", "B")] * 15
    a, b = ({i: Verdict(i, pair[k], "judge") for i, pair in enumerate(letters)} for k in (0, 1))
    found = agreement(a, b)
    assert (found.n, found.share) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4, abs=1e-12)
    assert found.splits == tuple(range(20, 35))
    sure = agreement({1: Verdict(1, "A", "judge")}, {1: Verdict(1, "A", "judge"), 2: Verdict(2, "B", "judge")})
    assert (sure.n, sure.share, sure.kappa) == (1, 1, None)
    with pytest.raises(ValueError, match="share no row"):
        agreement({1: a[1]}, {2: b[2]})


def test_kappa_is_scikit_learns():
    from sklearn.metrics import cohen_kappa_score

    draw = random.Random(0)
    a, b = ({i: Verdict(i, draw.choice([*"ABCD", None]), "judge") for i in range(300)} for _ in range(2))
    both = [[one.letter or "-" for one in judged.values()] for judged in (a, b)]
    assert agreement(a, b).kappa == pytest.approx(cohen_kappa_score(*both), abs=1e-12)


def test_the_prompt_is_in_the_questions_language_and_holds_all_of_it():
    english = judge_prompt("Which {animal}?", {"A": "cat", "B": "{dog}"}, "a 猫 I think")
    assert english.endswith("Question: Which {animal}?\nOptions:\nA. cat\nB. {dog}\nAnswer: a 猫 I think\nLetter:")
    assert "one capital letter" in english
    assert "reply Z" in english
    chinese = judge_prompt("这是什么动物？", {"A": "猫", "B": "狗"}, "cat")
    assert chinese.endswith("问题：这是什么动物？\n选项：\nA. 猫\nB. 狗\n回答：cat\n字母：")
    assert "回复 Z" in chinese
    for text in (english, chinese):
        assert re.findall(r"(?:Letter: |字母：)([A-Z])", text) == ["A", "Z"]  # the two worked examples


def test_a_file_that_holds_options_and_answers_is_judged_without_the_questions():
    own = Predictions((Prediction(1, OPEN, 0, question(1).options, "B", question="Which animal?"),))
    prompts = []
    *_, last = judge_rows(own, None, lambda prompt: prompts.append(prompt) or "B")
    assert (last.newest.letter, score(own, verdicts=last.verdicts).overall.circular.value) == ("B", 1)
    assert "Question: Which animal?\nOptions:\nA. teddy bear" in prompts[0]


def test_settings_that_cannot_be_are_refused():
    for settings, words in (({"fallback": "best"}, "fallback must be one of none, random, not 'best'"),
                            ({"tries": 0}, "tries must be 1 or more, not 0"),
                            ({"profile": "best"}, "profile must be one of")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            run({1: OPEN}, [question(1)], Scripted(rabbit), **settings)


def test_verdicts_come_into_every_form_of_the_report():
    rows = [question(i) for i in range(4)]
    said = {0: OPEN, 1: OPEN, 2: "B", 3: OPEN}
    told = (("B", "judge"), ("C", "fallback"), ("B", "judge"), (None, "unparsed"))
    verdicts = {i: Verdict(i, letter, by, judge="qwen|3") for i, (letter, by) in enumerate(told)}
    report = score(said, rows, verdicts=verdicts)
    assert [(row.letter, row.rule, row.hit) for row in report.rows[:2]] == [
        ("B", "judge", True),
        ("C", "fallback", False),
    ]
    assert report.decided == {"rules": 1, "judge": 1, "fallback": 1, "unparsed": 1}
    back = json.loads(report.to_json())
    assert back["decided"] == report.decided
    assert back["matching"]["exact_match_rate"] == 0.25
    assert back["judged"]["agreement"] == {"n": 1, "share": 1, "kappa": None, "splits": []}
    text = report.markdown()
    assert "Decided by the rules: 1 rows; by the judge: 1; drawn at random: 1; by none: 1." in text
    assert "| 25.0 | 100.0 | 25.0 | 25.0 | 100.0 | 50.0 |" in text
    assert "Judge qwen\\|3: 1 of its replies could not be read." in text
    assert "On 1 rows that the rules decided, the judge agrees in 100.0%." in text
    plain = score(said, rows)
    assert (plain.judged, plain.matching.llm_match_acc, json.loads(plain.to_json())["judged"]) == (None, None, None)
    other = score(said, rows, verdicts={0: replace(verdicts[0], mark="another"), 1: replace(verdicts[1], letter="F")})
    assert (other.decided["judge"], other.judged.not_judged, other.decided["unparsed"]) == (0, 3, 3)
    assert [one.text[:30] for one in other.problems] == [
        "the verdict on 0 is on another",
        "the verdict on 1 is F, which i",
    ]


def test_a_question_that_the_toolkit_leaves_out_costs_no_call():
    """Without its first pass it is in no score of that profile."""
    rows = list(circular([question(1), question(2)]))
    said = {row.index: OPEN for row in rows if row.index != 1}
    asked = {}
    for profile in ("vlmevalkit", "robust"):
        judge = Scripted(rabbit)
        run(said, rows, judge, profile=profile)
        asked[profile] = sorted(index for index, _ in judge.asked)
    assert asked == {"vlmevalkit": [2] * 4, "robust": [1] * 3 + [2] * 4}
