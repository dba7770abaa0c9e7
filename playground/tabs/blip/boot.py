"""The panel "Bootstrapping": the experiment of BLIP's Table 1 on the picture world, where truth is known."""

import json
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from playground import checkpoints
from playground.figures import blip as figures
from playground.i18n import TEXTS, label, say
from playground.tabs.components import LivePlotly, Table
from playground.tabs.components.table import Column, Row, table

__all__ = ["lay_out", "rows", "show"]

RESULTS = checkpoints.ROOT / "blip-bootstrap" / "results.json"
CHARTS = ("nucleus_exact", "itm_auc_attribute", "recall_text")  # measures with a chart
MEASURES = (
    "greedy_exact", "nucleus_exact", "nats", "itm_auc_another", "itm_auc_attribute", "recall_text", "recall_picture",
)  # fmt: skip


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("blip.boot.lead"), elem_classes="pg-hint")
    w.arms = LivePlotly(
        height="calc(330px + max(0px, (640px - 100vw) * 1.4))", config={"displayModeBar": False}, elem_id="blip-arms"
    )
    w.boot_verdict = gr.Markdown(elem_id="blip-boot-verdict")
    w.arms_table = Table(elem_id="blip-arms-table")
    gr.Markdown(label("blip.boot.models"), elem_classes="pg-hint")


def show(language: str) -> dict[str, Any]:
    """The experiment as it was recorded."""
    if not RESULTS.is_file():
        return {"boot_verdict": say(language, "blip.boot.none")}
    record = json.loads(RESULTS.read_text("utf-8"))
    seeds, texts = record["seeds"], TEXTS[language]
    arms = list(seeds[0]["arms"])
    names = [texts[f"blip.arm.{arm}"] for arm in arms]
    values = {measure: np.array([[one["arms"][arm][measure] for one in seeds] for arm in arms]) for measure in MEASURES}
    row = say(language, "blip.boot.row", clean=record["plan"]["clean"])
    columns = [Column(row), Column(say(language, "blip.boot.pairs"), number=True)]
    columns += [Column(texts[f"blip.measure.{measure}"], number=True) for measure in MEASURES]
    pairs = [np.mean([one["pairs"][arm] for one in seeds]) for arm in arms]
    cells = [
        Row(
            [name, f"{count:,.0f}"]
            + [f"{values[m][i].mean():.2f}" if m == "nats" else f"{values[m][i].mean():.1%}" for m in MEASURES],
            best=arms[i] == "both",
        )
        for i, (name, count) in enumerate(zip(names, pairs, strict=True))
    ]
    return {
        "arms": figures.arms(names, {texts[f"blip.measure.{m}"]: values[m] for m in CHARTS}, marked=arms.index("both")),
        "boot_verdict": _verdict(seeds, language),
        "arms_table": table(columns, cells),
    }


def rows() -> tuple[list[str], list[list[Any]]]:
    """The record as a table, a row an arm and seed: its head and its rows. Raises `ValueError` where there is none."""
    if not RESULTS.is_file():
        raise ValueError("there is nothing to save in this panel yet")
    seeds = json.loads(RESULTS.read_text("utf-8"))["seeds"]
    return ["arm", "seed", "pairs", *MEASURES], [
        [arm, one["seed"], one["pairs"][arm], *(own[measure] for measure in MEASURES)]
        for one in seeds
        for arm, own in one["arms"].items()
    ]


def _verdict(seeds: list[dict[str, Any]], language: str) -> str:
    """What the filter made of the web, the mean of the seeds."""
    told = [one["cleaning"] for one in seeds]
    grades = [one["grade"] for one in told]
    means = {name: np.mean([one[name] for one in grades]) for name in ("precision", "recall", "before", "after")}
    shares = {name: f"{value:.1%}" for name, value in means.items()}
    sampled = {arm: np.mean([one["arms"][arm]["nucleus_exact"] for one in seeds]) for arm in seeds[0]["arms"]}
    best = max(sampled, key=lambda arm: sampled[arm])
    return say(
        language,
        "blip.boot.verdict",
        auc=f"{np.mean([one['auc'] for one in told]):.3f}",
        gain=f"{100 * (sampled['both'] - sampled['noisy']):.1f}",
        best=TEXTS[language][f"blip.arm.{best}"],
        best_share=f"{sampled[best]:.1%}",
        seeds=len(seeds),
        **shares,
    )
