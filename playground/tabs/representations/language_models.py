"""The jobs of the panel "From n-grams to InfoNCE": word vectors, four networks on one chart, and pictures' rows."""

import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.figures import representations_language as figures
from playground.figures import representations_worlds as world_figures
from playground.i18n import TEXTS, refusal, say
from playground.representations.neural_ngram import (
    LANGUAGE_OBJECTIVES,
    LanguageReading,
    Match,
    fit_language_model,
    multiply_adds,
)
from playground.representations.ngram import Smoothing
from playground.representations.patches import PatchesMatch, PatchesReading, fit_patches
from playground.representations.plane import plane_of
from playground.representations.word_vectors import fit_words, neighbours
from playground.tabs.components.table import Column, Row, table
from playground.tabs.panel import Frames, if_any
from playground.tabs.progress import bar
from playground.tabs.representations.language_settings import Settings
from playground.tabs.representations.language_texts import corpus, held_out, score

__all__ = [
    "FRAME", "Kept", "learn_patches", "learn_words", "models_of", "patches_of", "train_models", "words_of",
]  # fmt: skip

FRAME = 0.4  # seconds between two pictures
BY_HEART = 1.15  # times its lowest perplexity: a network that ends above it has learned the text by heart
MAPPED = 70  # words on the map
COUNTED: tuple[tuple[int, Smoothing], ...] = (
    (1, "kneser_ney"), (2, "kneser_ney"), (3, "kneser_ney"), (4, "kneser_ney"), (2, "laplace"), (3, "laplace"),
)  # fmt: skip
ASKED, NEAR = 8, 10  # words whose neighbours are shown where none is asked for, and how many of them


@dataclass(frozen=True, eq=False)
class Words:
    """A training of word vectors."""

    about: tuple[object, ...]
    losses: tuple[tuple[int, float], ...]
    vectors: NDArray[np.float32]
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Trained:
    """What one objective has come to."""

    objective: str
    reading: LanguageReading
    glance: LanguageReading  # of the same words at every step, all of them where they are few
    best: tuple[int, float]  # the step whose glance was lowest, and its perplexity
    match: Match | None
    step: int
    seconds: float
    cost: int  # multiply-adds a word


@dataclass(frozen=True, eq=False)
class Models:
    """Networks on one text, as far as they were trained."""

    about: tuple[object, ...]
    trained: tuple[Trained, ...]


@dataclass(frozen=True, eq=False)
class Patches:
    """A training on digits."""

    about: tuple[object, ...]
    ceiling: float
    reading: PatchesReading
    match: PatchesMatch | None
    course: tuple[tuple[int, float], ...]  # step and bound of the next row


@dataclass(frozen=True, eq=False)
class Kept:
    """What the three jobs have come to."""

    words: Words | None = None
    models: Models | None = None
    patches: Patches | None = None


def learn_words(settings: Settings, kept: Kept | None, stop: threading.Event, language: str) -> Frames:
    """The map of words as they find their places; Stop keeps what was reached."""
    yield {"progress": bar(0, say(language, "representations.starting"))}, None
    text = corpus(settings)
    vocabulary = text.frequent()
    losses: list[tuple[int, float]] = []
    vectors, shown = None, 0.0
    about = words_key(settings)
    training = fit_words(
        [*text.train, *text.test], vocabulary, objective=settings.by, seconds=settings.seconds, seed=settings.seed
    )
    with closing(training):
        for step in training:
            losses.append((step.step, step.loss))
            vectors = step.vectors if step.vectors is not None else vectors
            if stop.is_set() or step.progress == 1:
                break
            if step.vectors is not None and time.monotonic() - shown > FRAME:
                shown = time.monotonic()
                so_far = Words(about, tuple(losses), step.vectors, vocabulary.words)
                progress = _training(step.progress, step.step, step.seconds, language)
                yield {"progress": progress, **_word_pictures(so_far, settings, language)}, None
    assert vectors is not None  # the first step has them
    done = replace(kept or Kept(), words=Words(about, tuple(losses), vectors, vocabulary.words))
    ended = bar(step.progress, say(language, "representations.stopped")) if stop.is_set() else ""
    yield {"progress": ended, **words_of(settings, done, language)}, done


def train_models(settings: Settings, kept: Kept | None, stop: threading.Event, language: str) -> Frames:
    """Four networks, one after another, each for the same time; Stop keeps those that have begun."""
    yield {"progress": bar(0, say(language, "representations.starting"))}, None
    for i, (n, smoothing) in enumerate(COUNTED):
        if stop.is_set():
            yield {"progress": bar(0, say(language, "representations.stopped"))}, None
            return
        text = say(language, "representations.language.counting", n=n)
        yield {"progress": bar(0.05 * i / len(COUNTED), text)}, None
        score(settings, n, smoothing)
    text_of, found, shown = corpus(settings), dict[str, Trained](), 0.0
    about = models_key(settings)
    for i, objective in enumerate(LANGUAGE_OBJECTIVES):
        name = say(language, f"representations.language.objective.{objective}")
        cost = multiply_adds(objective, size=len(text_of.vocabulary.words))
        training = fit_language_model(
            text_of.train, text_of.test, text_of.vocabulary, objective=objective, seconds=settings.seconds,
            seed=settings.seed,
        )  # fmt: skip
        with closing(training):
            for step in training:
                if step.reading is not None and step.glance is not None:
                    now = (step.step, step.glance.perplexity)
                    best = min(found[objective].best, now, key=lambda one: one[1]) if objective in found else now
                    found[objective] = Trained(
                        objective, step.reading, step.glance, best, step.match, step.step, step.seconds, cost
                    )
                share = 0.05 + 0.95 * (i + step.progress) / len(LANGUAGE_OBJECTIVES)
                done = replace(kept or Kept(), models=Models(about, tuple(found.values())))
                if stop.is_set():
                    ended = bar(share, say(language, "representations.stopped"))
                    yield {"progress": ended, **models_of(settings, done, language)}, done
                    return
                if time.monotonic() - shown > FRAME:
                    shown = time.monotonic()
                    words = {"name": name, "place": i + 1, "step": f"{step.step:,}"}
                    progress = bar(share, say(language, "representations.language.training", **words))
                    yield {"progress": progress, "models_chart": _chart(settings, done.models, language)}, None
    yield {"progress": "", **models_of(settings, done, language), **patches_of(settings, done, language)}, done


def learn_patches(settings: Settings, kept: Kept | None, stop: threading.Event, language: str) -> Frames:
    """What rows of digits tell of those below; Stop keeps what was reached."""
    yield {"progress": bar(0, say(language, "representations.starting"))}, None
    course: list[tuple[int, float]] = []
    shown, done = 0.0, kept or Kept()
    training = fit_patches(seconds=settings.seconds, seed=settings.seed)
    with closing(training):
        for step in training:
            if step.reading is not None:
                course.append((step.step, step.reading.bounds[0]))
                found = Patches(patches_key(settings), step.ceiling, step.reading, step.match, tuple(course))
                done = replace(done, patches=found)
            if stop.is_set() or step.progress == 1:
                break
            if time.monotonic() - shown > FRAME:
                shown = time.monotonic()
                progress = _training(step.progress, step.step, step.seconds, language)
                yield {"progress": progress, "bounds": if_any(_bounds(done.patches, language))}, None
    ended = bar(step.progress, say(language, "representations.stopped")) if stop.is_set() else ""
    yield {"progress": ended, **patches_of(settings, done, language)}, done


def words_key(settings: Settings) -> tuple[object, ...]:
    """What a training of word vectors depends on."""
    return settings.source, settings.by, settings.seconds, settings.seed


def models_key(settings: Settings) -> tuple[object, ...]:
    """What the networks depend on."""
    return settings.source, settings.seconds, settings.seed


def patches_key(settings: Settings) -> tuple[object, ...]:
    """What a training on digits depends on."""
    return settings.seconds, settings.seed


def words_of(settings: Settings, kept: Kept | None, language: str) -> dict[str, Any]:
    """Map, loss and neighbours of the word that is asked for, or of a few; empty before such a training."""
    words = kept.words if kept is not None else None
    if words is None or words.about != words_key(settings):
        verdict = say(language, "representations.language.words.before")
        return {"loss": if_any(None), "map": if_any(None), "neighbours": table([], []), "words_verdict": verdict}
    shown = _word_pictures(words, settings, language)
    try:
        rows = _neighbours(words, settings.word)
    except ValueError as error:  # a word that the text lacks is no reason to hide the map
        return {**shown, "neighbours": table([], []), "words_verdict": refusal(language, error)}
    heads = [Column(say(language, f"representations.language.column.{head}")) for head in ("word", "near")]
    values = {"pairs": f"{words.losses[-1][0]:,}", "words": f"{len(words.words):,}"}
    verdict = say(language, f"representations.language.words.{settings.by}", **values)
    return {**shown, "neighbours": table(heads, rows), "words_verdict": verdict}


def models_of(settings: Settings, kept: Kept | None, language: str) -> dict[str, Any]:
    """The chart of perplexities, the table of log Z and costs, and what they mean."""
    models = kept.models if kept is not None else None
    if models is None or models.about != models_key(settings) or not models.trained:
        verdict = say(language, "representations.language.models.before")
        return {
            "models_chart": _chart(settings, None, language),
            "models_table": table([], []),
            "models_verdict": verdict,
        }
    heads = ("objective", "perplexity", "lowest", "log_z", "sd", "cost", "steps")
    columns = [Column(say(language, f"representations.language.column.{head}"), i > 0) for i, head in enumerate(heads)]
    rows = [
        Row(
            [
                say(language, f"representations.language.objective.{one.objective}"), f"{one.reading.perplexity:.0f}",
                _lowest(one, settings, language), f"{one.reading.log_z_mean:+.2f}", f"{one.reading.log_z_sd:.2f}",
                f"{one.cost:,}", f"{one.step:,}",
            ]
        )
        for one in models.trained
    ]  # fmt: skip
    shown = {"models_chart": _chart(settings, models, language), "models_table": table(columns, rows)}
    return {**shown, "models_verdict": _verdict(settings, models, language)}


def patches_of(settings: Settings, kept: Kept | None, language: str) -> dict[str, Any]:
    """The two worlds side by side, and the bounds."""
    patches, models = (kept.patches, kept.models) if kept is not None else (None, None)
    if patches is not None and patches.about != patches_key(settings):
        patches = None
    match = None
    if models is not None and models.about == models_key(settings):
        match = next((one.match for one in models.trained if one.objective == "info_nce"), None)
    words = _words(language)
    figure = None
    if match is not None or (patches is not None and patches.match is not None):
        figure = world_figures.worlds(match, patches.match if patches is not None else None, words=words)
    verdict = say(language, "representations.language.patches.before")
    if patches is not None:
        values = {"bound": f"{patches.reading.halves:.2f}", "ceiling": f"{patches.ceiling:.2f}",
                  "right": f"{patches.reading.right:.0%}", "next": f"{patches.reading.bounds[0]:.2f}",
                  "far": f"{patches.reading.bounds[-1]:.2f}"}  # fmt: skip
        verdict = say(language, "representations.language.patches.after", **values)
    return {"worlds": if_any(figure), "bounds": if_any(_bounds(patches, language)), "patches_verdict": verdict}


def _training(share: float, step: int, seconds: float, language: str) -> str:
    words = {"step": f"{step:,}", "seconds": f"{seconds:.0f}"}
    return bar(share, say(language, "representations.training", **words))


def _words(language: str) -> dict[str, str]:
    names = {*figures.WORDS, *world_figures.WORDS}
    return {name: TEXTS[language][f"representations.language.figure.{name}"] for name in names}


def _word_pictures(words: Words, settings: Settings, language: str) -> dict[str, Any]:
    """The map of the most frequent words (marks and END left out), and the loss."""
    chosen = [i for i, word in enumerate(words.words) if word.isalpha()][:MAPPED]
    marked = [settings.word] if settings.word in words.words else []
    if marked:
        near = neighbours(words.vectors, words.words, settings.word, NEAR)
        marked += [one.word for one in near]
        chosen += [i for i in map(words.words.index, marked) if i not in chosen]
    if len(chosen) < 3:
        return {"map": if_any(None), "loss": if_any(world_figures.learning(words.losses, words=_words(language)))}
    places = plane_of(words.vectors[chosen])
    names = [words.words[i] for i in chosen]
    return {
        "map": if_any(world_figures.word_map(places, names, marked=marked)),
        "loss": if_any(world_figures.learning(words.losses, words=_words(language))),
    }


def _neighbours(words: Words, word: str) -> list[Row]:
    """Rows of a word with its neighbours: the one asked for, else frequent ones that are no marks."""
    proper = [one for one in words.words if one.isalpha()]
    asked = [word] if word else proper[len(proper) // 40 :: max(1, len(proper) // 40)][:ASKED]
    return [
        Row([one, ", ".join(near.word for near in neighbours(words.vectors, words.words, one, NEAR))]) for one in asked
    ]


def _chart(settings: Settings, models: Models | None, language: str) -> Any:
    """Bars of what has been counted so far (more would take seconds) and of the networks."""
    rows = []
    for n, smoothing in COUNTED:
        key = "unigram" if n == 1 else smoothing
        name = say(language, f"representations.language.row.{key}", n=n, amount=f"{settings.amount:g}")
        rows.append((name, score(settings, n, smoothing), False))
    trained = models.trained if models is not None else ()
    names = [say(language, f"representations.language.objective.{one.objective}") for one in trained]
    rows += [(name, one.reading.perplexity, True) for name, one in zip(names, trained, strict=True)]
    lowest = {name: one.best[1] for name, one in zip(names, trained, strict=True) if _was_lower(one, settings)}
    return figures.perplexities(rows, lowest, words=_words(language))


def _was_lower(one: Trained, settings: Settings) -> bool:
    """Whether a network was better on the way, on all the words that the last reading is of."""
    return one.best[0] != one.step and one.glance.words == held_out(settings)


def _lowest(one: Trained, settings: Settings, language: str) -> str:
    if not _was_lower(one, settings):
        return "–"
    values = {"perplexity": f"{one.best[1]:.0f}", "step": f"{one.best[0]:,}"}
    return say(language, "representations.language.lowest", **values)


def _bounds(patches: Patches | None, language: str) -> Any:
    if patches is None:
        return None
    reading = patches.reading
    return world_figures.bounds(reading.bounds, reading.halves, patches.ceiling, words=_words(language))


def _verdict(settings: Settings, models: Models, language: str) -> str:
    """What each objective has made of Z, and who tells words best."""
    found = {one.objective: one.reading for one in models.trained}
    parts = []
    if nce := found.get("nce"):
        kind = "self" if abs(nce.log_z_mean) <= 0.3 and nce.log_z_sd <= 0.3 else "not_yet"
        values = {"mean": f"{nce.log_z_mean:+.2f}", "sd": f"{nce.log_z_sd:.2f}"}
        parts.append(say(language, f"representations.language.verdict.nce_{kind}", **values))
    if ranked := found.get("info_nce"):
        values = {"mean": f"{ranked.log_z_mean:+.2f}", "sd": f"{ranked.log_z_sd:.2f}"}
        parts.append(say(language, "representations.language.verdict.info_nce", **values))
    if sampled := found.get("negative_sampling"):
        unigram = score(settings, 1, "kneser_ney")
        kind = "worse" if sampled.perplexity > unigram else "better"
        values = {"perplexity": f"{sampled.perplexity:.0f}", "unigram": f"{unigram:.0f}"}
        parts.append(say(language, f"representations.language.verdict.sampling_{kind}", **values))
    by_heart = max(models.trained, key=lambda one: one.glance.perplexity / one.best[1])
    if by_heart.glance.perplexity > BY_HEART * by_heart.best[1]:
        values = {
            "name": say(language, f"representations.language.objective.{by_heart.objective}"),
            "best": f"{by_heart.best[1]:.0f}", "step": f"{by_heart.best[0]:,}",
            "last": f"{by_heart.glance.perplexity:.0f}", "words": f"{by_heart.glance.words:,}",
        }  # fmt: skip
        parts.append(say(language, "representations.language.verdict.by_heart", **values))
    everything = held_out(settings)
    if glanced := [one for one in models.trained if one.reading.words < everything]:
        names = ", ".join(say(language, f"representations.language.objective.{one.objective}") for one in glanced)
        values = {"names": names, "words": f"{glanced[0].reading.words:,}", "all": f"{everything:,}"}
        parts.append(say(language, "representations.language.verdict.glanced", **values))
    counted = min(score(settings, n, "kneser_ney") for n, smoothing in COUNTED if smoothing != "laplace")
    learned = min(one.perplexity for one in found.values())
    kind = "counted" if counted < learned else "learned"
    values = {"counted": f"{counted:.0f}", "learned": f"{learned:.0f}", "seconds": str(settings.seconds)}
    parts.append(say(language, f"representations.language.verdict.{kind}", **values))
    return "\n".join(f"- {part}" for part in parts)
