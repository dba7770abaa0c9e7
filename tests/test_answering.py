"""Who can sit MMBench: names, how each answers, and that what it says is the model's own."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_image_text import llava

from playground import answering, blip, catalog, clip
from playground.answering import ANSWERERS, answer_with, answerer_of, custom, identity, scores_of
from playground.blip.likelihood import likelihood
from playground.manager import ModelManager
from playground.mmbench.answerers import majority_of, picture_of
from playground.mmbench.mini import mini_benchmark

QUESTIONS = list(mini_benchmark(13, seed=5))


def test_every_model_that_can_answer_is_there_in_order():
    names = list(ANSWERERS)
    assert names[:4] == ["chance", "always A", "majority", "clip-world"]
    captions = [name for name, one in catalog.BLIPS.items() if "caption" in one.tasks]
    answers = [name for name, one in catalog.BLIPS.items() if "answer" in one.tasks]
    assert names[3:] == [*catalog.CLIPS, *answers, *captions, *catalog.IMAGE_TEXTS]
    for name, one in ANSWERERS.items():
        assert one.name == name
        assert (one.spec is None) == (one.how == "fixed")
        assert one.spec is None or one.spec == catalog.spec(one.spec.key)
        assert one.spec is None or (one.source and one.megabytes and one.licence)


def test_those_without_a_model():
    letters = answer_with(ANSWERERS["chance"])(QUESTIONS)
    assert set(letters) <= set("ABCD")
    assert answer_with(ANSWERERS["always A"])(QUESTIONS[:2]) == ["A", "A"]
    assert answer_with(answerer_of("always C"))(QUESTIONS[:1]) == ["C"]
    assert answer_with(ANSWERERS["majority"], questions_all=QUESTIONS)(QUESTIONS[:1]) == [majority_of(QUESTIONS)]
    assert identity(ANSWERERS["chance"]) == "chance (fixed)"
    assert identity(ANSWERERS["majority"], QUESTIONS).endswith(majority_of(QUESTIONS))
    with pytest.raises(ValueError, match="no question tells its answer"):
        answer_with(ANSWERERS["majority"])
    with pytest.raises(ValueError, match="chance does not score options: it has no model"):
        scores_of(ANSWERERS["chance"], None)


def test_a_clip_chooses_the_highest_cosine_of_question_and_option():
    one = ANSWERERS["clip-world"]
    model = one.spec.load()
    scores = scores_of(one, model)(QUESTIONS)
    for question, found in zip(QUESTIONS, scores, strict=True):
        texts = [f"{question.question.rstrip('?')} {option}" for _, option in question.options]
        cosines = clip.zero_shot(model, [picture_of(question)], texts).cosines[0]
        np.testing.assert_allclose(found, cosines, atol=1e-5)
    best = [one.options[int(np.argmax(found))][0] for one, found in zip(QUESTIONS, scores, strict=True)]
    assert answer_with(one, model)(QUESTIONS) == best


def test_a_blip_that_answers_ranks_the_options_as_its_authors_do():
    one = ANSWERERS["blip-world-answers"]
    model = one.spec.load()
    scores = scores_of(one, model)(QUESTIONS)
    for question, found in zip(QUESTIONS, scores, strict=True):
        options = [text for _, text in question.options]
        (best,) = blip.answer(model, [picture_of(question)], [question.question], answers=options)
        assert found[options.index(best)] == pytest.approx(
            max(found), abs=1e-4
        )  # words that it does not know are alike
    told = answer_with(one, model)(QUESTIONS)
    assert told == [q.options[int(np.argmax(found))][0] for q, found in zip(QUESTIONS, scores, strict=True)]


def test_a_blip_that_captions_takes_what_the_picture_makes_likelier():
    one = ANSWERERS["blip-world"]
    model = one.spec.load()
    scores = scores_of(one, model)(QUESTIONS)
    assert answer_with(one, model)(QUESTIONS) == [
        question.options[int(np.argmax(found))][0] for question, found in zip(QUESTIONS, scores, strict=True)
    ]
    texts = [text for _, text in QUESTIONS[0].options]
    grey = Image.new("RGB", (200, 100), (128, 128, 128))
    with_it, without = likelihood(model, [picture_of(QUESTIONS[0]), grey], [texts, texts])
    np.testing.assert_allclose(scores[0], with_it.mean - without.mean, atol=1e-4)


def test_a_folder_is_known_by_its_configuration(tmp_path):
    assert custom("checkpoints/clip-world").how == "clip"
    assert custom("checkpoints/blip-world").how == "caption"
    assert custom("checkpoints/blip-world-answers").how == "vqa"
    folder = llava(tmp_path / "tiny")
    one = answerer_of(str(folder))
    assert one.how == "transformers"
    with ModelManager("cpu", 10**8).lease(one.spec) as model:
        assert len(answer_with(one, model)(QUESTIONS[:1])) == 1
    with pytest.raises(ValueError, match="does not score options: it writes"):
        scores_of(one, None)
    before = identity(one)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"changed": True}), "utf-8")
    assert identity(one) != before
    for changed, words in (
        ({"model_type": "bert"}, "holds a 'bert'"),
        ({"model_type": "blip", "architectures": ["BlipForImageTextRetrieval"]}, "neither answers nor captions"),
    ):
        (folder / "config.json").write_text(json.dumps(config | changed), "utf-8")
        with pytest.raises(ValueError, match=words):
            custom(str(folder))
    with pytest.raises(ValueError, match="a model needs a name"):
        custom("  ")
    with pytest.raises(FileNotFoundError, match="neither a folder nor a repository"):
        custom("nobody/nothing")


def test_what_ships_is_here_already():
    for name in ("chance", "clip-world", "blip-world"):
        answering.download(ANSWERERS[name], lambda *_: pytest.fail("nothing is fetched"))
