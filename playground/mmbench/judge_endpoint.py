"""A judge behind an address: any endpoint that speaks OpenAI's chat completions, reached so that no key gets out."""

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from playground.mmbench.judge import BusyError, Judge

if TYPE_CHECKING:
    import httpx

__all__ = ["endpoint_judge"]

PATH = "/chat/completions"
MOST_BYTES = 1_000_000  # of a reply
TOKENS = 512  # a letter takes one, but some models think before they say it
SETTINGS: Mapping[str, Any] = {"temperature": 0, "max_tokens": TOKENS}
PIECE = 5  # characters of a key that no error may show: some endpoints quote the first and the last ones
SHORTEST = 8  # characters of a key; less is a stand-in, as endpoints on this machine ask for, and may be any word
ADAPTED = 2  # settings that an endpoint may refuse, one a call
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out; Python calls much of the rest global too
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # global by name, and any IPv4 address behind it
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class _Key:
    """A key that no traceback, log or repr shows: `headers` that carry it, `hide` to take it out of a text, and `shows`
    to tell whether a text holds a piece of it."""

    __slots__ = ("headers", "hide", "shows")

    def __init__(self, key: str) -> None:
        key = key.strip()
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("the key must be one word of plain letters, digits and signs; what was given is not shown")
        self.headers: Callable[[], dict[str, str]] = lambda: {"Authorization": f"Bearer {key}"} if key else {}
        secret = len(key) >= SHORTEST
        self.hide: Callable[[str], str] = lambda text: text.replace(key, "[key]") if secret else text
        pieces = {key[i : i + PIECE] for i in range(max(len(key) - PIECE, 0) + 1)} if key else set()
        self.shows: Callable[[str], bool] = lambda text: any(piece in text for piece in pieces)

    def __repr__(self) -> str:
        return "[key]"


def endpoint_judge(address: str, model: str, key: str = "", *, private: bool = True, timeout: float = 30.0) -> Judge:
    """The model at an address such as https://api.example.com/v1, as a judge: one call for each prompt.

    `timeout` is in seconds, for a call as a whole. Where not `private`, as in a hosted app, only addresses of the
    public internet are called, looked up each time and called as looked up, by no proxy; else proxies of the
    environment are used. No redirect is followed, and a reply may have 1 MB. The model is asked for its likeliest words
    (temperature 0), unless it refuses that. Raises `ValueError` for an address, a model or a key that cannot be one.

    The judge raises `PermissionError` where the key or the address is refused, `FileNotFoundError` for an unknown
    model, `BusyError` where there are too many requests, another `OSError` where the endpoint fails or is not reached,
    and `ValueError` for a reply that is none.
    """
    url = _address(address)
    if not model.strip():
        raise ValueError("the judge's model needs a name, as the endpoint lists it")
    secret, settings, context = _Key(key), dict(SETTINGS), list[Any]()

    def judge(prompt: str) -> str:
        import httpx

        if not context:
            context.append(httpx.create_ssl_context(trust_env=private))  # 20 ms, once
        for _ in range(ADAPTED + 1):
            asked = {"model": model.strip(), "messages": [{"role": "user", "content": prompt}], **settings}
            place, host, extensions = url, url.netloc.decode(), dict[str, Any]()
            if not private:
                found = _public(url.raw_host.decode(), url.port or (443 if url.scheme == "https" else 80))
                place, extensions = url.copy_with(host=found), {"sni_hostname": url.raw_host.decode()}
            body = json.dumps(asked).encode()
            status, pause, content = _post(place, host, secret, extensions, body, context[0], private, timeout)
            content = secret.hide(content.decode("latin-1")).encode("latin-1")  # any bytes, there and back
            if status != 400 or not _adapt(settings, content):
                break
        said = _reply(status, pause, content, model.strip(), secret.shows)
        return secret.hide(said)  # once more: JSON may have escaped it

    return judge


def _address(address: str) -> "httpx.URL":
    """The address to call. Raises `ValueError`, and never quotes it: it may hold a password."""
    import httpx

    try:
        url: httpx.URL | None = httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError):
        url = None
    if url is None:
        raise ValueError("the judge's address cannot be read; it is like https://api.example.com/v1")
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the judge's address must begin with http:// or https://, like https://api.example.com/v1")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the judge's address must hold no name, password, ? or #: a key is given by itself")
    path = url.path.rstrip("/")
    return url.copy_with(path=path if path.endswith(PATH) else path + PATH)


def _post(
    url: "httpx.URL", host: str, secret: _Key, extensions: Mapping[str, Any], body: bytes, context: Any,
    private: bool, timeout: float,
) -> tuple[int, float, bytes]:  # fmt: skip
    """The status, the seconds to wait that a busy endpoint asks for, and the body. What is raised is raised outside the
    handlers: httpx's own errors hold the request, and so the key."""
    import httpx

    failed, start = "", time.monotonic()
    told = {"Host": host, "Content-Type": "application/json", "Accept-Encoding": "identity"}
    try:
        direct = {f"all://{host}": None for host in LOOPBACK}
        client = httpx.Client(verify=context, trust_env=private, timeout=timeout, follow_redirects=False, mounts=direct)
        with client, _deadline(timeout) as trace:
            request = client.build_request(
                "POST", url, headers=told | secret.headers(), content=body, extensions={**extensions, "trace": trace}
            )
            answer = client.send(request, stream=True)
            content = bytearray()
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > MOST_BYTES:
                    failed = f"the endpoint answers nonsense: more than {MOST_BYTES / 1e6:g} MB"
                    break
            answer.close()
            wait = answer.headers.get("retry-after", "")
            pause = float(wait) if wait.isascii() and wait.isdigit() else 0.0
            packed = answer.headers.get("content-encoding", "identity") != "identity"
            if not failed and not packed:
                return answer.status_code, pause, bytes(content)
    except httpx.TimeoutException:
        failed = f"the endpoint did not answer within {timeout:g} s"
    except httpx.ConnectError as error:
        failed = "the endpoint is not reached: " + (
            "its certificate is not trusted" if "CERTIFICATE" in str(error) else "nothing answers at its address"
        )
    except (httpx.HTTPError, OSError):
        failed = "the endpoint broke off"
    except (ValueError, ImportError):
        failed = "the proxy that the environment names cannot be used"
    if failed.startswith("the endpoint answers nonsense"):
        raise ValueError(failed)
    if not failed:
        raise ValueError("the endpoint answers nonsense: packed data, which was not asked for")
    if failed == "the endpoint broke off" and time.monotonic() - start >= timeout:
        failed = f"the endpoint did not answer within {timeout:g} s"
    raise OSError(failed)


@contextmanager
def _deadline(timeout: float) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """A trace for httpx that cuts the line after so many seconds: its own limit is for each byte, and an endpoint that
    sends one now and then would hold us for ever."""
    lines = list[socket.socket]()

    def trace(name: str, info: Mapping[str, Any]) -> None:
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            lines.append(info["return_value"].get_extra_info("socket"))

    def cut() -> None:
        for line in lines:
            with suppress(OSError):  # the one below TLS is closed already
                line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield trace
    finally:
        timer.cancel()


def _public(host: str, port: int) -> str:
    """One address of the host. Raises `PermissionError` where any of them is not of the public internet."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise OSError("the endpoint is not reached: its name is not known")
    places = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not all(map(_is_public, places)):
        raise PermissionError("the endpoint's address leads into a private network, which this app does not call")
    return str(places[0])


def _is_public(place: Address) -> bool:
    if isinstance(place, ipaddress.IPv6Address):
        inner = place.ipv4_mapped or place.sixtofour
        if place in NAT64:
            inner = ipaddress.IPv4Address(int(place) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
        if place.teredo is not None or place not in UNICAST:
            return False
    return place.is_global and not place.is_multicast


def _adapt(settings: dict[str, Any], content: bytes) -> bool:
    """Whether an endpoint refuses a setting that can be put otherwise, as OpenAI's newer models do; it then is."""
    if b"max_completion_tokens" in content and "max_tokens" in settings:
        settings["max_completion_tokens"] = settings.pop("max_tokens")
        return True
    return b"temperature" in content and settings.pop("temperature", None) is not None


def _reply(status: int, pause: float, content: bytes, model: str, shows: Callable[[str], bool]) -> str:
    """What the model said. Of an error only the reason of a refusal is quoted, and not where it shows the key."""
    if status in (401, 403):
        raise PermissionError(f"the endpoint refuses the key ({status})")
    if status == 404:
        raise FileNotFoundError(f"the endpoint knows no model {model[:80]!r}, or its address is another one (404)")
    if status == 429:
        raise BusyError("the endpoint has too many requests (429)", pause)
    if 300 <= status < 400:
        raise PermissionError(f"the endpoint sends to another address ({status}), which is not followed: give that one")
    if status >= 500:
        raise OSError(f"the endpoint fails at present ({status})")
    if status != 200:
        reason = _reason(content)
        raise ValueError(f"the endpoint refuses the request ({status}{'' if shows(reason) else reason})")
    said = _json(content)
    if not isinstance(said, dict):
        raise ValueError("the endpoint answers nonsense: no JSON object")
    choices = said.get("choices")
    message = (
        choices[0].get("message") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    )
    if not isinstance(message, dict):
        raise ValueError("the endpoint answers nonsense: no choices with a message in them")
    text = message.get("content")
    if isinstance(text, list):  # some answer in parts
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    if text is not None and not isinstance(text, str):
        raise ValueError("the endpoint answers nonsense: a message that is no text")
    return text or ""  # nothing, where all tokens went into thinking


def _reason(content: bytes) -> str:
    """Why an endpoint refuses, as far as it says so."""
    said = _json(content)
    error = said.get("error", said) if isinstance(said, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    return f": {' '.join(text.split())[:200]}" if isinstance(text, str) and text.strip() else ""


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
