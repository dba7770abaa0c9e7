"""The Python of the panel "From n-grams to InfoNCE", and what of it goes into files."""

from dataclasses import asdict
from typing import Any

from playground.representations.text import split_words
from playground.tabs.panel import MOST_LINKED, Record
from playground.tabs.representations.language_models import Kept
from playground.tabs.representations.language_settings import N, Settings

__all__ = ["program", "record"]


def program(settings: Settings, _: str) -> list[str]:
    """The same text, counts, networks, vectors and rows, each in the panel's own settings."""
    n, smoothing, amount = settings.counted
    said = split_words(settings.sentence)
    asked = repr(settings.word) if settings.word else "words.words[9]"
    training = f"seconds={settings.seconds}, seed={settings.seed}"
    return [
        "from playground.figures.representations_language import chain, perplexities",
        "from playground.figures.representations_worlds import worlds",
        "from playground.representations.corpora import corpus_of, passage, python_documentation",
        "from playground.representations.indexed import perplexity, tell",
        "from playground.representations.neural_ngram import LANGUAGE_OBJECTIVES, fit_language_model",
        "from playground.representations.ngram import NGram",
        "from playground.representations.noise import approach",
        "from playground.representations.patches import fit_patches",
        "from playground.representations.text import END",
        "from playground.representations.word_vectors import fit_words, neighbours",
        "",
        *_text(settings),
        "corpus = corpus_of(text)  # paragraphs, each once, and split before anything is counted",
        "train, test, vocabulary = corpus.train, corpus.test, corpus.vocabulary",
        "",
        f'model = NGram(train, vocabulary, n={n}, smoothing="{smoothing}", amount={amount:g})',
        f"told = tell(model, {said!r})" if said else "told = tell(model, test[0][:12])",
        "for factor, bits in zip(told.factors, told.bits):",
        "    print(f\"p({factor.word} | {' '.join(factor.history)}) = {factor.probability:.3g}, {bits:.1f} bits\")",
        'chain(told.factors, told.bits, ending=END).write_html("chain.html")',
        "rows = []",
        f"for n in range({N[0]}, {N[1] + 1}):",
        '    for smoothing in ("kneser_ney", "laplace"):',
        f"        counted = NGram(train, vocabulary, n=n, smoothing=smoothing, amount={settings.amount:g})",
        '        rows.append((f"{smoothing} {n}", perplexity(counted, test), False))',
        f"for one in approach(corpus.usual(), seed={settings.seed}):",
        '    print(f"NCE with k = {one.k}: {one.gap:.3f} nats from maximum likelihood, log Z {one.log_z:.4f}")',
        "",
        "for objective in LANGUAGE_OBJECTIVES:",
        f"    for step in fit_language_model(train, test, vocabulary, objective=objective, {training}):",
        "        pass  # each step is a record; the last one has the reading of the averaged weights",
        "    print(objective, step.reading)",
        "    rows.append((objective, step.reading.perplexity, True))",
        '    if objective == "info_nce":',
        "        match = step.match",
        'perplexities(rows).write_html("perplexities.html")',
        "",
        "words = corpus.frequent()",
        f'for step in fit_words([*train, *test], words, objective="{settings.by}", {training}):',
        "    pass",
        f"for near in neighbours(step.vectors, words.words, {asked}):",
        '    print(f"{near.word}: {near.cosine:.2f}")',
        "",
        f"for step in fit_patches({training}):",
        "    pass",
        "print(step.reading)",
        'worlds(match, step.match).write_html("worlds.html")',
    ]


def _text(settings: Settings) -> list[str]:
    """The line that makes `text`."""
    if settings.corpus == "python":
        return ["text = python_documentation()"]
    if settings.corpus == "own":
        if len(settings.text) <= MOST_LINKED:
            return [f"text = {settings.text!r}"]
        return ['text = open("text.txt", encoding="utf-8").read()  # your own text, saved in this file']
    return [f'text = passage("{settings.corpus}")']


def record(_: Settings, kept: Kept) -> Record:
    """A line a network, whose reading it is; in JSON word vectors' losses and pictures' bounds, too."""
    columns = ["objective", "perplexity", "log_z_mean", "log_z_sd", "test_words", "multiply_adds", "steps", "seconds",
               "lowest_perplexity", "lowest_step", "lowest_words"]  # fmt: skip
    trained = kept.models.trained if kept.models is not None else ()
    rows = [
        [
            one.objective, *asdict(one.reading).values(), one.cost, one.step, one.seconds, one.best[1], one.best[0],
            one.glance.words,
        ]
        for one in trained
    ]  # fmt: skip
    extra: dict[str, Any] = {}
    if kept.words is not None:
        extra["words"] = {"losses": [list(one) for one in kept.words.losses]}
        extra["vectors"] = {
            word: [round(float(x), 4) for x in row]
            for word, row in zip(kept.words.words, kept.words.vectors, strict=True)
        }
    if kept.patches is not None:
        extra["patches"] = {"log_n": kept.patches.ceiling, **asdict(kept.patches.reading),
                            "course": [list(one) for one in kept.patches.course]}  # fmt: skip
    return columns, rows, extra
