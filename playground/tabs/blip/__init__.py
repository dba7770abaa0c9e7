"""The BLIP tab: caption a picture, match texts with it, ask about it, clean a data set, and see why that helps."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground.i18n import language, say
from playground.manager import ModelManager
from playground.tabs.blip import api, ask, boot, caption, clean, downloads, match, models, widgets
from playground.tabs.blip.program import program
from playground.tabs.blip.settings import CHINESE, NO_CLIP, PANELS, Settings
from playground.tabs.checks import number
from playground.tabs.clip import models as clip_models
from playground.tabs.drawings import pack_paint, unpack_paint
from playground.tabs.links import copy_script
from playground.tabs.pictures import SOURCES, complete, photograph
from playground.tabs.stops import STAMP, Stops
from playground.tabs.toasts import plain, tell, toast

__all__ = ["build", "offer"]

QUICK, SLOW = 4, 2  # jobs at once; the next ones queue
PAUSE = 0.06  # seconds in which a newer event may take a job's place before it begins: a pad sends many
CLICK_DOWNLOAD = "() => document.querySelector('#blip-download')?.click()"
CONTROLS = (
    "captioner", "matcher", "answerer", "source", "example", "pad", "upload", "prompt", "min_length", "max_length",
    "beams", "top_p", "penalty", "seed", "looked", "texts", "pointed", "questions", "candidates", "scorer", "rule",
    "threshold", "cosine", "share", "basic",
)  # fmt: skip
LOOKS = {"caption": caption.show, "match": match.show, "ask": ask.show}  # panels that show what is set at once
MODELS = {"caption": "captioner", "match": "matcher", "ask": "answerer"}  # which model each of them has
Frames = Generator[tuple[dict[str, Any], Any]]
offer = api.build  # the endpoints, which are there before the tab is opened


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; the page opens on the link's panel, with its picture."""
    private: Callable[..., dict[str, Any]] = partial(dict, api_visibility="private", show_progress="hidden")
    stops, working = Stops(), Stops()  # what is looked at, and cleanings, which looks do not end
    place = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does
    w = widgets.lay_out()
    controls = [getattr(w, name) for name in CONTROLS]
    shown = {name: getattr(w, name) for name in widgets.SHOWN}
    unchanged: dict[Any, Any] = {w.progress: gr.skip()}

    def look(request: gr.Request, stamp: float, panel: str, kept: Any, shows: str, *values: Any) -> Iterator[Any]:
        """The open panel for the settings as they are, with its program and link."""
        tongue = language(request)
        settings = _settings(values, tongue)
        about = (panel, settings, shows, None if kept is None else id(kept))
        if stops.newest(request) == about:
            yield unchanged
            return
        with plain(tongue), stops.running(request, stamp, about) as flag:
            if flag.wait(PAUSE):
                yield unchanged
                return
            if panel in LOOKS and not complete(settings):
                yield clear(request)
                return
            yield from draw(request, panel, settings, flag, frames(panel, settings, kept, shows, flag, tongue), stops)

    def frames(panel: str, settings: Settings, kept: Any, shows: str, flag: threading.Event, tongue: str) -> Frames:
        """What a panel shows, frame by frame, with what it is made from."""
        if panel in LOOKS:
            name = getattr(settings, MODELS[panel])
            yield from _fetched([name], [], flag, tongue, LOOKS[panel](manager, settings, flag, tongue))
        elif panel == "boot":
            yield {"progress": "", **boot.show(tongue)}, None
        elif kept is not None:
            yield {"progress": "", **clean.decide(kept, settings, shows, tongue)}, None
        else:
            yield {"progress": ""}, None

    def clean_set(request: gr.Request, stamp: float, files: list[str] | None, *values: Any) -> Iterator[Any]:
        """The files, cleaned."""
        tongue = language(request)
        settings = _settings(values, tongue)
        if not files:
            raise toast(say(tongue, "blip.error.no_files"))
        with plain(tongue), working.running(request, stamp, ("clean", settings, None)) as flag:
            names = list(dict.fromkeys([settings.captioner, settings.matcher]))
            clips = [] if settings.scorer == NO_CLIP else [settings.scorer]
            job = clean.run(manager, settings, files, flag, tongue)
            yield from draw(request, "clean", settings, flag, _fetched(names, clips, flag, tongue, job), working)

    def draw(
        request: gr.Request, panel: str, settings: Settings, flag: threading.Event, job: Frames, group: Stops
    ) -> Iterator[dict[Any, Any]]:
        """A job's frames as updates of the page; what a frame is made from is kept for files and the next job."""
        with closing(job):
            for frame, result in job:
                if group.superseded(request, flag):
                    yield unchanged
                    return
                update: dict[Any, Any] = {shown[name]: value for name, value in frame.items()}
                update |= kept_of(result)
                if group is stops:  # the panel that is open may be another than a long job's
                    code = program(panel, settings)
                    update |= {w.code: f"```python\n{code}```", w.query: settings.query(panel)}
                    if working.active(request):  # whose bar and Stop stay
                        update.pop(w.progress, None)
                        yield update
                        continue
                update[w.stop] = gr.update(visible=True if frame.get("progress") and not flag.is_set() else "hidden")
                update[w.link_box] = gr.update(visible=False)
                for name in MODELS.values():
                    update[getattr(w, f"{name}_line")] = models.line(getattr(settings, name), language(request))
                yield update

    def kept_of(result: Any) -> dict[Any, Any]:
        """A result in the state that keeps it."""
        kinds = {
            caption.Captioned: w.captioned, match.Matched: w.matched, ask.Asked: w.asked, clean.Cleaned: w.cleaned,
        }  # fmt: skip
        return {kinds[type(result)]: result} if type(result) in kinds else {}

    def clear(request: gr.Request) -> dict[Any, Any]:
        """After a refusal: the job that it took the place of says no more."""
        if working.active(request):
            return unchanged
        return {w.progress: "", w.stop: gr.update(visible="hidden")}

    def stop(request: gr.Request) -> None:
        stops.stop(request)
        working.stop(request)

    def photographs(request: gr.Request) -> Any:
        """A sample photograph of scikit-image's, another at each click."""
        with plain(language(request)):
            return photograph(Path(place.name))

    def example_set() -> list[str]:
        return [downloads.example_set(Path(place.name))]

    def suggest(request: gr.Request, *values: Any) -> str:
        return ask.suggested(_settings(values, language(request)), language(request))

    def saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, panel: str, *kept: Any) -> str:
            with plain(language(request)):
                return downloads.write(kind, panel, dict(zip(PANELS, kept, strict=False)).get(panel), Path(place.name))

        return save

    def set_saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, kept: clean.Cleaned | None, *values: Any) -> str:
            if kept is None:
                raise toast(say(language(request), "blip.error.no_set"))
            with plain(language(request)):
                return clean.write(kind, kept, _settings(values, language(request)), Path(place.name))

        return save

    def make_link(request: gr.Request, panel: str, *values: Any) -> tuple[str, Any]:
        return _settings(values, language(request)).query(panel), gr.update(visible=True)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link; a Chinese page captions and asks in Chinese."""
        tongue, asked = language(request), dict(request.query_params)
        if asked.get("tab") != "blip":
            asked = {}
        settings, wrong = Settings.from_query((CHINESE if tongue == "zh-CN" else {}) | asked)
        panel = asked.get("panel", PANELS[0])
        if panel not in PANELS:
            wrong, panel = [*wrong, ("panel", panel[:40])], PANELS[0]
        for name, text in wrong:
            tell(tongue, say(tongue, "error.link", name=name, value=text))
        values = {name: getattr(settings, name) for name in CONTROLS if name not in ("pad", "upload", "example")}
        return {
            **{getattr(w, name): value for name, value in values.items()},
            w.example: str(settings.example),
            w.pad: unpack_paint(settings.drawing) if settings.drawing else None,
            w.panel: panel,
            w.panel_tabs: gr.update(selected=panel),
            w.sources: gr.update(selected=settings.source),
        }

    results = [w.captioned, w.matched, w.asked, w.cleaned]  # of the panels, in their order
    lines = [getattr(w, f"{name}_line") for name in MODELS.values()]
    drawn = [*shown.values(), w.stop, *results, w.code, w.query, w.link_box, *lines]
    looks = [w.stamp, w.panel, w.cleaned, w.show, *controls], drawn
    every = private(concurrency_limit=QUICK, concurrency_id="blip", trigger_mode="multiple", js=STAMP)
    quick = private(concurrency_limit=QUICK, concurrency_id="blip-quick")
    typed = [w.prompt, w.texts, w.questions]
    edited = [one.blur for one in typed] + [w.prompt.submit]
    others = {name: one for name, one in zip(CONTROLS, controls, strict=True) if name not in ("source", "upload")}
    edited += [one.input for one in (*others.values(), w.show) if one not in typed]
    jobs = [gr.on([*edited, w.panel.change, w.source.change, w.upload.change], look, *looks, **every)]
    jobs.append(w.suggest.click(suggest, controls, w.questions, **quick).then(look, *looks, **every))
    w.photos.click(photographs, None, w.upload, **quick)
    w.set_example.click(example_set, None, w.set_files, **quick)
    slow = private(concurrency_limit=SLOW, concurrency_id="blip-clean", js=STAMP)
    jobs.append(w.clean.click(clean_set, [w.stamp, w.set_files, *controls], drawn, **slow))
    for name, tab in zip(SOURCES, (w.tab_example, w.tab_draw, w.tab_upload), strict=True):
        tab.select(partial(str, name), None, w.source, **private())  # queued, or the change is not heard
    for name, tab in w.tabs.items():
        tab.select(partial(str, name), None, w.panel, **private())
    w.stop.click(stop, None, None, queue=False, **private())
    w.link.click(make_link, [w.panel, *controls], [w.query, w.link_box], **quick).success(
        None, w.query, w.link_box, js=copy_script("blip-link-box"), **private()
    )
    files = [(button, saver(kind), [w.panel, *results]) for kind, button in w.files_saved.items()]
    files += [(button, set_saver(kind), [w.cleaned, *controls]) for kind, button in w.set_downloads.items()]
    for button, save, made_from in files:
        button.click(save, made_from, w.download, **quick).success(None, None, None, js=CLICK_DOWNLOAD, **private())
    opened = [*controls, w.panel, w.panel_tabs, w.sources]
    jobs.append(gr.on(None, open_page, None, opened, **quick).then(look, *looks, **every))
    for job_event in jobs:
        job_event.failure(clear, None, [w.progress, w.stop], queue=False, **private())


def _fetched(names: list[str], clips: list[str], flag: threading.Event, tongue: str, job: Frames) -> Frames:
    """The models' downloads, if they are not here, and then the job's frames."""
    for one, fetch in [*((name, models.download) for name in names), *((name, clip_models.download) for name in clips)]:
        for frame in fetch(one, flag, tongue):
            yield {"progress": frame}, None
        if flag.is_set():
            yield {"progress": ""}, None
            return
    yield from job


def _settings(values: tuple[Any, ...], tongue: str) -> Settings:
    """The controls as settings; raises `gr.Error` where they cannot be."""
    given = dict(zip(CONTROLS, values, strict=True))
    drawing = pack_paint(given.pop("pad"))
    example = int(given.pop("example") or 0)
    for name in ("min_length", "max_length", "beams", "seed", "pointed", "candidates"):
        given[name] = number(given[name])
    given["upload"] = given["upload"] or ""
    with plain(tongue):
        return Settings(drawing=drawing, example=example, **given)
