"""What stands before Gradio: which hosts and origins may speak, the language, compression, and lasting caches.

Gradio 6.31 checks neither the Host header nor cross-site uploads: a foreign page could send files to the app on a
person's own machine, or read it by rebinding its name (DNS) to 127.0.0.1. It also picks the language once, from
navigator.language, and serves its pages uncompressed.
"""

import html
import json
import os
import re
import zlib
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LANGUAGES", "LOCAL_HOSTS", "hosted", "hosts", "language_of", "middleware"]

LANGUAGES = {"en": "English", "zh-CN": "简体中文"}
COOKIE = "playground-language"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HASHED = re.compile(r"/(assets|svelte)/.+-[\w-]{6,}\.(js|css|woff2?|svg|png)$|/_app/immutable/")
PLOTLY = re.compile(r"/plotly\.min\.js$")  # its address holds its version
FONTS = re.compile(r"/fonts/.+\.woff2$")
YEAR, DAY = 31_536_000, 86_400  # seconds


def hosts(*, share: bool = False) -> tuple[str, ...]:
    """The names this app answers to: its own machine's, the tunnel's if shared, GRADIO_SERVER_NAME; a Space to all.

    The names guard a person's own machine from pages that rebind theirs to it. A Space is public, and its host asks it
    for its health by numbers that no one documents.
    """
    space = ("*",) if os.getenv("SPACE_ID") else ()
    asked = os.getenv("GRADIO_SERVER_NAME", "")  # who sets it means to be reached from elsewhere
    served = ("*",) if asked == "0.0.0.0" else (asked.lower(),) if asked else ()
    return (*LOCAL_HOSTS, *space, *served, *(("*.gradio.live",) if share else ()))


def hosted() -> bool:
    """Whether others than this machine's own user may reach the app: on a Space, by a name, or by Gradio's tunnel."""
    named = os.getenv("GRADIO_SERVER_NAME", LOCAL_HOSTS[0]).lower() not in LOCAL_HOSTS
    return bool(os.getenv("SPACE_ID")) or named or os.getenv("GRADIO_SHARE", "").lower() == "true"


def middleware(*, hosts: Sequence[str] = LOCAL_HOSTS, default: str | None = None) -> list[Middleware]:
    """The layers for `launch(app_kwargs={"middleware": ...})`, outermost first.

    `hosts` may begin with "*." for any subdomain; `default` is the language where neither link nor cookie gives one
    (None: the browser's own).
    """
    return [
        Middleware(Guard, hosts=tuple(hosts)),
        Middleware(Cache),
        Middleware(CompressedEvents),
        Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
        Middleware(Language, default=default),
    ]


def language_of(query: str | None, cookie: str | None, accept: str | None, default: str | None = None) -> str:
    """The first of link, cookie, app default and browser that names one of `LANGUAGES`; English where none does.

    >>> language_of(None, None, "zh-TW,zh;q=0.9,en;q=0.5")
    'zh-CN'
    """
    browser = [part.split(";")[0] for part in (accept or "").split(",")]
    return next((known for name in [query, cookie, default, *browser] if (known := _known(name))), "en")


def _known(name: str | None) -> str | None:
    """The one of `LANGUAGES` that a tag names, whatever its region: "zh-TW" is "zh-CN"; None for none."""
    tag = (name or "").strip().lower().split("-")[0]
    return next((known for known in LANGUAGES if tag == known.lower().split("-")[0]), None)


class Guard:
    """Refuses a foreign Host with 400, and a request that changes something from a foreign page with 403."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app, self.hosts = app, hosts
        self.proxied = any(host not in LOCAL_HOSTS for host in hosts)  # else no proxy, and anyone may write its header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a websocket is not offered by the app
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._known(_hostname(host)):
            refusal = PlainTextResponse(f"This app does not serve the host {host[:200]!r}.", status_code=400)
            await refusal(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and self._foreign(headers, host):
            refusal = PlainTextResponse("This app takes requests from its own pages only.", status_code=403)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _foreign(self, headers: Headers, host: str) -> bool:
        """Whether another page sends this: on this machine another port is another page, behind a proxy it is not."""
        forwarded = headers.get("x-forwarded-host") if self.proxied else None
        local = _hostname(host) in LOCAL_HOSTS and forwarded is None
        if headers.get("sec-fetch-site") in (("cross-site", "same-site") if local else ("cross-site",)):
            return True
        origin = headers.get("origin")
        if origin is None:  # a program: browsers say where a request comes from
            return False
        sender = urlsplit(origin).netloc.lower()
        if local:
            return sender != host.lower()
        return _hostname(sender) not in (_hostname(host), _hostname(forwarded or host))

    def _known(self, name: str) -> bool:
        return any(host in ("*", name) or (host.startswith("*.") and name.endswith(host[1:])) for host in self.hosts)


class Cache:
    """Files whose name holds a hash of their content may stay in the browser for a year, fonts for a day."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        age = YEAR if HASHED.search(path) or PLOTLY.search(path) else DAY if FONTS.search(path) else 0
        if scope["type"] != "http" or not age:
            await self.app(scope, receive, send)
            return

        async def with_age(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                lasting = f"public, max-age={age}" + (", immutable" if age == YEAR else "")
                MutableHeaders(scope=message)["cache-control"] = lasting
            await send(message)

        await self.app(scope, receive, with_age)


class CompressedEvents:
    """Compresses event streams message by message: pictures in base64 shrink to less than half.

    Starlette's GZipMiddleware leaves them alone, because it would hold messages back.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self.app(scope, receive, send)
            return
        packer = None

        async def packed(message: Message) -> None:
            nonlocal packer
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if (
                    headers.get("content-type", "").startswith("text/event-stream")
                    and "content-encoding" not in headers
                ):
                    headers["content-encoding"] = "gzip"
                    headers.add_vary_header("Accept-Encoding")
                    packer = zlib.compressobj(level=1, wbits=31)  # 31: gzip's own header
            elif packer is not None and message["type"] == "http.response.body":
                body = packer.compress(message.get("body", b""))
                body += packer.flush(zlib.Z_SYNC_FLUSH if message.get("more_body") else zlib.Z_FINISH)
                message = {**message, "body": body}
            await send(message)

        await self.app(scope, receive, packed)


class Language:
    """Tells Gradio's page, and every handler, the language of the link (?lang=), else of the cookie it then sets."""

    def __init__(self, app: ASGIApp, default: str | None = None) -> None:
        self.app, self.default = app, default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [None])[0]
        kept = _cookies(headers.get("cookie", "")).get(COOKIE)
        language = language_of(asked, kept, headers.get("accept-language"), self.default)
        scope = {
            **scope,
            "headers": [
                *((k, v) for k, v in scope["headers"] if k != b"accept-language"),
                (b"accept-language", language.encode()),
            ],
        }
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            send = _Page(send, language, keep=_known(asked) is not None)
        await self.app(scope, receive, send)


class _Page:
    """Sends an HTML page with the language put at the start of its <head>; anything else as it is."""

    def __init__(self, send: Send, language: str, *, keep: bool) -> None:
        self.send, self.language, self.keep = send, language, keep
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if not headers.get("content-type", "").startswith("text/html"):
                await self.send(message)
                return
            if self.keep:
                headers.append("set-cookie", f"{COOKIE}={self.language}; Path=/; Max-Age={YEAR}; SameSite=Lax")
            headers.append("vary", "Accept-Language, Cookie")
            self.start = message
        elif self.start is None:
            await self.send(message)
        else:
            self.body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = self.body.replace(b"<head>", b"<head>" + _script(self.language).encode(), 1)
            page = page.replace(b'<html lang="en"', f'<html lang="{html.escape(self.language)}"'.encode(), 1)
            MutableHeaders(scope=self.start)["content-length"] = str(len(page))
            await self.send(self.start)
            await self.send({"type": "http.response.body", "body": page})


def _script(language: str) -> str:
    tag = json.dumps(language)
    return (
        "<script>for(const[k,v]of[['language'," + tag + "],['languages',[" + tag + "]]])"
        "Object.defineProperty(navigator,k,{get:()=>v,configurable:true})</script>"
    )


def _cookies(header: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in header.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, value in pairs}


def _hostname(netloc: str) -> str:
    """The name without user and port: 'a.b:80' -> 'a.b', '[::1]:80' -> '[::1]'."""
    return re.sub(r":\d*$", "", netloc.rsplit("@", 1)[-1]).lower()
