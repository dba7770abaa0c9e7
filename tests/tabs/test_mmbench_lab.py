"""The panel "Extraction lab": readings, the order of rules, cases, the judge's prompt, program and files."""

import html
import json
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from pasted import executed

from playground.i18n import TEXTS, refusal
from playground.mmbench import explain_choice
from playground.mmbench.tricky import GROUPS, TRICKY
from playground.tabs.mmbench.lab import ORDER, PANEL, Settings, options_of
from playground.tabs.panels import write

GO = threading.Event()


def look(language="en", **settings):
    ((frame, kept),) = PANEL.show(Settings(**settings), None, GO, language)
    return frame, kept


def states(page, profile):
    """The rules' names and states of a profile's column."""
    section = page.split("<section")[1 + list(ORDER).index(profile)]
    return re.findall(r'<li class="pg-r-(\w+)"[^>]*><span>(.*?)</span>', section)


def test_every_control_and_part_is_laid_out():
    with gr.Blocks():
        w = SimpleNamespace()
        PANEL.lay_out(w)
    for name in (*Settings.names(), *PANEL.shown, *PANEL.fills):
        assert getattr(w, f"lab_{name}").elem_id == f"mmbench-lab-{name}"


def test_the_first_look_shows_the_profiles_differ():
    frame, kept = look()
    assert set(frame) == {*PANEL.shown, "progress"}
    assert frame["verdict"] == "**The profiles differ.** `robust`: B; `vlmevalkit`: A. A person reads: B."
    assert "<mark>" in frame["reading"]
    assert [one.letter for one in kept.found] == ["B", "A"]
    assert frame["prompt"].endswith("Answer: The correct answer is a rabbit.\nLetter:")
    assert look("zh-CN")[0]["verdict"].startswith("**两种规则集不一致**。")


def test_rules_stand_in_order_and_say_which_decides():
    frame, _ = look(answer="The answer is blue", options="red\nblue")
    rules = states(frame["reading"], "vlmevalkit")
    assert [state for state, _ in rules] == ["passed"] * 3 + ["fired"] + ["unasked"] * 4
    assert rules[3][1] == TEXTS["en"]["mmbench.rule.answer_is"].replace('"', "&quot;")
    assert states(frame["reading"], "robust")[4] == ("fired", TEXTS["en"]["mmbench.rule.claim"])
    assert re.findall("<mark>(.*?)</mark>", frame["reading"])[1] == "answer is b"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_case_is_told_with_its_rule(language):
    fired = set()
    for one in TRICKY:
        for profile, rules in ORDER.items():
            found = explain_choice(one.answer, one.options, profile)
            assert found.rule in rules
            fired.add((profile, found.rule))
    assert len(fired) > 15
    for rule in {rule for rules in ORDER.values() for rule in rules}:
        assert TEXTS[language][f"mmbench.rule.{rule}"]
        assert TEXTS[language][f"mmbench.rule.{rule}.why"]
    for group in GROUPS:
        assert TEXTS[language][f"mmbench.lab.group.{group}"]


@pytest.mark.parametrize(
    "answer", ["", "   ", "Z", "nan", "B or C", "<think>so", "I'm sorry, I cannot see it", "x" * 20_000]
)
def test_what_names_no_option_has_a_rule_and_no_letter(answer):
    frame, kept = look(answer=answer)
    assert [one.letter for one in kept.found] == [None, None]
    assert frame["verdict"].startswith("**Neither profile reads a letter.**")
    assert frame["reading"].count("pg-r-fired") == 2


def test_html_in_an_answer_stays_text():
    frame, _ = look(answer="<img src=x onerror=alert(1)> B", options="<b>one</b>\n<i>two</i>")
    assert "<img" not in frame["reading"]
    assert frame["reading"].count("&lt;i&gt;two&lt;/i&gt;") == 2
    assert "<i>" not in frame["reading"]


def test_options_are_read_with_or_without_their_letters():
    assert options_of("A. cat\nB) dog\n\nC：bird ") == {"A": "cat", "B": "dog", "C": "bird"}
    assert options_of("B. cat\nA. dog") == {"A": "B. cat", "B": "A. dog"}
    assert options_of("A\nB") == {"A": "A", "B": "B"}
    assert options_of(" \n3.5\n4") == {"A": "3.5", "B": "4"}
    for wrong, count in (("", 0), ("one", 1), ("x\n" * 27, 27)):
        with pytest.raises(ValueError, match=rf"there must be 2 to 26 options, one a line, not {count}") as refused:
            options_of(wrong)
        assert refusal("zh-CN", refused.value) == f"选项须为 2 到 26 个，每行一个，而不是 {count} 个。"


def test_a_text_too_long_is_refused():
    with pytest.raises(ValueError, match="the answer has 20,001 characters") as refused:
        Settings(answer="x" * 20_001)
    assert refusal("zh-CN", refused.value) == "回答有 20,001 个字符，超过上限 20,000 个。"


def test_a_case_fills_the_boxes_and_is_marked_in_the_table():
    number = next(i for i, one in enumerate(TRICKY) if one.group == "thinking")
    values = PANEL.fills["cases"](str(number), Path(), "en")
    frame, kept = look(**values)
    rows = frame["cases"]["rows"]
    assert [i for i, row in enumerate(rows) if row["best"]] == [number]
    assert rows[number]["cells"][1:4] == ["A", "✓ A", "✗ D"]
    assert tuple(one.letter for one in kept.found) == (TRICKY[number].robust, TRICKY[number].vlmevalkit)
    assert len(rows) == len(TRICKY)
    assert f"Of these {len(TRICKY)} cases" in frame["count"]
    assert set(PANEL.fills["read"]("", Path(), "en")) == {"answer"}


def test_a_link_keeps_the_boxes():
    settings = Settings(answer="B\n& more", options="x\ny", question="")
    gone = dict(pair.split("=", 1) for pair in settings.query().split("&"))
    assert gone["panel"] == "lab"
    asked = {"answer": "B\n& more", "options": "x\ny", "question": ""}
    assert Settings.from_query(asked) == (settings, [])
    assert "question" in gone
    assert len(Settings(answer="x" * 3000).query()) < 200


def test_the_judge_is_asked_in_the_questions_language():
    assert "请判断这个回答" in look(question="图片里是什么？")[0]["prompt"]


def test_the_program_says_what_the_panel_does(capsys):
    settings = Settings(answer='It\'s "B"\nor not', options="A. one\nB. it's two")
    left = executed("\n".join(PANEL.program(settings, "en")))
    _, kept = look(answer=settings.answer, options=settings.options)
    told = capsys.readouterr().out
    assert left["options"] == kept.options
    for one in kept.found:
        assert f"{one.profile} {one.letter} {one.rule} {one.span}" in told
    assert "B. it's two" in told


def test_files(tmp_path):
    settings = Settings(answer="Cannot determine the answer", options="x\ny")
    _, kept = look(answer=settings.answer, options=settings.options)
    record = json.loads(Path(write("json", PANEL, settings, kept, tmp_path)).read_text("utf-8"))
    assert record["rows"][0] == ["own", "Cannot determine the answer", "x | y", "", "Z", "refusal", "Z", "refusal"]
    assert len(record["rows"]) == 1 + len(TRICKY)
    assert record["rows"][1][3:] == ["B", "B", "claim", "A", "answer_is"]
    lines = Path(write("csv", PANEL, settings, kept, tmp_path)).read_text("utf-8").splitlines()
    assert lines[0] == "group,answer,options,person,robust,robust_rule,vlmevalkit,vlmevalkit_rule"


def test_a_rule_of_both_profiles_has_the_reason_of_each():
    frame, kept = look(answer="A cat sits on the mat.")
    assert [one.rule for one in kept.found] == ["text", "text"]
    _, robust, upstream = html.unescape(frame["reading"]).split("<section")
    assert TEXTS["en"]["mmbench.rule.text.why"] in robust.split("<h5>")[0]
    assert TEXTS["en"]["mmbench.rule.text.why.vlmevalkit"] in upstream.split("<h5>")[0]
