"""Settings of the tabs about pictures, CLIP's and BLIP's: limits, links there and back, what a link may not do."""

from urllib.parse import parse_qsl

import pytest

from playground.tabs.blip.settings import Settings as Blip
from playground.tabs.clip.settings import Settings as Clip
from playground.tabs.pictures import EXAMPLES

both = pytest.mark.parametrize("settings_of", [Clip, Blip])
CHANGED = {
    "search": Clip(
        model="ViT-B-32 OpenAI", example=EXAMPLES[3], labels="a cat\na dog & an owl", templates="a photo of {}",
        neutral="a photo", margin=-0.05, temperature=2.5, score="cosine", query_words="two cats",
        searched=100, steps=200, objective="sigmoid", seed=7,
    ),
    "clean": Blip(
        captioner="BLIP captioning base", matcher="BLIP matching base", answerer="BLIP answering base",
        example=EXAMPLES[3], prompt="a photo of", min_length=6, max_length=30, beams=5, top_p=0.8, penalty=1.1, seed=7,
        looked="greedy", texts="a cat\na dog & an owl", pointed=2, questions="what is it?", candidates=3,
        scorer="clip-world", rule="share", threshold=0.7, cosine=0.3, share=0.25, basic=True,
    ),
}  # fmt: skip


def test_a_link_says_only_what_is_not_usual():
    assert Clip().query() == "tab=clip"
    assert Blip().query() == "tab=blip"


@pytest.mark.parametrize("panel", CHANGED)
def test_a_link_gives_back_what_it_says(panel):
    changed = CHANGED[panel]
    asked = dict(parse_qsl(changed.query(panel), keep_blank_values=True))
    again, wrong = type(changed).from_query(asked)
    assert again == changed
    assert not wrong
    assert asked["panel"] == panel


@both
def test_an_uploaded_picture_is_in_no_link(settings_of):
    query = settings_of(source="upload", upload="/tmp/secret.png").query()
    assert "secret" not in query
    assert "upload" not in query
    settings, _ = settings_of.from_query({"source": "upload", "upload": "/etc/passwd"})
    assert (settings.source, settings.upload) == ("example", "")


@pytest.mark.parametrize(
    ("settings_of", "query", "names"),
    [
        (Clip, {"model": "gpt", "temperature": "hot", "labels": ""}, ["model", "labels", "temperature"]),
        (
            Blip,
            {"captioner": "blip-world-answers", "top_p": "hot", "texts": "", "basic": "yes"},
            ["captioner", "top_p", "texts", "basic"],
        ),
    ],
)
def test_what_a_link_has_wrong_keeps_its_usual_value(settings_of, query, names):
    settings, wrong = settings_of.from_query(query | {"seed": "3"})
    assert settings == settings_of(seed=3)
    assert [name for name, _ in wrong] == names


@pytest.mark.parametrize(
    ("settings_of", "changed", "words"),
    [
        (Clip, {"labels": "  \n "}, "labels must be 1 to 200, one a line, not 0"),
        (Clip, {"labels": "a\nb\na"}, "the label 'a' is there twice"),
        (Clip, {"templates": "a photo"}, "a template needs {} where the label goes, and 'a photo' has none"),
        (Clip, {"labels": "x" * 6001}, "labels take at most 6,000 characters, not 6,001"),
        (Clip, {"temperature": 0}, "temperature must lie between 0.1 and 20, not 0"),
        (Clip, {"margin": float("nan")}, "margin must lie between -1 and 1, not nan"),
        (Clip, {"neutral": "x" * 201}, "a text for one box takes at most 200 characters"),
        (Clip, {"steps": 10_000}, "training steps must be a whole number between 50 and 3,000, not 10000"),
        (Clip, {"model": "gpt"}, "model must be one of clip-world"),
        (Blip, {"texts": "  \n "}, "texts must be 1 to 24, one a line, not 0"),
        (Blip, {"questions": "\n".join("abcdefg")}, "questions must be 1 to 6, one a line, not 7"),
        (Blip, {"texts": "x" * 100_001}, "texts take at most 100,000 characters, not 100,001"),
        (Blip, {"prompt": "x" * 201}, "a text for one box takes at most 200 characters"),
        (Blip, {"min_length": 9, "max_length": 8}, "the shortest caption, 9, is longer than the longest, 8"),
        (Blip, {"beams": 9}, "beams must be a whole number between 1 and 8, not 9"),
        (Blip, {"top_p": 0}, "nucleus must lie between 0.1 and 1, not 0"),
        (Blip, {"threshold": float("nan")}, "threshold must lie between 0 and 1, not nan"),
        (Blip, {"rule": "cosine"}, "this rule goes by a CLIP's cosine: choose a CLIP"),
        (Blip, {"captioner": "blip-world-answers"}, "captioner must be one of blip-world, "),
        (Blip, {"basic": "yes"}, "basic must be True or False, not 'yes'"),
    ],
)
def test_limits(settings_of, changed, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the words are compared below, braces and all
        settings_of(**changed)
    assert words in str(caught.value)
