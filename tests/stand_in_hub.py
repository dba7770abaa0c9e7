"""A hub on this machine: what huggingface_hub asks of one, for a few folders."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "a" * 40


class Handler(BaseHTTPRequestHandler):
    """Answers for `repositories`, folders by "owner/name"; every path that is asked for is kept in `asked`."""

    protocol_version = "HTTP/1.1"
    repositories: Mapping[str, Path]
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        path = self.path.split("?")[0]
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
                content = (folder / path.removeprefix(prefix)).read_bytes()
                return self.answer(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{abs(hash(content)):x}"'})
        return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815

    def answer(self, status, content, headers=None):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def stand_in_hub(repositories: Mapping[str, Path], home: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The variables of a process that is to use this hub, and the list of what it will have asked for."""
    handler = type("Hub", (Handler,), {"repositories": repositories, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield (
            {
                "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "HF_HUB_OFFLINE": "0",
                "HF_HOME": str(home),
                "HF_HUB_DISABLE_XET": "1",
            },
            handler.asked,
        )
    finally:
        server.shutdown()
        server.server_close()
