"""Hostile and broken requests, byte for byte: a clear refusal, nothing reaches the provider, the worker lives."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.gateway import Gateway
from tests.path.raw import Heard, ask, chat_body, chat_request, connected, hear, say
from tests.upstreams import FakeUpstream

GOOD = chat_body()


@pytest.fixture(autouse=True)
def nothing_goes_upstream_and_all_goes_on(gateway: Gateway, upstream: FakeUpstream) -> Iterator[None]:
    yield
    assert upstream.seen == []
    assert ask(gateway, GOOD).status == 200


BODIES: list[tuple[str, bytes, str | None]] = [
    ("empty", b"", None),
    ("no JSON", b"hello", None),
    ("a list", b"[]", None),
    ("a string", b'"model"', None),
    ("null", b"null", None),
    ("truncated", GOOD[:-10], None),
    ("trailing text", GOOD + b"x", None),
    ("two values", GOOD + GOOD, None),
    ("a comment", b"/* x */" + GOOD, None),
    ("a trailing comma", GOOD[:-1] + b",}", None),
    ("single quotes", GOOD.replace(b'"', b"'"), None),
    ("not a number", GOOD[:-1] + b',"n":NaN}', None),
    ("deep", b'{"model":"fake-1","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    ("a million brackets", b"[" * 1_000_000, None),
    ("not UTF-8", GOOD.replace(b"Hi", b"\xff\xfe"), None),
    ("Latin-1", GOOD.replace(b"Hi", "Grüße".encode("latin-1")), None),
    ("UTF-16", GOOD.decode().encode("utf-16"), None),
    ("a raw control character", GOOD.replace(b"Hi", b"\x00\x1f"), None),
    ("two models", b'{"model":"echo",' + GOOD[1:], "model"),
    ("two models, one escaped", b'{"m\\u006fdel":"echo",' + GOOD[1:], "model"),
    ("two streams", GOOD[:-1] + b',"stream":false,"stream":true}', "stream"),
    ("two caps", GOOD[:-1] + b',"max_tokens":1,"max_tokens":100000}', "max_tokens"),
    ("no model", b'{"messages":[{"role":"user","content":"Hi"}]}', "model"),
    ("model null", b'{"model":null,"messages":[]}', "model"),
    ("model a number", b'{"model":7,"messages":[]}', "model"),
    ("messages a string", b'{"model":"fake-1","messages":"Hi"}', "messages"),
    ("stream a string", chat_body(stream="true"), "stream"),
    ("n a float", chat_body(n=1.5), "n"),
    ("n negative", chat_body(n=-1), "n"),
    ("cap a string", chat_body(max_tokens="5"), "max_tokens"),
    ("cap huge", GOOD[:-1] + b',"max_tokens":1e400}', "max_tokens"),
    ("stream_options a list", chat_body(stream=True, stream_options=[]), "stream_options"),
    ("metadata a list", chat_body(metadata=[1]), "metadata"),
    ("user a number", chat_body(user=7), "user"),
]


@pytest.mark.parametrize(("body", "param"), [pytest.param(body, param, id=name) for name, body, param in BODIES])
def test_bodies(gateway: Gateway, body: bytes, param: str | None) -> None:
    heard = ask(gateway, body)
    assert (heard.status, heard.error["code"]) == (400, "invalid_request")
    assert heard.error["type"] == "invalid_request_error"
    if param is not None:
        assert heard.error["param"] == param
    row = gateway.row_of(heard.request_id)
    assert (row["outcome"], row["status"], row["attempt"]) == ("refused", 400, 0)


def test_a_malformed_body_is_told_with_its_offset(gateway: Gateway) -> None:
    assert "12" in ask(gateway, b'{"model": 1}{').error["message"]


HEADERS: list[tuple[str, dict[str, str], int, str]] = [
    ("no key", {"authorization": ""}, 401, "invalid_api_key"),
    ("a wrong key", {"authorization": "Bearer aig_wrong"}, 401, "invalid_api_key"),
    ("no scheme", {"authorization": "aig_wrong"}, 401, "invalid_api_key"),
    ("another scheme", {"authorization": "Basic YTpi"}, 401, "invalid_api_key"),
    ("an empty key", {"authorization": "Bearer "}, 401, "invalid_api_key"),
    ("a long key", {"authorization": "Bearer " + "x" * 20_000}, 401, "invalid_api_key"),
    ("two credentials", {"x-api-key": "aig_other"}, 400, "invalid_request"),
    ("form data", {"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    ("another charset", {"content-type": "application/json; charset=latin-1"}, 415, "unsupported_media_type"),
    ("compressed", {"content-encoding": "gzip"}, 415, "unsupported_media_type"),
    ("no host", {"host": ""}, 400, "invalid_host"),
    ("a path in the host", {"host": "x/admin?"}, 400, "invalid_host"),
    ("a user in the host", {"host": "user@x"}, 400, "invalid_host"),
    ("spaces in the host", {"host": "a b"}, 400, "invalid_host"),
    ("a bad port", {"host": "x:port"}, 400, "invalid_host"),
    ("bad tags", {"x-aigate-tags": "no equals sign"}, 400, "invalid_request"),
    ("a bad timeout", {"x-aigate-timeout": "soon"}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("headers", "status", "code"), [pytest.param(*rest, id=name) for name, *rest in HEADERS])
def test_headers(gateway: Gateway, headers: dict[str, str], status: int, code: str) -> None:
    heard = ask(gateway, GOOD, headers)
    assert (heard.status, heard.error["code"]) == (status, code)
    assert gateway.key.encode() not in heard.body


@pytest.mark.parametrize("name", ["x-api-key", "api-key", "x-goog-api-key"])
def test_every_way_to_show_a_key_is_checked(gateway: Gateway, name: str) -> None:
    assert ask(gateway, GOOD, {"authorization": "", name: "aig_wrong"}).status == 401


def test_too_large_is_refused_by_its_length_alone(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, b"", {"content-length": str(33 * 1024 * 1024)}))
        heard = hear(connection)
    assert (heard.status, heard.error["code"]) == (413, "request_too_large")


def test_too_large_without_a_length(gateway: Gateway) -> None:
    piece = b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20))
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, b"", {"content-length": "", "transfer-encoding": "chunked"}))
        try:
            for _ in range(40):
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it need not listen to the end
        heard = hear(connection)
    assert (heard.status, heard.error["code"]) == (413, "request_too_large")


def test_a_huge_head(gateway: Gateway) -> None:
    """300 KiB of header: refused by us or by the server underneath, and never taken."""
    heard = refused_or_closed(gateway, chat_request(gateway, GOOD, {"x-filler": "x" * 300 * 1024}))
    assert heard is None or heard.status in {400, 431}


def test_a_large_head(gateway: Gateway) -> None:
    heard = ask(gateway, GOOD, {f"x-filler-{number}": "x" * 1000 for number in range(40)})
    assert (heard.status, heard.error["code"]) == (431, "head_too_large")


def test_too_many_headers(gateway: Gateway) -> None:
    heard = refused_or_closed(gateway, chat_request(gateway, GOOD, {f"x-{number}": "x" for number in range(300)}))
    assert heard is None or heard.status in {400, 431}


SMUGGLED = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
FRAMINGS: list[tuple[str, bytes]] = [
    ("CL and TE", b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + SMUGGLED),
    ("two CL", b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
    ("a list of CL", b"content-length: 5, 6\r\n\r\nhello"),
    ("CL with a plus", b"content-length: +5\r\n\r\nhello"),
    ("CL negative", b"content-length: -5\r\n\r\nhello"),
    ("CL in hex", b"content-length: 0x5\r\n\r\nhello"),
    ("another TE", b"transfer-encoding: gzip\r\n\r\nhello"),
    ("TE twice", b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + SMUGGLED),
    ("a folded header", b"x-a: b\r\n c\r\ncontent-length: 0\r\n\r\n"),
    ("a space before the colon", b"content-length : 0\r\n\r\n"),
    ("a NUL in a value", b"x-a: b\x00c\r\ncontent-length: 0\r\n\r\n"),
    ("bad chunks", b"transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize("rest", [pytest.param(rest, id=name) for name, rest in FRAMINGS])
def test_framings_that_smuggle(gateway: Gateway, rest: bytes) -> None:
    """Refused with a 400, and the connection is not used for what follows."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
    answers = everything(gateway, head.encode() + rest)
    assert answers.startswith(b"HTTP/1.1 4")
    assert answers.count(b"HTTP/1.1 ") == 1


def test_bare_line_feeds(gateway: Gateway) -> None:
    """Taken as line ends or refused, but never read as something else than what a strict reader sees."""
    heard = refused_or_closed(gateway, chat_request(gateway, b"", {"content-length": "0"}).replace(b"\r\n", b"\n"))
    assert heard is None or heard.status == 400


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /v1/chat/completions HTTP/1.1", 405),
        (b"DELETE /v1/models HTTP/1.1", 405),
        (b"POST /v1/nothing HTTP/1.1", 404),
        (b"POST /v1/chat/completions/ HTTP/1.1", 404),
        (b"POST /v1/%63hat/../admin HTTP/1.1", 404),
        (b"GET /metrics HTTP/1.1", 404),
        (b"GET /admin/v1/keys HTTP/1.1", 404),
    ],
)
def test_other_paths_and_methods(gateway: Gateway, request_line: bytes, status: int) -> None:
    lines = [request_line, b"host: x", f"authorization: Bearer {gateway.key}".encode(), b"content-length: 0", b"", b""]
    assert say(gateway, b"\r\n".join(lines)).status == status


@pytest.mark.parametrize(
    "start", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\x00" * 100, b"PRI * HTTP/2.0\r\n\r\n"]
)
def test_what_is_no_request(gateway: Gateway, start: bytes) -> None:
    assert b"HTTP/1.1 200" not in everything(gateway, start)


def test_a_body_that_never_ends_holds_up_nobody(gateway: Gateway) -> None:
    with connected(gateway) as slow:
        slow.sendall(chat_request(gateway, GOOD)[:-5])
        assert ask(gateway, GOOD.replace(b"fake-1", b"echo")).status == 200


def test_a_key_in_the_body_or_the_query_is_no_key(gateway: Gateway) -> None:
    body = json.dumps({**json.loads(GOOD), "user": gateway.key}).encode()
    assert ask(gateway, body, {"authorization": ""}).status == 401


def refused_or_closed(gateway: Gateway, request: bytes) -> Heard | None:
    """The response, or None when the connection was closed without one."""
    try:
        return say(gateway, request)
    except (TimeoutError, ConnectionError, ValueError, OSError):
        return None


def everything(gateway: Gateway, request: bytes) -> bytes:
    """All that comes back until the gateway closes the connection or falls silent."""
    pieces: list[bytes] = []
    with connected(gateway) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        try:
            while piece := connection.recv(65_536):
                pieces.append(piece)
        except ConnectionResetError:
            pass  # with data unread on its side, a close is a reset
    return b"".join(pieces)
