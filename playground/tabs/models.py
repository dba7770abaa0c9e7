"""The Models tab: who is in memory, leased by whom, what it costs, and the buttons that send it away."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from playground.books import size_text
from playground.i18n import label, language, refusal, say
from playground.manager import ModelManager, Status
from playground.tabs.about import about
from playground.tabs.components import Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.links import copy_script
from playground.tabs.toasts import tell, toast

__all__ = ["build", "summary"]

EVENTS = 12  # newest events shown
HEADS = ("what", "model", "size", "seconds", "text")


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it; once opened it looks again every two seconds."""
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    gr.Markdown(label("models.lead"), elem_classes="pg-lead")
    budget = gr.HTML(elem_id="models-budget")
    models = Table(elem_id="models-table")
    everything = gr.Button(label("models.evict.all"), size="sm", elem_id="models-evict-all")
    gr.Markdown(label("models.events"), elem_classes="pg-hint")
    events = Table(elem_id="models-events")
    about("models")
    with gr.Accordion(label("page.python"), open=False, elem_id="models-python"):
        gr.Markdown(label("models.python.info"), elem_classes="pg-hint")
        code = gr.Markdown(elem_id="models-code")
    with gr.Accordion(label("page.save"), open=False, elem_id="models-save"):
        with gr.Row(elem_classes="pg-downloads"):
            link = gr.Button(label("page.link"), size="sm", min_width=120, elem_id="models-link")
            save = gr.Button(label("models.download"), size="sm", min_width=120, elem_id="models-json")
        link_box = gr.Textbox(
            label=label("page.link.box"), interactive=False, visible=False, elem_id="models-link-box", buttons=["copy"]
        )
        download = gr.DownloadButton(visible="hidden", elem_id="models-download")
    timer, folder = gr.Timer(2.0), TemporaryDirectory(prefix="playground-")  # of downloads; lives as long as the page

    def look(request: gr.Request) -> tuple[str, dict[str, Any], dict[str, Any], str]:
        tongue, models = language(request), manager.snapshot()
        program = f"```python\n{_program(manager, models)}```"
        return _bars(manager, tongue), _models(models, tongue), _events(manager, tongue), program

    def evict_one(request: gr.Request, event: gr.EventData) -> None:
        _evict(manager, [str(event.row)], language(request))

    def evict_all(request: gr.Request) -> None:
        idle = [status.key for status in manager.snapshot() if status.state == "device" and not status.leases]
        manager.evict()
        _tell(idle, language(request))

    def write() -> str:
        path = Path(folder.name) / "models.json"
        path.write_text(_record(manager), encoding="utf-8")
        return str(path)

    shown = [budget, models, events, code]
    gr.on([timer.tick], look, None, shown, queue=False, **private)
    gr.on(None, look, None, shown, queue=False, **private)
    models.click(evict_one, None, None, **private).then(look, None, shown, **private)
    everything.click(evict_all, None, None, **private).then(look, None, shown, **private)
    query = gr.Textbox("tab=models", visible="hidden", elem_id="models-query")
    link.click(lambda: gr.update(visible=True), None, link_box, **private).then(
        None, query, link_box, js=copy_script("models-link-box"), **private
    )
    save.click(write, None, download, **private).success(
        None, None, None, js="() => document.querySelector('#models-download')?.click()", **private
    )


def summary(manager: ModelManager, tongue: str) -> str:
    """The header's line on memory."""
    count = sum(status.state == "device" for status in manager.snapshot())
    models = say(
        tongue, f"memory.{('none', 'one')[count] if count < 2 else 'many'}", **({"n": count} if count > 1 else {})
    )
    return say(
        tongue,
        "memory.line",
        device=str(manager.device).upper(),
        used=size_text(manager.used()),
        budget=size_text(manager.budget),
        models=models,
    )


def _evict(manager: ModelManager, keys: list[str], tongue: str) -> None:
    try:
        manager.evict(*keys)
    except (ValueError, RuntimeError) as error:  # gone already, or leased
        raise toast(refusal(tongue, error)) from error
    _tell(keys, tongue)


def _tell(keys: Sequence[str], tongue: str) -> None:
    for key in keys:
        tell(tongue, say(tongue, "models.evicted", key=key))


def _program(manager: ModelManager, models: Sequence[Status]) -> str:
    """The same models in a manager of one's own."""
    keys = [status.key for status in models]
    return "\n".join(
        [
            "from playground import catalog",
            "from playground.manager import ModelManager",
            "",
            f'manager = ModelManager("{manager.device}", budget={manager.budget}, park={manager.park})  # bytes',
            f"for key in {keys!r}:",
            '    with manager.lease(catalog.spec(key), owner="me") as model:',
            '        print(key, type(model).__name__, sum(p.numel() for p in model.parameters()), "weights")',
            "for status in manager.snapshot():",
            "    print(status)",
            "",
        ]
    )


def _record(manager: ModelManager) -> str:
    """What the tab shows, as JSON: bytes, and seconds of the manager's clock."""
    record = {
        "device": str(manager.device),
        "budget": manager.budget,
        "used": manager.used(),
        "park": manager.park,
        "parked": manager.used("cpu"),
        "models": [asdict(status) for status in manager.snapshot()],
        "events": [asdict(event) for event in list(manager.events)],
    }
    return json.dumps(record, indent=2) + "\n"


def _bars(manager: ModelManager, tongue: str) -> str:
    """The budget as bars; every text is ours."""
    parts = [("budget", manager.used(), manager.budget), ("parked", manager.used("cpu"), manager.park)]
    bars = []
    for name, used, limit in parts:
        if limit:
            text = say(
                tongue,
                f"models.{name}",
                used=size_text(used),
                budget=size_text(limit),
                device=str(manager.device).upper(),
            )
            bars.append(
                f'<div class="pg-budget"><span data-volatile>{text}</span>'
                f'<i><b style="width:{100 * min(1, used / limit):.1f}%"></b></i></div>'
            )
    return "".join(bars)


def _models(statuses: tuple[Status, ...], tongue: str) -> dict[str, Any]:
    word = partial(say, tongue)
    columns = [
        Column(word("models.key")),
        Column(word("models.state")),
        Column(word("models.size"), number=True),
        Column(word("models.leases"), number=True),
        Column(word("models.owners")),
        Column(word("models.idle"), number=True, volatile=True),
    ]
    rows = [
        Row(
            [
                status.key,
                word(f"models.state.{status.state}"),
                size_text(status.bytes),
                str(status.leases),
                ", ".join(status.owners),
                "" if status.leases else _time(status.idle_seconds, tongue),
            ],
            id=None if status.leases else status.key,
        )
        for status in statuses
    ]
    return table(columns, rows, empty=word("models.empty"), action=word("models.evict"))


def _events(manager: ModelManager, tongue: str) -> dict[str, Any]:
    columns = [
        Column(
            say(tongue, f"models.event.heads.{head}"), number=head in ("size", "seconds"), volatile=head == "seconds"
        )
        for head in HEADS
    ]
    rows = [
        Row(
            [
                say(tongue, f"models.event.{event.kind}"),
                event.key,
                size_text(event.bytes),
                f"{event.seconds:.2f}",
                event.text,
            ]
        )
        for event in list(manager.events)[-EVENTS:][::-1]
    ]
    return table(columns, rows, empty=say(tongue, "models.events.empty"))


def _time(seconds: float, tongue: str) -> str:
    minutes = seconds >= 100
    return say(
        tongue, "models.minutes" if minutes else "models.seconds", n=f"{seconds / 60 if minutes else seconds:.0f}"
    )
