"""A picture is taken when the page stands still, not before, and a page that never does is named."""

import compare
import numpy as np
import pytest
import settle

BOX = "<body style='margin:0'><div id=box style='position:absolute;left:0;top:40px;width:64px;height:64px'></div>"
STEP = """<script>
const box = document.getElementById('box');
let n = 0;
const step = () => {
  box.style.background = `rgb(${n * 7 % 256},0,200)`;
  if (++n < FRAMES) requestAnimationFrame(step);
};
step();
</script>"""
LIME = (0, 255, 0)


@pytest.fixture
def show(chromium):
    """`show(html)` -> a page that holds it."""
    page = chromium.new_page(viewport={"width": 300, "height": 200})

    def show(html):
        page.set_content(html, wait_until="commit")
        return page

    yield show
    page.close()


def pixel(png, x, y):
    return tuple(int(c) for c in compare.decode(png)[y, x])


def test_waits_for_the_end_of_a_motion(show):
    png = settle.settle(show(BOX + STEP.replace("FRAMES", "40")))
    assert pixel(png, 32, 72) == (39 * 7 % 256, 0, 200)


def test_a_page_that_never_rests_is_named(show, monkeypatch):
    monkeypatch.setattr(settle, "CAPTURES", 5)
    page = show(BOX + STEP.replace("FRAMES", "1e9"))
    with pytest.raises(AssertionError, match=r"still moves after 5 captures: worst 32x32 tile at x="):
        settle.settle(page)


@pytest.mark.parametrize(
    "busy",
    [
        "<i class=generating>x</i>",
        "<i class='wrap pending'>x</i>",
        "<i data-testid=status-tracker class='wrap'>x</i>",
        "<i class=pg-stage data-status=running>x</i>",
    ],
)
def test_waits_for_what_is_busy(show, busy):
    end = "document.querySelector('i').remove(); box.style.background = 'lime'"
    assert pixel(settle.settle(show(f"{BOX}{busy}<script>setTimeout(() => {{ {end} }}, 400)</script>")), 32, 72) == LIME


def test_hidden_trackers_do_not_hold_it_up(show):
    hidden = "<i data-testid=status-tracker class='wrap hide'>x</i><p style='display:none'><i class=pending>x</i></p>"
    assert pixel(settle.settle(show(BOX + hidden)), 32, 72) == (255, 255, 255)


def test_waits_for_a_selector(show):
    late = "<script>setTimeout(() => { box.className = 'drawn'; box.style.background = 'lime' }, 400)</script>"
    assert pixel(settle.settle(show(BOX + late), ".drawn"), 32, 72) == LIME


def test_the_whole_page_and_nothing_volatile(show):
    png = settle.settle(show("<body style='margin:0'><p data-volatile>12 MB</p><div style='height:700px'></div>"))
    picture = compare.decode(png)
    assert picture.shape[0] > 700
    assert np.all(picture == 255)


def test_no_motion_of_style_sheets(show):
    turn = "@keyframes turn { to { rotate: 360deg } } #box { background: lime; animation: turn 1s infinite; }"
    assert pixel(settle.settle(show(f"{BOX}<style>{turn}</style>")), 1, 41) == LIME
