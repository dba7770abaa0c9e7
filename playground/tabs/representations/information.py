"""The panel "Mutual information": five estimators race to a known truth, or read a table that somebody brings."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr

from playground.figures import representations_information as figures
from playground.i18n import TEXTS, label, say
from playground.representations.critics import CRITICS
from playground.representations.estimate import ESTIMATORS
from playground.representations.nonparametric import histogram_information, ksg_information
from playground.representations.pairs import PAIRS, Pairs, pairs
from playground.representations.race import Race, race
from playground.representations.samples import Samples, drawn, example, load
from playground.tabs.checks import between, choice, whole
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import table
from playground.tabs.panel import Frames, Panel, Record, if_any
from playground.tabs.progress import bar
from playground.tabs.representations.panel import PanelSettings
from playground.tabs.representations.readings import number, readings, state, verdict

__all__ = ["PANEL", "Ran", "Settings", "program"]

SOURCES = ("known", "csv")
INFORMATION, DIMENSION, BATCH, SECONDS = (0.0, 10.0), (1, 20), (16, 512), (2, 20)
EVERY = 0.5  # seconds between two pictures
EXAMPLE, EXAMPLE_INFORMATION = "example.csv", 0.8


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The panel's controls."""

    PANEL: ClassVar[str] = "information"

    source: str = "known"
    distribution: str = "gaussian"
    information: float = 2.0  # nats
    dimension: int = 1
    columns_x: str = ""
    columns_y: str = ""
    ranked: bool = True
    estimators: tuple[str, ...] = tuple(ESTIMATORS)
    batch: int = 128
    critic: str = "separable"
    seconds: int = 5
    upload: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("source", self.source, SOURCES)
        choice("distribution", self.distribution, PAIRS)
        between("information", self.information, *INFORMATION)
        whole("dimension", self.dimension, *DIMENSION)
        for name in self.estimators:
            choice("estimators", name, ESTIMATORS)
        whole("batch", self.batch, *BATCH)
        choice("critic", self.critic, CRITICS)
        whole("seconds", self.seconds, *SECONDS)


@dataclass(frozen=True, eq=False)
class Ran:
    """What one person's race has come to."""

    settings: Settings
    known: Mapping[str, float]  # nats: "truth", "histogram" and "ksg", as far as there are
    race: Race


@dataclass(frozen=True, eq=False)
class Given:
    """What the settings are about: rows to look at, and pairs to train on, to choose by and to read."""

    sample: Samples
    train: Pairs
    held: Pairs | None
    check: Pairs | None
    truth: float | None


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "representations.information."
    w.information_place = TemporaryDirectory(prefix="playground-")  # of the example; lives as long as the page does
    table_path = Path(w.information_place.name) / EXAMPLE
    table_path.write_text(example(EXAMPLE_INFORMATION), encoding="utf-8")

    def pills(name: str, values: tuple[str, ...], value: str) -> gr.Radio:
        return gr.Radio(
            [(label(f"{key}{name}.{one}"), one) for one in values], value=value, label=label(key + name),
            interactive=True, min_width=160, elem_id=f"representations-information-{name}", elem_classes="pg-pills",
        )  # fmt: skip

    def slider(name: str, ends: tuple[float, float], step: float) -> Slider:
        return Slider(
            *ends, value=getattr(usual, name), step=step, label=label(key + name), buttons=[], interactive=True,
            min_width=100, elem_id=f"representations-information-{name}",
        )  # fmt: skip

    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("representations.information.lead"), elem_classes="pg-hint")

            w.information_source = pills("source", SOURCES, usual.source)
            with gr.Column(elem_id="representations-information-known", elem_classes="pg-controls"):
                w.information_distribution = pills("distribution", tuple(PAIRS), usual.distribution)
                with gr.Row(elem_classes="pg-numbers"):
                    w.information_information = slider("information", INFORMATION, 0.1)
                    w.information_dimension = slider("dimension", DIMENSION, 1)
            with gr.Column(elem_id="representations-information-csv", elem_classes="pg-controls"):
                gr.Markdown(label("representations.information.csv"), elem_classes="pg-hint")
                w.information_upload = gr.File(
                    label=label("representations.information.upload"), type="filepath", file_types=[".csv"], height=130,
                    interactive=True, elem_id="representations-information-upload",
                )  # fmt: skip
                with gr.Row():
                    for name in ("columns_x", "columns_y"):
                        box = gr.Textbox(
                            "", label=label(key + name), max_lines=1, interactive=True, min_width=120,
                            elem_id=f"representations-information-{name}",
                        )  # fmt: skip
                        setattr(w, f"information_{name}", box)
                w.information_ranked = gr.Checkbox(
                    usual.ranked, label=label("representations.information.ranked"), interactive=True,
                    elem_id="representations-information-ranked",
                )  # fmt: skip
                with gr.Row(elem_classes="pg-downloads"):
                    w.information_example = gr.DownloadButton(
                        label("representations.information.example"), value=str(table_path), size="sm",
                        elem_id="representations-information-example",
                    )  # fmt: skip
            w.information_estimators = gr.CheckboxGroup(
                [(figures.WORDS[name], name) for name in ESTIMATORS], value=list(usual.estimators),
                label=label("representations.information.estimators"), interactive=True,
                elem_id="representations-information-estimators",
            )  # fmt: skip
            with gr.Row(elem_classes="pg-numbers"):
                w.information_batch = slider("batch", BATCH, 16)
                w.information_seconds = slider("seconds", SECONDS, 1)
            with gr.Row():
                w.information_critic = pills("critic", tuple(CRITICS), usual.critic)
                w.information_seed = gr.Number(
                    usual.seed, label=label("representations.seed"), min_width=90, interactive=True,
                    elem_id="representations-information-seed",
                )  # fmt: skip
            with gr.Row(elem_classes="pg-buttons"):
                w.information_run = gr.Button(
                    label("representations.information.run"),
                    variant="primary",
                    elem_id="representations-information-run",
                )
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.information_sample = LivePlotly(
                height="calc(330px + max(0px, (640px - 100vw) * 1.0))", elem_id="representations-information-sample"
            )
            w.information_chart = LivePlotly(
                height="calc(420px + max(0px, (640px - 100vw) * 0.4))", elem_id="representations-information-chart"
            )
            w.information_verdict = gr.Markdown(elem_id="representations-information-verdict")
            w.information_table = Table(elem_id="representations-information-table")
            w.information_ratios = LivePlotly(
                height="calc(550px + max(0px, (640px - 100vw) * 0.5))", visible="hidden",
                elem_id="representations-information-ratios",
            )  # fmt: skip
            w.information_ratio_note = gr.Markdown(
                elem_classes="pg-hint", elem_id="representations-information-ratio-note"
            )
            gr.Markdown(label("representations.information.why"), elem_classes="pg-hint")


def show(settings: Settings, kept: Ran | None, _stop: threading.Event, language: str) -> Frames:
    """The sample with what needs no network, and the race where one of these settings was run."""
    given = _given(settings)
    known = _known(given)
    if kept is not None and kept.settings == settings:
        yield {**_sample(given, known, language), **_results(kept, language), "progress": ""}, None
        return
    words, before = _words(language), f"representations.information.before.{settings.source}"
    yield (
        {
            **_sample(given, known, language),
            "chart": figures.estimates([], known, seconds=settings.seconds, words=words),
            "verdict": say(language, before, n=len(settings.estimators)),
            "table": table([], []), "ratios": if_any(None), "ratio_note": "", "progress": "",
        },
        None,
    )  # fmt: skip


def run(settings: Settings, _: Ran | None, stop: threading.Event, language: str) -> Frames:
    """The race, with a picture twice a second. Stop leaves what was read."""
    given = _given(settings)
    known, words, one = _known(given), _words(language), None
    begun = say(language, "representations.information.begun")
    yield {**_sample(given, known, language), "verdict": "", "table": table([], []), "progress": bar(0, begun),
           "ratios": if_any(None), "ratio_note": ""}, None  # fmt: skip
    for one in race(
        given.train, settings.estimators, seconds=settings.seconds, batch=settings.batch, critic=settings.critic,
        seed=settings.seed, held=given.held, check=given.check, every=EVERY,
    ):  # fmt: skip
        if stop.is_set():
            halted = {"progress": bar(one.progress, say(language, "representations.stopped"))}
            ran = Ran(settings, known, one)
            yield {**_results(ran, language), **halted}, ran
            return
        passed = f"{one.progress * settings.seconds:.1f}"
        text = say(language, "representations.information.running", passed=passed, seconds=settings.seconds)
        chart = figures.estimates(one.lanes, known, seconds=settings.seconds, words=words)
        yield {"chart": chart, "progress": bar(one.progress, text)}, None
    assert one is not None
    ran = Ran(settings, known, one)
    yield {**_results(ran, language), "progress": ""}, ran


def _given(settings: Settings) -> Given:
    """Pairs of a known distribution; or a table's rows in three parts, the example's where there is no file."""
    if settings.source == "known":
        source = pairs(settings.distribution, settings.information, settings.dimension)
        return Given(drawn(source, seed=settings.seed), source, None, None, source.information)
    chosen = [_names(settings.columns_x), _names(settings.columns_y)]
    if settings.upload:
        whole_table = _loaded(settings.upload, *map(tuple, chosen))
    else:
        with TemporaryDirectory(prefix="playground-") as folder:
            path = Path(folder) / EXAMPLE
            path.write_text(example(EXAMPLE_INFORMATION), encoding="utf-8")
            whole_table = load(path, *chosen)
    scaled = whole_table.ranked() if settings.ranked else whole_table.scaled()
    parts = scaled.parts(settings.seed)
    return Given(
        scaled.some(seed=settings.seed),
        parts.train,
        parts.held,
        parts.check,
        None if settings.upload else EXAMPLE_INFORMATION,
    )


@lru_cache(maxsize=4)
def _loaded(path: str, x: tuple[str, ...], y: tuple[str, ...]) -> Samples:
    """An uploaded table, whose path is its own: reading a large one again at each change would take a second."""
    return load(path, x, y)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _known(given: Given) -> dict[str, float]:
    """What is known before any training, nats."""
    out = {} if given.truth is None else {"truth": given.truth}
    x, y = given.sample.x, given.sample.y
    if x.shape[1] == y.shape[1] == 1:
        out["histogram"] = histogram_information(x, y)
    return {**out, "ksg": ksg_information(x, y)}


def _words(language: str) -> dict[str, str]:
    return {name: TEXTS[language][f"representations.information.figure.{name}"] for name in figures.WORDS}


def _sample(given: Given, known: Mapping[str, float], language: str) -> dict[str, Any]:
    one = given.sample
    names = (one.names_x[0], one.names_y[0])
    return {"sample": figures.sample(one.x[:, 0], one.y[:, 0], known, names=names, words=_words(language))}


def _results(ran: Ran, language: str) -> dict[str, Any]:
    """Chart, table, verdict and log ratios of a race."""
    words, lanes = _words(language), ran.race.lanes
    ratios = figures.log_ratios(lanes, words=words)
    rms = [f"{words[lane.name]} {number(lane.ratio.rms, language)}" for lane in lanes if lane.ratio is not None]
    note = say(language, "representations.information.ratios", rms=", ".join(rms)) if rms else ""
    return {
        "chart": figures.estimates(lanes, ran.known, seconds=ran.settings.seconds, words=words),
        "verdict": verdict(ran.race, ran.known, ran.settings.batch, language),
        "table": readings(ran.race, ran.known, language), "ratio_note": note,
        "ratios": if_any(ratios),
    }  # fmt: skip


def program(settings: Settings, _: str) -> list[str]:
    """A program that runs the same race and draws it."""
    given, parts, imported = [], "", "drawn"
    if settings.source == "known":
        source = f'pairs("{settings.distribution}", {settings.information:g}, {settings.dimension})'
        given = [f"train = {source}", f"sample = drawn(train, seed={settings.seed})"]
        known = ['known = {"truth": train.information}']
    else:
        name, imported = Path(settings.upload).name or EXAMPLE, "load"
        if not settings.upload:
            imported, given = (
                "example, load",
                [f'Path("{EXAMPLE}").write_text(example({EXAMPLE_INFORMATION:g}), "utf-8")'],
            )
        columns = "".join(f", {_names(text)!r}" for text in (settings.columns_x, settings.columns_y))
        scale = "ranked" if settings.ranked else "scaled"
        given += [f"rows = load({name!r}{columns}).{scale}()", f"parts = rows.parts({settings.seed})"]
        given += ["train = parts.train", f"sample = rows.some(seed={settings.seed})"]
        known = ["known = {}" if settings.upload else f'known = {{"truth": {EXAMPLE_INFORMATION:g}}}']
        parts = ", held=parts.held, check=parts.check"
    options = f"seconds={settings.seconds}, batch={settings.batch}, critic={settings.critic!r}, seed={settings.seed}"
    return [
        *(["from pathlib import Path", ""] if "Path(" in "".join(given) else []),
        "from playground.figures import representations_information as figures",
        "from playground.representations import histogram_information, ksg_information, pairs",
        "from playground.representations.race import race",
        f"from playground.representations.samples import {imported}",
        "",
        *given,
        *known,
        "if sample.x.shape[1] == sample.y.shape[1] == 1:",
        '    known["histogram"] = histogram_information(sample.x, sample.y)',
        'known["ksg"] = ksg_information(sample.x, sample.y)',
        f"for one in race(train, {list(settings.estimators)!r}, {options}{parts}):",
        "    pass",
        "for lane in one.lanes:",
        "    seen = lane.reading",
        '    print(f"{lane.name}: {seen.median:.3f} nats, {seen.low:.3f} to {seen.high:.3f}, {seen.unstable=}")',
        f'figures.estimates(one.lanes, known, seconds={settings.seconds}).write_html("picture.html")',
        "if any(lane.ratio is not None for lane in one.lanes):",
        '    figures.log_ratios(one.lanes).write_html("log_ratios.html")',
    ]


def record(settings: Settings, ran: Ran) -> Record:
    """A row for each reading; above them what is known and each estimator's last reading."""
    columns = ["estimator", "seconds", "median", "low", "high"]
    rows = [
        [lane.name, *map(float, values)]
        for lane in ran.race.lanes
        for values in zip(lane.seconds, lane.median, lane.low, lane.high, strict=True)
    ]
    last = {
        lane.name: {
            "median": lane.reading.median, "low": lane.reading.low, "high": lane.reading.high, "state": state(lane),
            "steps": lane.step, "ceiling": lane.ceiling,
            **({} if lane.ratio is None else {"correlation": lane.ratio.correlation, "rms": lane.ratio.rms}),
        }
        for lane in ran.race.lanes
    }  # fmt: skip
    return columns, rows, {"source": settings.source, "known": dict(ran.known), "readings": last}


PANEL = Panel(
    settings=Settings,
    lay_out=lay_out,
    shown=("sample", "chart", "verdict", "table", "ratios", "ratio_note"),
    show=show,
    jobs={"run": run},
    program=program,
    record=record,
)
