"""The paint pad: what its payload may be; and in a browser: colours, the ground, eraser, undo, the app's paintings."""

import base64
import zlib

import components_demo
import gradio as gr
import numpy as np
import pytest
from test_sketch_pad import Pad as Board

from playground.tabs.components import PaintPad
from playground.tabs.components.paint_pad import COLOURS, PALETTE, bare
from playground.world.scene import COLORS

BYTES = base64.b64encode(bytes(range(256)) * 48).decode()
SENT = {"n": 64, "c": 3, "b64": BYTES}
BARE = bare()
LOOKED = "document.querySelector('#looked textarea').value"
# What each cell of the canvas is to look like: the browser lays its 8 x 8 pixels over a ground of ours and takes means.
CELLS = """([ground]) => {
  const raw = document.querySelector('#paint canvas').getContext('2d').getImageData(0, 0, 512, 512).data, out = [];
  for (let cell = 0; cell < 4096; cell++) for (let c = 0; c < 3; c++) {
    let sum = 0;
    for (let i = 0; i < 64; i++) {
      const at = 4 * (512 * (8 * (cell >> 6) + (i >> 3)) + 8 * (cell & 63) + (i & 7)), alpha = raw[at + 3] / 255;
      sum += alpha * raw[at + c] + (1 - alpha) * ground[3 * cell + c];
    }
    out.push(Math.round(sum / 64));
  }
  return out;
}"""


def rgb(name):
    return tuple(bytes.fromhex(PALETTE[name][1:]))


def test_payload_is_read_as_bytes():
    painting = PaintPad().preprocess(SENT)
    assert painting.dtype == np.uint8
    np.testing.assert_array_equal(painting.ravel(), np.arange(64 * 64 * 3) % 256)
    np.testing.assert_array_equal(painting[0, 1], [3, 4, 5])
    assert PaintPad().postprocess(painting) == SENT
    painting[0, 0] = 0  # not the payload's own memory, which cannot be written


@pytest.mark.parametrize("payload", [None, {}, "", {**SENT, "b64": base64.b64encode(BARE.tobytes()).decode()}])
def test_bare_ground_is_none(payload):
    assert PaintPad().preprocess(payload) is None
    assert PaintPad().postprocess(None) == PaintPad().postprocess(BARE) == {}


def test_another_ground_makes_it_a_painting():
    painting = PaintPad(ground="#ffffff").preprocess({**SENT, "b64": base64.b64encode(BARE.tobytes()).decode()})
    np.testing.assert_array_equal(painting, BARE)


REFUSED = {
    "no dict": "drawing",
    "a list": [1, 2],
    "side": {**SENT, "n": 65},
    "a sketch": {"n": 64, "b64": base64.b64encode(bytes(4096)).decode()},
    "channels": {**SENT, "c": 4},
    "no text": {**SENT, "b64": 5},
    "no base64": {**SENT, "b64": "§" + BYTES[1:]},
    "newlines": {**SENT, "b64": BYTES[:-4] + "\n" + BYTES[-4:]},
    "short": {**SENT, "b64": BYTES[:-4]},
    "long": {**SENT, "b64": BYTES + "AAAA"},
}


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_bad_payload_is_refused_with_a_sentence(payload):
    with pytest.raises(gr.Error, match=r"^'?(A|The) drawing .*: clear the pad and draw again\.'?$"):
        PaintPad().preprocess(payload)


def test_refusal_names_the_form():
    with pytest.raises(gr.Error, match=r'A drawing is {"n": 64, "c": 3, "b64": ...}'):
        PaintPad().preprocess({"n": 64, "b64": BYTES})


@pytest.mark.parametrize(
    "value",
    [BARE[:63], BARE[..., :1], BARE[..., 0], BARE / 255, BARE.astype(np.int64), np.full((64, 64, 3), np.nan)],
)
def test_bad_value_is_refused(value):
    with pytest.raises(ValueError, match=r"a painting (has shape|holds)"):
        PaintPad().postprocess(value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"palette": {}}, "at least one colour"),
        ({"palette": {"red": "red"}}, "the palette's red is 'red', allowed is"),
        ({"palette": {"red": "#f00"}}, "the palette's red is '#f00', allowed is"),
        ({"palette": {"red": "#ff0000;"}}, "the palette's red is"),
        ({"palette": {"red": (255, 0, 0)}}, "the palette's red is"),
        ({"ground": "gray"}, "the ground is 'gray', allowed is"),
        ({"ground": ("#ffffff", "#fff")}, "the ground is '#fff', allowed is"),
        ({"ground": ("#ffffff",)}, "or two of them"),
        ({"words": {"draw": "Draw"}}, "words names"),
        ({"words": {"black": "Black"}}, "words names"),
    ],
)
def test_settings_are_checked(wrong, words):
    with pytest.raises(ValueError, match=words):
        PaintPad(**wrong)


def test_ground_runs_from_top_to_bottom():
    ramp = bare(("#000000", "#404080"))
    np.testing.assert_array_equal(ramp[:, 0, 0], np.rint(np.arange(64) + 0.5))  # 64 levels down 64 rows
    np.testing.assert_array_equal(ramp[:, 63], ramp[:, 0])
    np.testing.assert_array_equal(ramp[:, 5, 2], np.arange(64) * 2 + 1)
    assert (bare("#102030") == [16, 32, 48]).all()


def test_palette_is_the_picture_worlds():
    assert list(PALETTE) == list(COLORS)
    assert PALETTE.keys() < COLOURS.keys()
    for name, linear in COLORS.items():  # the renderer's tone curve, on light that is neither lamp nor shadow
        shown = [round(255 * (v / (1 + 0.18 * v)) ** (1 / 2.2)) for v in linear]
        assert rgb(name) == tuple(shown), name


def test_refusal_reaches_the_api(demo_url):
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(demo_url, verbose=False)
    with pytest.raises(AppError, match="A drawing has 12288 bytes and this one 12285"):
        client.predict({**SENT, "b64": BYTES[:-4]}, api_name="/paint")
    assert "uint8 (64, 64, 3)" in client.predict(SENT, api_name="/paint")


class Pad(Board):
    """The demo's paint pad in a page."""

    def __init__(self, page):
        self.page = page
        page.get_by_role("tab", name="spare").click()
        page.wait_for_selector("#paint canvas")
        page.locator("#paint canvas").scroll_into_view_if_needed()

    @property
    def box(self):
        return self.page.locator("#paint canvas").bounding_box()

    def act(self, name):
        return self.page.locator(f'#paint [data-act="{name}"]')

    def swatch(self, name):
        return self.page.locator(f'#paint [data-colour="{name}"]')

    def sent(self):
        return int(self.page.get_attribute("#paint .pg-pad", "data-sent"))

    def pressed(self):
        return self.page.locator('#paint .pg-pad-colour[aria-pressed="true"]').evaluate_all(
            "nodes => nodes.map((n) => n.dataset.colour)"
        )

    def cells(self):
        """What the canvas shows over the ground: (64, 64, 3) uint8."""
        return np.array(self.page.evaluate(CELLS, [BARE.ravel().tolist()]), np.uint8).reshape(64, 64, 3)

    def seen(self):
        """Waits till the handler saw the bytes that the canvas shows; the painting, or None for the bare ground."""
        cells = self.cells()
        drawn = (cells != BARE).any()
        self.looked(f"uint8 (64, 64, 3) crc {zlib.crc32(cells.tobytes())}" if drawn else "bare")
        return cells if drawn else None

    def looked(self, text):
        self.page.wait_for_function(f"(text) => {LOOKED} === text", arg=text)


@pytest.fixture
def pad(open_page, demo_url):
    return Pad(open_page(demo_url))


def box(painting):
    """First and last row and column that are painted."""
    rows, columns = np.nonzero((painting != BARE).any(axis=2))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_a_stroke_has_its_colour_where_it_was_drawn(pad):
    assert pad.pressed() == ["red"]
    for name in PALETTE:
        shown = pad.swatch(name).evaluate("node => getComputedStyle(node).backgroundColor")
        assert shown == f"rgb{rgb(name)}", "Gradio's own style of buttons takes colours away"
    pad.stroke((0.25, 0.5), (0.75, 0.5))
    painting = pad.seen()
    # the brush is 32 of 512 units wide: 4 of 64 cells, with round ends; one cell of antialiasing
    np.testing.assert_allclose(box(painting), [30, 33, 14, 49], atol=1)
    assert (painting[31:33, 18:46] == rgb("red")).all()
    mixed = painting[30:34, 14:50].reshape(-1, 3)
    assert (mixed >= np.minimum(rgb("red"), BARE[30:34].min((0, 1)))).all(), "an edge lies between paint and ground"
    assert (mixed <= np.maximum(rgb("red"), BARE[30:34].max((0, 1)))).all()
    assert pad.page.locator("#paint .pg-pad-hint").is_hidden()


def test_the_board_shows_the_ground(pad):
    from io import BytesIO

    from PIL import Image

    pad.page.evaluate("document.querySelector('#paint .pg-pad-hint').hidden = true")
    shown = np.asarray(Image.open(BytesIO(pad.page.locator("#paint .pg-pad-board").screenshot())).convert("RGB"))
    middle = shown[:, shown.shape[1] // 2]
    for row in range(2, 62):  # the corners are round
        y = int((row + 0.5) / 64 * len(middle))
        np.testing.assert_allclose(middle[y].astype(int), BARE[row, 0].astype(int), atol=1)


def test_swatches_switch(pad):
    pad.stroke((0.2, 0.2), (0.8, 0.2))
    pad.swatch("blue").click()
    assert pad.pressed() == ["blue"]
    pad.stroke((0.2, 0.7), (0.8, 0.7))
    painting = pad.seen()
    assert tuple(painting[12, 32]) == rgb("red")
    assert tuple(painting[44, 32]) == rgb("blue")
    pad.stroke((0.5, 0.1), (0.5, 0.9))
    assert tuple(pad.seen()[12, 32]) == rgb("blue"), "the later stroke lies above"
    pad.act("undo").click()
    np.testing.assert_array_equal(pad.seen(), painting)


def test_swatches_by_keyboard(pad):
    pad.swatch("yellow").focus()
    pad.page.keyboard.press("Tab")
    assert pad.page.evaluate("document.activeElement.dataset.colour") == "green"
    assert pad.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    pad.page.keyboard.press("Space")
    assert pad.pressed() == ["green"]
    pad.stroke((0.5, 0.5), (0.6, 0.5))
    assert tuple(pad.seen()[32, 35]) == rgb("green")


def test_eraser_brings_the_ground_back(pad):
    pad.act("size").fill("72")
    pad.stroke((0.2, 0.5), (0.8, 0.5))
    before = pad.seen()
    pad.act("erase").click()
    pad.stroke((0.5, 0.3), (0.5, 0.7))
    after = pad.seen()
    assert box(after) == box(before), "the middle is gone, the ends stay"
    np.testing.assert_array_equal(after[26:38, 29:35], BARE[26:38, 29:35])
    pad.swatch("red").click()
    assert pad.act("erase").get_attribute("aria-pressed") == "false", "who takes a colour wants to paint"
    assert pad.pressed() == ["red"]
    pad.act("erase").click()
    pad.stroke((0.1, 0.5), (0.9, 0.5))
    assert pad.seen() is None, "nothing is left"


def test_undo_and_clear(pad):
    pad.stroke((0.2, 0.3), (0.8, 0.3))
    one = pad.seen()
    pad.act("clear").click()
    assert pad.seen() is None
    assert pad.page.locator("#paint .pg-pad-hint").is_visible()
    pad.act("undo").click()
    np.testing.assert_array_equal(pad.seen(), one)
    pad.act("undo").click()
    assert pad.seen() is None
    assert pad.act("undo").is_disabled()


def test_it_sends_while_one_draws(pad):
    pad.press((0.2, 0.2), (0.4, 0.4))
    pad.page.wait_for_function("Number(document.querySelector('#paint .pg-pad').dataset.sent) > 0")
    pad.seen()
    pad.page.mouse.move(*pad.at(0.8, 0.4), steps=8)
    pad.page.wait_for_function("Number(document.querySelector('#paint .pg-pad').dataset.sent) > 1")
    assert tuple(pad.seen()[25, 45]) == rgb("red"), "the button is still down"
    pad.page.mouse.up()


def test_the_app_paints_and_wipes(pad):
    pad.page.click("#ramp")
    pad.page.wait_for_function("Number(document.querySelector('#paint .pg-pad').dataset.strokes) === 1")
    np.testing.assert_array_equal(pad.cells(), components_demo.RAMP)
    assert pad.sent() == 0, "what the app paints is no input"
    pad.stroke((0.1, 0.1), (0.1, 0.1))
    painted = pad.seen()
    assert tuple(painted[6, 6]) == rgb("red")
    np.testing.assert_array_equal(painted[:, 16:], components_demo.RAMP[:, 16:])
    pad.page.click("#blank")
    pad.page.wait_for_function("document.querySelector('#paint [data-act=clear]').disabled")
    assert (pad.cells() == BARE).all()
    pad.act("undo").click()
    np.testing.assert_array_equal(pad.seen(), painted)
    pad.act("undo").click()
    np.testing.assert_array_equal(pad.seen(), components_demo.RAMP)
    pad.act("undo").click()
    assert pad.seen() is None, "undo takes back what the app painted"


def test_a_phone_has_room_for_a_finger(open_page, demo_url):
    pad = Pad(open_page(demo_url, mobile=True, lang="zh-CN"))
    swatches = pad.page.locator("#paint .pg-pad-colour")
    titles = swatches.evaluate_all("nodes => nodes.map((n) => n.title)")
    assert titles == ["红色", "橙色", "黄色", "绿色", "青色", "蓝色", "紫色", "灰色"]
    board, boxes = pad.box, [swatches.nth(i).bounding_box() for i in range(8)]
    assert all(min(b["width"], b["height"]) >= 28 for b in boxes)
    assert all(b["x"] >= board["x"] and b["x"] + b["width"] <= board["x"] + board["width"] for b in boxes)
    assert pad.page.get_attribute("#paint .pg-pad-colours", "aria-label") == "颜色"
