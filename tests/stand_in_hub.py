"""A hub on this machine: what huggingface_hub asks of one, for a few folders; and what goes wrong with one."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "a" * 40


class Handler(BaseHTTPRequestHandler):
    """Answers for `repositories`, folders by "owner/name"; every path that is asked for is kept in `asked`.

    `faults` says what goes wrong, by "METHOD ending-of-the-path", once each, in order: a status; "cut", half of the
    content and the end of the connection; "wrong", content of the right size that is another; "short", half of the
    content as if it were all; "hang", half of the content and no more, `hanging` set, till the reader is gone.
    """

    protocol_version = "HTTP/1.1"
    repositories: Mapping[str, Path]
    asked: list[str]
    ranges: list[str]
    faults: dict[str, list[int | str]]
    hanging: threading.Event

    def do_GET(self):
        self.asked.append(self.path)
        path = self.path.split("?")[0]
        fault = self.fault(path)
        if isinstance(fault, int):
            return self.answer(fault, b"{}", {"X-Error-Code": "EntryNotFound"} if fault == 404 else None)
        for name, folder in self.repositories.items():
            held = [file for file in folder.rglob("*") if file.is_file()]
            files = [{"path": str(file.relative_to(folder)), "size": file.stat().st_size} for file in held]
            if path in (f"/api/models/{name}", f"/api/models/{name}/revision/main"):
                siblings = [{"rfilename": file["path"]} for file in files]
                return self.answer(200, json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode())
            if path == f"/api/models/{name}/tree/{COMMIT}":
                return self.answer(200, json.dumps([f | {"type": "file", "oid": "0" * 40} for f in files]).encode())
            prefix = f"/{name}/resolve/{COMMIT}/"
            if path.startswith(prefix) and (folder / path.removeprefix(prefix)).is_file():
                return self.file((folder / path.removeprefix(prefix)).read_bytes(), path, fault)
        return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815

    def fault(self, path):
        for ending, left in self.faults.items():
            method, end = ending.split(" ")
            if method == self.command and path.endswith(end) and left:
                return left.pop(0)
        return None

    def file(self, content, path, fault):
        """A file, or what is asked of it; weights are named by their SHA-256, as large files are at the hub."""
        etag = f"{abs(hash(content)):x}"
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
        if path.endswith(".safetensors"):
            headers |= {
                "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Linked-Size": str(len(content)),
            }
        status, size = 200, len(content)
        if wanted := self.headers.get("Range"):
            self.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            status, content = 206, content[start:]
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        if fault == "wrong":
            content = bytes(byte ^ 1 for byte in content)
        elif fault == "short":
            content = content[: len(content) // 2]
        return self.answer(status, content, headers, cut=fault in ("cut", "hang"), hang=fault == "hang")

    def answer(self, status, content, headers=None, cut=False, hang=False):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = self.close_connection or cut
        if hang:
            self.hanging.set()
            with suppress(ConnectionError):
                self.connection.recv(1)  # until the other end is gone

    def log_message(self, *_):
        pass


@contextmanager
def serving(repositories: Mapping[str, Path]) -> Iterator[tuple[str, type[Handler]]]:
    """The address of a hub, and its handler: what it has been asked and what is to go wrong."""
    state = {"repositories": repositories, "asked": [], "ranges": [], "faults": {}, "hanging": threading.Event()}
    handler = type("Hub", (Handler,), state)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def stand_in_hub(repositories: Mapping[str, Path], home: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The variables of a process that is to use this hub, and the list of what it will have asked for."""
    with serving(repositories) as (address, handler):
        yield (
            {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"},
            handler.asked,
        )
