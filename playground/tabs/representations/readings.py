"""What the panel "Mutual information" says of a race: a table of readings and a verdict, never a NaN."""

import math
from collections.abc import Mapping
from typing import Any

from playground.figures import representations_information as figures
from playground.i18n import say
from playground.representations.race import Lane, Race
from playground.tabs.components.table import Column, Row, table

__all__ = ["number", "readings", "state", "verdict"]

WIDEST = 99.0  # nats: further off, a number says nothing


def state(lane: Lane) -> str:
    """One word for a last reading: "lost" (not finite), "unstable", "ceiling" or "steady"."""
    if not math.isfinite(lane.reading.median):
        return "lost"
    if lane.fluctuating:
        return "unstable"
    return "ceiling" if lane.reading.median > 0.9 * lane.ceiling else "steady"


def readings(race: Race, known: Mapping[str, float], language: str) -> dict[str, Any]:
    """A row for each estimator of its last reading."""
    key, truth = "representations.information.column", known.get("truth")
    heads = ("estimator", "median", "quartiles", *(("error",) if truth is not None else ()), "state", "kind", "steps")
    columns = [
        Column(
            say(language, f"{key}.{head}"), number=head in ("median", "error", "steps"), volatile=head != "estimator"
        )
        for head in heads
    ]
    rows = []
    for lane in race.lanes:
        kind = "capped" if math.isfinite(lane.ceiling) else "bound" if lane.bound else "free"
        one = lane.reading
        off = [] if truth is None else [number(one.median - truth, language, sign=True)]
        texts = [
            figures.WORDS[lane.name], number(one.median, language),
            f"{number(one.low, language)} … {number(one.high, language)}", *off,
            say(language, f"representations.information.state.{state(lane)}"),
            say(language, f"representations.information.kind.{kind}", ceiling=f"{lane.ceiling:.2f}"), f"{lane.step:,}",
        ]  # fmt: skip
        rows.append(Row(texts))
    return table(columns, rows)


def verdict(race: Race, known: Mapping[str, float], batch: int, language: str) -> str:
    """What the race tells, in sentences: the nearest, and what befell the others."""
    key, truth, lanes = "representations.information.verdict", known.get("truth"), race.lanes
    states = {lane.name: state(lane) for lane in lanes}
    steady = [lane for lane in lanes if states[lane.name] in ("steady", "ceiling")]
    if not steady:
        told = [say(language, f"{key}.none")]
    elif truth is not None:
        best = min(steady, key=lambda lane: abs(lane.reading.median - truth))
        values = {"name": figures.WORDS[best.name], "value": f"{best.reading.median:.2f}"}
        told = [say(language, f"{key}.nearest", truth=f"{truth:.2f}", **values)]
    else:
        medians = [lane.reading.median for lane in steady]
        told = [say(language, f"{key}.unknown", low=f"{min(medians):.2f}", high=f"{max(medians):.2f}")]
    for fate in ("ceiling", "unstable", "lost"):
        named = ", ".join(figures.WORDS[name] for name, one in states.items() if one == fate)
        if named:
            cap = f"{math.log(batch):.2f}"
            told.append(say(language, f"{key}.{fate}", names=named, batch=batch, ceiling=cap))
    above = [lane for lane in steady if not lane.bound and truth is not None and lane.reading.median > truth + 0.1]
    told += [say(language, f"{key}.above", name=figures.WORDS[lane.name]) for lane in above]
    return "\n".join([told[0], "", *(f"- {one}" for one in told[1:])]).strip()


def number(value: float, language: str, *, sign: bool = False) -> str:
    """A number of nats in a table; words for what is none."""
    if not math.isfinite(value):
        return say(language, "representations.information.not_finite")
    if abs(value) > WIDEST:
        return f"< −{WIDEST:g}" if value < 0 else f"> {WIDEST:g}"
    return f"{value:{'+' if sign else ''}.2f}".replace("-", "−")
