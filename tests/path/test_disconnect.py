"""Callers that leave: before the answer, within it, within their own request, politely or not.

The provider's connection is closed at once (the provider stops billing), and the ledger knows what had happened.
"""

from __future__ import annotations

import socket
import struct
import time

import pytest

from tests.gateway import Gateway
from tests.path.raw import ask, chat_body, chat_request, connected
from tests.upstreams import FakeUpstream, play

CLOSED_WITHIN_S = 0.2
RESET = struct.pack("ii", 1, 0)
STREAM = play.completion_stream(*(f"piece {number} " for number in range(40)))
SEEN_PIECES = 20


def leave(connection: socket.socket, rudely: bool) -> float:
    """Hang up; when."""
    if rudely:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    left = time.monotonic()
    connection.close()
    return left


def assert_told(upstream: FakeUpstream, left: float) -> None:
    upstream.wait(lambda: upstream.seen[0].client_gone is not None)
    gone = upstream.seen[0].client_gone
    assert gone is not None
    assert gone - left < CLOSED_WITHIN_S
    assert upstream.seen[0].answered is None


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    heard = b""
    while mark not in heard:
        piece = connection.recv(65_536)
        assert piece, heard
        heard += piece
    return heard


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_before_the_answer(gateway: Gateway, upstream: FakeUpstream, streamed: bool, rudely: bool) -> None:
    name = f"early-{streamed}-{rudely}"
    upstream.script(play.NEVER_ANSWERS)
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(stream=streamed), {"x-request-id": name}))
        upstream.wait_for_requests(1)
        left = leave(connection, rudely)
    assert_told(upstream, left)
    row = gateway.row_of(name)
    assert (row["outcome"], row["status"], row["output_tokens"]) == ("cancelled", 499, 0)
    assert row["input_tokens"] > 0


@pytest.mark.parametrize("rudely", [False, True])
def test_within_a_stream(gateway: Gateway, upstream: FakeUpstream, rudely: bool) -> None:
    upstream.script(STREAM.stalled_at(STREAM.ends()[SEEN_PIECES]))
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(stream=True), {"x-request-id": f"within-{rudely}"}))
        read_until(connection, b"piece %d " % (SEEN_PIECES - 1))
        left = leave(connection, rudely)
    assert_told(upstream, left)
    row = gateway.row_of(f"within-{rudely}")
    assert (row["outcome"], row["status"], row["usage_source"]) == ("cancelled", 200, "counted")
    assert SEEN_PIECES <= row["output_tokens"] <= 4 * SEEN_PIECES


def test_within_a_stream_that_keeps_coming(gateway: Gateway, upstream: FakeUpstream) -> None:
    """No silence in which a disconnect could be noticed by chance."""
    endless = play.completion_stream(*("more " for _ in range(20_000))).paced(0.001)
    upstream.script(endless)
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(stream=True), {"x-request-id": "endless"}))
        read_until(connection, b"more ")
        left = leave(connection, rudely=False)
    assert_told(upstream, left)
    assert gateway.row_of("endless")["outcome"] == "cancelled"


def test_within_its_own_request(gateway: Gateway, upstream: FakeUpstream) -> None:
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(), {"x-request-id": "half"})[:-5])
    row = gateway.row_of("half")
    assert (row["outcome"], row["attempt"]) == ("refused", 0)
    assert upstream.seen == []


def test_many_at_once_leave_nothing_behind(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.always(play.NEVER_ANSWERS)
    connections = [socket.create_connection(("127.0.0.1", gateway.port), timeout=5) for _ in range(50)]
    for number, connection in enumerate(connections):
        connection.sendall(chat_request(gateway, chat_body(stream=True), {"x-request-id": f"many-{number}"}))
    upstream.wait_for_requests(50)
    for connection in connections:
        connection.close()
    upstream.wait(lambda: all(seen.client_gone is not None for seen in upstream.seen))
    for number in range(50):
        assert gateway.row_of(f"many-{number}")["outcome"] == "cancelled"
    upstream.reset()
    assert ask(gateway, chat_body()).status == 200
