"""The panel "Clean a data set": CapFilt over an upload, decided again at will, graded where truth is known."""

import csv
import json
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from playground import blip, catalog, clip
from playground.blip.report import page, report
from playground.figures import blip as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.pictures import read_image
from playground.pictures.unpacking import TABLES, unpack
from playground.tabs.blip.settings import CANDIDATES, NO_CLIP, RULES, Settings
from playground.tabs.blip.words import figure_words
from playground.tabs.clip.words import literal
from playground.tabs.components import LivePlotly, Slider
from playground.tabs.components.pairs import Card, Said, cards
from playground.tabs.files import place
from playground.tabs.jobs import alone, place_of
from playground.tabs.pictures import shown
from playground.tabs.progress import bar

__all__ = ["KINDS", "SHOWS", "Cleaned", "decide", "lay_out", "run", "write"]

SHOWN, SIDE = 48, 128  # pairs with a picture on the page, and its pixels
PART, PART_LARGE = 16, 4  # pairs between two looks at Stop: of the small models, and of those of the hub
KINDS = ("jsonl", "csv", "parquet", "npy", "tar", "html", "json")
SHOWS = ("all", "web", "written", "wrong")
TRUE = ("1", "true", "yes")


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What one person has cleaned, wholly or up to where it was stopped."""

    folder: Path  # of the job
    total: int | None
    scored: tuple[blip.Scored, ...]
    thumbnails: dict[str, np.ndarray]
    truth: blip.Truth
    skipped: int  # files of a zip that are neither pictures nor tables
    seconds: float


@dataclass
class _Watched:
    """Small pictures of the first pairs, taken as they pass."""

    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def watch(self, pairs: Callable[[], Iterator[blip.Pair]]) -> Callable[[], Iterator[blip.Pair]]:
        def passing() -> Iterator[blip.Pair]:
            for pair in pairs():
                if len(self.pictures) < SHOWN and pair.uid not in self.pictures:
                    self._keep(pair)
                yield pair

        return passing

    def _keep(self, pair: blip.Pair) -> None:
        try:
            self.pictures[pair.uid] = shown(read_image(pair.image), SIDE)  # type: ignore[arg-type]
        except (ValueError, OSError, MemoryError):  # which the job counts and tells
            return


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual = Settings()
    gr.Markdown(label("blip.clean.lead"), elem_classes="pg-hint")
    with gr.Row():
        with gr.Column(scale=3, min_width=260):
            w.set_files = gr.File(
                label=label("blip.clean.files"), show_label=False, type="filepath", file_count="multiple", height=130,
                interactive=True, elem_id="blip-set-files",
            )  # fmt: skip
            with gr.Row(elem_classes="pg-buttons"):
                w.clean = gr.Button(label("blip.clean.start"), variant="primary", min_width=90, elem_id="blip-clean")
                w.set_example = gr.Button(label("blip.clean.example"), min_width=90, elem_id="blip-set-example")
        with gr.Column(scale=2, min_width=220):
            w.candidates = Slider(
                *CANDIDATES, value=usual.candidates, step=1, label=label("blip.clean.candidates"), buttons=[],
                interactive=True, elem_id="blip-candidates",
            )  # fmt: skip
            w.scorer = gr.Dropdown(
                [(label("blip.clean.no_clip"), NO_CLIP), *((name, name) for name in catalog.CLIPS)],
                value=usual.scorer, label=label("blip.clean.scorer"), interactive=True, elem_id="blip-scorer",
            )  # fmt: skip
    w.rule = gr.Radio(
        [(label(f"blip.rule.{name}"), name) for name in RULES],
        value=usual.rule, label=label("blip.rule"), interactive=True, elem_id="blip-rule", elem_classes="pg-pills",
    )  # fmt: skip
    with gr.Row(elem_id="blip-rule-values"):
        w.threshold = Slider(
            0, 1, value=usual.threshold, step=0.01, label=label("blip.threshold"), buttons=[], interactive=True,
            elem_id="blip-threshold",
        )  # fmt: skip
        w.cosine = Slider(
            -0.2, 1, value=usual.cosine, step=0.01, label=label("blip.cosine"), buttons=[], interactive=True,
            elem_id="blip-cosine",
        )  # fmt: skip
        w.share = Slider(
            0.01, 1, value=usual.share, step=0.01, label=label("blip.share"), buttons=[], interactive=True,
            elem_id="blip-share",
        )  # fmt: skip
    w.basic = gr.Checkbox(
        usual.basic, label=label("blip.basic"), info=label("blip.basic.info"), interactive=True, elem_id="blip-basic"
    )
    w.clean_verdict = gr.Markdown(elem_id="blip-clean-verdict")
    with gr.Row():
        for name in ("histogram", "truth"):
            with gr.Column(min_width=300):
                graph = LivePlotly(
                    height=280, config={"displayModeBar": False}, visible="hidden", elem_id=f"blip-{name}"
                )
                setattr(w, name, graph)
    with gr.Row(elem_classes="pg-downloads", visible="hidden", elem_id="blip-set-downloads") as w.set_saves:
        w.set_downloads = {
            kind: gr.Button(label(f"blip.set.{kind}"), size="sm", min_width=100, elem_id=f"blip-set-{kind}")
            for kind in KINDS
        }

    w.show = gr.Radio(
        [(label(f"blip.show.{name}"), name) for name in SHOWS],
        value="all", show_label=False, interactive=True, visible="hidden", elem_id="blip-show",
        elem_classes="pg-pills",
    )  # fmt: skip
    w.pairs = gr.HTML(elem_id="blip-pairs")


def run(
    manager: ModelManager, settings: Settings, files: list[str], stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Cleaned | None]]:
    """Clean the set; Stop keeps what is done, and the same files with the same settings go on from there."""
    begun = time.monotonic()
    yield {"progress": bar(0, say(language, "blip.clean.opening"))}, None
    asked = (
        settings.captioner, settings.matcher, settings.scorer, settings.candidates, settings.seed, settings.top_p,
        settings.min_length, settings.max_length, settings.penalty,
    )  # fmt: skip
    work = place_of("playground-sets", asked, files)
    with alone(work) as free:
        if not free:
            raise ValueError("this set is being cleaned already: wait for that run, or stop it")
        pairs, skipped, top = _opened(files, work)
        watched, truth = _Watched(), _truth(top)
        seen = replace(pairs, pairs=watched.watch(pairs.pairs))
        names = list(dict.fromkeys([settings.captioner, settings.matcher]))
        specs: list[Any] = [catalog.blip_spec(name) for name in names]
        if settings.scorer != NO_CLIP:
            specs.append(catalog.clip_spec(settings.scorer))
        with manager.lease(*specs, owner="blip") as leased:
            models = leased if isinstance(leased, tuple) else (leased,)
            captioner, judge = models[0], models[names.index(settings.matcher)]
            scorer = None if settings.scorer == NO_CLIP else clip.cosines(models[-1])
            for step in blip.clean(
                seen, work / "job", captioner, judge, rule=settings.kept_by, candidates=settings.candidates,
                top_p=settings.top_p, limits=settings.limits(captioner.config.limits), seed=settings.seed,
                scorer=scorer, models={"captioner": settings.captioner, "filter": settings.matcher,
                                       "clip": settings.scorer},
                part=PART_LARGE if any(catalog.BLIPS[name].photographs for name in names) else PART,
            ):  # fmt: skip
                yield {"progress": bar(step.done / max(step.total or 0, step.done, 1), _told(step, language))}, None
                if stop.is_set():
                    break
        scored = tuple(blip.scored(work / "job"))
    made = Cleaned(work / "job", pairs.total, scored, watched.pictures, truth, skipped, time.monotonic() - begun)
    yield {"progress": "", **decide(made, settings, "all", language)}, made


def _told(step: blip.Progress, language: str) -> str:
    rate = step.fresh / step.seconds if step.fresh else 0.0
    total = step.total or step.done
    values = {"n": f"{step.done:,}", "of": f"{total:,}"}
    if not rate:
        return say(language, "blip.clean.begun", **values)
    return say(language, "blip.clean.cleaning", rate=f"{rate:.1f}", left=f"{(total - step.done) / rate:.0f}", **values)


def decide(kept: Cleaned, settings: Settings, shows: str, language: str) -> dict[str, Any]:
    """The panel for the rule as it is set: nothing is computed again but the decisions."""
    rule = settings.kept_by
    decided = list(blip.decide_all(lambda: kept.scored, rule))
    own: dict[str, list[blip.Decision]] = {}
    for one in decided:
        own.setdefault(one.uid, []).append(one)
    words = figure_words(language)
    score = "probability" if rule.by == "itm" else "clip"
    by = {
        source: np.array([v for one in decided if one.source == source and (v := getattr(one, score)) is not None])
        for source in ("web", "written")
    }
    known = bool(kept.truth.web or kept.truth.said)
    graph = gr.update(visible="hidden")
    if known:
        found = blip.curves(kept.scored, kept.truth)
        lines = {"precision": found.precision, "recall": found.recall, "right": found.right}
        line = rule.threshold if rule.by == "itm" else None
        graph = gr.update(value=figures.truth(found.thresholds, lines, line, words=words), visible=True)
    counts = figures.histogram(
        by["web"], by["written"], rule.threshold, by="match" if rule.by == "itm" else "clip", words=words
    )
    return {
        "clean_verdict": _verdict(kept, decided, len(own), known, language),
        "histogram": gr.update(value=counts, visible=True),
        "truth": graph,
        "show": gr.update(visible=True),
        "set_saves": gr.update(visible=True),
        "pairs": cards(_cards(kept, own, shows, language), say(language, "blip.clean.nothing")),
    }


def _verdict(kept: Cleaned, decided: Sequence[blip.Decision], pairs: int, known: bool, language: str) -> str:
    """What was done and kept, what is wrong, and how right that is."""
    done = kept.total is None or pairs >= kept.total
    counts = {
        f"{source}_{name}": f"{sum(one.source == source and (one.kept or name == 'of') for one in decided):,}"
        for source in ("web", "written")
        for name in ("kept", "of")
    }
    text = say(
        language, "blip.clean.done" if done else "blip.clean.part", n=f"{pairs:,}", of=f"{kept.total or pairs:,}"
    )
    text += " " + say(language, "blip.clean.kept", **counts)
    if kept.skipped:
        text += " " + say(language, "blip.clean.skipped", n=kept.skipped)
    if failed := [one for one in decided if one.error]:
        first = literal(f"{failed[0].uid}: {failed[0].error}")
        text += " " + say(language, "blip.clean.failed", n=len(failed), first=first)
    if known:
        found = blip.grade(decided, kept.truth)
        shares = {name: "–" if value is None else f"{value:.1%}" for name, value in vars(found).items()}
        text += "\n\n" + say(language, "blip.clean.grade", **shares)
    return text


def _cards(kept: Cleaned, own: dict[str, list[blip.Decision]], shows: str, language: str) -> list[Card]:
    """The pairs that have a picture on the page, those that the choice is of."""
    names = {source: say(language, f"blip.source.{source}") for source in ("web", "written")}
    made = []
    for uid, picture in kept.thumbnails.items():
        if uid not in own or not _wanted(kept, own[uid], shows):
            continue
        texts = [
            Said(
                names[one.source], one.text or "∅",
                "–" if one.probability is None else f"{one.probability:.2f}"
                + ("" if one.clip is None else f" · {one.clip:.2f}"),
                one.kept, _known(kept, one, language),
            )
            for one in own[uid]
        ]  # fmt: skip
        made.append(Card(picture, texts, uid))
    return made


def _wanted(kept: Cleaned, own: Sequence[blip.Decision], shows: str) -> bool:
    if shows == "wrong":  # decided otherwise than is true
        return any((is_true := _true(kept, one)) is not None and is_true != one.kept for one in own)
    return shows == "all" or any(one.source == shows and not one.kept for one in own)


def _true(kept: Cleaned, one: blip.Decision) -> bool | None:
    if one.source == "web":
        return kept.truth.web.get(one.uid)
    return one.text == kept.truth.said[one.uid] if one.uid in kept.truth.said else None


def _known(kept: Cleaned, one: blip.Decision, language: str) -> str:
    found = _true(kept, one)
    return "" if found is None else say(language, "blip.truth.true" if found else "blip.truth.false")


def write(kind: str, kept: Cleaned, settings: Settings, folder: Path) -> str:
    """The cleaned set, or its report, as a file of a kind in `KINDS`."""
    rule = settings.kept_by
    if kind in ("html", "json"):
        told = report(kept.folder, rule=rule)
        path = place(folder, f"report.{kind}")
        path.write_text(
            page(told) if kind == "html" else json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8"
        )
        return str(path)
    path = place(folder, f"kept.{kind}")
    blip.export(kept.folder, path, rule=rule)
    (made,) = path.parent.iterdir()  # of shards the one: an upload is smaller than a shard
    return str(made)


def _opened(files: Sequence[str], work: Path) -> tuple[blip.PairSet, int, Path]:
    """The set of the files, unpacked where they need be, what was left out, and where its table lies.

    Raises `ValueError` for files that are no set.
    """
    top, skipped = work / "set", 0
    if top.is_dir():
        shutil.rmtree(top)
    top.mkdir(parents=True)
    for path in map(Path, files):
        if path.suffix.lower() == ".zip":
            skipped += unpack(path, top)
        else:
            shutil.copyfile(path, top / path.name)
    inside = [one for one in top.iterdir() if not one.name.startswith(".")]
    if len(inside) == 1 and inside[0].is_dir():  # a zip of one folder
        top = inside[0]
    tables = [one for one in top.iterdir() if one.suffix.lower() in TABLES]
    usual = [one for one in tables if one.stem in ("captions", "metadata")]
    try:
        found = blip.open_set(top if usual or len(tables) != 1 else tables[0])
    except (ValueError, OSError) as error:  # without the place where the server keeps it
        raise ValueError(str(error).replace(f"{top}/", "").replace(str(top), "the upload")) from error
    return found, skipped, top


def _truth(top: Path) -> blip.Truth:
    """What the columns `truth` and `description` of a captions.csv say, where it has them."""
    path = top / "captions.csv"
    web: dict[str, bool] = {}
    said: dict[str, str] = {}
    if path.is_file():
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                uid = row.get("uid") or ""
                if uid and row.get("truth"):
                    web[uid] = str(row["truth"]).strip().lower() in TRUE
                if uid and row.get("description"):
                    said[uid] = str(row["description"])
    return blip.Truth(web, said)
