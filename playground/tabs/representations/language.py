"""The panel "From n-grams to InfoNCE": the chain rule, word vectors, four networks on one chart, and pictures' rows."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground.figures import representations_language as figures
from playground.i18n import TEXTS, label, say
from playground.representations.indexed import tell
from playground.representations.noise import approach
from playground.representations.text import END, UNKNOWN, split_words
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.panel import Frames, Panel
from playground.tabs.progress import bar
from playground.tabs.representations.language_models import (
    FRAME,
    Kept,
    learn_patches,
    learn_words,
    models_of,
    patches_of,
    train_models,
    words_of,
)
from playground.tabs.representations.language_program import program, record
from playground.tabs.representations.language_settings import AMOUNT, BY, CORPORA, SECONDS, SMOOTHINGS, N, Settings
from playground.tabs.representations.language_texts import corpus, model, read_already, score

__all__ = ["PANEL"]

FIRST = 12  # words of a held-out paragraph where no sentence is given
KEY = "representations-language"


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components, four steps one below another."""
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            _lay_out_controls(w)
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            gr.Markdown(label("representations.language.step.chain"), elem_classes="pg-hint")
            w.language_chain = LivePlotly(height=300, elem_id=f"{KEY}-chain")
            w.language_chain_verdict = gr.Markdown(elem_id=f"{KEY}-chain-verdict")
            w.language_curve = LivePlotly(height=300, elem_id=f"{KEY}-curve")
            gr.Markdown(label("representations.language.step.noise"), elem_classes="pg-hint")
            w.language_approach = LivePlotly(
                height="calc(280px + max(0px, (640px - 100vw) * 0.8))", elem_id=f"{KEY}-approach"
            )
            gr.Markdown(label("representations.language.step.models"), elem_classes="pg-hint")
            with gr.Row(elem_classes="pg-buttons"):
                w.language_models = gr.Button(
                    label("representations.language.models"), variant="primary", elem_id=f"{KEY}-models"
                )
            w.language_models_verdict = gr.Markdown(elem_id=f"{KEY}-models-verdict")
            w.language_models_chart = LivePlotly(height=380, elem_id=f"{KEY}-models-chart")
            w.language_models_table = Table(elem_id=f"{KEY}-models-table")
            gr.Markdown(label("representations.language.step.words"), elem_classes="pg-hint")
            with gr.Row(elem_classes="pg-numbers"):
                w.language_objective = gr.Radio(
                    [(label(f"representations.language.by.{name}"), name) for name in BY], value=Settings.objective,
                    label=label("representations.language.by"), min_width=220, interactive=True,
                    elem_id=f"{KEY}-objective", elem_classes="pg-pills",
                )  # fmt: skip
                w.language_word = gr.Textbox(
                    Settings.word, label=label("representations.language.word"), min_width=140, interactive=True,
                    placeholder=label("representations.language.word.hint"), elem_id=f"{KEY}-word",
                )  # fmt: skip
            with gr.Row(elem_classes="pg-buttons"):
                w.language_words = gr.Button(
                    label("representations.language.words"), variant="primary", elem_id=f"{KEY}-words"
                )
            w.language_words_verdict = gr.Markdown(elem_id=f"{KEY}-words-verdict")
            w.language_map = LivePlotly(height=460, visible="hidden", elem_id=f"{KEY}-map")
            w.language_neighbours = Table(elem_id=f"{KEY}-neighbours")
            w.language_loss = LivePlotly(height=300, visible="hidden", elem_id=f"{KEY}-loss")
            gr.Markdown(label("representations.language.step.patches"), elem_classes="pg-hint")
            with gr.Row(elem_classes="pg-buttons"):
                w.language_patches = gr.Button(
                    label("representations.language.patches"), variant="primary", elem_id=f"{KEY}-patches"
                )
            w.language_patches_verdict = gr.Markdown(elem_id=f"{KEY}-patches-verdict")
            w.language_worlds = LivePlotly(
                height="calc(430px + max(0px, (640px - 100vw) * 1.4))", visible="hidden", elem_id=f"{KEY}-worlds"
            )
            w.language_bounds = LivePlotly(height=300, visible="hidden", elem_id=f"{KEY}-bounds")


def _lay_out_controls(w: SimpleNamespace) -> None:
    usual = Settings()
    gr.Markdown(label("representations.language.lead"), elem_classes="pg-hint")
    w.language_corpus = gr.Radio(
        [(label(f"representations.language.corpus.{name}"), name) for name in CORPORA], value=usual.corpus,
        label=label("representations.language.corpus"), interactive=True, elem_id=f"{KEY}-corpus",
        elem_classes="pg-pills",
    )  # fmt: skip
    w.language_text = gr.Textbox(
        usual.text, lines=3, max_lines=8, label=label("representations.language.text"), interactive=True,
        placeholder=label("representations.language.text.hint"), elem_id=f"{KEY}-text",
    )  # fmt: skip
    w.language_n = Slider(
        *N, value=usual.n, step=1, label=label("representations.language.n"), buttons=[], interactive=True,
        elem_id=f"{KEY}-n",
    )  # fmt: skip
    w.language_smoothing = gr.Radio(
        [(label(f"representations.language.smoothing.{name}"), name) for name in SMOOTHINGS], value=usual.smoothing,
        label=label("representations.language.smoothing"), interactive=True, elem_id=f"{KEY}-smoothing",
        elem_classes="pg-pills",
    )  # fmt: skip
    w.language_amount = gr.Number(
        usual.amount, label=label("representations.language.amount"), minimum=AMOUNT[0], maximum=AMOUNT[1],
        interactive=True, elem_id=f"{KEY}-amount",
    )  # fmt: skip
    w.language_sentence = gr.Textbox(
        usual.sentence, label=label("representations.language.sentence"), interactive=True,
        placeholder=label("representations.language.sentence.hint"), elem_id=f"{KEY}-sentence",
    )  # fmt: skip
    with gr.Row(elem_classes="pg-numbers"):
        w.language_seconds = Slider(
            *SECONDS, value=usual.seconds, step=1, label=label("representations.language.seconds"), buttons=[],
            min_width=120, interactive=True, elem_id=f"{KEY}-seconds",
        )  # fmt: skip
        w.language_seed = gr.Number(
            usual.seed, label=label("representations.seed"), min_width=70, interactive=True, elem_id=f"{KEY}-seed"
        )


def show(settings: Settings, kept: Kept | None, stop: threading.Event, language: str) -> Frames:
    """The sentence word by word, then perplexities for every n as they are counted, and what the jobs have come to."""
    if not read_already(settings):
        what = "reading" if settings.corpus == "python" else "reading.text"
        yield {"progress": bar(0, say(language, f"representations.language.{what}"))}, None
    words, chosen = _words(language), settings.counted
    text = corpus(settings)
    yield {**_chain(settings, language), **words_of(settings, kept, language)}, None
    found: dict[str, dict[int, float]] = {name: {} for name in SMOOTHINGS}
    wanted = [(n, name) for n in range(N[0], N[1] + 1) for name in SMOOTHINGS]
    shown = time.monotonic()
    for i, (n, name) in enumerate(wanted):
        if stop.is_set():
            yield {"progress": bar(i / len(wanted), say(language, "representations.stopped"))}, None
            return
        if time.monotonic() - shown > FRAME:  # a large text, for the first time
            shown = time.monotonic()
            progress = bar(i / len(wanted), say(language, "representations.language.counting", n=n))
            curve = figures.curve(found, chosen=(chosen[1], chosen[0]), words=words)
            yield {"progress": progress, "curve": curve}, None
        found[name][n] = score(settings, n, name)
    yield (
        {
            "progress": "",
            "curve": figures.curve(found, chosen=(chosen[1], chosen[0]), words=words),
            "approach": figures.approach(approach(text.usual(), seed=settings.seed), words=words),
            **models_of(settings, kept, language),
            **patches_of(settings, kept, language),
        },
        None,
    )


def _chain(settings: Settings, language: str) -> dict[str, Any]:
    """The factors as bars, and their product in words."""
    text = corpus(settings)
    said = split_words(settings.sentence) or text.test[0][:FIRST]
    told = tell(model(settings), said)
    unknown = sum(word == UNKNOWN for word in text.vocabulary.known(said))
    values = {
        "words": len(told.factors), "log10": f"{told.log10:.1f}", "perplexity": f"{told.perplexity:.1f}",
        "size": f"{len(text.vocabulary.words):,}", "bits": f"{sum(told.bits):.1f}",
        "worst": max(zip(told.bits, said, strict=False))[1],
    }  # fmt: skip
    verdict = say(language, "representations.language.chain", **values)
    if unknown:
        verdict += " " + say(language, "representations.language.chain.unknown", unknown=unknown)
    figure = figures.chain(told.factors, told.bits, ending=END, words=_words(language))
    return {"chain": figure, "chain_verdict": verdict}


def _words(language: str) -> dict[str, str]:
    return {name: TEXTS[language][f"representations.language.figure.{name}"] for name in figures.WORDS}


PANEL = Panel(
    Settings,
    lay_out,
    (
        "chain", "chain_verdict", "curve", "approach", "models_verdict", "models_chart", "models_table",
        "words_verdict", "map", "neighbours", "loss", "patches_verdict", "worlds", "bounds",
    ),
    show,
    {"words": learn_words, "models": train_models, "patches": learn_patches},
    program,
    record,
)  # fmt: skip
