"""What tabs about one picture share: their right column, controls to settings, a link's page, files and refusals."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import gradio as gr

from playground.i18n import label, language, say
from playground.tabs.checks import integer, number
from playground.tabs.drawings import pack_paint, unpack_paint
from playground.tabs.foldouts import Save
from playground.tabs.listeners import follow, private
from playground.tabs.picture_settings import PictureSettings
from playground.tabs.pictures import SOURCES, photograph
from playground.tabs.stops import Stops
from playground.tabs.toasts import plain, tell

__all__ = ["clear", "lay_out_panels", "opened", "restored", "saves", "settings_of", "wire"]

S = TypeVar("S", bound=PictureSettings)


def lay_out_panels(w: SimpleNamespace, tab: str, panels: Mapping[str, Callable[[SimpleNamespace], None]]) -> None:
    """The right column: the job's bar and Stop, and the panels, each laid out by its own function."""
    with gr.Column(scale=8, min_width=340, elem_classes="pg-pictures"):
        with gr.Row(elem_classes="pg-jobline"):
            w.progress = gr.HTML(elem_id=f"{tab}-progress")
            w.stop = gr.Button(label(f"{tab}.stop"), size="sm", visible="hidden", elem_id=f"{tab}-stop")
        with gr.Tabs(elem_id=f"{tab}-panels") as w.panel_tabs:
            w.tabs = {}
            for name, lay_out in panels.items():
                with gr.Tab(label(f"{tab}.panel.{name}"), id=name, elem_id=f"{tab}-panel-{name}") as w.tabs[name]:
                    lay_out(w)


def settings_of(kind: type[S], names: Sequence[str], values: Sequence[Any], tongue: str) -> S:
    """The controls of these names as settings; raises `gr.Error` where they cannot be."""
    given = dict(zip(names, values, strict=True))
    drawing = pack_paint(given.pop("pad"))
    example = int(given.pop("example") or 0)
    for name, read in kind.READ.items():
        if read is integer:
            given[name] = number(given[name])
    given["upload"] = given["upload"] or ""
    with plain(tongue):
        return kind(drawing=drawing, example=example, **given)


def restored(
    w: SimpleNamespace, kind: type[PictureSettings], names: Sequence[str], request: gr.Request,
    usual: Mapping[str, str] | None = None,
) -> dict[Any, Any]:  # fmt: skip
    """The page for the settings of its link, over what is `usual` on it; what the link has wrong is told."""
    tongue, asked = language(request), dict(request.query_params)
    if asked.get("tab") != kind.TAB:
        asked = {}
    settings, wrong = kind.from_query({**(usual or {}), **asked})
    panel = asked.get("panel", kind.PANELS[0])
    if panel not in kind.PANELS:
        wrong, panel = [*wrong, ("panel", panel[:40])], kind.PANELS[0]
    for name, text in wrong:
        tell(tongue, say(tongue, "error.link", name=name, value=text))
    values = {name: getattr(settings, name) for name in names if name not in ("pad", "upload", "example")}
    return {
        **{getattr(w, name): value for name, value in values.items()},
        w.example: str(settings.example),
        w.pad: unpack_paint(settings.drawing) if settings.drawing else None,
        w.panel: panel,
        w.panel_tabs: gr.update(selected=panel),
        w.sources: gr.update(selected=settings.source),
    }


def opened(w: SimpleNamespace, names: Sequence[str]) -> list[Any]:
    """The components that `restored` fills."""
    return [*(getattr(w, name) for name in names), w.panel, w.panel_tabs, w.sources]


def clear(w: SimpleNamespace, working: Stops, request: gr.Request) -> dict[Any, Any]:
    """After a refusal: the job that it took the place of says no more, but one that still works does."""
    if working.active(request):
        return {w.progress: gr.skip()}
    return {w.progress: "", w.stop: gr.update(visible="hidden")}


def saves(
    w: SimpleNamespace, write: Callable[[str, str, Any, Path], str], panels: Sequence[str], results: Sequence[Any],
    place: Path,
) -> list[Save]:  # fmt: skip
    """Each kind of file, written below `place`, of the open panel and what it keeps; `results` are in their order."""

    def saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, panel: str, *kept: Any) -> str:
            with plain(language(request)):
                return write(kind, panel, dict(zip(panels, kept, strict=False)).get(panel), place)

        return save

    return [(button, saver(kind), [w.panel, *results]) for kind, button in w.files_saved.items()]


def wire(w: SimpleNamespace, place: Path, groups: Sequence[Stops], quick: Mapping[str, Any]) -> None:
    """The sources with their sample photographs, written below `place`; the panels; Stop of the jobs in `groups`."""

    def photographs(request: gr.Request) -> Any:
        """A sample photograph of scikit-image's, another at each click."""
        with plain(language(request)):
            return photograph(place)

    def stop(request: gr.Request) -> None:
        for group in groups:
            group.stop(request)

    w.photos.click(photographs, None, w.upload, **quick)
    follow(dict(zip(SOURCES, (w.tab_example, w.tab_draw, w.tab_upload), strict=True)), w.source)
    follow(w.tabs, w.panel)
    w.stop.click(stop, None, None, queue=False, **private())
