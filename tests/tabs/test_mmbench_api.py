"""The MMBench tab's endpoints."""

import gradio as gr
import pytest
from endpoints_of import endpoints_of

from playground import mmbench
from playground.tabs.mmbench import api

OPTIONS = {"A": "a cat", "B": "a dog", "C": "a car", "D": "a boat"}


@pytest.fixture
def endpoints(manager, monkeypatch):
    return endpoints_of(api, manager, monkeypatch)


def rows(count=6):
    """Every rotation of some questions, the first question's third one wrong."""
    asked = [
        mmbench.Question(i, "What is it?", tuple(OPTIONS.items()), "ABCD"[i % 4], category="ocr") for i in range(count)
    ]
    found = []
    for one in mmbench.circular(asked):
        said = "Z" if one.index == 2_000_000 else f"The answer is {dict(one.options)[one.answer]}"
        found.append(
            {"index": one.index, "prediction": said, "answer": one.answer, **dict(one.options), "category": "ocr"}
        )
    return found


def test_a_sheet_is_scored_over_the_api(endpoints):
    found = endpoints["score_predictions"](rows())
    assert found["circular"]["value"] == pytest.approx(5 / 6)
    assert found["vanilla"]["value"] == 1
    assert found["hits"] == {"0": False, **dict.fromkeys("12345", True)}
    assert found["incomplete"] == found["missing"] == 0
    assert next(one for one in found["scores"] if one["name"] == "ocr")["n"] == 6
    assert endpoints["score_predictions"](rows(), profile="vlmevalkit")["profile"] == "vlmevalkit"


def test_questions_may_come_apart_and_what_is_missing_is_told(endpoints):
    sheet = [{"index": row["index"], "prediction": row["prediction"]} for row in rows()]
    questions = [{**{k: v for k, v in row.items() if k != "prediction"}, "question": "What?"} for row in rows()]
    found = endpoints["score_predictions"]([*sheet[:-1], {"index": 77, "prediction": "A"}], questions)
    assert found["incomplete"] == 1
    assert any("77" in text for text in found["problems"])
    assert found["problem_count"] == len(found["problems"])


def test_a_choice_is_extracted_over_the_api(endpoints):
    found = endpoints["extract_choice"]("The answer is blue", ["red", "green", "blue"])
    assert found["letter"] == "C"
    assert endpoints["extract_choice"]("The answer is blue", ["red", "green", "blue"], "vlmevalkit")["letter"] == "B"


def test_what_cannot_be_scored_is_refused(endpoints):
    for wrong, said in (
        ({"predictions": []}, "1 to 20,000 rows"),
        ({"predictions": [{"index": "x", "prediction": "A"}]}, "no row with an index"),
        ({"predictions": ["A"]}, "prediction"),
        ({"predictions": rows(), "profile": "magic"}, "profile must be one of"),
        ({"predictions": [{"index": 1, "prediction": "A"}]}, "cannot be scored without its options"),
        ({"predictions": rows(), "seed": -1}, "seed must be a whole number"),
    ):
        with pytest.raises(gr.Error, match=said):
            endpoints["score_predictions"](**wrong)
    for wrong, said in (
        ({"prediction": "A" * 20_001, "options": ["a", "b"]}, "at most 20,000 characters"),
        ({"prediction": "A", "options": []}, "at least one option"),
        ({"prediction": "A", "options": ["a", "b"], "profile": "magic"}, "profile must be one of"),
    ):
        with pytest.raises(gr.Error, match=said):
            endpoints["extract_choice"](**wrong)
