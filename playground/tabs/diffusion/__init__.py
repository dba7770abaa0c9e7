"""The Diffusion tab: DDPM, score matching, flow matching and EDM as rows of one table, compared, unified, measured."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground.diffusion import Row
from playground.i18n import language, refusal, say
from playground.manager import ModelManager
from playground.tabs.checks import number
from playground.tabs.diffusion import api, compare, curve, downloads, widgets
from playground.tabs.diffusion.program import program
from playground.tabs.diffusion.settings import MOST, PANELS, PRESETS, Settings, preset_of
from playground.tabs.links import copy_script
from playground.tabs.stops import Stops
from playground.tabs.toasts import tell, toast

__all__ = ["build", "offer"]

QUICK = 4  # jobs at once; the next ones queue
CLICK_DOWNLOAD = "() => document.querySelector('#diffusion-download')?.click()"
offer = api.build  # the endpoints, which are there before the tab is opened


def build(manager: ModelManager) -> None:  # noqa: ARG001  every tab's signature: this one needs no model of the app's
    """Lay out the tab and wire it; the page opens on the link's panel, with its picture."""
    private: Callable[..., dict[str, Any]] = partial(dict, api_visibility="private", show_progress="hidden")
    quick = private(concurrency_limit=QUICK, concurrency_id="diffusion")
    stops = Stops()
    folder = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does
    w = widgets.lay_out()
    row_parts = [part for row in w.rows for part in row]
    controls = [w.target, *row_parts, w.steps, w.seed, w.mode, w.lg_sigma]
    shown = {
        "progress": w.progress,
        "curve_film": w.curve_film,
        "curve_table": w.curve_table,
        "curve_verdict": w.curve_verdict,
        "compare_figure": w.compare_figure,
        "numbers": w.numbers,
        "formulas": w.formulas,
    }

    def look(request: gr.Request, panel: str, *values: Any) -> Iterator[dict[Any, Any]]:
        """The open panel for the settings as they are, with its program and link."""
        tongue = language(request)
        settings = _settings(values, tongue)
        yield {w.code: f"```python\n{program(panel, settings)}```", w.query: settings.query(panel)}
        with _plain(tongue), stops.running(request) as flag, closing(_frames(panel, settings, flag, tongue)) as frames:
            for frame, result in frames:
                if stops.superseded(request, flag):
                    return
                update: dict[Any, Any] = {shown[name]: value for name, value in frame.items()}
                busy = bool(frame.get("progress")) and not flag.is_set()
                update[w.stop] = gr.update(visible=True if busy else "hidden")
                yield update if result is None else {**update, w.result: (panel, settings, result)}

    def hush(request: gr.Request) -> None:
        """End the job that the next one replaces."""
        stops.stop(request)

    def choose_preset(name: str | None) -> list[Any]:
        return [gr.skip()] * (3 * MOST) if name is None else _row_values(PRESETS[name])

    def name_preset(request: gr.Request, *parts: Any) -> Any:
        with _plain(language(request)):
            return preset_of(_rows(parts))

    def save(kind: str, request: gr.Request, panel: str, kept: tuple[str, Settings, Any] | None) -> str:
        if kept is None or kept[0] != panel:
            raise toast(say(language(request), "diffusion.error.no_result"))
        with _plain(language(request)):
            return downloads.write(kind, *kept, Path(folder.name))

    def saver(kind: str) -> Callable[..., str]:
        def file(request: gr.Request, panel: str, kept: tuple[str, Settings, Any] | None) -> str:
            return save(kind, request, panel, kept)

        return file

    def make_link(request: gr.Request, panel: str, *values: Any) -> tuple[str, Any]:
        return _settings(values, language(request)).query(panel), gr.update(visible=True)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link."""
        tongue, asked = language(request), dict(request.query_params)
        if asked.get("tab") != "diffusion":  # another tab's link: its words mean something else here
            asked = {}
        settings, wrong = Settings.from_query(asked)
        panel = asked.get("panel", PANELS[0])
        if panel not in PANELS:
            wrong, panel = [*wrong, ("panel", panel[:40])], PANELS[0]
        for name, text in wrong:
            tell(tongue, say(tongue, "error.link", name=name, value=text))
        first: dict[str, Any] = {}
        if panel == PANELS[0] and settings.mode != "fine":  # at once: the page is never empty
            first, _ = curve.example(settings, tongue)
        return {
            **{shown[name]: value for name, value in first.items()},
            w.target: settings.target,
            w.preset: preset_of(settings.rows),
            **dict(zip(row_parts, _row_values(settings.rows), strict=True)),
            w.steps: settings.steps,
            w.seed: settings.seed,
            w.mode: settings.mode,
            w.lg_sigma: compare.lg(settings.sigma),
            w.panel: panel,
            w.panel_tabs: gr.update(selected=panel),
        }

    looks = [w.panel, *controls], [*shown.values(), w.stop, w.code, w.query, w.result]
    every = private(concurrency_limit=None, trigger_mode="always_last")
    edited = [w.target.input, w.steps.input, w.seed.input, w.mode.input, w.lg_sigma.input]
    changed = [*edited, *(part.input for part in row_parts), w.panel.change]
    gr.on([*changed, w.preset.input], hush, None, None, queue=False, **private())
    gr.on(changed, look, *looks, **every)
    gr.on([part.input for part in row_parts], name_preset, row_parts, w.preset, queue=False, **private())
    w.preset.input(choose_preset, w.preset, row_parts, queue=False, **private()).then(look, *looks, **every)
    w.stop.click(hush, None, None, queue=False, **private())
    for name, tab in w.tabs.items():
        tab.select(partial(str, name), None, w.panel, **private())  # queued, or the change is not heard
    w.link.click(make_link, [w.panel, *controls], [w.query, w.link_box], **quick).success(
        None, w.query, w.link_box, js=copy_script("diffusion-link-box"), **private()
    )
    for kind, button in w.files.items():
        button.click(saver(kind), [w.panel, w.result], w.download, **quick).success(
            None, None, None, js=CLICK_DOWNLOAD, **private()
        )
    opened = [
        *shown.values(),
        w.target,
        w.preset,
        *row_parts,
        w.steps,
        w.seed,
        w.mode,
        w.lg_sigma,
        w.panel,
        w.panel_tabs,
    ]
    gr.on(None, open_page, None, opened, **quick).then(look, *looks, **every)


def _frames(
    panel: str, settings: Settings, flag: threading.Event, tongue: str
) -> Generator[tuple[dict[str, Any], Any]]:
    if panel == "curve":
        yield from curve.show(settings, flag, tongue)
    else:
        yield {"progress": "", **compare.show(settings, tongue)}, True


def _row_values(rows: tuple[Row, ...]) -> list[Any]:
    """The dropdowns' values; a row that is not there keeps its last parts and loses its schedule."""
    values: list[Any] = []
    for i in range(MOST):
        if i < len(rows):
            values += [rows[i].schedule, rows[i].preconditioning, rows[i].solver]
        else:
            values += [widgets.NONE, gr.skip(), gr.skip()]
    return values


def _rows(parts: tuple[Any, ...]) -> tuple[Row, ...]:
    """The rows of the dropdowns. Raises `ValueError`."""
    lines = [parts[i : i + 3] for i in range(0, 3 * MOST, 3)]
    return tuple(Row(*map(str, line)) for line in lines if line[0] not in (None, widgets.NONE))


def _settings(values: tuple[Any, ...], tongue: str) -> Settings:
    """The controls as settings; raises `gr.Error` where they cannot be."""
    target, *rest = values
    steps, seed, mode, lg_sigma = rest[3 * MOST :]
    with _plain(tongue):
        return Settings(
            target, _rows(tuple(rest[: 3 * MOST])), number(steps), number(seed), mode, compare.level(lg_sigma)
        )


@contextmanager
def _plain(tongue: str) -> Iterator[None]:
    """The library's refusals as one plain sentence to the person who asked."""
    try:
        yield
    except (ValueError, ArithmeticError, MemoryError, OSError) as error:
        raise toast(refusal(tongue, error)) from error
