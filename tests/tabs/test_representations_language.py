"""The panel "From n-grams to InfoNCE" without a browser: what is shown, jobs that stop, refusals, program and files."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from playground.i18n import refusal
from playground.representations import neural_ngram, patches, word_vectors
from playground.tabs.representations import language_models, language_texts
from playground.tabs.representations.language import PANEL
from playground.tabs.representations.language_settings import Settings

USUAL = Settings(seconds=1)
OWN = "One cat sat here.\n\nOne dog sat there.\n\nOne cat and one dog sat here and there.\n\nThe end of it."


def run(frames):
    """Every frame, and what is kept of the last that keeps."""
    kept, seen = None, []
    for frame, result in frames:
        seen.append(frame)
        kept = result if result is not None else kept
    return seen, kept


def job(name, settings=USUAL, kept=None, *, stop=None, language="en"):
    return PANEL.jobs[name](settings, kept, stop or threading.Event(), language)


def show(settings=USUAL, kept=None, language="en"):
    seen, result = run(PANEL.show(settings, kept, threading.Event(), language))
    assert result is None, "looking keeps nothing, so that it never takes a job's place"
    return {name: value for frame in seen for name, value in frame.items()}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """A job of 1 s as one of a few steps."""
    for name, library in (("fit_words", word_vectors), ("fit_language_model", neural_ngram), ("fit_patches", patches)):
        fit = getattr(library, name)

        def quick(*args, fit=fit, **options):
            del options["seconds"]
            return fit(*args, **options, steps=6)

        monkeypatch.setattr(language_models, name, quick)


def test_components_are_those_of_settings_frames_and_jobs():
    w = SimpleNamespace()
    with gr.Blocks():
        PANEL.lay_out(w)
    wanted = [*Settings.names(), *PANEL.shown, *PANEL.jobs]
    assert {name.removeprefix("language_") for name in vars(w)} == set(wanted)
    assert len(set(wanted)) == len(wanted)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("corpus", ["en", "zh"])
def test_before_any_job_the_chain_and_the_curves_are_there(corpus, language):
    shown = show(replace(USUAL, corpus=corpus), language=language)
    assert set(shown) <= {*PANEL.shown, "progress"}
    assert len(shown["chain"].data[0].y) == 13, "twelve words of a held-out paragraph and its end"
    assert [len(trace.x) for trace in shown["curve"].data] == [6, 6, 1]
    assert len(shown["models_chart"].data[0].x) == 6
    assert len(shown["approach"].data) == 4
    assert shown["progress"] == ""


def test_kneser_ney_beats_laplace_and_a_sentence_is_told():
    shown = show(replace(USUAL, sentence="The train to the city is late."))
    kneser_ney, laplace, _ = shown["curve"].data
    assert all(a < b for a, b in zip(kneser_ney.y[1:], laplace.y[1:], strict=True))
    assert [one[1] for one in shown["chain"].data[0].customdata] == [
        "the", "train", "to", "the", "city", "is", "late", ".", "end",
    ]  # fmt: skip
    strange = show(replace(USUAL, sentence="zebra quartz"))
    assert "outside the vocabulary (2 here)" in strange["chain_verdict"]


def test_each_job_adds_to_what_is_kept():
    kept = None
    for name in PANEL.jobs:
        seen, kept = run(job(name, kept=kept))
        assert seen[0]["progress"], "progress at once"
        assert seen[-1]["progress"] == ""
        assert all(set(frame) <= {*PANEL.shown, "progress"} for frame in seen)
    assert None not in (kept.words, kept.models, kept.patches)
    assert [one.objective for one in kept.models.trained] == list(neural_ngram.LANGUAGE_OBJECTIVES)
    shown = show(kept=kept)
    assert shown["map"]["value"] is not None
    assert len(shown["models_table"]["rows"]) == 4
    assert len(shown["models_chart"].data[1].x) == 4
    assert len(shown["worlds"]["value"].data) == 2
    assert shown["bounds"]["value"] is not None
    for text in ("NCE", "InfoNCE", "no language model"):
        assert text in shown["models_verdict"]
    other = show(replace(USUAL, corpus="zh"), kept)
    assert other["map"]["value"] is None, "of another text"
    assert not other["models_table"]["rows"]
    assert other["worlds"]["value"] is not None, "digits stay digits"
    columns, rows, extra = PANEL.record(USUAL, kept)
    assert all(len(row) == len(columns) for row in rows)
    assert len(rows) == 4
    assert {*extra} == {"words", "vectors", "patches"}
    json.dumps(extra, allow_nan=False)


def test_neighbours_of_a_word():
    _, kept = run(job("words"))
    shown = show(replace(USUAL, word="train"), kept)
    assert len(shown["neighbours"]["rows"][0]["cells"][1].split(", ")) == 10
    missing = show(replace(USUAL, word="zebra"), kept)
    assert "'zebra' is not among the" in missing["words_verdict"]
    assert missing["map"]["value"] is not None
    assert "不在词表" in show(replace(USUAL, word="zebra"), kept, "zh-CN")["words_verdict"]


@pytest.mark.parametrize("name", ["words", "models", "patches"])
def test_a_stopped_job_keeps_what_it_reached(name):
    stop = threading.Event()
    frames = job(name, stop=stop)
    next(frames)
    if name == "models":  # what is counted comes first, and nothing is reached before the networks
        while "models_chart" not in next(frames)[0]:
            pass
    stop.set()
    seen, kept = run(frames)
    assert len(seen) == 1
    assert "Stopped" in seen[0]["progress"]
    assert getattr(kept, name) is not None


def test_a_text_of_ones_own_and_its_refusals():
    shown = show(replace(USUAL, corpus="own", text=OWN, sentence="One cat"))
    assert len(shown["chain"].data[0].y) == 3
    for text, said in (
        ("", "two words or more"),
        ("word", "two words or more"),
        ("one paragraph alone", "blank line"),
        ("bread bread\n\nbread bread bread", "two different words or more"),
        ("a " * 300_001, "300,001 words, more than the 300,000"),
        ("a " * 1_000_001, "1,000,001 words, more than the 300,000"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            show(replace(USUAL, corpus="own", text=text))
        assert "英文" not in refusal("zh-CN", caught.value)


def test_what_is_kept_by_key_holds_no_text_of_ones_own():
    settings = replace(USUAL, corpus="own", text=OWN, n=2)
    show(settings)
    _, kept = run(job("models", settings))
    keys = [*language_texts._corpora.found, *language_texts._models.found, *language_texts._scores.found]
    assert any(settings.source == key[0] for key in language_texts._scores.found), "it was counted"
    assert not [key for key in (*keys, kept.models.about) if OWN in str(key) or "cat" in str(key)]
    assert replace(settings, text=OWN + " more").source != settings.source
    assert replace(settings, corpus="en").source == USUAL.source, "the text box alone changes nothing"
    show(replace(settings, n=3))
    assert len(language_texts._models.found) == 1, "a model may take hundreds of megabytes"
    assert replace(settings, text="\ud800").source


def test_what_was_asked_for_longest_ago_is_dropped():
    kept, made = language_texts.Bounded[str](2), []

    def make(key):
        made.append(key)
        return key

    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(key, lambda key=key: make(key)) == key
    assert made == ["a", "b", "c", "b"]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_text_that_is_not_read_yet_says_so_first(language):
    settings = replace(USUAL, corpus="own", text=OWN + f"\n\nNever seen in {language} before.")
    first = next(PANEL.show(settings, None, threading.Event(), language))[0]
    assert {*first} == {"progress"}
    assert {"en": "Reading the text", "zh-CN": "统计词频"}[language] in first["progress"]
    show(settings)
    assert "chain" in next(PANEL.show(settings, None, threading.Event(), language))[0], "read already"


def better_before(kept, **changed):
    """Networks that were at a tenth of their last perplexity at step 2."""
    trained = [
        replace(one, best=(2, one.glance.perplexity / 10), glance=replace(one.glance, **changed))
        for one in kept.models.trained
    ]
    return replace(kept, models=replace(kept.models, trained=tuple(trained)))


def test_the_lowest_on_the_way_is_a_hollow_diamond():
    _, kept = run(job("models"))
    assert all(one.glance == one.reading for one in kept.models.trained), "a short text is read whole every time"
    shown = show(kept=better_before(kept))
    hollow = shown["models_chart"].data[2]
    assert hollow.marker.symbol == "diamond-open"
    assert hollow.name == "lowest on the way"
    last = dict(zip(shown["models_chart"].data[1].y, shown["models_chart"].data[1].x, strict=True))
    assert {name: 10 * x for name, x in zip(hollow.y, hollow.x, strict=True)} == pytest.approx(last)
    assert all(row["cells"][2].endswith("at step 2") for row in shown["models_table"]["rows"])
    assert "Learned by heart" in shown["models_verdict"]
    other = show(kept=better_before(kept, words=10))
    assert len(other["models_chart"].data) == 2, "not of the words that the rest of the chart is of"
    assert {row["cells"][2] for row in other["models_table"]["rows"]} == {"–"}
    assert "perplexity of 10 held-out words" in other["models_verdict"]


def test_networks_and_counts_are_read_on_the_same_words(monkeypatch):
    monkeypatch.setattr(neural_ngram, "GLANCE", 20)
    _, kept = run(job("models"))
    words = language_texts.held_out(USUAL)
    assert words == sum(len(text) + 1 for text in language_texts.corpus(USUAL).test) > 20
    assert {one.reading.words for one in kept.models.trained} == {words}
    assert "Stopped before" not in show(kept=kept)["models_verdict"]
    stop = threading.Event()
    frames = job("models", stop=stop)
    while "models_chart" not in next(frames)[0]:
        pass
    stop.set()
    _, kept = run(frames)
    assert f"read on 20 of the {words} held-out words" in show(kept=kept)["models_verdict"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 7}, "n must be a whole number between 1 and 6, not 7"),
        ({"amount": 0}, "amount must lie between"),
        ({"corpus": "moon"}, "corpus must be one of"),
        ({"seconds": 61}, "seconds must be a whole number"),
        ({"sentence": "x" * 501}, "the sentence has 501 characters, more than the 500 allowed"),
    ],
)
def test_settings_that_cannot_be(change, said):
    with pytest.raises(ValueError, match=said) as caught:
        replace(USUAL, **change)
    assert "英文" not in refusal("zh-CN", caught.value)


def test_a_link_keeps_the_settings():
    settings = replace(
        USUAL, corpus="zh", n=4, smoothing="laplace", amount=0.1, sentence="火车晚点了。", objective="nce"
    )
    query = dict(pair.split("=") for pair in settings.query().split("&"))
    from urllib.parse import unquote_plus

    read, wrong = Settings.from_query({name: unquote_plus(value) for name, value in query.items()})
    assert (read, wrong) == (settings, [])


@pytest.mark.parametrize(
    "settings",
    [USUAL, Settings(seconds=1, corpus="own", text=OWN * 3, smoothing="laplace", sentence='he said "so"', word="cat")],
)
def test_the_program_runs(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = "\n".join(PANEL.program(settings, "en"))
    exec(compile(source.replace("seconds=1", "steps=4"), "program", "exec"), {})
    printed = capsys.readouterr().out
    assert "p(" in printed
    assert "negative_sampling LanguageReading(perplexity=" in printed
    assert {one.name for one in tmp_path.iterdir()} == {"chain.html", "perplexities.html", "worlds.html"}
