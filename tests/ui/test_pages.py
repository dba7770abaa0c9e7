"""The page fixture sees what goes wrong in a page, and the server fixture quotes a program that does not start."""

import os
import sys

import pages
import pytest

HERE, ELSEWHERE = "http://playground.test/", "http://elsewhere.test/x.png"
FAULTS = {
    "script error: broken": "<script>setTimeout(() => { throw new Error('broken') })</script>",
    "console error: bad": "<script>console.error('bad')</script>",
    f"request to another host: {ELSEWHERE}": f"<img src='{ELSEWHERE}'>",
    "request to another host: ws://elsewhere.test/": "<script>new WebSocket('ws://elsewhere.test/')</script>",
    "the page is 2000 px wide in a viewport of 390 px": "<div style='width:2000px'>wide</div>",
}


def watch(chromium, body, *, allow_errors=False):
    """The faults of a phone's page with this body; every address answers with it."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True)
    html = f"<meta name=viewport content='width=device-width'><body style='margin:0'>{body}"
    context.route("**/*", lambda route: route.fulfill(body=html, content_type="text/html"))
    page = context.new_page()
    watch = pages.Watch(page, HERE, allow_errors)
    page.goto(HERE)
    page.wait_for_function("() => new Promise(done => setTimeout(() => done(true)))")
    faults = watch.faults()
    context.close()
    return [fault.removeprefix(f"{HERE}: ") for fault in faults]


def test_a_sound_page_has_no_fault(chromium):
    assert (
        watch(chromium, "<p>hello</p><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><img src='/own.png'>") == []
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen(chromium, fault):
    seen = watch(chromium, FAULTS[fault])
    assert any(words.startswith(fault) for words in seen), seen


def test_allowed_errors_allow_no_more_than_errors(chromium):
    assert watch(chromium, FAULTS["console error: bad"], allow_errors=True) == []
    assert watch(chromium, FAULTS[f"request to another host: {ELSEWHERE}"], allow_errors=True) != []


def test_a_program_that_ends_is_quoted(tmp_path):
    command = [sys.executable, "-c", "print('no such model'); raise SystemExit(3)"]
    url = f"http://127.0.0.1:{pages.free_port()}/"
    with (
        pytest.raises(RuntimeError, match=r"ended with 3(.|\n)*no such model"),
        pages.serving(command, url, tmp_path / "out", cwd=tmp_path, environ=dict(os.environ)),
    ):
        pass


def test_a_program_that_is_silent_is_ended(tmp_path):
    command = [sys.executable, "-c", "import time; print('loading', flush=True); time.sleep(60)"]
    url = f"http://127.0.0.1:{pages.free_port()}/"
    with (
        pytest.raises(RuntimeError, match=r"no answer in 1.5 s(.|\n)*loading"),
        pages.serving(command, url, tmp_path / "out", cwd=tmp_path, environ=dict(os.environ), within=1.5),
    ):
        pass


def test_a_server_answers_and_is_gone_afterwards(tmp_path):
    port = pages.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}/"
    with pages.serving(command, url, tmp_path / "out", cwd=tmp_path, environ=dict(os.environ)):
        assert pages.answers(url)
    assert not pages.answers(url)
