"""An endpoint on the loopback for the panel's tests: what it is asked is kept, and it answers as it is told."""

import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mmbench.judge_stand_in import running


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/v1"
        self.answer, self.prompts = "good", []
        self.read = lambda _: "B"

    @property
    def count(self):
        return len(self.prompts)

    def handle_error(self, request, client_address):
        """A client that hangs up is what a test is about."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"]
        self.server.prompts.append(prompt)
        if self.server.answer == "slow":
            time.sleep(0.3)
        status = 401 if self.server.answer == "401" else 200
        content = b"<html>" if self.server.answer != "good" else json.dumps(
            {"choices": [{"message": {"content": self.server.read(prompt)}}]}).encode()  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Not in the tests' output."""


@contextmanager
def serving():
    """A server that runs until the `with` ends."""
    with running(Server()) as server:
        yield server
