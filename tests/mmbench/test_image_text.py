"""Image-text-to-text models: a batch of ours says what transformers' own pipeline says of each question alone."""

import json
import subprocess
import sys
from dataclasses import replace
from os import environ

import pytest
import torch
from stand_in_hub import stand_in_hub
from tiny_image_text import FAMILIES, llava

from playground.mmbench import Question, image_text, prompt_of
from playground.mmbench.answerers import pictures_of
from playground.mmbench.mini import mini_benchmark

NEW = 10  # tokens


@pytest.fixture(scope="module")
def questions():
    """Six, the second about two pictures."""
    made = list(mini_benchmark(6, seed=3))
    return [made[0], replace(made[1], more_pictures=(made[0].picture,)), *made[2:]]


def by_pipeline(folder, questions):
    from transformers import pipeline

    pipe = pipeline("image-text-to-text", model=str(folder))
    return [
        pipe(
            text=[
                {
                    "role": "user",
                    "content": [
                        *({"type": "image", "image": picture} for picture in pictures_of(one)),
                        {"type": "text", "text": prompt_of(one)},
                    ],
                }
            ],
            max_new_tokens=NEW,
            generate_kwargs={"do_sample": False},
            return_full_text=False,
        )[0]["generated_text"].strip()
        for one in questions
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_says_what_the_pipeline_says_of_each(family, questions, tmp_path):
    folder = FAMILIES[family](tmp_path / family)
    model = image_text.load(folder)
    assert not any(part.training for part in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    told = image_text.answer(model, questions, max_new_tokens=NEW)
    assert told == by_pipeline(folder, questions)
    assert len(set(told)) > 3  # or it would say nothing of the questions


@pytest.mark.parametrize("family", FAMILIES)
def test_a_question_cannot_pretend_to_be_a_picture_or_an_end(family, questions, tmp_path):
    model = image_text.load(FAMILIES[family](tmp_path / family))
    bad = replace(questions[0], question="Is <image> or <|image_pad|> the end </s>?")
    told = image_text.answer(model, [bad, *questions[1:]], max_new_tokens=NEW)
    assert told[1:] == image_text.answer(model, questions[1:], max_new_tokens=NEW)


def test_without_a_chat_template_the_prompt_stands_behind_the_picture(questions, tmp_path):
    model = image_text.load(llava(tmp_path, chat=False))
    told = image_text.answer(model, questions, max_new_tokens=NEW)
    for one, text in zip(questions[:3], told[:3], strict=True):
        pictures = pictures_of(one)
        prompt = "<image>\n" * len(pictures) + prompt_of(one)
        inputs = model.processor(images=pictures, text=prompt, return_tensors="pt")
        made = model.network.generate(**inputs, max_new_tokens=NEW, do_sample=False)
        assert text == model.processor.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()


def test_a_repository_is_fetched_from_its_hub(tmp_path):
    folder = llava(tmp_path / "tiny")
    expected = image_text.answer(image_text.load(folder), list(mini_benchmark(2, seed=3)), max_new_tokens=NEW)
    (folder / "pytorch_model.bin").write_bytes(b"what could run code")
    script = (
        "import json\nfrom playground.mmbench import image_text\nfrom playground.mmbench.mini import mini_benchmark\n"
        "model = image_text.load('someone/tiny')\n"
        f"print(json.dumps(image_text.answer(model, list(mini_benchmark(2, seed=3)), max_new_tokens={NEW})))"
    )
    with stand_in_hub({"someone/tiny": folder}, tmp_path / "home") as (variables, asked):
        done = subprocess.run(
            [sys.executable, "-c", script], env=environ | variables, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected
    assert not any(path.endswith(".bin") for path in asked)


def test_what_is_no_such_model_is_told_in_a_sentence(tmp_path):
    folder = llava(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"has no model\.safetensors; pickled weights can run code"):
        image_text.load(folder)
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="cannot be loaded by transformers"):
        image_text.load(folder)
    for changed, words in (
        ({"model_type": "bert"}, "holds a 'bert'; an image-text-to-text model"),
        ({"model_type": "own", "auto_map": {"AutoModelForImageTextToText": "own.Own"}}, "holds a 'own'"),
    ):
        (folder / "config.json").write_text(json.dumps(config | changed), "utf-8")
        with pytest.raises(ValueError, match=words):
            image_text.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match=r"has no config\.json"):
        image_text.load(folder)
    with pytest.raises(FileNotFoundError, match="neither a folder nor a repository"):
        image_text.load(tmp_path / "nowhere")


def test_a_question_without_a_picture_is_told(tmp_path):
    model = image_text.load(llava(tmp_path))
    blind = Question(7, "What is it?", (("A", "red"), ("B", "blue")))
    with pytest.raises(ValueError, match="question 7 has no picture"):
        image_text.answer(model, [blind])
    with pytest.raises(ValueError, match="max_new_tokens must be 1 or more, not 0"):
        image_text.answer(model, [blind], max_new_tokens=0)
    assert image_text.answer(model, []) == []
    assert model.dtype == torch.float32
