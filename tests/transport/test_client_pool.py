"""Connections: used again, never when stale, bounded, waited for in order, and given up when nobody needs them."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aigate.errors import UpstreamTimeout, UpstreamUnreachable
from tests.transport.asking import LIMIT, PATIENT_MS, post, send, until
from tests.transport.conftest import Opener
from tests.transport.peer import Peer, Wire, keep_alive


async def test_a_connection_is_used_again(transport: Opener, loop_factory: object) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for _ in range(5):
                assert await send(client, origin, b"x").body(LIMIT) == b"x"
        assert peer.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    ],
    ids=["close", "1.0", "more than asked for"],
)
async def test_a_connection_that_must_not_be_used_again_is_closed(transport: Opener, answer: bytes) -> None:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(answer)
        wire.wait_closed()

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for number in (1, 2):
                assert await send(client, origin).body(LIMIT) == b"x"
                assert (client.open_connections, peer.accepted) == (0, number)


async def test_a_connection_the_server_closed_while_idle_fails_no_request(transport: Opener) -> None:
    """The loop is not given a turn in between, so the close is found only when the connection is wanted."""
    closed = threading.Semaphore(0)

    def handler(wire: Wire) -> None:
        request = wire.request()
        assert request is not None
        wire.answer(request.body)
        wire.sock.close()
        closed.release()

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for number in range(10):
                upstream = send(client, origin, b"x")
                assert await upstream.body(LIMIT) == b"x"
                assert not upstream.reused
                assert peer.accepted == number + 1
                closed.acquire()


async def test_an_answer_nobody_asked_for_is_given_to_nobody(transport: Opener) -> None:
    spoken = threading.Semaphore(0)

    def handler(wire: Wire) -> None:
        request = wire.request()
        assert request is not None
        wire.answer(request.body)
        answered.acquire()
        wire.answer(b"forged")
        spoken.release()
        wire.wait_closed()

    answered = threading.Semaphore(0)
    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for _ in range(3):
                assert await send(client, origin, b"mine").body(LIMIT) == b"mine"
                answered.release()
                spoken.acquire()
        assert peer.accepted == 3


async def test_a_connection_that_dies_under_a_request_is_not_tried_again(transport: Opener) -> None:
    """The request was written: it may have been worked on, and paid for."""
    requests = []

    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            requests.append(request.body)
            if len(requests) == 2:
                return
            wire.answer()

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            await send(client, origin, b"1").body(LIMIT)
            upstream = send(client, origin, b"2")
            with pytest.raises(UpstreamUnreachable, match="the connection broke before the answer began: closed"):
                await upstream.head()
            assert upstream.sent
            assert upstream.reused
    assert requests == [b"1", b"2"]


async def test_who_finds_no_connection_free_waits_in_order(transport: Opener) -> None:
    order: list[bytes] = []
    go = threading.Semaphore(0)

    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            order.append(request.body)
            go.acquire()
            wire.answer(request.body)

    with Peer(handler) as peer:
        async with transport(max_connections_per_origin=1) as client:
            origin = client.origin(peer.base_url, [])
            upstreams = [send(client, origin, b"%d" % number) for number in range(6)]
            await until(lambda: order == [b"0"])
            upstreams.pop(3).cancel()
            assert client.open_connections == 1
            for upstream in upstreams:
                go.release()
                await upstream.body(LIMIT)
        assert peer.accepted == 1
    assert order == [b"0", b"1", b"2", b"4", b"5"]


async def test_waiting_for_a_connection_has_the_connect_deadline(transport: Opener) -> None:
    with Peer(Wire.wait_closed) as peer:
        async with transport(max_connections_per_origin=1) as client:
            origin = client.origin(peer.base_url, [])
            holder = send(client, origin)
            await until(lambda: holder.sent)
            with pytest.raises(UpstreamTimeout, match="not connected within 60 ms"):
                await send(client, origin, b"", (60, PATIENT_MS, PATIENT_MS, PATIENT_MS)).head()
            last = send(client, origin)
            holder.cancel()
            await until(lambda: last.sent)  # what was given up is free for others
            last.cancel()
        assert peer.accepted == 2


async def test_a_failed_connection_makes_room(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        wire.request()

    with Peer(handler) as peer:
        async with transport(max_connections_per_origin=1) as client:
            origin = client.origin(peer.base_url, [])
            ends = await asyncio.gather(*(send(client, origin).head() for _ in range(5)), return_exceptions=True)
            assert all(isinstance(end, UpstreamUnreachable) for end in ends)
        assert peer.accepted == 5


async def test_idle_connections_are_bounded(transport: Opener) -> None:
    everybody = threading.Barrier(6)

    def handler(wire: Wire) -> None:
        while wire.request() is not None:
            everybody.wait(10)
            wire.answer()

    with Peer(handler) as peer:
        async with transport(max_idle_per_origin=2) as client:
            origin = client.origin(peer.base_url, [])
            await asyncio.gather(*(send(client, origin).body(LIMIT) for _ in range(6)))
            assert (peer.accepted, client.open_connections) == (6, 2)


async def test_idle_connections_expire(transport: Opener, loop_factory: object) -> None:
    with Peer(keep_alive) as peer:
        async with transport(idle_connection_ms=60) as client:
            await post(client, peer.base_url).body(LIMIT)
            assert client.open_connections == 1
            await until(lambda: client.open_connections == 0)


async def test_an_idle_connection_the_server_closes_is_closed(transport: Opener) -> None:
    close = threading.Event()

    def handler(wire: Wire) -> None:
        wire.request()
        wire.answer()
        close.wait(10)

    with Peer(handler) as peer:
        async with transport() as client:
            await post(client, peer.base_url).body(LIMIT)
            assert client.open_connections == 1
            close.set()
            await until(lambda: client.open_connections == 0)


async def test_origins_do_not_share_connections(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            for _ in range(2):
                await post(client, peer.base_url).body(LIMIT)
        assert peer.accepted == 2


# --- backpressure ---


@pytest.mark.parametrize("framing", ["content-length: 50000000\r\n", "transfer-encoding: chunked\r\n", ""])
async def test_a_reader_who_stops_stops_the_sender(transport: Opener, framing: str) -> None:
    piece = b"x" * 10_000
    chunk = b"2710\r\n" + piece + b"\r\n" if "chunked" in framing else piece
    sent = 0

    def handler(wire: Wire) -> None:
        nonlocal sent
        wire.request()
        wire.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n".encode())
        for _ in range(5000):
            wire.send(chunk)
            sent += 1

    with Peer(handler) as peer:
        async with transport(buffer_bytes=16_384) as client:
            upstream = post(client, peer.base_url)
            await upstream.head()
            known = -1
            while known != sent:
                known = sent
                await asyncio.sleep(0.1)
            assert sent < 2000  # what the kernel's buffers hold on both sides
            got = 0
            while got < 50_000_000 and (data := await upstream.read()):
                assert len(data) <= 16_384
                got += len(data)
            assert got == 50_000_000


async def test_a_reader_who_stops_does_not_use_up_the_idle_deadline(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.answer(b"x" * 5_000_000)

    with Peer(handler) as peer:
        async with transport(buffer_bytes=16_384) as client:
            upstream = post(client, peer.base_url, b"", (PATIENT_MS, PATIENT_MS, 80, PATIENT_MS))
            await upstream.head()
            await asyncio.sleep(0.3)
            assert await upstream.body(10_000_000) == b"x" * 5_000_000


async def test_what_is_cancelled_while_full_is_closed(transport: Opener) -> None:
    closed = threading.Event()

    def handler(wire: Wire) -> None:
        wire.request()
        try:
            wire.answer(b"x" * 50_000_000)
        finally:
            closed.set()

    with Peer(handler) as peer:
        async with transport(buffer_bytes=16_384) as client:
            upstream = post(client, peer.base_url)
            await upstream.head()
            upstream.cancel()
            assert client.open_connections == 0
            await until(closed.is_set)
