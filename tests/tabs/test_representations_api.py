"""The Representations tab's endpoints."""

import gradio as gr
import numpy as np
import pytest
from endpoints_of import endpoints_of

from playground.tabs.representations import api


@pytest.fixture
def endpoints(manager, monkeypatch):
    return endpoints_of(api, manager, monkeypatch)


def rows(n=400, rho=0.8, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    return x.tolist(), (rho * x + np.sqrt(1 - rho**2) * rng.normal(size=(n, 1))).tolist()


def test_mutual_information_over_the_api(endpoints):
    x, y = rows(2000)
    truth = -0.5 * np.log(1 - 0.8**2)
    for estimator in ("histogram", "ksg"):
        assert endpoints["mutual_information"](x, y, estimator)["nats"] == pytest.approx(truth, abs=0.12)
    learned = endpoints["mutual_information"](x, y, "info_nce", seconds=1.5)
    assert learned["nats"] == pytest.approx(truth, abs=0.2)
    assert learned["nats"] <= learned["ceiling"]
    for wrong, said in (
        ({"estimator": "magic"}, "estimator must be one of"),
        ({"x": [[1.0]] * len(x)}, "constant"),
        ({"x": x[:1], "y": y[:1]}, "100 to 50,000"),
        ({"x": [[float("nan")], *x[1:]]}, "no finite number in row 1"),
        ({"seconds": 1000}, "seconds must lie between 0.1 and 30"),
        ({"x": [[]] * len(x)}, "the table has 1 columns"),
        ({"seed": 2**70}, "seed must be a whole number"),
        ({"x": ["a"]}, "could not convert"),
    ):
        with pytest.raises(gr.Error, match=said):
            endpoints["mutual_information"](**({"x": x, "y": y} | wrong))


def test_word_probabilities_over_the_api(endpoints):
    text = "the cat sat on the mat\n\nthe dog sat on the log\n\nthe cat saw the dog"
    answer = endpoints["word_probabilities"](text, "the cat sat", n=2)
    assert [factor["word"] for factor in answer["factors"]] == ["the", "cat", "sat", "</s>"]
    product = np.prod([factor["probability"] for factor in answer["factors"]])
    assert answer["perplexity"] == pytest.approx(product ** (-1 / 4))
    for wrong, said in (
        ({"text": ""}, "two words or more"),
        ({"n": 99}, "n must be"),
        ({"sentence": "a " * 300}, "1 to 200 words"),
        ({"smoothing": "?"}, "smoothing"),
    ):
        with pytest.raises(gr.Error, match=said):
            endpoints["word_probabilities"](**({"text": text, "sentence": "the cat"} | wrong))


def test_few_labels_over_the_api(endpoints):
    answer = endpoints["few_labels"](["vicreg"], seconds=1, draws=2)
    assert {row["method"] for row in answer} == {"pixels", "random", "vicreg"}
    assert {row["labels_a_class"] for row in answer} == {1, 2, 5, 10, 50}
    for wrong, said in (({"methods": []}, "methods must be 1 to 4"), ({"methods": ["x"]}, "method must be one of")):
        with pytest.raises(gr.Error, match=said):
            endpoints["few_labels"](**({"methods": ["vicreg"]} | wrong))
