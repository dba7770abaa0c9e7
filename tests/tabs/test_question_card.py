"""The card of a question: what was asked, chosen and right is told, by words too; nothing in it becomes a tag."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import gradio as gr
import pytest
from PIL import Image

from playground.tabs.components.question_card import (
    CSS,
    LONGEST,
    SHOWN,
    SIDE,
    Asked,
    Turn,
    answer_marked,
    card,
    card_styles,
)

ODD = "\" onload=alert(1) x=\"<img src=x onerror=alert(1)> & 'too'"


class Tags(HTMLParser):
    """Its tags with their attributes, and what a reader is told."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.skipped = [], [], "", 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append((tag, dict(attrs).get("aria-hidden") == "true"))

    def handle_endtag(self, tag):
        name, _ = self.open.pop()
        assert name == tag, f"{tag} closes {name}"

    def handle_data(self, data):
        if not any(hidden for _, hidden in self.open):
            self.text += data


def picture(width, height, kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#a03").save(out, format=kind)
    return out.getvalue()


def turn(answer="A", letter="A", prediction="A", rule="label", asked=True):
    return Turn((("A", "cat"), ("B", "dog")), answer, letter, prediction, rule, asked)


def asked(*turns, **changes):
    return replace(Asked(241, None, "Which animal?", "", "Image topic", turns or (turn(),), True), **changes)


def items(text):
    return re.findall(r"<li class=\"(.*?)\".*?<b>(.)</b>.*?</li>", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("letter", "classes", "told"),
    [
        ("A", ["pg-q-right pg-q-chosen", ""], {"cat(right answer, chosen)", "dog"}),
        ("B", ["pg-q-right", "pg-q-chosen pg-q-wrong"], {"cat(right answer)", "dog(chosen)"}),
        (None, ["pg-q-right", ""], {"cat(right answer)", "dog"}),
    ],
)
def test_right_and_chosen_are_marked_by_class_sign_and_word(letter, classes, told):
    text = card(asked(turn(letter=letter)))
    assert [one for one, _ in items(text)] == classes
    read = Tags(text).text
    assert all(one in read for one in told)
    signs = re.findall(r'<em aria-hidden="true">(.*?)</em>', text)
    assert signs == ["✓", "✗" if letter == "B" else ""]
    assert ("No letter could be read." in read) == (letter is None)


def test_a_skipped_pass_says_so_and_tells_no_choice():
    text = card(asked(turn(letter="B", prediction="B"), turn("B", "B", "secret", "label", False), passed=False))
    last = text[text.rindex("<section") :]
    assert "pg-q-skipped" in last
    assert "not asked" in last
    assert "chosen" not in last
    assert "secret" not in last
    assert [one for one, _ in items(last)] == ["", "pg-q-right"]
    assert text.count("pg-q-skipped") == 1


@pytest.mark.parametrize(
    ("passed", "said"), [(True, "Right in every pass"), (False, "Wrong in a pass"), (None, "Still open")]
)
def test_the_verdict(passed, said):
    assert said in card(asked(passed=passed))


def test_no_text_becomes_a_tag():
    own = Turn(((ODD, ODD), ("B", ODD)), "B", ODD, ODD, ODD)
    long = replace(own, prediction=ODD * 30)
    text = card(Asked(1, None, ODD, ODD, ODD, (own, long), None), {ODD: ODD}, words={"hint": ODD, "right": ODD})
    parsed = Tags(text)
    assert parsed.open == []
    assert "img" not in {tag for tag, _ in parsed.tags}
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    assert parsed.text.count(ODD) >= 8
    marked = Tags(answer_marked(ODD, (1, 4)))
    assert marked.text == ODD
    assert {tag for tag, _ in marked.tags} == {"p", "mark"}


def test_a_long_answer_folds_and_an_endless_one_is_cut():
    short, long, endless = ("x" * n for n in (SHOWN, SHOWN + 1, LONGEST + 7))
    assert "<details" not in card(asked(turn(prediction=short)))
    folded = card(asked(turn(prediction=long)))
    assert "<details" in folded
    summary, body = re.findall("<summary>(.*)</summary>(.*)</details>", folded)[0]
    assert f">{short}…<" in summary
    assert body == long
    cut = card(asked(turn(prediction=endless)))
    assert "… 7 more characters" in cut
    assert "x" * LONGEST in cut
    assert "x" * (LONGEST + 1) not in cut
    assert "an empty answer" in card(asked(turn(prediction=" \n")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_picture_is_shown_small_with_an_alternative(kind):
    parsed = Tags(card(asked(picture=picture(1200, 600, kind))))
    ((_, attrs),) = [one for one in parsed.tags if one[0] == "img"]
    assert attrs["alt"] == "the picture of the question"
    content = base64.b64decode(attrs["src"].removeprefix("data:image/webp;base64,"))
    assert Image.open(io.BytesIO(content)).size == (SIDE, SIDE // 2)


def test_a_small_picture_keeps_its_size_and_a_broken_one_is_told():
    (src,) = re.findall('src="data:image/webp;base64,(.*?)"', card(asked(picture=picture(64, 64))))
    assert Image.open(io.BytesIO(base64.b64decode(src))).size == (64, 64)
    broken = card(asked(picture=picture(300, 300)[:60]))
    assert "The picture cannot be read." in broken
    assert "Which animal?" in broken


def test_rules_and_words_are_the_callers():
    text = card(asked(), {"label": "只有一个字母"}, words={"rule": "判定规则", "pass": "第 {0} 轮"})
    assert "判定规则: 只有一个字母" in text
    assert "第 1 轮" in text
    assert "No question to show." in card(None)


@pytest.mark.parametrize(
    ("span", "parts"),
    [
        ((14, 15), ("The answer is ", "B", ".\nYes")), ((0, 3), ("", "The", " answer is B.\nYes")),
        ((17, 99), ("The answer is B.\n", "Yes", "")), (None, None), ((4, 4), None), ((90, 99), None), ((5, 2), None),
    ],
)  # fmt: skip
def test_the_characters_that_decided_are_marked_and_lines_kept(span, parts):
    text = "The answer is B.\nYes"
    marked = answer_marked(text, span)
    if parts is None:
        assert marked == f'<p class="pg-q-answer">{text}</p>'
    else:
        before, inside, after = parts
        assert marked == f'<p class="pg-q-answer">{before}<mark>{inside}</mark>{after}</p>'
    assert re.search(r"\.pg-q-answer \{[^}]*white-space: pre-wrap", CSS.read_text("utf-8"))


def test_styles_know_every_class_of_the_card():
    turns = (turn(), turn(letter="B"), turn(letter=None, prediction=""), turn(asked=False), turn(prediction="x" * 999))
    texts = [card(asked(*turns, passed=passed, hint="h", picture=picture(9, 9))) for passed in (True, False, None)]
    used = {name for text in texts for group in re.findall(r'class="(.*?)"', text) for name in group.split()}
    styles = CSS.read_text("utf-8")
    assert {name for name in used if not re.search(rf"\.{name}\b(?!-)", styles)} == set()
    with gr.Blocks():
        assert styles in card_styles().value
