"""What became of a set that CapFilt cleaned: counts, a histogram and samples, as numbers and as a page to read."""

import html
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playground.blip.clean import by_pair, decisions
from playground.blip.rules import ASPECT, CHARACTERS, CONDITIONS, SIDE, WORDS, Rule, either, score_of

__all__ = ["page", "report"]

BINS = {"itm": (0.0, 1.0, 20), "clip": (-1.0, 1.0, 80)}  # of the histogram: from, to, how many
SAMPLES = 12  # of each kind
SHOWN = 300  # characters of a text on the page; the numbers have all of it
SOURCES = ("web", "written")
SCORES = {"itm": "probability of a match", "clip": "CLIP score"}
WHY = {
    "unread": "the picture cannot be read",
    "wordless": "the text says nothing",
    "score": "the score is too low",
    "words": f"the text has {WORDS} words or fewer",
    "characters": f"the text has {CHARACTERS} characters or fewer",
    "side": f"the picture's shorter side has fewer than {SIDE} pixels",
    "aspect": f"the picture's longer side has more than {ASPECT} times the shorter one's",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; } td, th { padding: .25em .8em; border-bottom: 1px solid #ddd; }
td:not(:first-child):not(.text), th:not(:first-child) { text-align: right; } td.text { text-align: left; }
.bars { display: flex; align-items: flex-end; height: 120px; gap: 2px; } .bars i { flex: 1; background: #6d5ae6; }
@media (prefers-color-scheme: dark) { body { background: #15141f; color: #ddd; } td, th { border-color: #444; } }
"""


def report(folder: str | Path, threshold: float | None = None, *, rule: Rule | None = None) -> dict[str, Any]:
    """What became of a set under a rule, as `decisions`: counts, by condition the texts that fail it (one may fail
    several), a histogram of the score that decides and the least that is kept, by source, and samples of what is kept,
    dropped and unread with all their scores. Numbers and texts alone, for JSON."""
    rule = either(threshold, rule)
    low, high, number = BINS[rule.by]
    counts = {source: {"kept": 0, "dropped": 0} for source in SOURCES}
    failing = {source: Counter[str]() for source in SOURCES}
    bins = {source: [0] * number for source in SOURCES}
    least: dict[str, float | None] = dict.fromkeys(SOURCES)
    samples: dict[str, list[dict[str, Any]]] = {"kept": [], "dropped": [], "unread": []}
    pairs = unread = bettered = 0
    for own in by_pair(decisions(folder, rule=rule)):
        pairs += 1
        unread += any(one.error for one in own)
        kept = {one.source for one in own if one.kept}
        bettered += kept == {"written"}
        for one in own:
            failing[one.source].update(one.failed)
            name = "unread" if one.error else "kept" if one.kept else "dropped"
            if len(samples[name]) < SAMPLES:
                samples[name].append(asdict(one))
            if one.error:
                continue
            counts[one.source][name] += 1
            score = score_of(one, rule.by)
            if math.isfinite(score):
                bins[one.source][max(0, min(int((score - low) / (high - low) * number), number - 1))] += 1
            if one.kept:
                least[one.source] = score if (lowest := least[one.source]) is None else min(score, lowest)
    return {
        "rule": asdict(rule), "pairs": pairs, "unread": unread, "texts": counts,
        "failing": {name: {source: failing[source][name] for source in SOURCES} for name in _asked(rule)},
        "histogram": bins, "edges": [low + (high - low) * i / number for i in range(number + 1)],
        "least score kept": least, "only what was written kept": bettered, "samples": samples,
    }  # fmt: skip


def _asked(rule: Rule) -> tuple[str, ...]:
    return CONDITIONS if rule.basic else CONDITIONS[:3]


def page(told: Mapping[str, Any]) -> str:
    """A report as an HTML page that needs nothing else; texts of the web stand in it as they are, and do nothing."""
    rule, sources = told["rule"], told["texts"]
    heads = "".join(f"<th>{source}</th>" for source in sources)

    def line(name: str, numbers: Mapping[str, int]) -> str:
        return f"<tr><td>{name}</td>" + "".join(f"<td>{numbers[source]:,}</td>" for source in sources) + "</tr>"

    rows = [line(name, {source: sources[source][name] for source in sources}) for name in ("kept", "dropped")]
    why = [line(WHY[name], numbers) for name, numbers in told["failing"].items()]
    unread = "".join(
        f"<li>{html.escape(one['file'] or one['uid'])}: {html.escape(one['error'])}</li>"
        for one in told["samples"]["unread"]
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>CapFilt</title><style>{STYLE}</style>"
        f"<h1>CapFilt</h1><p>{told['pairs']:,} pairs, {told['unread']:,} unread. {_said(rule)} Of "
        f"{told['only what was written kept']:,} pairs only what was written is kept.</p>"
        f"<table><tr><th>texts</th>{heads}</tr>{''.join(rows)}</table>"
        f"<h2>Why texts are dropped</h2><p>One may fail several conditions.</p>"
        f"<table><tr><th></th>{heads}</tr>{''.join(why)}</table>"
        f"<h2>{SCORES[rule['by']].capitalize()}</h2>{_bars(told)}"
        + "".join(f"<h2>{name}</h2>{_samples(told['samples'][name])}" for name in ("kept", "dropped"))
        + (f"<h2>unread</h2><ul>{unread}</ul>" if unread else "")
        + "</html>\n"
    )


def _said(rule: Mapping[str, Any]) -> str:
    """A rule, as `asdict` gives it, in a sentence."""
    if rule["top_share"] is None:
        place = f"{rule['threshold']:g} or more"
    else:
        place = f"among the top {100 * rule['top_share']:g} % of its source"
    said = f"A text is kept that says something and whose {SCORES[rule['by']]} is {place}"
    if rule["basic"]:
        said += (
            f", which has more than {WORDS} words and {CHARACTERS} characters, and whose picture has {SIDE} pixels or "
            f"more on its shorter side and at most {ASPECT} times as many on the other (DataComp's basic rules, save "
            "that of the language)"
        )
    return said + "."


def _bars(told: Mapping[str, Any]) -> str:
    """Histograms from the first bin in which something is to the last."""
    filled = [i for i, numbers in enumerate(zip(*told["histogram"].values(), strict=True)) if any(numbers)] or [0]
    low, high = told["edges"][filled[0]], told["edges"][filled[-1] + 1]
    return "".join(
        f"<h3>{source}</h3><div class='bars'>"
        + "".join(
            f"<i style='height:{100 * n / max(*bins, 1):.1f}%' title='{n:,}'></i>"
            for n in bins[filled[0] : filled[-1] + 1]
        )
        + f"</div><p>{low:.3g} to {high:.3g}</p>"
        for source, bins in told["histogram"].items()
    )


def _samples(some: Sequence[Mapping[str, Any]]) -> str:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    def words(text: str) -> str:
        return html.escape(text if len(text) <= SHOWN else text[:SHOWN] + " …")

    rows = "".join(
        f"<tr><td>{html.escape(one['uid'])}</td><td>{one['source']}</td><td class='text'>{words(one['text'])}</td>"
        f"<td>{number(one['probability'])}</td><td>{number(one['cosine'])}</td><td>{number(one['clip'])}</td>"
        f"<td>{', '.join(one['failed'])}</td></tr>"
        for one in some
    )
    heads = "".join(f"<th>{name}</th>" for name in ("picture", "source", "text", "match", "ITC", "CLIP", "fails"))
    return f"<table><tr>{heads}</tr>{rows}</table>"
