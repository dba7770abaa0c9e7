"""What became of a set that CapFilt cleaned: counts, a histogram and samples, as numbers and as a page to read."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playground.blip.capfilt import Decision
from playground.blip.clean import decisions

__all__ = ["page", "report"]

BINS = 20  # of the histogram
SAMPLES = 12  # of each kind
SOURCES = ("web", "written")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; } td, th { padding: .25em .8em; border-bottom: 1px solid #ddd; }
td:not(:first-child):not(.text), th:not(:first-child) { text-align: right; } td.text { text-align: left; }
.bars { display: flex; align-items: flex-end; height: 120px; gap: 2px; } .bars i { flex: 1; background: #6d5ae6; }
@media (prefers-color-scheme: dark) { body { background: #15141f; color: #ddd; } td, th { border-color: #444; } }
"""


def report(folder: str | Path, threshold: float = 0.5) -> dict[str, Any]:
    """What became of a set: counts, a histogram of the probabilities by source, and samples of what is kept and dropped
    with all their scores. Numbers and texts alone, for JSON."""
    counts = {source: {"kept": 0, "dropped": 0} for source in SOURCES}
    bins = {source: [0] * BINS for source in counts}
    samples: dict[str, list[dict[str, Any]]] = {"kept": [], "dropped": [], "unread": []}
    pairs = unread = bettered = 0
    for own in _pairs(decisions(folder, threshold)):
        pairs += 1
        unread += any(one.error for one in own)
        by_source = {source: [one for one in own if one.source == source] for source in counts}
        bettered += not any(one.kept for one in by_source["web"]) and any(one.kept for one in by_source["written"])
        for one in own:
            if one.error:
                if len(samples["unread"]) < SAMPLES:
                    samples["unread"].append({"uid": one.uid, "error": one.error})
                continue
            name = "kept" if one.kept else "dropped"
            counts[one.source][name] += 1
            bins[one.source][min(int((one.probability or 0.0) * BINS), BINS - 1)] += 1
            if len(samples[name]) < SAMPLES:
                samples[name].append(asdict(one))
    return {
        "threshold": threshold, "pairs": pairs, "unread": unread, "texts": counts, "histogram": bins,
        "only what was written kept": bettered, "samples": samples,
    }  # fmt: skip


def _pairs(told: Iterator[Decision]) -> Iterator[list[Decision]]:
    """The texts of one pair after another: each begins with the web's."""
    own: list[Decision] = []
    for one in told:
        if one.source == "web" and own:
            yield own
            own = []
        own.append(one)
    if own:
        yield own


def page(told: Mapping[str, Any]) -> str:
    """A report as an HTML page that needs nothing else; texts of the web stand in it as they are, and do nothing."""
    escape = html.escape
    rows = "".join(
        f"<tr><td>{source}</td><td>{counts['kept']:,}</td><td>{counts['dropped']:,}</td></tr>"
        for source, counts in told["texts"].items()
    )
    bars = "".join(
        f"<h3>{source}</h3><div class='bars'>"
        + "".join(f"<i style='height:{100 * n / max(*bins, 1):.1f}%' title='{n:,}'></i>" for n in bins)
        + "</div>"
        for source, bins in told["histogram"].items()
    )
    samples = "".join(
        f"<h2>{name}</h2><table><tr><th>picture</th><th>source</th><th>text</th><th>match</th></tr>"
        + "".join(
            f"<tr><td>{escape(str(one['uid']))}</td><td>{one['source']}</td><td class='text'>{escape(one['text'])}</td>"
            f"<td>{one['probability']:.3f}</td></tr>"
            for one in told["samples"][name]
        )
        + "</table>"
        for name in ("kept", "dropped")
    )
    unread = "".join(f"<li>{escape(str(one['uid']))}: {escape(one['error'])}</li>" for one in told["samples"]["unread"])
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>CapFilt</title><style>{STYLE}</style>"
        f"<h1>CapFilt</h1><p>{told['pairs']:,} pairs, {told['unread']:,} unread; texts that match with a probability "
        f"of {told['threshold']:g} or more are kept. Of {told['only what was written kept']:,} pairs only what was "
        f"written is kept.</p><table><tr><th>text</th><th>kept</th><th>dropped</th></tr>{rows}</table>"
        f"<h2>Probability of a match, 0 to 1</h2>{bars}{samples}"
        + (f"<h2>unread</h2><ul>{unread}</ul>" if unread else "")
        + "</html>\n"
    )
