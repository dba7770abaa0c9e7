"""What films have in common: the buttons and the slider, many paths as one line, and arrows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["arrows_of", "lines_of", "player"]

# Redrawn whole: without it Plotly takes the heat map and the other axes' lines away.
PLAY = {"frame": {"duration": 80, "redraw": True}, "transition": {"duration": 0}}
STEP = {"frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}, "mode": "immediate"}


def player(names: Sequence[str], words: Mapping[str, str], *, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Play and Pause buttons and the slider of a film whose frames have these names."""
    play = {"method": "animate", "label": f"▶ {words['play']}", "args": [None, {**PLAY, "fromcurrent": True}]}
    pause = {
        "method": "animate",
        "label": f"❚❚ {words['pause']}",
        "args": [[None], {"frame": {"duration": 0, "redraw": False}, "mode": "immediate"}],
    }
    menu = {"type": "buttons", "direction": "left", "x": 0, "y": -0.14, "xanchor": "left", "yanchor": "top",
            "pad": {"t": 0, "r": 8}, "buttons": [play, pause], "showactive": False}  # fmt: skip
    steps = [{"method": "animate", "label": name, "args": [[name], STEP]} for name in names]
    quiet = {"ticklen": 0, "minorticklen": 0, "font": {"color": "rgba(0,0,0,0)"}}  # the value says it
    value = {"prefix": f"{prefix}: ", "font": {"color": "#7f7f94"}}
    slider = {"x": 0.26, "len": 0.74, "y": -0.1, "pad": {"t": 0}, "steps": steps,
              "transition": {"duration": 0}, "currentvalue": value, **quiet}  # fmt: skip
    return menu, slider


def lines_of(x: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.float32]]:
    """Paths (k, n, 2) as one line with a gap after each."""
    gap = np.full((1, x.shape[1], 2), np.nan)
    return _xy(np.concatenate([x, gap]).transpose(1, 0, 2))


def arrows_of(at: NDArray[np.floating[Any]], along: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.float32]]:
    """A shaft and two barbs for each of the vectors (m, 2) at places (m, 2), as one line."""
    tip, side = at + along, np.stack([-along[:, 1], along[:, 0]], 1)
    barbs = [tip - 0.35 * along + sign * 0.2 * side for sign in (1, -1)]
    return _xy(np.stack([at, tip, barbs[0], tip, barbs[1], np.full_like(at, np.nan)], 1))


def _xy(points: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.float32]]:
    flat = points.reshape(-1, 2).astype(np.float32)
    return {"x": flat[:, 0], "y": flat[:, 1]}
