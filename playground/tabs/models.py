"""The Models tab: who is in memory, leased by whom, what it costs, and the buttons that send it away."""

from functools import partial
from typing import Any

import gradio as gr

from playground.i18n import label, language, say
from playground.manager import ModelManager, Status
from playground.tabs.components import Table
from playground.tabs.components.table import Column, Row, table

__all__ = ["build", "size_text", "summary"]

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
    timer = gr.Timer(2.0)

    def look(request: gr.Request) -> tuple[str, dict[str, Any], dict[str, Any]]:
        tongue = language(request)
        return _bars(manager, tongue), _models(manager.snapshot(), tongue), _events(manager, tongue)

    def evict_one(request: gr.Request, event: gr.EventData) -> None:
        _evict(manager, [str(event.row)], language(request))

    def evict_all(request: gr.Request) -> None:
        idle = [status.key for status in manager.snapshot() if not status.leases]
        _evict(manager, idle, language(request))

    shown = [budget, models, events]
    gr.on([timer.tick], look, None, shown, queue=False, **private)
    gr.on(None, look, None, shown, queue=False, **private)
    models.click(evict_one, None, None, **private).then(look, None, shown, **private)
    everything.click(evict_all, None, None, **private).then(look, None, shown, **private)


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


def size_text(size: int) -> str:
    """Bytes as people say them.

    >>> size_text(1536)
    '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024  # type: ignore[assignment]  # from here on a fraction
    return f"{size:.1f} GiB"


def _evict(manager: ModelManager, keys: list[str], tongue: str) -> None:
    try:
        manager.evict(*keys) if keys else None
    except (ValueError, RuntimeError) as error:  # gone already, or leased
        raise gr.Error(say(tongue, "error.prefix", message=str(error).rstrip(".")), print_exception=False) from error
    for key in keys:
        gr.Info(say(tongue, "models.evicted", key=key))


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
