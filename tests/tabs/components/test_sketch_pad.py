"""The sketch pad: what its payload may be; and in a browser: strokes, streaming, eraser, undo, a finger."""

import base64
import re

import gradio as gr
import numpy as np
import pytest

from playground.tabs.components import SketchPad

BYTES = base64.b64encode(bytes(range(256)) * 16).decode()
CANVAS = "document.querySelector('#pad canvas')"
# The sum of the 64 x 64 bytes that the canvas stands for, each the mean alpha of 8 x 8 pixels.
INK = f"""(() => {{
  const {{ data }} = {CANVAS}.getContext('2d').getImageData(0, 0, 512, 512);
  let sum = 0;
  for (let cell = 0; cell < 4096; cell++) {{
    const corner = 512 * 8 * (cell >> 6) + 8 * (cell & 63);
    let mean = 0;
    for (let i = 0; i < 64; i++) mean += data[4 * (corner + 512 * (i >> 3) + (i & 7)) + 3] / 64;
    sum += Math.round(mean);
  }}
  return sum;
}})()"""
SEEN = "document.querySelector('#seen textarea').value"
BOX = r"float32 \(64, 64\) ink (\d+) rows (\d+)-(\d+) columns (\d+)-(\d+)"


def test_payload_is_read_as_bytes():
    drawing = SketchPad().preprocess({"n": 64, "b64": BYTES})
    assert drawing.shape == (64, 64)
    assert drawing.dtype == np.float32
    np.testing.assert_array_equal(drawing[0], np.arange(64, dtype=np.float32) / 255)
    assert SketchPad().postprocess(drawing) == {"n": 64, "b64": BYTES}


@pytest.mark.parametrize("payload", [None, {}, "", {"n": 64, "b64": base64.b64encode(bytes(4096)).decode()}])
def test_empty_pad_is_none(payload):
    assert SketchPad().preprocess(payload) is None
    assert SketchPad().postprocess(None) == {}


REFUSED = {
    "no dict": "drawing",
    "a list": [1, 2],
    "side": {"n": 65, "b64": BYTES},
    "no text": {"n": 64, "b64": 5},
    "no base64": {"n": 64, "b64": "§" + BYTES[1:]},
    "newlines": {"n": 64, "b64": BYTES[:-4] + "\n" + BYTES[-4:]},
    "short": {"n": 64, "b64": BYTES[:-4]},
    "long": {"n": 64, "b64": base64.b64encode(bytes(4099)).decode()},
}


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_bad_payload_is_refused_with_a_sentence(payload):
    with pytest.raises(gr.Error, match=r"^'?(A|The) drawing .*: clear the pad and draw again\.'?$"):
        SketchPad().preprocess(payload)


@pytest.mark.parametrize(
    "value", [np.zeros((63, 64)), np.full((64, 64), np.nan), np.full((64, 64), 1.1), -np.ones((64, 64))]
)
def test_bad_value_is_refused(value):
    with pytest.raises(ValueError, match=r"a drawing (has shape|holds)"):
        SketchPad().postprocess(value)


def test_words_are_checked():
    with pytest.raises(ValueError, match="words names"):
        SketchPad(words={"draw": "Draw"})


def test_refusal_reaches_the_api(demo_url):
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(demo_url, verbose=False)
    with pytest.raises(AppError, match="A drawing has 4096 bytes and this one 4095"):
        client.predict({"n": 64, "b64": BYTES[:-4]}, api_name="/sketch")
    assert "float32 (64, 64)" in client.predict({"n": 64, "b64": BYTES}, api_name="/sketch")


class Pad:
    """The demo's pad in a page: strokes in units of its side, and what the handler saw."""

    def __init__(self, page):
        self.page = page
        page.wait_for_selector("#pad canvas")
        page.locator("#pad canvas").scroll_into_view_if_needed()

    @property
    def box(self):
        """Where the pad is now: a click on a button below it scrolls the page."""
        return self.page.locator("#pad canvas").bounding_box()

    def at(self, x, y):
        return self.box["x"] + x * self.box["width"], self.box["y"] + y * self.box["height"]

    def press(self, *points):
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=4)

    def stroke(self, *points):
        self.press(*points)
        self.page.mouse.up()

    def act(self, name):
        return self.page.locator(f'#pad [data-act="{name}"]')

    def sent(self):
        return int(self.page.get_attribute("#pad .pg-pad", "data-sent"))

    def ink(self):
        return self.page.evaluate(INK)

    def seen(self):
        """Waits till the handler saw what the canvas shows: ink in cells, first and last row, column; None if empty."""
        ink = self.ink()
        self.page.wait_for_function(f"(ink) => ink ? {SEEN}.includes(`ink ${{ink}} `) : {SEEN} === 'empty'", arg=ink)
        if not ink:
            return None
        total, *box = re.fullmatch(BOX, self.page.input_value("#seen textarea")).groups()
        return [int(total) / 255, *map(int, box)]


@pytest.fixture
def pad(open_page, demo_url):
    return Pad(open_page(demo_url))


def test_a_stroke_is_where_it_was_drawn(pad):
    pad.stroke((0.25, 0.5), (0.75, 0.5))
    ink, top, bottom, first, last = pad.seen()
    # the brush is 32 of 512 units wide: 4 of 64 cells, with round ends; one cell of antialiasing
    assert abs(top - 30) <= 1
    assert abs(bottom - 33) <= 1
    assert abs(first - 14) <= 1
    assert abs(last - 49) <= 1
    assert ink == pytest.approx(32 * 4 + np.pi * 4, rel=0.04)
    assert pad.act("undo").is_enabled()
    assert pad.page.locator("#pad .pg-pad-hint").is_hidden()


def test_it_sends_while_one_draws(pad):
    pad.press((0.2, 0.2), (0.4, 0.4))
    pad.page.wait_for_function("Number(document.querySelector('#pad .pg-pad').dataset.sent) > 0")
    first = pad.seen()
    pad.page.mouse.move(*pad.at(0.8, 0.4), steps=8)
    pad.page.wait_for_function("Number(document.querySelector('#pad .pg-pad').dataset.sent) > 1")
    assert pad.seen()[0] > first[0], "the button is still down"
    pad.page.mouse.up()


def test_the_last_drawing_reaches_a_slow_handler(pad, demo):
    pad.stroke((0.2, 0.2), (0.3, 0.2))
    pad.seen()
    while demo.ENTERED.acquire(blocking=False):
        pass
    demo.GATE.clear()
    try:
        pad.stroke((0.2, 0.5), (0.3, 0.5))
        assert demo.ENTERED.acquire(timeout=30)
        pad.stroke((0.2, 0.9), (0.3, 0.9))
    finally:
        demo.GATE.set()
    _, top, bottom, *_ = pad.seen()
    assert (top, bottom) == (10, 59)


def test_undo_and_clear(pad):
    pad.stroke((0.2, 0.3), (0.8, 0.3))
    one = pad.seen()
    pixels = pad.page.evaluate(f"{CANVAS}.toDataURL()")
    pad.stroke((0.5, 0.6), (0.5, 0.9))
    assert pad.seen()[0] > one[0]
    pad.act("undo").click()
    assert pad.seen() == one
    assert pad.page.evaluate(f"{CANVAS}.toDataURL()") == pixels
    pad.act("clear").click()
    assert pad.seen() is None
    assert pad.act("clear").is_disabled()
    assert pad.page.locator("#pad .pg-pad-hint").is_visible()
    pad.act("undo").click()
    assert pad.seen() == one
    assert pad.page.evaluate(f"{CANVAS}.toDataURL()") == pixels
    pad.act("undo").click()
    assert pad.seen() is None
    assert pad.act("undo").is_disabled()


def test_eraser_and_size(pad):
    pad.act("size").fill("72")
    pad.stroke((0.2, 0.5), (0.8, 0.5))
    before = pad.seen()
    assert before[2] - before[1] == pytest.approx(72 / 8, abs=2)
    pad.act("erase").click()
    assert pad.act("erase").get_attribute("aria-pressed") == "true"
    pad.stroke((0.5, 0.3), (0.5, 0.7))
    after = pad.seen()
    assert after[1:] == before[1:], "the middle is gone, the ends stay"
    assert before[0] - after[0] == pytest.approx(81, rel=0.05), "a square of 9 x 9 cells"


def test_the_app_draws_and_wipes(pad):
    pad.page.click("#put")
    pad.page.wait_for_function(f"{INK} > 0")
    assert pad.ink() == 32 * 16 * 128
    assert pad.sent() == 0, "what the app draws is no input"
    pad.stroke((0.1, 0.05), (0.1, 0.05))
    assert pad.seen()[0] == pytest.approx(32 * 16 * 128 / 255 + np.pi * 4, rel=0.02)
    pad.page.click("#wipe")
    pad.page.wait_for_function(f"{INK} === 0")
    pad.act("undo").click()
    pad.page.wait_for_function(f"{INK} > {32 * 16 * 128}")


def test_a_finger_draws_and_does_not_scroll(open_page, demo_url):
    pad = Pad(open_page(demo_url, mobile=True, lang="zh-CN"))
    touch = pad.page.context.new_cdp_session(pad.page)

    def move(kind, *point):
        points = [dict(zip("xy", pad.at(*point), strict=True))] if point else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    scroll = pad.page.evaluate("scrollY")
    move("touchStart", 0.5, 0.9)
    for y in np.linspace(0.85, 0.2, 8):
        move("touchMove", 0.5, float(y))
    move("touchEnd")
    _, top, bottom, first, last = pad.seen()
    assert (top, bottom) == (10, 59)
    assert last - first < 8
    assert pad.page.evaluate("scrollY") == scroll
    assert pad.page.inner_text("#pad .pg-pad-tools").split() == ["橡皮", "撤销", "清空"]


def test_words_outlive_an_update_before_the_pad_is_seen(open_page, demo_url):
    page = open_page(demo_url)
    page.click("#draw")
    page.wait_for_selector('#plot .pg-plotly[data-ready="true"]')
    page.click("#empty")
    page.wait_for_selector('#plot .pg-plotly[data-ready="false"]')
    page.get_by_role("tab", name="spare").click()
    page.wait_for_selector("#spare canvas")
    assert page.inner_text("#spare .pg-pad-hint") == "Or here"
    assert page.inner_text("#spare .pg-pad-tools").split() == ["Eraser", "Undo", "Clear"]
