"""A tab made of panels: its layout, and the wiring of their looks, jobs, links, fills and files."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground.i18n import label, say
from playground.i18n import language as language_of
from playground.tabs import files, foldouts
from playground.tabs.components import LivePlotly, Table
from playground.tabs.listeners import follow, private
from playground.tabs.panel import Frames, Panel, PanelSettings
from playground.tabs.stops import STAMP, Stops
from playground.tabs.toasts import plain, tell, toast

__all__ = ["KINDS", "build", "write"]

QUICK, SLOW = 4, 2  # jobs at once; the next ones queue
PAUSE = 0.06  # seconds in which a newer event may take a job's place before it begins: a slider sends many
KEEP = 3600.0  # seconds a person's results are kept after the last event
MOUNTED = 1500  # milliseconds that a panel may take to be laid out
KINDS = ("csv", "json")  # of files of every panel


def build(tab: str, panels: Mapping[str, Panel]) -> None:
    """Lay out a tab and wire it; its texts are `<tab>.lead`, `.panel.<name>`, `.stop`, `.error.no_result`, ..."""
    looking, working = Stops(), Stops()  # what is looked at, and trainings, which looks do not end
    place = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does
    w = _lay_out(tab, panels)
    controls = {
        name: [getattr(w, f"{name}_{field}") for field in panel.settings.names()] for name, panel in panels.items()
    }
    shown = {name: {part: getattr(w, f"{name}_{part}") for part in panel.shown} for name, panel in panels.items()}
    unchanged: dict[Any, Any] = {w.progress: gr.skip()}

    def look(name: str, request: gr.Request, stamp: float, kept: Any, *values: Any) -> Iterator[dict[Any, Any]]:
        """A panel for the settings as they are, with its program and link."""
        panel, tongue = panels[name], language_of(request)
        with plain(tongue):
            settings = panel.settings.of(values, request.session_hash or "")
        about = _about(name, settings)
        if looking.newest(request) == about:  # a dropdown that is only left says `input`, too
            yield unchanged
            return
        with plain(tongue), looking.running(request, stamp, about) as flag:
            if flag.wait(PAUSE):
                yield unchanged
                return
            frames = panel.show(settings, kept and kept[1], flag, tongue)
            yield from draw(name, request, settings, flag, frames, looking)

    def looker(name: str) -> Callable[..., Iterator[dict[Any, Any]]]:
        """`look` of a panel as a function of its own: Gradio finds no request among a partial's arguments."""

        def one(request: gr.Request, stamp: float, kept: Any, *values: Any) -> Iterator[dict[Any, Any]]:
            yield from look(name, request, stamp, kept, *values)

        return one

    def look_at_open(request: gr.Request, stamp: float, name: str, *values: Any) -> Iterator[dict[Any, Any]]:
        """The same of the panel that is open."""
        kept = dict(zip(panels, values, strict=False))[name]
        yield from look(name, request, stamp, kept, *of_panel(name, values[len(panels) :]))

    def worker(name: str, job: str) -> Callable[..., Iterator[dict[Any, Any]]]:
        """A job of a panel."""

        def one(request: gr.Request, stamp: float, kept: Any, *values: Any) -> Iterator[dict[Any, Any]]:
            panel, tongue = panels[name], language_of(request)
            with plain(tongue):
                settings = panel.settings.of(values, request.session_hash or "")
            with plain(tongue), working.running(request, stamp) as flag:
                frames = panel.jobs[job](settings, kept and kept[1], flag, tongue)
                yield from draw(name, request, settings, flag, frames, working)

        return one

    def draw(
        name: str, request: gr.Request, settings: PanelSettings, flag: threading.Event, frames: Frames, group: Stops
    ) -> Iterator[dict[Any, Any]]:
        """A job's frames as updates of the page; what a frame is made from is kept for files and the next job."""
        with closing(frames):
            for frame, result in frames:
                if group.superseded(request, flag):
                    yield unchanged
                    return
                bar = frame.pop("progress", None)
                if group is working and outdated(name, settings, request):
                    frame = {}  # the panel shows other settings by now
                update: dict[Any, Any] = {shown[name][part]: value for part, value in frame.items()}
                update[w.link_box] = gr.update(visible=False)
                if result is not None:
                    update[w.kept[name]] = (settings.without_secrets(), result)
                # The panel that is open may be another than a long job's; while a bar says that a file is being read,
                # the program, which may look into it, would hold the bar back.
                if group is looking and not bar:
                    lines = panels[name].program(settings, language_of(request))
                    update[w.code] = "```python\n" + "\n".join(lines) + "\n```"
                if group is looking:
                    update[w.query] = settings.query()
                if bar is not None and not (group is looking and working.active(request)):  # whose bar and Stop stay
                    busy = bool(bar) and not flag.is_set()
                    update |= {w.progress: bar, w.stop: gr.update(visible=True if busy else "hidden")}
                yield update

    def outdated(name: str, settings: PanelSettings, request: gr.Request) -> bool:
        """Whether the panel has been looked at with other settings since a job of it began."""
        newest = looking.newest(request)
        return isinstance(newest, tuple) and newest[0] == name and newest != _about(name, settings)

    def clear(request: gr.Request) -> dict[Any, Any]:
        """After a refusal: a job that still works says no less."""
        if working.active(request):
            return unchanged
        return {w.progress: "", w.stop: gr.update(visible="hidden")}

    def stop(request: gr.Request) -> None:
        working.stop(request)
        looking.stop(request)

    def of_panel(name: str, values: Sequence[Any]) -> Sequence[Any]:
        """A panel's own values among those of all."""
        begin = sum(len(controls[before]) for before in list(panels)[: list(panels).index(name)])
        return values[begin : begin + len(controls[name])]

    def query(request: gr.Request, name: str, *values: Any) -> str:
        with plain(language_of(request)):
            return panels[name].settings.of(of_panel(name, values)).query()

    def saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, name: str, *kept: Any) -> str:
            found = dict(zip(panels, kept, strict=True))[name]
            if found is None:
                raise toast(say(language_of(request), f"{tab}.error.no_result"))
            settings, result = found
            with plain(language_of(request)):
                return write(kind, panels[name], settings, result, Path(place.name))

        return save

    def file_saver(name: str, file: str) -> Callable[..., str]:
        def save(request: gr.Request, kept: Any) -> str:
            tongue = language_of(request)
            if kept is None:
                raise toast(say(tongue, f"{tab}.error.no_result"))
            settings, result = kept
            with plain(tongue):
                return panels[name].files[file](settings, result, Path(place.name), tongue)

        return save

    def filler(name: str, fill: str) -> Callable[..., dict[Any, Any]]:
        """What a click sets; a table's row tells which."""
        panel = panels[name]
        of = dict(zip(panel.settings.names(), controls[name], strict=True))

        def filled(request: gr.Request, row: str) -> dict[Any, Any]:
            tongue = language_of(request)
            with plain(tongue):
                values = panel.fills[fill](row, Path(place.name), tongue)
            return {of[field]: list(value) if isinstance(value, tuple) else value for field, value in values.items()}

        def by_row(request: gr.Request, event: gr.EventData) -> dict[Any, Any]:
            return filled(request, str(event.row))

        def by_button(request: gr.Request) -> dict[Any, Any]:
            return filled(request, "")

        return by_button if isinstance(getattr(w, f"{name}_{fill}"), gr.Button) else by_row

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link."""
        tongue, asked = language_of(request), dict(request.query_params)
        if asked.get("tab") != tab:  # another tab's link: its words mean something else here
            asked = {}
        first = next(iter(panels))
        name, wrong = asked.get("panel", first), []
        if name not in panels:
            name, wrong = first, [("panel", name[:40])]
        settings, more = panels[name].settings.from_query(asked)
        for one, text in [*wrong, *more]:
            tell(tongue, say(tongue, "error.link", name=one, value=text))
        values = {one: getattr(settings, field) for one, field in zip(controls[name], settings.names(), strict=True)}
        values = {one: list(value) if isinstance(value, tuple) else value for one, value in values.items()}
        values = {one: value for one, value in values.items() if not isinstance(one, gr.File)}
        return {**values, w.panel: name, w.panel_tabs: gr.update(selected=name)}

    quick = private(concurrency_limit=QUICK, concurrency_id=f"{tab}-quick")
    every = private(concurrency_limit=QUICK, concurrency_id=tab, trigger_mode="multiple", js=STAMP)
    slow = private(concurrency_limit=SLOW, concurrency_id=f"{tab}-work", js=STAMP)
    common = [w.progress, w.stop, w.code, w.query, w.link_box]
    seen = _seen(tab, shown)
    jobs = []
    for name, panel in panels.items():
        given, drawn = [w.stamp, w.kept[name], *controls[name]], [*shown[name].values(), w.kept[name], *common]
        edited = [event for control in controls[name] for event in _edits(control)]
        jobs.append(gr.on(edited, looker(name), given, drawn, **every))
        jobs.append(w.tabs[name].select(looker(name), given, drawn, **{**every, "js": seen}))
        jobs += [getattr(w, f"{name}_{job}").click(worker(name, job), given, drawn, **slow) for job in panel.jobs]
        for fill in panel.fills:
            clicked = getattr(w, f"{name}_{fill}").click(filler(name, fill), None, controls[name], **quick)
            jobs += [clicked, clicked.success(looker(name), given, drawn, **every)]
    everything = [one for each in controls.values() for one in each]
    states = [w.kept[name] for name in panels]
    all_shown = [one for each in shown.values() for one in each.values()]
    opened = gr.on(None, open_page, None, [*everything, w.panel, w.panel_tabs], **quick)
    jobs.append(
        opened.then(
            look_at_open,
            [w.stamp, w.panel, *states, *everything],
            [*all_shown, *states, *common],
            **{**every, "js": seen},
        )
    )
    for one in jobs:
        one.failure(clear, None, [w.progress, w.stop], queue=False, **private())
    follow(w.tabs, w.panel)
    w.stop.click(stop, None, None, queue=False, **private())
    saves: list[foldouts.Save] = [(button, saver(kind), [w.panel, *states]) for kind, button in w.files_saved.items()]
    saves += [
        (getattr(w, f"{name}_{file}"), file_saver(name, file), w.kept[name])
        for name, panel in panels.items()
        for file in panel.files
    ]
    foldouts.wire(w, tab, query, [w.panel, *everything], saves, quick)


def _seen(tab: str, shown: Mapping[str, Mapping[str, Any]]) -> str:
    """STAMP, once the open panel's tables and figures are on the page: Gradio lays a panel out when it is first opened,
    and what a quick look says before that is lost."""
    ids = {
        name: [one.elem_id for one in parts.values() if isinstance(one, LivePlotly | Table)]
        for name, parts in shown.items()
    }
    return f"""async (_, ...rest) => {{
  const stamp = performance.timeOrigin + performance.now(), until = performance.now() + {MOUNTED};
  const ids = {json.dumps(ids)};
  const there = () => {{
    const open = document.querySelector('#{tab}-panels [role=tab][aria-selected=true]')?.id || '';
    const name = Object.keys(ids).find((one) => open.includes(`{tab}-panel-${{one}}`));
    return name && ids[name].every((id) => document.getElementById(id)?.firstElementChild);
  }};
  do await new Promise((done) => setTimeout(done, 50)); while (!there() && performance.now() < until);
  return [stamp, ...rest];
}}"""


def _about(name: str, settings: PanelSettings) -> tuple[str, str]:
    """What a look is about; a digest, for it is remembered, and a text of one's own may be long."""
    return name, hashlib.sha256(repr(settings).encode()).hexdigest()


def _edits(control: Any) -> list[Any]:
    """The events by which a person changes a control; never `change`, which a link's values bring about, too."""
    if isinstance(control, gr.File):
        return [control.upload, control.clear]
    if isinstance(control, gr.Textbox):
        return [control.blur, control.submit]
    return [control.input]


def _lay_out(tab: str, panels: Mapping[str, Panel]) -> SimpleNamespace:
    """Every component by its name; the states are one person's own."""
    w = SimpleNamespace()
    w.panel = gr.State(next(iter(panels)))
    w.kept = {name: gr.State(None, time_to_live=KEEP) for name in panels}
    w.stamp = gr.Number(0, visible="hidden", elem_id=f"{tab}-stamp")
    gr.Markdown(label(f"{tab}.lead"), elem_classes="pg-lead")
    with gr.Column(elem_classes="pg-pictures"):
        with gr.Row(elem_classes="pg-jobline"):
            w.progress = gr.HTML(elem_id=f"{tab}-progress", js_on_load=None)
            w.stop = gr.Button(label(f"{tab}.stop"), size="sm", visible="hidden", elem_id=f"{tab}-stop")
        with gr.Tabs(elem_id=f"{tab}-panels") as w.panel_tabs:
            w.tabs = {}
            for name, panel in panels.items():
                with gr.Tab(label(f"{tab}.panel.{name}"), id=name, elem_id=f"{tab}-panel-{name}") as w.tabs[name]:
                    panel.lay_out(w)
    foldouts.lay_out(w, tab, label(f"{tab}.python.info"), KINDS)
    return w


def write(kind: str, panel: Panel, settings: PanelSettings, result: Any, folder: Path) -> str:
    """Make the file of a kind in `KINDS` below `folder`, of what the panel keeps; returns its path."""
    columns, lines, extra = panel.record(settings, result)
    path = files.place(folder, f"{settings.PANEL.replace('_', '-')}.{kind}")
    return files.write_table(kind, path, columns, lines, {"panel": settings.PANEL, "link": settings.query(), **extra})
