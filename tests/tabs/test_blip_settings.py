"""Settings of the BLIP tab: limits, links there and back, what a link may not do."""

from urllib.parse import parse_qsl

import pytest

from playground import blip
from playground.tabs.blip.settings import Settings
from playground.tabs.pictures import EXAMPLES


def asked(settings, panel="caption"):
    return dict(parse_qsl(settings.query(panel), keep_blank_values=True))


def test_a_link_says_what_is_not_usual_and_gives_it_back():
    assert Settings().query() == "tab=blip"
    changed = Settings(
        captioner="BLIP captioning base", matcher="BLIP matching base", answerer="BLIP answering base",
        example=EXAMPLES[3], prompt="a photo of", min_length=6, max_length=30, beams=5, top_p=0.8, penalty=1.1, seed=7,
        looked="greedy", texts="a cat\na dog & an owl", pointed=2, questions="what is it?", candidates=3,
        scorer="clip-world", rule="share", threshold=0.7, cosine=0.3, share=0.25, basic=True,
    )  # fmt: skip
    again, wrong = Settings.from_query(asked(changed, "clean"))
    assert again == changed
    assert not wrong
    assert asked(changed, "clean")["panel"] == "clean"


def test_an_uploaded_picture_is_in_no_link():
    query = Settings(source="upload", upload="/tmp/secret.png").query()
    assert "secret" not in query
    assert "upload" not in query
    settings, _ = Settings.from_query({"source": "upload", "upload": "/etc/passwd"})
    assert (settings.source, settings.upload) == ("example", "")


def test_what_a_link_has_wrong_keeps_its_usual_value():
    settings, wrong = Settings.from_query(
        {"captioner": "blip-world-answers", "top_p": "hot", "texts": "", "basic": "yes", "seed": "3"}
    )
    assert settings == Settings(seed=3)
    assert [name for name, _ in wrong] == ["captioner", "top_p", "texts", "basic"]


def test_lengths_of_a_model_fill_in_what_is_not_set():
    own = blip.Limits(20, 5)
    assert Settings().limits(own) == own
    assert Settings(max_length=3).limits(own) == blip.Limits(3, 3)
    assert Settings(min_length=30).limits(own) == blip.Limits(30, 30)
    assert Settings(min_length=7, max_length=9, penalty=1.2).limits(own) == blip.Limits(9, 7, 1.2)


def test_rules():
    assert Settings(threshold=0.3).kept_by == blip.Rule(threshold=0.3)
    assert Settings(rule="cosine", scorer="clip-world", cosine=0.2).kept_by == blip.Rule("clip", threshold=0.2)
    share = Settings(rule="share", scorer="clip-world", share=0.2, basic=True)
    assert share.kept_by == blip.Rule("clip", top_share=0.2, basic=True)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"texts": "  \n "}, "texts must be 1 to 24, one a line, not 0"),
        ({"questions": "\n".join("abcdefg")}, "questions must be 1 to 6, one a line, not 7"),
        ({"texts": "x" * 100_001}, "texts take at most 100,000 characters, not 100,001"),
        ({"prompt": "x" * 201}, "a text for one box takes at most 200 characters"),
        ({"min_length": 9, "max_length": 8}, "the shortest caption, 9, is longer than the longest, 8"),
        ({"beams": 9}, "beams must be a whole number between 1 and 8, not 9"),
        ({"top_p": 0}, "nucleus must lie between 0.1 and 1, not 0"),
        ({"threshold": float("nan")}, "threshold must lie between 0 and 1, not nan"),
        ({"rule": "cosine"}, "this rule goes by a CLIP's cosine: choose a CLIP"),
        ({"captioner": "blip-world-answers"}, "captioner must be one of blip-world, "),
        ({"basic": "yes"}, "basic must be True or False, not 'yes'"),
    ],
)
def test_limits(changed, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the words are compared below
        Settings(**changed)
    assert words in str(caught.value)
