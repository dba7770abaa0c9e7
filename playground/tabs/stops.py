"""The Stop button's server side: one flag a person and job, because a cancel that comes too early is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

__all__ = ["Stops"]


class Stops:
    """Which jobs run, by browser session; made once a tab, shared by its buttons."""

    def __init__(self) -> None:
        self._running: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    @contextmanager
    def running(self, request: gr.Request | None) -> Iterator[threading.Event]:
        """The flag of a new job, for the time of the job; an older job of the same session is told to stop."""
        session, flag = _session(request), threading.Event()
        with self._lock:
            older = self._running.get(session)
            self._running[session] = flag
        if older is not None:
            older.set()
        try:
            yield flag
        finally:
            with self._lock:
                if self._running.get(session) is flag:
                    del self._running[session]

    def active(self, request: gr.Request | None) -> bool:
        """Whether a job of this session runs."""
        with self._lock:
            return _session(request) in self._running

    def superseded(self, request: gr.Request | None, flag: threading.Event) -> bool:
        """Whether a newer job of this session has taken the place of the one with this flag."""
        with self._lock:
            return self._running.get(_session(request)) not in (None, flag)

    def count(self) -> int:
        """How many jobs run."""
        with self._lock:
            return len(self._running)

    def stop(self, request: gr.Request | None) -> None:
        """Tell the session's job to stop; nothing happens where none runs."""
        with self._lock:
            flag = self._running.get(_session(request))
        if flag is not None:
            flag.set()


def _session(request: gr.Request | None) -> str:
    return (request.session_hash if request is not None else None) or ""
