"""The Stop button's server side: one flag a person and job, because a cancel that comes too early is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

__all__ = ["STAMP", "Stops"]

SESSIONS = 1000  # whose newest event is remembered
# For `js=` of a listener whose first input is a hidden number: it becomes the moment of the event.
STAMP = "(_, ...rest) => [performance.timeOrigin + performance.now(), ...rest]"


class Stops:
    """Which jobs run, by browser session; made once a tab, shared by its buttons."""

    def __init__(self) -> None:
        self._running: dict[str, threading.Event] = {}
        self._newest: dict[str, float] = {}
        self._about: dict[str, object] = {}
        self._lock = threading.Lock()

    @contextmanager
    def running(
        self, request: gr.Request | None, stamp: float | None = None, about: object = None
    ) -> Iterator[threading.Event]:
        """The flag of a new job, for the time of the job; an older job of the same session is told to stop.

        `about` is what `newest` says of it from then on, until it is stopped, fails or is broken off.

        `stamp` is the moment of the event behind it: of several that come at once, the queue may begin the oldest last,
        and a job older than one that has been here is told to stop itself.
        """
        session, flag = _session(request), threading.Event()
        with self._lock:
            newest = self._newest.pop(session, stamp) if stamp is not None else None
            if stamp is not None and newest is not None:
                self._newest[session] = max(stamp, newest)
                if len(self._newest) > SESSIONS:
                    del self._newest[next(iter(self._newest))]
            older = flag
            if stamp is None or newest is None or stamp >= newest:
                older = self._running.get(session, threading.Event())
                self._running[session] = flag
                self._about.pop(session, None)
                self._about[session] = about
                if len(self._about) > SESSIONS:
                    del self._about[next(iter(self._about))]
        older.set()
        done = False
        try:
            yield flag
            done = True
        finally:
            with self._lock:
                if self._running.get(session) is flag:
                    del self._running[session]
                    if not done:
                        self._about.pop(session, None)

    def active(self, request: gr.Request | None) -> bool:
        """Whether a job of this session runs."""
        with self._lock:
            return _session(request) in self._running

    def newest(self, request: gr.Request | None) -> object:
        """What the session's newest job is about, be it running or done; None where it was not done to its end."""
        with self._lock:
            return self._about.get(_session(request))

    def superseded(self, request: gr.Request | None, flag: threading.Event) -> bool:
        """Whether a newer job of this session has taken the place of the running one with this flag."""
        with self._lock:
            return self._running.get(_session(request)) is not flag

    def count(self) -> int:
        """How many jobs run."""
        with self._lock:
            return len(self._running)

    def stop(self, request: gr.Request | None) -> None:
        """Tell the session's job to stop; nothing happens where none runs."""
        with self._lock:
            flag = self._running.get(_session(request))
            self._about.pop(_session(request), None)
        if flag is not None:
            flag.set()


def _session(request: gr.Request | None) -> str:
    return (request.session_hash if request is not None else None) or ""
