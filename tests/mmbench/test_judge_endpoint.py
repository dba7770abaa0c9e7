"""A judge behind an address, against a stand-in on the loopback that answers well, slowly, wrongly or too much."""

import json
import logging
import socket
import threading
import time
import traceback

import pytest
from judge_stand_in import StandIn, chat

from playground.mmbench import Question
from playground.mmbench.judge import BusyError, judge_rows
from playground.mmbench.judge_endpoint import endpoint_judge

KEY = "sk-s3cret-Zq81kfWv"


@pytest.fixture
def stand_in():
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_prompt_goes_out_in_openais_form_and_its_reply_comes_back(stand_in):
    judge = endpoint_judge(stand_in.address, " qwen3 ", f"  {KEY}\n")
    assert judge("Which \ud800 猫?") == "B"
    (path, headers, body) = stand_in.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Host"] == f"127.0.0.1:{stand_in.server_port}"
    assert body == {
        "model": "qwen3", "messages": [{"role": "user", "content": "Which \ud800 猫?"}], "temperature": 0,
        "max_tokens": 512,
    }  # fmt: skip
    endpoint_judge(stand_in.address + "/chat/completions/", "m")("?")
    assert stand_in.asked[1][0] == "/v1/chat/completions"
    assert "Authorization" not in stand_in.asked[1][1]


@pytest.mark.parametrize("key", ["B", "content"])
def test_a_key_that_is_a_stand_in_does_not_spoil_the_reply(stand_in, key):
    """Endpoints on one's own machine ask for any key, which may be a word of the reply, or of its JSON."""
    assert endpoint_judge(stand_in.address, "m", key)("?") == "B"


def test_proxies_of_the_environment_are_not_asked_for_what_is_on_this_machine(stand_in, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert endpoint_judge(stand_in.address, "m")("?") == "B"
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")  # httpx lacks what it takes
    with pytest.raises(OSError, match=r"^the proxy that the environment names cannot be used$"):
        endpoint_judge(stand_in.address, "m")("?")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (chat(None), ""),
        (chat([{"type": "text", "text": "B"}, {"type": "text", "text": "."}]), "B."),
        (chat(f"the key is {KEY}"), "the key is [key]"),
        (chat(f"the key is {KEY}").replace(b"sk-", b"\\u0073k\\u002d"), "the key is [key]"),
    ],
)
def test_what_a_reply_may_be(stand_in, content, said):
    stand_in.answers = [(200, {}, content)]
    assert endpoint_judge(stand_in.address, "m", KEY)("?") == said


SENTENCES = [
    ((401, {}, b'{"error": "Incorrect key ' + KEY.encode() + b'"}'), PermissionError,
     r"the endpoint refuses the key \(401\)"),
    ((403, {}, b""), PermissionError, r"the endpoint refuses the key \(403\)"),
    ((404, {}, b"{}"), FileNotFoundError, r"the endpoint knows no model 'm', or its address is another one \(404\)"),
    ((429, {}, b"{}"), BusyError, r"the endpoint has too many requests \(429\)"),
    ((503, {}, b"{}"), OSError, r"the endpoint fails at present \(503\)"),
    ((302, {"Location": "http://127.0.0.1:1/"}, b""), PermissionError,
     r"the endpoint sends to another address \(302\), which is not followed: give that one"),
    ((400, {}, b'{"error": {"message": "too\\n long"}}'), ValueError,
     r"the endpoint refuses the request \(400: too long\)"),
    ((422, {}, b"<html>"), ValueError, r"the endpoint refuses the request \(422\)"),
    ((400, {}, b'{"error": {"message": "' + KEY[:6].encode() + b'***"}}'), ValueError,
     r"the endpoint refuses the request \(400\)"),
    ((200, {}, b"<html>hello</html>"), ValueError, "the endpoint answers nonsense: no JSON object"),
    ((200, {}, b"[]"), ValueError, "the endpoint answers nonsense: no JSON object"),
    ((200, {}, b"[" * 100000), ValueError, "the endpoint answers nonsense: no JSON object"),
    ((200, {}, b'{"choices": []}'), ValueError, "the endpoint answers nonsense: no choices with a message in them"),
    ((200, {}, b'{"choices": {}}'), ValueError, "the endpoint answers nonsense: no choices with a message in them"),
    ((200, {}, chat(7)), ValueError, "the endpoint answers nonsense: a message that is no text"),
    ((200, {}, chat("B" * 1_000_001)), ValueError, "the endpoint answers nonsense: more than 1 MB"),
    ((200, {"Content-Encoding": "gzip"}, b"x"), ValueError, "the endpoint answers nonsense: packed data, .*"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "sentence"), SENTENCES)
def test_what_goes_wrong_is_told_in_a_sentence_and_the_key_nowhere(stand_in, answer, kind, sentence, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    stand_in.answers = [answer]
    judge = endpoint_judge(stand_in.address, "m", KEY)
    with pytest.raises(kind, match=f"^{sentence}$") as caught:
        judge("?")
    assert stand_in.asked[0][1]["Authorization"].endswith(KEY)
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}  # that is, it did log
    assert_kept(caught.value, judge, caplog)


def assert_kept(error, judge, caplog):
    """The key is in no text that a program may show: message, repr, log, chained errors, traceback with variables."""
    assert error.__cause__ is error.__context__ is None
    frames = error.__traceback__.tb_next  # the test's own holds the key
    shown = "".join(traceback.TracebackException(type(error), error, frames, capture_locals=True).format())
    assert "prompt = '?'" in shown
    assert KEY not in shown
    for text in (str(error), repr(error), repr(judge), repr(vars(judge)), caplog.text):
        assert KEY[:6] not in text
        assert KEY[-6:] not in text


def test_an_endpoint_that_is_not_there_keeps_the_key_too(caplog):
    caplog.set_level(logging.DEBUG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        judge = endpoint_judge(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", "m", KEY)
        with pytest.raises(OSError, match=r"^the endpoint is not reached: nothing answers at its address$") as caught:
            judge("?")
    assert_kept(caught.value, judge, caplog)


def drip(handler):
    """A byte now and then, which a limit for each byte would wait for without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(40):
        time.sleep(0.05)
        handler.wfile.write(b"x")
        handler.wfile.flush()


def wait(_handler):
    time.sleep(0.8)


def hang_up(_handler):
    """Not a word."""


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (wait, r"the endpoint did not answer within 0.3 s"),
        (drip, r"the endpoint did not answer within 0.3 s"),
        (hang_up, "the endpoint broke off"),
        ((200, {"Content-Length": "1000"}, b"{"), r"the endpoint (broke off|did not answer within 0.3 s)"),
    ],
)
def test_a_slow_endpoint_is_left_when_its_time_is_up(stand_in, answer, sentence, caplog):
    caplog.set_level(logging.DEBUG)
    stand_in.answers = [answer]
    judge = endpoint_judge(stand_in.address, "m", KEY, timeout=0.3)
    start = time.monotonic()
    with pytest.raises(OSError, match=f"^{sentence}$") as caught:
        judge("?")
    assert time.monotonic() - start < 0.7
    assert_kept(caught.value, judge, caplog)


def test_models_that_refuse_a_setting_are_asked_without_it(stand_in):
    """OpenAI's newer models do, in these words."""
    refused = [
        {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                              "'max_completion_tokens' instead."}},
        {"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model."}},
    ]  # fmt: skip
    stand_in.answers = [*((400, {}, json.dumps(one).encode()) for one in refused), (200, {}, chat("B"))]
    judge = endpoint_judge(stand_in.address, "m")
    assert judge("?") == judge("!") == "B"
    bodies = [body for _, _, body in stand_in.asked]
    assert [sorted(body.keys() - {"messages", "model"}) for body in bodies] == [
        ["max_tokens", "temperature"], ["max_completion_tokens", "temperature"], ["max_completion_tokens"],
        ["max_completion_tokens"],
    ]  # fmt: skip
    stand_in.answers = [(400, {}, json.dumps(refused[1]).encode())]
    with pytest.raises(ValueError, match=r"^the endpoint refuses the request"):
        endpoint_judge(stand_in.address, "m")("?")
    assert len(stand_in.asked) == 4 + 2  # once more without it, and no third time


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("api.example.com/v1", "must begin with http:// or https://"),
        ("ftp://example.com", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("http:///v1", "must begin with http:// or https://"),
        ("", "must begin with http:// or https://"),
        ("http://me:hush@example.com/v1", "must hold no name, password"),
        ("http://hush@example.com", "must hold no name, password"),
        ("https://example.com/v1?key=hush", "must hold no name, password"),
        ("https://example.com/v1#hush", "must hold no name, password"),
        ("http://example.com:hush/v1", "cannot be read"),
        ("http://exa mple.com\x00hush", "cannot be read"),
    ],
)
def test_addresses_that_cannot_be_are_refused_and_not_quoted(address, words):
    with pytest.raises(ValueError, match=f"^the judge's address .*{words}") as caught:
        endpoint_judge(address, "m")
    assert "hush" not in str(caught.value)
    assert caught.value.__context__ is None


def test_keys_and_models_that_cannot_be_are_refused_and_the_key_not_quoted():
    for key in ("sk-clé", "sk-a b", "sk-a\nb", "密钥"):
        with pytest.raises(ValueError, match=r"^the key must be one word of plain letters") as caught:
            endpoint_judge("http://localhost/v1", "m", key)
        assert key not in str(caught.value)
    with pytest.raises(ValueError, match=r"^the judge's model needs a name"):
        endpoint_judge("http://localhost/v1", " ")


PRIVATE = ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
           "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1",
           "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
           "2001:db8::1", "2001:0:7f00:1::1", "::ffff:0:127.0.0.1")  # fmt: skip


def looked_up(monkeypatch, *answers):
    """A name server that gives these addresses, one tuple a question."""
    asked, given = [], list(answers)

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        own = given.pop(0) if len(given) > 1 else given[0]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in own]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("place", PRIVATE)
def test_a_hosted_app_calls_no_private_address(monkeypatch, place):
    reached = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **_: reached.append(a))
    looked_up(monkeypatch, ("93.184.216.34", place))  # one public, one not
    with pytest.raises(
        PermissionError, match=r"^the endpoint's address leads into a private network, which this app does"
    ):
        endpoint_judge("http://example.com/v1", "m", KEY, private=False)("?")
    assert not reached


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "[::ffff:7f00:1]"]
)
def test_nor_itself_by_any_spelling(host):
    """By the machine's own resolver."""
    with pytest.raises(
        OSError, match=r"^the endpoint('s address leads into a private| is not reached: its name is not)"
    ):
        endpoint_judge(f"http://{host}:8080/v1", "m", private=False)("?")


@pytest.mark.parametrize(
    "place", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:5db8:d822", "64:ff9b::5db8:d822"]
)
def test_a_hosted_app_calls_the_very_address_that_it_checked(stand_in, monkeypatch, place):
    """A name that leads elsewhere at the second question gains nothing: there is none."""
    asked = looked_up(monkeypatch, (place,), ("127.0.0.1",))
    real, reached = socket.socket, []

    def connect(address, *_, **__):
        reached.append(address)
        line = real()
        line.connect(("127.0.0.1", stand_in.server_port))
        return line

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # a proxy would look the name up by itself
    judge = endpoint_judge("http://api.example.com:8080/v1", "m", KEY, private=False)
    assert judge("?") == "B"
    assert asked == ["api.example.com"]
    assert reached == [(place, 8080)]
    assert stand_in.asked[0][1]["Host"] == "api.example.com:8080"
    with pytest.raises(PermissionError):  # looked up again, for the second call
        judge("?")
    assert len(reached) == 1


def test_by_tls_the_certificate_is_of_the_name_and_not_of_the_address(monkeypatch):
    """The line is cut after the greeting, which names the host."""
    looked_up(monkeypatch, ("93.184.216.34",))
    listening = socket.create_server(("127.0.0.1", 0))
    ours = socket.socket()
    ours.connect(listening.getsockname())
    theirs, _ = listening.accept()
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: ours)
    greeting = []
    thread = threading.Thread(target=lambda: (greeting.append(theirs.recv(4096)), theirs.close()))
    thread.start()
    with pytest.raises(OSError, match=r"^the endpoint is not reached: nothing answers at its address$"):
        endpoint_judge("https://api.example.com/v1", "m", KEY, private=False)("?")
    thread.join(timeout=5)
    listening.close()
    assert b"api.example.com" in greeting[0]
    assert KEY.encode() not in greeting[0]


def test_rows_are_judged_through_it_with_its_pauses(stand_in):
    stand_in.answers = [(429, {"Retry-After": "2"}, b"{}"), (500, {}, b""), (200, {}, chat("B"))]
    one = Question(1, "Which?", (("A", "cat"), ("B", "dog")), "B")
    waits = []
    *_, last = judge_rows(
        {1: "The one with long ears."}, [one], endpoint_judge(stand_in.address, "m"), wait=waits.append
    )
    assert (last.newest.letter, last.newest.tries, waits) == ("B", 3, [2, 2])
    stand_in.answers = [(401, {}, b"{}")]
    with pytest.raises(OSError, match=r"^the endpoint refuses the key \(401\); the 0 verdicts so far are kept$"):
        list(
            judge_rows({1: "The one with long ears."}, [one], endpoint_judge(stand_in.address, "m"), wait=waits.append)
        )
