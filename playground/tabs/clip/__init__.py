"""The CLIP tab: rate a picture by words, label a folder, search, and watch a tiny CLIP learn."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground import catalog, clip
from playground.i18n import language, say
from playground.manager import ModelManager
from playground.tabs import fetching, foldouts, picture_page
from playground.tabs.clip import api, downloads, folder, models, search, why, widgets, zero_shot
from playground.tabs.clip.program import program
from playground.tabs.clip.settings import PANELS, Settings
from playground.tabs.fetching import Frames
from playground.tabs.listeners import private
from playground.tabs.pictures import complete
from playground.tabs.stops import STAMP, Stops
from playground.tabs.toasts import plain, toast

__all__ = ["build", "offer"]

QUICK, SLOW = 4, 2  # jobs at once; the next ones queue
PAUSE = 0.06  # seconds in which a newer event may take a job's place before it begins: a pad sends many
CONTROLS = (
    "source", "example", "pad", "upload", "model", "labels", "templates", "neutral", "margin", "temperature", "score",
    "query_words", "searched", "objective", "steps", "seed",
)  # fmt: skip
_settings = partial(picture_page.settings_of, Settings, CONTROLS)
offer = api.build  # the endpoints, which are there before the tab is opened


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; the page opens on the link's panel, with its picture."""
    stops, working = Stops(), Stops()  # what is looked at, and trainings and labellings, which looks do not end
    place = TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page does
    w = widgets.lay_out()
    controls = [getattr(w, name) for name in CONTROLS]
    shown = {name: getattr(w, name) for name in widgets.SHOWN}
    unchanged: dict[Any, Any] = {w.progress: gr.skip()}

    def look(
        request: gr.Request, stamp: float, panel: str, kept: Any, learned: Any, files: Any, *values: Any
    ) -> Iterator[Any]:
        """The open panel for the settings as they are, with its program and link."""
        tongue = language(request)
        settings = _settings(values, tongue)
        if stops.newest(request) == (panel, settings, files):
            yield unchanged
            return
        with plain(tongue), stops.running(request, stamp, (panel, settings, files)) as flag:
            if flag.wait(PAUSE):
                yield unchanged
                return
            if panel == "zero_shot" and not complete(settings):
                empty = dict.fromkeys((w.bars, w.looks, w.breakdown, w.shown))
                yield {**clear(request), **empty, w.verdict: ""}
                return
            frames = _frames(manager, panel, settings, kept, files, learned, flag, tongue)
            yield from draw(request, panel, settings, flag, frames, stops)

    def learn(request: gr.Request, stamp: float, *values: Any) -> Iterator[Any]:
        """A tiny CLIP that learns."""
        tongue = language(request)
        settings = _settings(values, tongue)
        with plain(tongue), working.running(request, stamp, ("why", settings, None)) as flag:
            yield from draw(request, "why", settings, flag, why.train(settings, flag, tongue), working)

    def label_files(request: gr.Request, stamp: float, files: list[str] | None, *values: Any) -> Iterator[Any]:
        """The files' labels."""
        tongue = language(request)
        settings = _settings(values, tongue)
        if not files:
            raise toast(say(tongue, "clip.error.no_files"))
        with plain(tongue), working.running(request, stamp, ("folder", settings, None)) as flag:
            frames = _fetched(settings, flag, tongue, folder.run(manager, settings, files, flag, tongue))
            yield from draw(request, "folder", settings, flag, frames, working)

    def draw(
        request: gr.Request, panel: str, settings: Settings, flag: threading.Event, frames: Frames, group: Stops
    ) -> Iterator[dict[Any, Any]]:
        """A job's frames as updates of the page; what a frame is made from is kept for files and the next job."""
        with closing(frames):
            for frame, result in frames:
                if group.superseded(request, flag):
                    yield unchanged
                    return
                update: dict[Any, Any] = {shown[name]: value for name, value in frame.items()}
                update |= kept_of(result)
                if group is stops:  # the panel that is open may be another than a long job's
                    code = program(panel, settings, language(request))
                    update |= {w.code: f"```python\n{code}```", w.query: settings.query(panel)}
                    if working.active(request):  # whose bar and Stop stay
                        del update[w.progress]
                        yield update
                        continue
                update[w.stop] = gr.update(visible=True if frame.get("progress") and not flag.is_set() else "hidden")
                update[w.link_box] = gr.update(visible=False)
                update[w.model_line] = models.line(settings.model, language(request))
                yield update

    def kept_of(result: Any) -> dict[Any, Any]:
        """A result in the state that keeps it."""
        kinds = {zero_shot.Shown: w.shown, search.Indexed: w.indexed, folder.Batch: w.batch, why.Learned: w.learned}
        return {kinds[type(result)]: result} if type(result) in kinds else {}

    def clear(request: gr.Request) -> dict[Any, Any]:
        return picture_page.clear(w, working, request)

    def choose_templates(name: str) -> str:
        return "\n".join(clip.TEMPLATES[name])

    def choose_model(name: str) -> tuple[str, float]:
        """Sentences that suit what the model was trained on."""
        known = catalog.CLIPS[name]
        return "\n".join(clip.TEMPLATES["photo" if known.photographs else "world"]), known.threshold

    def example_set() -> list[str]:
        return [downloads.example_set(Path(place.name))]

    def folder_saver(kind: str) -> Callable[..., str]:
        def save(request: gr.Request, kept: folder.Batch | None) -> str:
            if kept is None or not kept.results:
                raise toast(say(language(request), "clip.error.no_labels"))
            with plain(language(request)):
                return folder.write(kind, kept, Path(place.name))

        return save

    def query(request: gr.Request, panel: str, *values: Any) -> str:
        return _settings(values, language(request)).query(panel)

    def open_page(request: gr.Request) -> dict[Any, Any]:
        """The settings of the link."""
        return picture_page.restored(w, Settings, CONTROLS, request)

    results = [w.shown, w.batch, w.indexed, w.learned]  # of the panels, in their order
    drawn = [*shown.values(), w.stop, *results, w.code, w.query, w.link_box, w.model_line]
    looks = [w.stamp, w.panel, w.indexed, w.learned, w.files, *controls], drawn
    every = private(concurrency_limit=QUICK, concurrency_id="clip", trigger_mode="multiple", js=STAMP)
    quick = private(concurrency_limit=QUICK, concurrency_id="clip-quick")
    typed = [w.labels, w.templates, w.neutral, w.query_words]
    edited = [one.blur for one in typed] + [w.query_words.submit, w.neutral.submit]
    others = {
        name: one for name, one in zip(CONTROLS, controls, strict=True) if name not in ("source", "upload", "model")
    }
    edited += [one.input for one in others.values() if one not in typed]
    jobs = [gr.on([*edited, w.panel.change, w.source.change, w.upload.change, w.files.change], look, *looks, **every)]
    chosen = w.template_set.input(choose_templates, w.template_set, w.templates, queue=False, **private())
    chosen_model = w.model.input(choose_model, w.model, [w.templates, w.margin], queue=False, **private())
    jobs += [chosen.then(look, *looks, **every), chosen_model.then(look, *looks, **every)]
    w.folder_example.click(example_set, None, w.folder_files, **quick)
    for button, job, given in (
        (w.learn, learn, [w.stamp, *controls]),
        (w.label, label_files, [w.stamp, w.folder_files, *controls]),
    ):
        slow = private(concurrency_limit=SLOW, concurrency_id=f"clip-{job.__name__}", js=STAMP)
        jobs.append(button.click(job, given, drawn, **slow))
    files = picture_page.saves(w, downloads.write, PANELS, results, Path(place.name))
    files += [(button, folder_saver(kind), [w.batch]) for kind, button in w.folder_downloads.items()]
    foldouts.wire(w, "clip", query, [w.panel, *controls], files, quick)
    picture_page.wire(w, Path(place.name), (stops, working), quick)
    opened = picture_page.opened(w, CONTROLS)
    jobs.append(gr.on(None, open_page, None, opened, **quick).then(look, *looks, **every))
    for job_event in jobs:
        job_event.failure(clear, None, [w.progress, w.stop], queue=False, **private())


def _frames(
    manager: ModelManager,
    panel: str,
    settings: Settings,
    kept: Any,
    files: Any,
    learned: Any,
    flag: threading.Event,
    tongue: str,
) -> Frames:
    """What a panel shows, frame by frame, with what it is made from."""
    if panel == "zero_shot":
        yield from _fetched(settings, flag, tongue, zero_shot.show(manager, settings, flag, tongue))
    elif panel == "search":
        yield from _fetched(settings, flag, tongue, _searched(manager, settings, kept, list(files or ()), flag, tongue))
    elif panel == "why":
        yield {"progress": "", **why.show(settings, learned, tongue)}, None
    else:
        yield {"progress": ""}, None


def _fetched(settings: Settings, flag: threading.Event, tongue: str, frames: Frames) -> Frames:
    """The model's download, if it is not here, and then the frames."""
    return fetching.first([models.download(settings.model, flag, tongue)], flag, frames)


def _searched(
    manager: ModelManager, settings: Settings, kept: Any, files: list[str], flag: threading.Event, tongue: str
) -> Frames:
    if kept is None or kept.about != search.about(settings, files):
        for frame, made in search.index(manager, settings, files, flag, tongue):
            yield frame, made
            kept = made
    if kept is not None and not flag.is_set():
        yield {"progress": "", **search.find(manager, settings, kept, tongue)}, kept
