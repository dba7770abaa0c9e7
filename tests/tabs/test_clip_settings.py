"""Settings of the CLIP tab: limits, links there and back, what a link may not do."""

from urllib.parse import parse_qsl

import pytest

from playground.tabs.clip.settings import Settings
from playground.tabs.pictures import EXAMPLES


def asked(settings, panel="zero_shot"):
    return dict(parse_qsl(settings.query(panel), keep_blank_values=True))


def test_a_link_says_what_is_not_usual_and_gives_it_back():
    assert Settings().query() == "tab=clip"
    changed = Settings(
        model="ViT-B-32 OpenAI", example=EXAMPLES[3], labels="a cat\na dog & an owl", templates="a photo of {}",
        neutral="a photo", margin=-0.05, temperature=2.5, score="cosine", query_words="two cats",
        searched=100, steps=200, objective="sigmoid", seed=7,
    )  # fmt: skip
    again, wrong = Settings.from_query(asked(changed, "search"))
    assert again == changed
    assert not wrong
    assert asked(changed, "search")["panel"] == "search"


def test_an_uploaded_picture_is_in_no_link():
    query = Settings(source="upload", upload="/tmp/secret.png").query()
    assert "secret" not in query
    assert "upload" not in query
    settings, _ = Settings.from_query({"source": "upload", "upload": "/etc/passwd"})
    assert (settings.source, settings.upload) == ("example", "")


def test_what_a_link_has_wrong_keeps_its_usual_value():
    settings, wrong = Settings.from_query({"model": "gpt", "temperature": "hot", "labels": "", "seed": "3"})
    assert settings == Settings(seed=3)
    assert [name for name, _ in wrong] == ["model", "labels", "temperature"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"labels": "  \n "}, "labels must be 1 to 200, one a line, not 0"),
        ({"labels": "a\nb\na"}, "the label 'a' is there twice"),
        ({"templates": "a photo"}, "a template needs {} where the label goes, and 'a photo' has none"),
        ({"labels": "x" * 6001}, "labels take at most 6,000 characters, not 6,001"),
        ({"temperature": 0}, "temperature must lie between 0.1 and 20, not 0"),
        ({"margin": float("nan")}, "margin must lie between -1 and 1, not nan"),
        ({"neutral": "x" * 201}, "a text for one box takes at most 200 characters"),
        ({"steps": 10_000}, "training steps must be a whole number between 50 and 3,000, not 10000"),
        ({"model": "gpt"}, "model must be one of clip-world"),
    ],
)
def test_limits(changed, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the words are compared below, braces and all
        Settings(**changed)
    assert words in str(caught.value)
