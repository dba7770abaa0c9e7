"""A page with all our components, for their tests and for looking at them (run this file)."""

import itertools
import threading
import zlib

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from playground.figures import stage
from playground.figures.template import template
from playground.tabs.components import LevelPad, LivePlotly, PaintPad, SketchPad, Stage, Tile, thumbnail, tiles
from playground.tabs.components.theme import launch_options

# A test holds the sketch pad's handler here, and knows when one has come in.
GATE, ENTERED = threading.Event(), threading.Semaphore(0)
GATE.set()
NAMES = {
    "moons": ("Moons", "双月"),
    "circles": ("Circles", "同心圆"),
    "eight": ("Eight Gaussians", "八个高斯"),
    "ring": ("Ring", "圆环"),
    "checker": ("Checker\u00adboard", "棋盘"),
    "pinwheel": ("Pinwheel", "风车"),
    "spirals": ("Spirals", "螺旋"),
    "roll": ("Swiss roll", "瑞士卷"),
    "grid": ("Grid", "网格"),
    "letters": ("Letters", "字母"),
}
MEAN = (0.5, 0.8)  # of the density that the Stage shows: off the centre, so that a flipped axis is seen
BLOCK = np.zeros((64, 64), np.float32)  # what the button "put" draws
BLOCK[16:48, 24:40] = 0.5
RAMP = np.zeros((64, 64, 3), np.uint8)  # what the button "ramp" paints: every cell another colour
RAMP[..., 0], RAMP[..., 1], RAMP[..., 2] = np.arange(64), 4 * np.arange(64)[:, None], 200
LEVELS = [80.0, 40.0, 20.0, 10.0, 5.0]  # what the level pad starts with, and what the button "fewer" puts on it
FEWER = [64.0, 8.0, 1.0]
MIRRORED: list[list[float] | None] = []  # what the pad "mirror" has sent
TEXTS = gr.I18n(
    en={**{k: v[0] for k, v in NAMES.items()}, "density": "Density", "drag": "Noise levels, drag them"},
    **{"zh-CN": {**{k: v[1] for k, v in NAMES.items()}, "density": "密度", "drag": "噪声水平，可拖动"}},
)


def log_gaussian(x: float, y: float, deviation: float) -> np.ndarray:
    """The log density of N((x, y), deviation^2 I) on the Stage's grid: (64, 64)."""
    xy = stage.grid(64, 3.0).astype(float)
    squared = (xy[:, 0] - x) ** 2 + (xy[:, 1] - y) ** 2
    return (-squared / (2 * deviation**2) - np.log(2 * np.pi * deviation**2)).reshape(64, 64)


def deviation(i: int) -> float:
    """The standard deviation that the i-th frame shows."""
    return 1.5 / (1 + i / 5)


def frame(i: int) -> dict:
    """The i-th frame of a fake training of ten: the density narrows, the curve grows."""
    steps, xy = list(range(1, 20 * (i + 1))), np.random.default_rng(i).normal(MEAN, deviation(i), (500, 2))
    density = stage.field(log_gaussian(*MEAN, deviation(i)), 3)
    return stage.value(
        [
            {"key": "a", "title": "Density", "note": f"frame {i}", "field": density},
            {"key": "b", "title": "Samples", "note": "500", "points": stage.points(xy, 3)},
        ],
        run="demo",
        frame=i,
        status="done" if i == 9 else "running",
        progress=(i + 1) / 10,
        stats={"steps/s": f"{100 + i}", "KL": f"{1 / (i + 1):.3f} nats"},
        curve=stage.curve({"loss": (steps, [3 / s**0.5 for s in steps])}, x_label="step", y_label="loss"),
    )


def figure(k: float = 1.0) -> go.Figure:
    """A line and a cloud of dots."""
    t = np.linspace(0, 6, 120)
    waves = [
        go.Scatter(x=t, y=np.sin(k * t), name="sine"),
        go.Scatter(x=t, y=np.cos(k * t), name="cosine", mode="markers"),
    ]
    layout = {"template": template(), "title": f"Two waves, k = {k}", "xaxis_title": "t", "yaxis_title": "amplitude"}
    layout["meta"] = {"narrow": {"title": {"text": f"k = {k}"}}}
    return go.Figure(waves, layout=layout)


def animation(take: int) -> go.Figure:
    """A heatmap of ten frames with a Play button and a slider; the blob of frame i turns by i / 2 radians."""
    turned = [np.exp(log_gaussian(2 * np.cos(i / 2), 2 * np.sin(i / 2), 0.6)) for i in range(10)]
    shots = [go.Heatmap(z=z) for z in turned]
    at = {"frame": {"duration": 100, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}
    play = {"label": "Play", "method": "animate", "args": [None, at]}
    steps = [{"label": str(i), "method": "animate", "args": [[str(i)], at]} for i in range(10)]
    bar = {"x": 0, "len": 1, "y": 0, "pad": {"l": 70, "t": 28}, "currentvalue": {"prefix": "layer "}, "steps": steps}
    press = {
        "type": "buttons",
        "x": 0,
        "y": 0,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": 40},
        "buttons": [play],
    }
    layout = {
        "template": template(),
        "title": f"Take {take}",
        "sliders": [bar],
        "updatemenus": [press],
        "yaxis": {"autorange": "reversed"},
    }
    return go.Figure(shots[:1], layout, [go.Frame(data=[shot], name=str(i)) for i, shot in enumerate(shots)])


def describe(drawing: np.ndarray | None) -> str:
    """What the handler saw of a drawing: the sum of its bytes, and the rows and columns that hold ink."""
    ENTERED.release()
    assert GATE.wait(30)
    if drawing is None:
        return "empty"
    rows, columns = np.nonzero(drawing)
    box = f"rows {rows.min()}-{rows.max()} columns {columns.min()}-{columns.max()}"
    return f"{drawing.dtype} {drawing.shape} ink {round(255 * float(drawing.sum(dtype=float)))} {box}"


def describe_paint(painting: np.ndarray | None) -> str:
    """What the handler saw of a painting: its bytes' checksum."""
    if painting is None:
        return "bare"
    return f"{painting.dtype} {painting.shape} crc {zlib.crc32(painting.tobytes())}"


def hear(levels: list[float] | None) -> str:
    """What the handler saw of the levels, held as a drawing's is."""
    ENTERED.release()
    assert GATE.wait(30)
    return "empty" if levels is None else " ".join(map(repr, levels))


def repeat(levels: list[float] | None) -> list[float] | None:
    """Puts the levels back where they come from, held likewise."""
    MIRRORED.append(levels)
    ENTERED.release()
    assert GATE.wait(30)
    return levels


def picture(i: int) -> bytes:
    """A thumbnail: three blobs turned by i."""
    blobs = [np.exp(log_gaussian(1.4 * np.cos(0.6 * i + k), 1.4 * np.sin(0.6 * i + k), 0.35)) for k in (0, 2.1, 4.2)]
    shade = np.cbrt(sum(blobs))
    return thumbnail(shade / shade.max())


def build() -> gr.Blocks:
    """The page: every component with a button or an echo beside it."""
    with gr.Blocks(title="components") as demo:
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                names = [Tile(name, TEXTS(name), picture(i)) for i, name in enumerate(NAMES)]
                choice = tiles(names, elem_id="choice", label=TEXTS("density"), value="moons")
                chosen = gr.Textbox("-", elem_id="chosen", label="chosen", interactive=False)
                pad = SketchPad(elem_id="pad")
                seen = gr.Textbox("-", elem_id="seen", label="seen", interactive=False)
                with gr.Row(elem_classes="pg-buttons"):
                    put, wipe = gr.Button("put", elem_id="put"), gr.Button("wipe", elem_id="wipe")
            with gr.Column(scale=2, min_width=300):
                live = Stage(elem_id="live")
                train = gr.Button("train", elem_id="train", variant="primary")
                with gr.Tabs():
                    with gr.Tab("figure", elem_id="tab-figure"):
                        plot = LivePlotly(elem_id="plot", height=300)
                        twin = LivePlotly(elem_id="twin", height=220, config={"staticPlot": True})
                    with gr.Tab("film", elem_id="tab-film"):
                        film = LivePlotly(elem_id="film", height=420)
                    with gr.Tab("levels", elem_id="tab-levels"):
                        levels = LevelPad(
                            LEVELS, low=0.01, high=80, fixed_first=True, elem_id="levels", label=TEXTS("drag")
                        )
                        heard = gr.Textbox("-", elem_id="heard", label="heard", interactive=False)
                        mirror = LevelPad(low=1, high=100, falling=False, elem_id="mirror")
                        with gr.Row(elem_classes="pg-buttons"):
                            fewer, rise = gr.Button("fewer", elem_id="fewer"), gr.Button("rise", elem_id="rise")
                            none = gr.Button("none", elem_id="none")
                    with gr.Tab("spare", elem_id="tab-spare"), gr.Row():
                        with gr.Column(min_width=300):
                            paint = PaintPad(elem_id="paint")
                            looked = gr.Textbox("-", elem_id="looked", label="looked", interactive=False)
                            with gr.Row(elem_classes="pg-buttons"):
                                ramp, blank = gr.Button("ramp", elem_id="ramp"), gr.Button("blank", elem_id="blank")
                        with gr.Column(min_width=300):
                            spare = SketchPad(elem_id="spare", words={"hint": {"en": "Or here", "zh-CN": "或在此"}})
                with gr.Row(elem_classes="pg-buttons"):
                    draw, again = gr.Button("draw", elem_id="draw"), gr.Button("again", elem_id="again")
                    empty, play = gr.Button("empty", elem_id="empty"), gr.Button("film", elem_id="show-film")

        takes = itertools.count(1)  # an equal figure would not be sent again

        def run():
            for i in range(10):
                yield frame(i)

        def waves():
            for k in (1.5, 2.0, 2.5):
                yield figure(k)

        choice.input(lambda value: value, choice, chosen, api_name="choose")
        pad.input(describe, pad, seen, show_progress="hidden", api_name="sketch")
        paint.input(describe_paint, paint, looked, show_progress="hidden", api_name="paint")
        ramp.click(lambda: RAMP, None, paint)
        blank.click(lambda: None, None, paint)
        levels.input(hear, levels, heard, show_progress="hidden", api_name="levels")
        fewer.click(lambda: (FEWER, "put"), None, [levels, heard], show_progress="hidden")
        none.click(lambda: (None, None), None, [levels, mirror], show_progress="hidden")
        mirror.input(repeat, mirror, mirror, show_progress="hidden", api_name=False)
        rise.click(lambda: [0.5, 2.0, 50.0, 500.0], None, mirror, show_progress="hidden")  # two outside its axis
        put.click(lambda: BLOCK, None, pad)
        wipe.click(lambda: None, None, pad)
        train.click(run, None, live, show_progress="hidden")
        draw.click(lambda: (figure(), figure()), None, [plot, twin], show_progress="hidden")
        again.click(waves, None, plot, show_progress="hidden")
        empty.click(lambda: {plot: None}, None, [plot, film, spare])  # what is skipped must not lose its settings
        play.click(lambda: animation(next(takes)), None, film, show_progress="hidden")
    return demo


if __name__ == "__main__":
    build().launch(i18n=TEXTS, ssr_mode=False, **launch_options())
