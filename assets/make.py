"""Make the README's pictures from the running app: `uv run python assets/make.py`."""

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "ui"))  # the browser tests' own harness

import browser  # noqa: E402
import pages  # noqa: E402

STAGE = "#flows-stage .pg-stage"
SIZE = {"width": 1320, "height": 860}
FRAMES, EVERY = 60, 0.16  # of the animation; seconds of training between two


def main() -> None:
    """Draw the gallery, start the app, take two screenshots and one animation."""
    import os
    import tempfile

    from playwright.sync_api import sync_playwright

    _gallery()
    port = pages.free_port()
    with tempfile.TemporaryDirectory() as folder:
        command, url = [sys.executable, "app.py", "--port", str(port)], f"http://127.0.0.1:{port}/"
        with (
            pages.serving(command, url, Path(folder) / "output.txt", cwd=HERE.parent, environ=dict(os.environ)),
            sync_playwright() as playwright,
        ):
            path = browser.ensure(Path(playwright.chromium.executable_path))
            sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
            chromium = playwright.chromium.launch(executable_path=path, args=[*browser.FLAGS, *sandbox])
            page = chromium.new_page(viewport=SIZE, color_scheme="light")
            _shoot(page, url)
            chromium.close()


def _gallery() -> None:
    """Eight by three still lifes of the picture world."""
    from playground import world

    scenes = [world.sample(seed, objects=(2, 3, 4)) for seed in range(24)]
    pictures = (world.render_all(scenes, 160).permute(0, 2, 3, 1) * 255).round().byte().numpy()
    sheet = Image.new("RGB", (8 * 160, 3 * 160))
    for i, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (i % 8 * 160, i // 8 * 160))
    sheet.save(HERE / "world.webp", quality=82, method=6)


def _shoot(page: Any, url: str) -> None:
    page.goto(f"{url}?density=spirals&seconds=20&__theme=light&lang=en")
    page.wait_for_selector(f"{STAGE}[data-status=idle]")
    page.click("#flows-train")
    page.wait_for_selector(f"{STAGE}[data-status=running]")
    frames = []
    for _ in range(FRAMES):
        shown = page.locator(STAGE).get_attribute("data-frame")
        frames.append(page.locator("#flows-stage").screenshot())
        page.wait_for_function(
            "old => { const s = document.querySelector('#flows-stage .pg-stage').dataset;"
            " return s.frame !== old || s.status !== 'running'; }",
            arg=shown,
        )
        page.wait_for_timeout(1000 * EVERY)
    page.wait_for_selector(f"{STAGE}[data-status=done]")
    frames.append(page.locator("#flows-stage").screenshot())
    pictures = [Image.open(io.BytesIO(png)).convert("RGB") for png in frames]
    smallest = min(picture.height for picture in pictures)
    pictures = [
        picture.crop((0, 0, picture.width, smallest)).resize((picture.width * 3 // 4, smallest * 3 // 4))
        for picture in pictures
    ]
    pictures[0].save(
        HERE / "training.webp",
        save_all=True,
        append_images=pictures[1:],
        loop=0,
        quality=60,
        method=6,
        duration=[90] * (len(pictures) - 1) + [2500],
    )
    page.screenshot(path=HERE / "flows.png")
    page.click("#flows-panel-layers-button")
    page.wait_for_selector("#flows-film .pg-plotly[data-ready=true]")
    rail = page.locator("#flows-film .slider-rail-touch-rect").bounding_box()
    page.mouse.click(rail["x"] + 0.6 * rail["width"], rail["y"] + rail["height"] / 2)
    page.wait_for_timeout(1500)  # the frame is drawn
    page.screenshot(path=HERE / "layers.png")


if __name__ == "__main__":
    main()
