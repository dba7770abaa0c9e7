"""The layers before Gradio: foreign hosts and origins, language, compression, caches; on a small app of their own."""

import asyncio
import zlib

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.server import COOKIE, CompressedEvents, hosted, hosts, language_of, middleware

PAGE = '<!doctype html><html lang="en"><head><title>x</title></head><body>' + "word " * 2000 + "</body></html>"


async def page(_):
    return HTMLResponse(PAGE)


async def says(request):
    return PlainTextResponse(request.headers["accept-language"])


async def stream(_):
    async def parts():
        for i in range(3):
            yield f"data: {i}\n\n" * 400

    return StreamingResponse(parts(), media_type="text/event-stream")


async def asset(_):
    return PlainTextResponse("x" * 5000, media_type="text/javascript")


@pytest.fixture
def client():
    routes = [
        Route("/", page),
        Route("/says", says),
        Route("/stream", stream),
        Route("/assets/index-BFkzvUm_.js", asset),
        Route("/static/fonts/a/b.woff2", asset),
        Route("/gradio_api/upload", says, methods=["POST"]),
        Route("/assets/plain.js", asset),
        Route("/gradio_api/file=/a/plotly/package_data/plotly.min.js", asset),
    ]
    return TestClient(Starlette(routes=routes, middleware=middleware()), base_url="http://127.0.0.1:7860")


HTML = {"accept": "text/html"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:7860"])
def test_foreign_host_is_refused(client, host):
    assert client.get("/says", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST:80"])
def test_own_host_is_served(client, host):
    assert client.get("/says", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("space", "host", "status"),
    [
        ("", "abc.gradio.live", 200),
        ("", "gradio.live.evil.example", 400),
        ("", "xgradio.live", 400),
        ("someone/playground", "someone-playground.hf.space", 200),
        ("someone/playground", "10.1.2.3:7860", 200),  # so a Space's host may ask for its health
    ],
)
def test_hosts_of_space_and_share(monkeypatch, space, host, status):
    assert hosts() == ("localhost", "127.0.0.1", "[::1]")
    monkeypatch.setenv("SPACE_ID", space)
    app = Starlette(routes=[Route("/says", says)], middleware=middleware(hosts=hosts(share=True)))
    assert TestClient(app).get("/says", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1:7860"}, 200),
        ({"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://127.0.0.1:3000"}, 403),  # another port is another page
        ({"origin": "http://localhost:7860"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({}, 200),  # a program, not a page: browsers always say where they come from
    ],
)
def test_foreign_origin_may_not_send(client, headers, status):
    assert client.post("/gradio_api/upload", headers=headers).status_code == status


def test_a_page_on_this_machine_may_not_pose_as_a_proxy():
    """Scripts may set X-Forwarded-Host; without a proxy it counts for nothing."""
    app = Starlette(routes=[Route("/send", says, methods=["POST"])], middleware=middleware())
    client = TestClient(app, base_url="http://127.0.0.1:7860")
    headers = {"origin": "http://127.0.0.1:8123", "x-forwarded-host": "127.0.0.1:8123"}
    assert client.post("/send", headers=headers).status_code == 403


def test_behind_a_proxy_the_port_may_differ():
    app = Starlette(routes=[Route("/send", says, methods=["POST"])], middleware=middleware(hosts=("*.hf.space",)))
    client = TestClient(app, base_url="http://a-b.hf.space")
    assert client.post("/send", headers={"origin": "https://a-b.hf.space"}).status_code == 200
    assert client.post("/send", headers={"origin": "https://a-b.hf.space:8443"}).status_code == 200
    assert client.post("/send", headers={"origin": "https://c-d.hf.space"}).status_code == 403
    assert client.post("/send", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_who_asks_to_be_reached_from_elsewhere_is(monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_NAME", "192.168.1.20")
    assert "192.168.1.20" in hosts()
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    client = TestClient(Starlette(routes=[Route("/says", says)], middleware=middleware(hosts=hosts())))
    assert client.get("/says", headers={"host": "nas.local"}).status_code == 200


def test_foreign_page_may_still_link_to_the_app(client):
    assert (
        client.get("/", headers={**HTML, "sec-fetch-site": "cross-site", "origin": "http://evil.example"}).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "default", "language"),
    [
        (None, None, None, None, "en"),
        (None, None, "fr-FR,zh;q=0.8,en;q=0.2", None, "zh-CN"),
        (None, None, "en-GB,zh;q=0.8", None, "en"),
        (None, None, "en", "zh-CN", "zh-CN"),
        (None, "en", "zh-CN", "zh-CN", "en"),
        ("zh-TW", "en", "en", "en", "zh-CN"),
        ("xx", "zh-CN", "en", None, "zh-CN"),
        ("<script>", None, "en", None, "en"),
    ],
)
def test_language_of(query, cookie, accept, default, language):
    assert language_of(query, cookie, accept, default) == language


def test_link_sets_the_language_and_the_cookie_keeps_it(client):
    first = client.get("/?lang=zh-CN", headers=HTML)
    assert "[['language',\"zh-CN\"]," in first.text
    assert first.text.startswith('<!doctype html><html lang="zh-CN"><head><script>')
    assert first.text.endswith("word </body></html>")
    assert first.cookies[COOKIE] == "zh-CN"
    assert client.get("/says").text == "zh-CN"  # the client keeps cookies
    assert client.get("/says?lang=en").text == "en"
    assert COOKIE not in client.get("/says?lang=en").cookies  # only pages set it


def test_unknown_language_in_a_link_is_not_kept(client):
    answer = client.get("/?lang=xx", headers={"accept": "text/html", "accept-language": "zh-CN"})
    assert "set-cookie" not in answer.headers
    assert 'lang="zh-CN"' in answer.text


def test_page_is_not_changed_but_at_its_head(client):
    text = client.get("/", headers=HTML).text
    start = text.index("<script>")
    assert text[:start] + text[text.index("</script>") + 9 :] == PAGE


def test_pages_are_compressed(client):
    assert client.get("/", headers=HTML).headers["content-encoding"] == "gzip"


def test_events_are_compressed_one_by_one():
    """Each message can be read when it has come: nothing waits inside the packer."""
    sent = []
    messages = [f"data: {i}\n\n".encode() * 400 for i in range(3)]

    async def app(_, __, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for i, body in enumerate(messages):
            await send({"type": "http.response.body", "body": body, "more_body": i < 2})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip, br")]}
    asyncio.run(CompressedEvents(app)(scope, None, send))
    assert (b"content-encoding", b"gzip") in sent[0]["headers"]
    reader = zlib.decompressobj(wbits=31)
    for message, whole in zip(sent[1:], messages, strict=True):
        assert len(message["body"]) < len(whole) / 4
        assert reader.decompress(message["body"]) == whole
    assert reader.eof
    sent.clear()
    asyncio.run(CompressedEvents(app)({"type": "http", "headers": []}, None, send))
    assert b"".join(message["body"] for message in sent[1:]) == b"".join(messages)


def test_caches(client):
    assert client.get("/assets/index-BFkzvUm_.js").headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/fonts/a/b.woff2").headers["cache-control"] == "public, max-age=86400"
    plotly = client.get("/gradio_api/file=/a/plotly/package_data/plotly.min.js?v=7.1.0")
    assert plotly.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/", "/assets/plain.js"):
        assert "cache-control" not in client.get(path).headers


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SPACE_ID", "people/app", True), ("GRADIO_SERVER_NAME", "0.0.0.0", True),
        ("GRADIO_SERVER_NAME", "127.0.0.1", False), ("GRADIO_SHARE", "True", True), ("GRADIO_SHARE", "False", False),
    ],
)  # fmt: skip
def test_hosted_is_where_others_may_come(monkeypatch, variable, value, expected):
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SHARE"):
        monkeypatch.delenv(name, raising=False)
    assert not hosted()
    monkeypatch.setenv(variable, value)
    assert hosted() is expected
