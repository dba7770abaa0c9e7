"""The level pad: what levels may be; and in a browser: dragging, neighbours, keys, the app's own updates, a finger."""

import itertools
import math

import gradio as gr
import numpy as np
import pytest

from playground.tabs.components import LevelPad

AXIS = {"low": 0.01, "high": 80}
HEARD = "document.querySelector('#heard textarea').value"


def test_levels_pass_as_they_are():
    levels = [80, 14.614642, 0.5]
    assert LevelPad(**AXIS).preprocess(levels) == levels
    assert all(isinstance(level, float) for level in LevelPad(**AXIS).preprocess(levels))
    assert LevelPad(**AXIS).postprocess(np.float32([80, 14.5, 0.5])) == [80, 14.5, 0.5]
    assert LevelPad(**AXIS).postprocess((np.float32(80), np.int64(14))) == [80, 14]
    assert LevelPad(**AXIS, falling=False).preprocess(levels[::-1]) == levels[::-1]
    assert LevelPad(**AXIS).preprocess([float(x) for x in range(65, 0, -1)])[0] == 65, "outside the axis is allowed"


@pytest.mark.parametrize("payload", [None, [], ""])
def test_nothing_is_none(payload):
    assert LevelPad(**AXIS).preprocess(payload) is None
    assert LevelPad(**AXIS).postprocess(None) == []


REFUSED = {
    "text": ("80, 1", "come as a list of numbers, not as str"),
    "a dict": ({"a": 1}, "come as a list of numbers, not as dict"),
    "one": ([80], "2 to 65 noise levels, not 1"),
    "66": (list(range(66, 0, -1)), "2 to 65 noise levels, not 66"),
    "zero": ([80, 0], "a finite number above 0, not 0"),
    "below zero": ([80, -1.5], "a finite number above 0, not -1.5"),
    "nan": ([80, math.nan], "a finite number above 0, not nan"),
    "infinite": ([math.inf, 1], "a finite number above 0, not inf"),
    "no float": ([10**400, 1], "a finite number above 0, not 10+$"),
    "a truth": ([80, True], "a finite number above 0, not True"),
    "a word": ([80, "x" * 999], "a finite number above 0, not 'x{39}$"),
    "none": ([80, None], "a finite number above 0, not None"),
    "nested": ([[80, 1], [2]], r"a finite number above 0, not \[80, 1\]"),
    "rising": ([1, 2], "must lie below the one before: 2 follows 1"),
    "equal": ([2, 1, 1], "must lie below the one before: 1 follows 1"),
}


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_levels_is_refused_with_a_sentence(value, words):
    with pytest.raises(ValueError, match=words):
        LevelPad(**AXIS).postprocess(value)
    sentence = words.removesuffix("$") + r"\.['\"]?$"
    with pytest.raises(gr.Error, match=sentence):
        LevelPad(**AXIS).preprocess(value)


@pytest.mark.parametrize("value", [[2, 1], [1, 1]])
def test_rising_levels_must_rise(value):
    with pytest.raises(gr.Error, match=r"must lie above the one before: 1 follows [12]"):
        LevelPad(**AXIS, falling=False).preprocess(value)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (2, 1), (1, 1), (1, math.inf), (math.nan, 1), (1, math.nan)])
def test_axis_is_checked(low, high):
    with pytest.raises(ValueError, match="0 < low < high is needed"):
        LevelPad(low=low, high=high)


def test_words_are_checked():
    with pytest.raises(ValueError, match="words names"):
        LevelPad(**AXIS, words={"levels": "Levels"})


@pytest.mark.parametrize("falling", [True, False])
def test_its_example_is_allowed(falling):
    pad = LevelPad(**AXIS, falling=falling)
    assert sorted(pad.preprocess(pad.example_payload())) == [0.01, 80]
    assert pad.postprocess(pad.example_value()) == pad.example_payload()
    assert ("falling" if falling else "rising") in pad.api_info()["description"]


def test_refusal_reaches_the_api(demo_url):
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(demo_url, verbose=False)
    with pytest.raises(AppError, match=r"Each noise level must lie below the one before: 2\.0 follows 1\.0\."):
        client.predict([1.0, 2.0], api_name="/levels")
    assert client.predict([2, 1.5], api_name="/levels") == "2.0 1.5"
    assert client.predict(None, api_name="/levels") == "empty"


class Pad:
    """A pad of the demo in a page: where its handles are, and what they say."""

    def __init__(self, page, name="levels"):
        self.page, self.name = page, name
        page.get_by_role("tab", name="levels").click()
        page.wait_for_selector(f"#{name} .pg-level")
        self.root.scroll_into_view_if_needed()

    @property
    def root(self):
        return self.page.locator(f"#{self.name} .pg-level")

    def handle(self, index):
        return self.page.locator(f'#{self.name} [role="slider"][data-index="{index}"]')

    def levels(self):
        """The levels that the handles show."""
        shown = self.page.locator(f'#{self.name} [role="slider"]')
        return [float(node.get_attribute("aria-valuenow")) for node in shown.all()]

    def wait(self, count):
        self.page.wait_for_selector(f'#{self.name} .pg-level[data-count="{count}"]')

    def sent(self):
        return int(self.root.get_attribute("data-sent"))

    def place(self, index):
        """The centre of a handle."""
        box = self.handle(index).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def decade(self):
        """The pixels of a factor of ten."""
        return self.page.locator(f"#{self.name} .pg-level-plot").bounding_box()["height"] / math.log10(80 / 0.01)

    def press(self, index):
        self.page.mouse.move(*self.place(index))
        self.page.mouse.down()

    def heard(self):
        """Waits till the handler has heard what the handles show."""
        self.page.wait_for_function(
            f"""() => {{
              const shown = [...document.querySelectorAll('#{self.name} [role="slider"]')].map((h) => h.ariaValueNow);
              return {HEARD}.split(" ").map(Number).join() === shown.map(Number).join();
            }}"""
        )
        return [float(word) for word in self.page.input_value("#heard textarea").split()]


@pytest.fixture
def pad(open_page, demo_url):
    return Pad(open_page(demo_url))


def test_handles_stand_where_their_levels_are(pad):
    assert pad.levels() == [80, 40, 20, 10, 5]
    places = [pad.place(i) for i in range(5)]
    steps = [b[0] - a[0] for a, b in itertools.pairwise(places)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.1)
    falls = [b[1] - a[1] for a, b in itertools.pairwise(places)]
    assert falls == pytest.approx([math.log10(2) * pad.decade()] * 4, abs=0.1)
    rules = pad.page.locator("#levels .pg-level-rule").all()
    assert [rule.inner_text() for rule in rules] == ["0.01", "0.1", "1", "10"]
    assert rules[3].bounding_box()["y"] == pytest.approx(places[3][1], abs=1), "10 stands on the line of 10"
    assert pad.page.inner_text("#levels .pg-level-title") == "Noise levels, drag them"
    assert pad.handle(1).get_attribute("aria-valuetext") == "σ = 40"
    assert pad.handle(1).get_attribute("aria-label") == "Noise level 2"


def test_a_drag_sends_while_it_goes_and_at_its_end(pad):
    x, y = pad.place(4)
    pad.page.mouse.move(x, y + 5)  # held off its centre: the handle does not jump
    pad.page.mouse.down()
    pad.page.mouse.move(x, y + 5 + pad.decade(), steps=5)
    pad.page.wait_for_function("Number(document.querySelector('#levels .pg-level').dataset.sent) > 0")
    assert pad.heard()[:4] == [80, 40, 20, 10], "the button is still down"
    assert pad.heard()[4] == pytest.approx(0.5, rel=0.02)
    assert pad.heard()[4] == float(f"{pad.heard()[4]:.4g}")
    pad.page.mouse.move(x, y + 5 + 2 * pad.decade(), steps=5)
    pad.page.mouse.up()
    assert pad.heard()[4] == pytest.approx(0.05, rel=0.02)
    count = pad.sent()
    pad.press(4)
    pad.page.mouse.up()
    assert pad.sent() == count, "a press without a move sends nothing"


def test_neighbours_and_ends_are_limits(pad):
    pad.press(2)
    pad.page.mouse.move(pad.place(2)[0], 0)
    pad.page.mouse.up()
    assert pad.heard()[2] == 39.21, "40 / 1.02 to four digits"
    pad.press(2)
    pad.page.mouse.move(pad.place(2)[0], pad.place(4)[1] + 300)
    pad.page.mouse.up()
    assert pad.heard()[2] == 10.2
    pad.press(4)
    pad.page.mouse.move(pad.place(4)[0], pad.place(4)[1] + 600)
    pad.page.mouse.up()
    assert pad.heard() == [80, 40, 10.2, 10, 0.01]


def test_a_fixed_level_stays(pad):
    pad.press(0)
    pad.page.mouse.move(pad.place(0)[0], pad.place(2)[1])
    pad.page.mouse.up()
    pad.handle(0).press("ArrowDown")
    pad.handle(1).press("ArrowDown")  # what comes after it shows that nothing came before
    assert pad.heard() == [80, 38.1, 20, 10, 5]
    assert pad.sent() == 1
    assert pad.handle(0).get_attribute("aria-readonly") == "true"
    fills = [pad.handle(i).evaluate("(node) => getComputedStyle(node, '::before').backgroundColor") for i in range(2)]
    assert fills[0] != fills[1]


def test_keys(pad):
    pad.handle(4).focus()
    pad.page.keyboard.press("ArrowUp")
    assert pad.heard()[4] == 5.25
    pad.page.keyboard.press("Shift+ArrowUp")
    assert pad.heard()[4] == 5.303, "5.3025 to four digits"
    pad.page.keyboard.press("ArrowLeft")
    pad.page.keyboard.press("ArrowDown")
    assert pad.heard()[3:] == [9.524, 5.303]
    for _ in range(30):
        pad.page.keyboard.press("ArrowDown")
    assert pad.heard()[3] == 5.41, "1.02 above its neighbour, rounded away from it"
    pad.page.keyboard.press("Tab")
    assert not pad.page.evaluate("document.activeElement.matches('#levels [role=slider]')"), "one stop for all handles"


def test_levels_of_the_app_are_shown_and_are_no_input(pad):
    pad.handle(2).focus()
    node = pad.handle(2).element_handle()
    pad.page.evaluate("document.querySelector('#fewer').click()")
    pad.wait(3)
    assert pad.levels() == [64, 8, 1]
    assert node.evaluate("(node) => node.isConnected && node === document.activeElement")
    pad.press(1)
    pad.page.mouse.up()
    assert pad.sent() == 0
    assert pad.page.locator("#levels .pg-level-hint").is_hidden()
    pad.page.click("#none")
    pad.wait(0)
    assert pad.page.locator("#levels .pg-level-hint").is_visible()
    assert pad.page.inner_text("#levels .pg-level-hint") == "No levels yet"
    assert pad.levels() == []


@pytest.fixture
def mirror(pad):
    """The pad whose handler puts on it what it has sent."""
    pad.page.click("#rise")
    mirror = Pad(pad.page, "mirror")
    mirror.wait(4)
    return mirror


@pytest.fixture
def gate(demo):
    """Holds the handlers: `gate.wait()` till one has come in, `gate.open()` lets all go on."""
    while demo.ENTERED.acquire(blocking=False):
        pass
    demo.MIRRORED.clear()
    demo.GATE.clear()

    class Gate:
        open = demo.GATE.set

        @staticmethod
        def wait():
            assert demo.ENTERED.acquire(timeout=30)

    yield Gate
    demo.GATE.set()


def test_an_echo_leaves_the_handles_and_the_focus(mirror, gate, demo):
    nodes = [mirror.handle(i).element_handle() for i in range(4)]
    mirror.handle(2).focus()
    mirror.page.keyboard.press("ArrowUp")
    gate.wait()
    mirror.page.keyboard.press("ArrowUp")
    mirror.page.wait_for_selector('#mirror .pg-level[data-sent="2"]')
    gate.open()
    gate.wait()  # so the echo of the first is on the page
    assert [levels[2] for levels in demo.MIRRORED] == [52.5, 55.13], "the handler hears the second, not its own echo"
    assert mirror.levels() == [0.5, 2, 55.13, 500]
    assert all(node.evaluate("(node) => node.isConnected") for node in nodes)
    assert nodes[2].evaluate("(node) => node === document.activeElement")


def test_an_echo_does_not_tear_a_handle_from_the_mouse(mirror, gate, demo):
    x, y = mirror.place(1)
    mirror.press(1)
    mirror.page.mouse.move(x, y - 20)
    gate.wait()
    first = mirror.levels()
    mirror.page.mouse.move(x, y - 40)
    mirror.page.wait_for_selector('#mirror .pg-level[data-sent="2"]')
    second = mirror.levels()
    gate.open()
    gate.wait()
    assert mirror.levels() == second != first
    mirror.page.mouse.up()
    assert mirror.levels() == second
    assert [first, second] == demo.MIRRORED
    assert mirror.sent() == 2


def test_what_was_sent_once_can_be_set_again(mirror):
    for count, key in enumerate(("ArrowUp", "ArrowDown", "ArrowUp"), 1):
        mirror.handle(1).press(key)
        mirror.page.wait_for_selector(f'#mirror .pg-level[data-sent="{count}"]')
    assert mirror.levels() == [0.5, 2.1, 50, 500]
    mirror.page.click("#rise")
    mirror.page.wait_for_selector('#mirror [data-index="1"][aria-valuenow="2"]')


def test_levels_outside_the_axis_are_kept_until_moved(mirror):
    plot = mirror.page.locator("#mirror .pg-level-plot").bounding_box()
    assert mirror.place(0)[1] == pytest.approx(plot["y"] + plot["height"], abs=0.1)
    assert mirror.place(3)[1] == pytest.approx(plot["y"], abs=0.1)
    mirror.handle(1).press("ArrowUp")
    assert mirror.levels() == [0.5, 2.1, 50, 500]
    mirror.handle(3).press("ArrowDown")
    assert mirror.levels() == [0.5, 2.1, 50, 95.24], "from the edge on"
    mirror.handle(0).press("ArrowUp")
    assert mirror.levels() == [1.05, 2.1, 50, 95.24]


def test_an_update_waits_for_the_end_of_a_drag(pad):
    x, y = pad.place(4)
    pad.press(4)
    pad.page.mouse.move(x, y + 20, steps=3)
    dragged = pad.heard()
    pad.page.evaluate("document.querySelector('#fewer').click()")
    pad.page.wait_for_function(f"{HEARD} === 'put'")
    pad.page.mouse.move(x, y + 40, steps=3)
    assert pad.heard()[4] < dragged[4], "the mouse keeps its handle"
    pad.page.mouse.up()
    pad.wait(3)
    assert pad.heard() == [64, 8, 1], "what is shown is what the handler heard last"


def test_the_last_levels_reach_a_slow_handler(pad, gate):
    pad.handle(4).press("ArrowDown")
    gate.wait()
    pad.press(3)
    pad.page.mouse.move(pad.place(3)[0], pad.place(3)[1] + 5)
    pad.page.mouse.up()
    assert pad.sent() == 2
    gate.open()
    assert pad.heard()[3] < 10


def test_a_finger_drags_a_handle_and_scrolls_beside_it(open_page, demo_url):
    pad = Pad(open_page(demo_url, mobile=True, lang="zh-CN"))
    touch = pad.page.context.new_cdp_session(pad.page)

    def swipe(x, y, by):
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for part in np.linspace(0, by, 8):
            point = {"x": x, "y": y + float(part)}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    pad.root.evaluate("(node) => node.scrollIntoView({ block: 'center' })")
    scroll = pad.page.evaluate("scrollY")
    swipe(*pad.place(4), pad.decade())
    assert pad.heard()[4] == pytest.approx(0.5, rel=0.05)
    assert pad.page.evaluate("scrollY") == scroll
    before = pad.levels()
    swipe(pad.place(2)[0], pad.place(2)[1] + 60, -50)
    pad.page.wait_for_function("(y) => scrollY > y", arg=scroll)
    assert pad.levels() == before
    assert pad.page.inner_text("#levels .pg-level-title") == "噪声水平，可拖动"
    assert pad.page.inner_text("#mirror .pg-level-hint") == "还没有噪声水平"
    assert pad.handle(1).get_attribute("aria-label") == "噪声水平 2"
