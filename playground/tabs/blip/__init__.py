"""The BLIP tab: caption a picture, match texts with it, ask about it, clean a data set, and see why that helps."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground.i18n import language, say
from playground.manager import ModelManager
from playground.tabs import fetching, foldouts, picture_page
from playground.tabs.blip import api, ask, boot, caption, clean, downloads, match, models, widgets
from playground.tabs.blip.program import program
from playground.tabs.blip.settings import CHINESE, NO_CLIP, PANELS, Settings
from playground.tabs.clip import models as clip_models
from playground.tabs.fetching import Frames
from playground.tabs.listeners import private
from playground.tabs.pictures import complete
from playground.tabs.stops import STAMP, Stops
from playground.tabs.toasts import plain, toast

__all__ = ["build", "offer"]

QUICK, SLOW = 4, 2  # jobs at once; the next ones queue
PAUSE = 0.06  # seconds in which a newer event may take a job's place before it begins: a pad sends many
CONTROLS = (
    "captioner", "matcher", "answerer", "source", "example", "pad", "upload", "prompt", "min_length", "max_length",
    "beams", "top_p", "penalty", "seed", "looked", "texts", "pointed", "questions", "candidates", "scorer", "rule",
    "threshold", "cosine", "share", "basic",
)  # fmt: skip
LOOKS = {"caption": caption.show, "match": match.show, "ask": ask.show}  # panels that show what is set at once
MODELS = {"caption": "captioner", "match": "matcher", "ask": "answerer"}  # which model each of them has
_settings = partial(picture_page.settings_of, Settings, CONTROLS)
offer = api.build  # the endpoints, which are there before the tab is opened


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; the page opens on the link's panel, with its picture."""
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
            job = LOOKS[panel](manager, settings, flag, tongue)
            yield from fetching.first([models.download(name, flag, tongue)], flag, job)
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
            names = dict.fromkeys([settings.captioner, settings.matcher])
            fetches = [models.download(name, flag, tongue) for name in names]
            if settings.scorer != NO_CLIP:
                fetches.append(clip_models.download(settings.scorer, flag, tongue))
            job = fetching.first(fetches, flag, clean.run(manager, settings, files, flag, tongue))
            yield from draw(request, "clean", settings, flag, job, working)

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
        return picture_page.clear(w, working, request)

    def example_set() -> list[str]:
        return [downloads.example_set(Path(place.name))]

    def suggest(request: gr.Request, *values: Any) -> str:
        return ask.suggested(_settings(values, language(request)), language(request))

    def set_saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, kept: clean.Cleaned | None, *values: Any) -> str:
            if kept is None:
                raise toast(say(language(request), "blip.error.no_set"))
            with plain(language(request)):
                return clean.write(kind, kept, _settings(values, language(request)), Path(place.name))

        return save

    def query(request: gr.Request, panel: str, *values: Any) -> str:
        return _settings(values, language(request)).query(panel)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link; a Chinese page captions and asks in Chinese."""
        usual = CHINESE if language(request) == "zh-CN" else {}
        return picture_page.restored(w, Settings, CONTROLS, request, usual)

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
    w.set_example.click(example_set, None, w.set_files, **quick)
    slow = private(concurrency_limit=SLOW, concurrency_id="blip-clean", js=STAMP)
    jobs.append(w.clean.click(clean_set, [w.stamp, w.set_files, *controls], drawn, **slow))
    files = picture_page.saves(w, downloads.write, PANELS, results, Path(place.name))
    files += [(button, set_saver(kind), [w.cleaned, *controls]) for kind, button in w.set_downloads.items()]
    foldouts.wire(w, "blip", query, [w.panel, *controls], files, quick)
    picture_page.wire(w, Path(place.name), (stops, working), quick)
    opened = picture_page.opened(w, CONTROLS)
    jobs.append(gr.on(None, open_page, None, opened, **quick).then(look, *looks, **every))
    for job_event in jobs:
        job_event.failure(clear, None, [w.progress, w.stop], queue=False, **private())
