"""The fake upstream keeps its promises; tests of the gateway rest on them."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.upstreams import FakeUpstream, Play, Recorded, chat_exchanges, load, never_accepting, play, refusing_url

KEY = "sk-test"
GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
PROVIDERS = ("openai", "azure", "vllm", "tgi", "mistral")


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(KEY) as server:
        yield server


def call(upstream: FakeUpstream, body: dict[str, Any] | bytes = GOOD, *, key: str = KEY, extra: str = "") -> bytes:
    """One request over a connection of its own; everything that comes back."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.sendall(request(payload, key, extra))
        return read_all(connection)


def request(payload: bytes, key: str = KEY, extra: str = "") -> bytes:
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{extra}"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    ).encode() + payload


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def body_of(answer: bytes) -> bytes:
    """The body, unchunked when it is chunked; a cut one as far as it goes."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        return rest
    pieces = []
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return b"".join(pieces)


def test_answers_an_sdk_and_remembers_what_it_was_asked(upstream: FakeUpstream) -> None:
    with openai.OpenAI(base_url=upstream.base_url, api_key=KEY) as client:
        whole = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        chunks = list(
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
        )
    assert whole.choices[0].message.content == "Hello from upstream"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"
    first, second = upstream.seen
    assert (first.method, first.path, first.json) == ("POST", "/v1/chat/completions", GOOD)
    assert first.connection == second.connection
    assert second.header("authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**GOOD, "unknown": 1}, 400),
        ({"messages": GOOD["messages"]}, 400),
        ({**GOOD, "messages": []}, 400),
        ({**GOOD, "messages": [{"role": "robot"}]}, 400),
        ({**GOOD, "n": "2"}, 400),
        ({**GOOD, "stream_options": {"include_usage": True}}, 400),
        ({**GOOD, "stream": True, "stream_options": {"x": True}}, 400),
        ({**GOOD, "tool_choice": "required"}, 400),
        ({**GOOD, "user": "aig_0123"}, 400),
        (b'{"model":"a","model":"b","messages":[{"role":"user"}]}', 400),
        (b"[]", 400),
        (b"{", 400),
    ],
)
def test_refuses_what_openai_would_refuse(upstream: FakeUpstream, body: dict[str, Any] | bytes, status: int) -> None:
    assert call(upstream, body).startswith(b"HTTP/1.1 %d " % status)
    assert upstream.seen[0].refused == status


def test_refuses_heads(upstream: FakeUpstream) -> None:
    assert call(upstream, key="sk-other").startswith(b"HTTP/1.1 401 ")
    assert call(upstream, extra="Authorization: Bearer x\r\n").startswith(b"HTTP/1.1 400 ")
    assert call(upstream, extra="x-aigate-tags: a=b\r\n").startswith(b"HTTP/1.1 400 ")
    assert call(upstream).startswith(b"HTTP/1.1 200 ")


def test_scripted_plays_come_first_and_once(upstream: FakeUpstream) -> None:
    upstream.script(play.error(503), play.error(429, "Slow down.", None, ("retry-after", "2")))
    assert call(upstream).startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 2\r\n" in call(upstream)
    assert call(upstream).startswith(b"HTTP/1.1 200 ")


RECORDED = [one for provider in PROVIDERS for one in chat_exchanges(provider)]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda one: one.name)
def test_replays_what_was_recorded(recorded: Recorded) -> None:
    with FakeUpstream(KEY, strict=False) as upstream:
        upstream.script(recorded.play())
        answer = call(upstream, recorded.request["json"])
    assert answer.startswith(b"HTTP/1.1 %d " % recorded.response["status"])
    assert body_of(answer) == recorded.body


def test_there_are_enough_recorded_streams() -> None:
    assert sum(one.is_stream for one in RECORDED) >= 45


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_drip(upstream: FakeUpstream, size: int) -> None:
    recorded = load("openai", "stream_text")
    upstream.script(recorded.play().dripped(size))
    answer = call(upstream)
    assert body_of(answer) == recorded.body
    assert answer.count(b"\r\n") >= len(recorded.body) // size


def test_a_cut_sends_so_many_bytes_and_no_end(upstream: FakeUpstream) -> None:
    upstream.script(play.completion_stream().cut_at(100), play.completion().cut_at(10))
    streamed, whole = call(upstream), call(upstream)
    assert len(body_of(streamed)) == len(body_of(whole).ljust(10)) + 90 == 100
    assert not streamed.endswith(b"0\r\n\r\n")


def test_a_reset(upstream: FakeUpstream) -> None:
    upstream.script(play.completion_stream().cut_at(100, "rst"))
    with pytest.raises(ConnectionResetError):
        call(upstream)


def test_a_stall_lasts_until_the_peer_leaves_and_that_is_noted(upstream: FakeUpstream) -> None:
    upstream.script(play.completion_stream().stalled_at(50))
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.sendall(request(json.dumps(GOOD).encode()))
        upstream.wait(lambda: upstream.seen and upstream.seen[0].sent == 50)
        assert upstream.seen[0].client_gone is None
    upstream.wait(lambda: upstream.seen[0].client_gone is not None)
    assert upstream.seen[0].answered is None


def test_a_reset_by_the_peer_is_noted_too(upstream: FakeUpstream) -> None:
    upstream.script(play.NEVER_ANSWERS)
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(request(json.dumps(GOOD).encode()))
        upstream.wait_for_requests(1)
    upstream.wait(lambda: upstream.seen[0].client_gone is not None)


def test_a_gate_holds_until_it_is_opened(upstream: FakeUpstream) -> None:
    answer = play.completion_stream("a", "b")
    upstream.script(answer.held_at(100, "middle"))
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=5) as connection:
        connection.sendall(request(json.dumps(GOOD).encode()))
        upstream.wait(lambda: upstream.seen and upstream.seen[0].sent == 100)
        upstream.open("middle")
        assert body_of(read_all(connection)) == answer.body


def test_raw_bytes_and_bodies_without_framing(upstream: FakeUpstream) -> None:
    upstream.script(play.raw(b"\x00not http"), Play(pieces=(b"{", b"}"), framing="close"))
    assert call(upstream) == b"\x00not http"
    assert call(upstream).endswith(b"connection: close\r\n\r\n{}")


def test_upstreams_that_cannot_be_reached() -> None:
    with pytest.raises(openai.APIConnectionError):
        openai.OpenAI(base_url=refusing_url(), api_key="x", max_retries=0).models.list()
    with never_accepting() as url, pytest.raises(openai.APITimeoutError):
        openai.OpenAI(base_url=url, api_key="x", max_retries=0, timeout=0.2).models.list()
