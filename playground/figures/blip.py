"""Figures of the BLIP tab: the tree of beams, matches two ways, answers, what a filter keeps, Table 1's experiment."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.template import GRID, template

__all__ = ["WORDS", "answers", "arms", "histogram", "matches", "spotlight", "tree", "truth"]

Array = NDArray[np.float64]
WORDS = {  # where the caller has none in another language
    "step": "token", "cosine": "cosine (ITC)", "match": "probability of a match (ITM)", "web": "web",
    "written": "written", "threshold": "threshold", "texts": "texts", "precision": "precision", "recall": "recall",
    "right": "written and kept: right", "clip": "cosine (CLIP)",
}  # fmt: skip
DARK = 0.28  # of its light that a patch keeps where nobody looks
STEPS_SHOWN, STEPS_NARROW = 9.5, 3.6  # of a tree, before one pulls it


def spotlight(picture: NDArray[np.uint8], heat: Array, most: float | None = None) -> NDArray[np.uint8]:
    """A picture (h, w, 3) that is lit where `heat` (rows, columns) is high; `most` is what counts as full light."""
    scaled = np.clip(heat / max(float(heat.max()) if most is None else most, 1e-12), 0, 1)
    small = Image.fromarray(scaled.astype(np.float32), mode="F")
    light = np.asarray(small.resize(picture.shape[1::-1], Image.Resampling.BICUBIC)).clip(0, 1)
    answer: NDArray[np.uint8] = (picture * (DARK + (1 - DARK) * light)[..., None]).round().astype(np.uint8)
    return answer


def tree(
    parents: Sequence[int | None],
    steps: Sequence[int],
    words: Sequence[str],
    scores: Sequence[float],
    chosen: Sequence[int],
    *,
    named: Mapping[str, str] = WORDS,
) -> go.Figure:
    """What a beam search tried: a node a token, by step from left to right, the likeliest on top.

    `parents` are nodes' numbers, `scores` nats of all up to a node, `chosen` the nodes of what was taken.
    """
    rank = _ranks(steps, scores)
    taken = set(chosen)
    figure = go.Figure(layout={"template": template()})
    for inside, colour, width in ((False, GRID, 1.2), (True, QUALITATIVE[0], 2.4)):
        x: list[float | None] = []
        y: list[float | None] = []
        for i, parent in enumerate(parents):
            if parent is not None and (i in taken and parent in taken) == inside:
                x += [steps[parent], steps[i], None]
                y += [rank[parent], rank[i], None]
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip")
    figure.add_scatter(
        x=list(steps), y=rank, mode="markers+text", text=list(words), textposition="top center", cliponaxis=False,
        marker={"size": 9, "color": [QUALITATIVE[0] if i in taken else QUALITATIVE[6] for i in range(len(steps))]},
        customdata=[f"{word}: {score:.2f} nats" for word, score in zip(words, scores, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    last = max(steps, default=0)
    figure.update_xaxes(
        range=[-0.6, min(last + 0.6, STEPS_SHOWN)], title_text=named["step"], dtick=1, showgrid=False, tickformat="d"
    )
    figure.update_yaxes(range=[max(rank, default=0) + 0.5, -0.9], showticklabels=False, showgrid=False, fixedrange=True)
    narrow = {"xaxis": {"range": [-0.6, min(last + 0.6, STEPS_NARROW)]}}
    figure.update_layout(showlegend=False, dragmode="pan", meta={"narrow": narrow})
    return figure


def _ranks(steps: Sequence[int], scores: Sequence[float]) -> list[int]:
    """Each node's place among those of its step, the best 0."""
    order = sorted(range(len(steps)), key=lambda i: (steps[i], -scores[i]))
    first: dict[int, int] = {}
    rank = [0] * len(steps)
    for place, i in enumerate(order):
        rank[i] = place - first.setdefault(steps[i], place)
    return rank


def matches(
    texts: Sequence[str], cosines: Array, probabilities: Array, *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Each text of k twice: its cosine, made without looking (k,), and its probability of a match (k,)."""
    figure = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.06, column_titles=[words["cosine"], words["match"]]
    )
    for column, (values, form) in enumerate(((cosines, "{:.3f}"), (probabilities, "{:.1%}")), start=1):
        figure.add_bar(
            x=list(values), y=list(range(len(texts))), orientation="h", marker={"color": QUALITATIVE[column - 1]},
            text=[form.format(v) for v in values], textposition="outside", cliponaxis=False, hovertext=list(texts),
            hovertemplate="%{hovertext}: %{text}<extra></extra>", row=1, col=column,
        )  # fmt: skip
    low, high = min(0.0, *cosines), max(0.05, *cosines)
    room = 0.35 * (high - low)  # for the numbers beside the bars
    figure.update_xaxes(range=[low - room * (low < 0), high + room], tickformat=".2f", nticks=5, row=1, col=1)
    figure.update_xaxes(range=[0, 1.3], tickvals=[0, 0.5, 1], tickformat=".0%", row=1, col=2)
    figure.update_yaxes(range=[len(texts) - 0.5, -0.5], tickvals=list(range(len(texts))), ticklabelstandoff=6)
    figure.update_yaxes(ticktext=[_short(text, 40) for text in texts], row=1, col=1)
    titles = [{**one.to_plotly_json(), "text": one.text.replace(" (", "<br>(")} for one in figure.layout.annotations]
    narrow = {
        "yaxis": {"ticktext": [_short(text, 14) for text in texts]},
        "xaxis": {
            "range": [low - 2.5 * room * (low < 0), high + 2 * room],
            "nticks": 3,
            "tickangle": 0,
            "domain": [0, 0.46],
        },
        "xaxis2": {"range": [0, 1.5], "domain": [0.56, 1]},
        "annotations": [{**one, "x": x, "font": {"size": 12}} for one, x in zip(titles, (0.23, 0.78), strict=True)],
        "margin": {"t": 46},
    }
    figure.update_layout(
        template=template(),
        showlegend=False,
        bargap=0.25,
        margin={"t": 34},
        meta={"bars": len(texts), "narrow": narrow},
    )
    return figure


def answers(questions: Sequence[str], told: Sequence[Sequence[tuple[str, float]]], *, most: int = 5) -> go.Figure:
    """For each question its likeliest answers (text, probability), the best on top."""
    rows = len(questions)
    figure = make_subplots(rows, 1, vertical_spacing=min(0.22 / max(rows, 1) + 0.02, 0.12), subplot_titles=[
        _short(question, 70) for question in questions
    ])  # fmt: skip
    for i, own in enumerate(told, start=1):
        best = list(own[:most])
        figure.add_bar(
            x=[share for _, share in best], y=list(range(len(best))), orientation="h",
            marker={"color": QUALITATIVE[0], "opacity": [1.0] + [0.55] * (len(best) - 1)},
            text=[f"{share:.1%}" for _, share in best], textposition="outside", cliponaxis=False, constraintext="none",
            hovertext=[text for text, _ in best], hovertemplate="%{hovertext}: %{text}<extra></extra>", row=i, col=1,
        )  # fmt: skip
        figure.update_yaxes(
            range=[most - 0.5, -0.5], tickvals=list(range(len(best))), ticklabelstandoff=6,
            ticktext=[_short(text, 24) for text, _ in best], row=i, col=1,
        )  # fmt: skip
        figure.update_xaxes(range=[0, 1.15], tickformat=".0%", showticklabels=i == rows, row=i, col=1)
    figure.update_annotations(x=0, xanchor="left", font={"size": 14, "weight": 700})
    figure.update_layout(template=template(), showlegend=False, bargap=0.3, margin={"t": 30})
    return figure


def histogram(
    web: Array, written: Array, threshold: float | None, *, by: str = "match", words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Scores of both sources' texts, counted in twenty parts, and what is kept: right of the line.

    They are probabilities of a match (`by` "match") or cosines of a CLIP ("clip").
    """
    every = np.concatenate([web, written, [0.0, 1.0] if by == "match" or not len(web) + len(written) else []])
    edges = np.linspace(every.min(), max(every.max(), every.min() + 1e-6), 21)
    figure = go.Figure(layout={"template": template(), "barmode": "group", "bargap": 0.12, "margin": {"t": 30}})
    for name, values, colour in (("web", web, QUALITATIVE[1]), ("written", written, QUALITATIVE[0])):
        counts, _ = np.histogram(values, edges)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, name=words[name], marker={"color": colour},
            hovertemplate="%{x:.3f}: %{y}<extra></extra>",
        )  # fmt: skip
    _line(figure, threshold)
    figure.update_xaxes(title_text=words[by], tickformat=".1f" if by == "match" else ".2f")
    figure.update_yaxes(title_text=words["texts"], rangemode="tozero")
    return figure


def truth(
    thresholds: Array, lines: Mapping[str, Array], threshold: float | None, *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Shares (k,) over thresholds (k,), by their names in `words`: precision and recall where truth is known."""
    figure = go.Figure(layout={"template": template(), "margin": {"t": 30}})
    for colour, (name, values) in zip((1, 4, 0), lines.items(), strict=False):
        figure.add_scatter(
            x=thresholds, y=values, name=words[name], mode="lines", line={"color": QUALITATIVE[colour], "width": 2.5},
            hovertemplate="%{x:.2f}: %{y:.1%}<extra></extra>",
        )  # fmt: skip
    _line(figure, threshold)
    figure.update_xaxes(range=[0, 1], title_text=words["threshold"], tickformat=".1f")
    figure.update_yaxes(range=[0, 1.03], tickformat=".0%")
    return figure


def arms(names: Sequence[str], measures: Mapping[str, Array], *, marked: int = -1) -> go.Figure:
    """Each measure's values (arms, seeds): a bar is the mean, a dot a seed; the row `marked` stands out."""
    figure = make_subplots(1, len(measures), shared_yaxes=True, horizontal_spacing=0.05, column_titles=list(measures))
    for column, values in enumerate(measures.values(), start=1):
        means = values.mean(1)
        figure.add_bar(
            x=means, y=list(range(len(names))), orientation="h", hovertext=list(names),
            marker={"color": [QUALITATIVE[0 if i == marked else 2] for i in range(len(names))]},
            hovertemplate="%{hovertext}: %{x:.1%}<extra></extra>", text=[f"{m:.1%}" for m in means],
            insidetextanchor="start", textposition="inside", textangle=0, row=1, col=column,
        )  # fmt: skip
        figure.add_scatter(
            x=values.ravel(), y=np.repeat(np.arange(len(names)), values.shape[1]), mode="markers",
            marker={"size": 6, "color": QUALITATIVE[1]}, hovertemplate="%{x:.1%}<extra></extra>", row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], tickformat=".0%")
    figure.update_yaxes(range=[len(names) - 0.5, -0.5], tickvals=list(range(len(names))), ticklabelstandoff=6)
    figure.update_yaxes(ticktext=list(names), row=1, col=1)
    figure.update_layout(template=template(), showlegend=False, bargap=0.28, margin={"t": 34})
    figure.update_layout(meta={"narrow": _stacked(list(measures), names)})
    return figure


def _stacked(titles: Sequence[str], names: Sequence[str]) -> dict[str, object]:
    """The same charts one below the other, for a narrow page."""
    n, narrow = len(titles), dict[str, object]()
    height = 1 / n
    for i in range(n):
        number = "" if i == 0 else str(i + 1)
        top = 1 - i * height
        narrow[f"xaxis{number}"] = {"domain": [0, 1]}
        narrow[f"yaxis{number}"] = {"domain": [top - 0.72 * height, top], "showticklabels": True, "ticktext": [*names]}
    title = {"xref": "paper", "yref": "paper", "x": 0.5, "yanchor": "bottom", "showarrow": False}
    narrow["annotations"] = [{**title, "text": text, "y": 1 - i * height} for i, text in enumerate(titles)]
    return narrow


def _line(figure: go.Figure, threshold: float | None) -> None:
    """Where the threshold is, if there is one."""
    if threshold is not None:
        line = {"dash": "dot", "width": 2, "color": QUALITATIVE[6]}
        figure.add_vline(threshold, line=line, annotation_text=f"{threshold:g}", annotation_position="top")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
