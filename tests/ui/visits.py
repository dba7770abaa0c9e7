"""What the browser tests do on a page of the app: open it, wait for words, draw, save, read a notice."""

from collections.abc import Callable
from typing import Any

WITHIN = 90_000  # milliseconds: the machine may be busy with other tests
TOAST = "[data-testid=toast-body]"


def visit(
    open_page: Callable[..., Any],
    app_url: str,
    query: str = "",
    *,
    tab: str = "",
    ready: str = "",
    still: bool = False,
    within: int = WITHIN,
    **look: Any,
) -> Any:
    """A light page, in English unless the browser's `lang` says another, once `ready` is there and, if it is to be
    `still`, the tab draws no more."""
    where = f"__theme=light&lang={look.get('lang', 'en')}&{f'tab={tab}&' if tab else ''}{query}"
    page = open_page(f"{app_url}?{where}", **look)
    page.set_default_timeout(within)
    if ready:
        page.wait_for_selector(ready)
    if still:
        settled(page, tab)
    return page


def settled(page: Any, tab: str) -> None:
    """Waits until what the tab's last event draws has come."""
    page.wait_for_function("tab => !document.querySelector(`#${tab}-progress [role=progressbar]`)", arg=tab)


def stop_at_once(page: Any, tab: str, told: str = "") -> None:
    """Presses Stop in the frame in which a job shows its progress, with `told` in its words: one of a few seconds would
    be over by a click."""
    page.wait_for_function(
        """([tab, told]) => {
            const stop = document.getElementById(`${tab}-stop`), progress = document.getElementById(`${tab}-progress`);
            const begun = progress.querySelector('[role=progressbar]') && progress.innerText.includes(told);
            const shown = begun && stop.checkVisibility();
            if (shown) stop.click();
            return shown;
        }""",
        arg=[tab, told],
    )


def says(page: Any, element: str, text: str) -> None:
    """Waits until the element of this id shows the text."""
    page.wait_for_function("([id, text]) => document.getElementById(id)?.innerText.includes(text)", arg=[element, text])


def holds(page: Any, box: str, text: str) -> None:
    """Waits until the text stands in the box of this id."""
    page.wait_for_function(
        "([box, text]) => document.querySelector(`#${box} textarea, #${box} input`)?.value.includes(text)",
        arg=[box, text],
    )


def scribble(page: Any, pad: str, colour: str) -> None:
    """A zigzag of this colour in the middle of the pad of this id."""
    page.click(f"#{pad} [data-colour={colour}]")
    box = page.locator(f"#{pad} canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6
    page.mouse.move(x - 30, y)
    page.mouse.down()
    for i in range(-30, 31, 6):
        page.mouse.move(x + i, y + (i % 12))
    page.mouse.up()


def download(page: Any, button: str) -> Any:
    """What is saved when the button is clicked, a Playwright Download."""
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value


def toast(page: Any) -> str:
    """The words of the first notice on the page, once it is there."""
    page.wait_for_selector(TOAST)
    return page.locator(TOAST).first.inner_text()
