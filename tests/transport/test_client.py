"""What goes out, what comes back, and how a caller waits, stops waiting and gives up."""

from __future__ import annotations

import asyncio
import gc
import select
import threading
from collections.abc import Callable

import pytest

from aigate._native import Client, Origin
from aigate.domain import Outbound
from aigate.errors import InvalidRequest, UpstreamInvalid, UpstreamUnreachable
from tests.transport.asking import DEADLINES_MS, LIMIT, drained, post, send, until
from tests.transport.conftest import Opener
from tests.transport.peer import Peer, Received, Wire, keep_alive

Loop = Callable[[], asyncio.AbstractEventLoop]


async def test_asks_and_reads_the_answer(transport: Opener, loop_factory: Loop) -> None:
    seen: list[Received] = []

    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            seen.append(request)
            wire.send(
                b"HTTP/1.1 201 Created\r\nX-Mixed: Case\r\nx-twice: 1\r\nx-twice: 2\r\ncontent-length: 5\r\n\r\nhello"
            )

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [("Authorization", "Bearer sk-1")])
            upstream = client.open(origin, Outbound("/chat?a=b", b"body", (("X-Trace", "t"),)), DEADLINES_MS)
            assert await upstream.body(LIMIT) == b"hello"
            head = [("x-mixed", "Case"), ("x-twice", "1"), ("x-twice", "2"), ("content-length", "5")]
            assert await upstream.head() == (201, head)
            assert upstream.sent
    assert seen == [
        Received(
            "POST /v1/chat?a=b HTTP/1.1",
            [
                ("host", f"127.0.0.1:{peer.port}"),
                ("accept-encoding", "identity"),
                ("authorization", "Bearer sk-1"),
                ("x-trace", "t"),
                ("content-length", "4"),
            ],
            b"body",
        )
    ]


async def test_a_get_has_no_length_and_a_head_no_body(transport: Opener) -> None:
    lines: list[list[tuple[str, str]]] = []

    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            lines.append(request.headers)
            head_only = request.line.startswith("HEAD")
            wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n" + (b"" if head_only else b"data"))

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for method, body in (("HEAD", b""), ("GET", b"data")):
                upstream = client.open(origin, Outbound("/models", b"", (), method), DEADLINES_MS)
                assert await upstream.body(LIMIT) == body
        assert peer.accepted == 1
    assert all("content-length" not in dict(headers) for headers in lines)


async def test_streams_what_is_there_as_it_comes(transport: Opener, loop_factory: Loop) -> None:
    more = threading.Semaphore(0)

    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two", b"three"):
            more.acquire()
            wire.send(f"{len(piece):x};ext=1\r\n".encode(), piece, b"\r\n")
        more.acquire()
        wire.send(b"0\r\nx-trailer: dropped\r\n\r\n")

    with Peer(handler) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url)
            assert (await upstream.head())[0] == 200
            for piece in (b"one", b"two", b"three", b""):
                more.release()
                assert await upstream.read() == piece
            assert await upstream.read() == b""


def test_a_body_wakes_its_reader_once() -> None:
    """However many pieces it comes in."""

    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n")
        for _ in range(300):
            wire.send(b"x")

    with Peer(handler) as peer:
        client = Client(8, 8, 60_000, 65_536, 8_192)
        exchange = client.open(Origin(peer.base_url, [], None, None, False), "POST", "/", [], b"", DEADLINES_MS)
        assert exchange.body(LIMIT) is None
        turns: list[list[int]] = []
        while client.in_flight:
            select.select([client.fileno()], [], [], 5)
            turns.append(client.turn())
        assert exchange.body(LIMIT) == b"x" * 300
        assert [named for turn in turns for named in turn] == [exchange.id]
        client.close()


async def test_tells_its_timings(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for reused in (False, True):
                upstream = send(client, origin)
                await upstream.body(LIMIT)
                connected, sent, first_byte, end = upstream.timings_ns
                assert 0 < connected <= sent < first_byte <= end
                assert upstream.reused is reused


async def test_a_request_on_a_warm_connection_is_written_at_once(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            await send(client, origin).body(LIMIT)
            upstream = send(client, origin)
            assert upstream.sent
            assert upstream.timings_ns[1] > 0
            await upstream.body(LIMIT)


async def test_a_large_body_goes_out_whole(transport: Opener) -> None:
    body = bytes(range(256)) * 20_000
    with Peer(keep_alive) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url, body)
            assert await upstream.body(len(body)) == body


@pytest.mark.parametrize("framing", ["content-length: 70000\r\n", "transfer-encoding: chunked\r\n", ""])
async def test_a_body_over_the_limit_is_refused_and_the_upstream_closed(transport: Opener, framing: str) -> None:
    closed = threading.Event()

    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n".encode())
        wire.send(b"10000\r\n" if "chunked" in framing else b"", b"x" * 60_000)
        wire.wait_closed()
        closed.set()

    with Peer(handler) as peer:
        async with transport() as client:
            with pytest.raises(UpstreamInvalid, match="over 5000 bytes"):
                await post(client, peer.base_url).body(5_000)
            await until(closed.is_set)


async def test_a_body_of_exactly_the_limit_is_taken(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            assert await post(client, peer.base_url, b"x" * 5_000).body(5_000) == b"x" * 5_000
            upstream = post(client, peer.base_url, b"x" * 5_001)
            await upstream.head()
            with pytest.raises(UpstreamInvalid):
                await upstream.body(5_000)


@pytest.mark.parametrize("how", ["cancel", "drop", "cancel the task", "close"])
async def test_giving_up_closes_the_upstream_at_once(transport: Opener, how: str) -> None:
    closed = threading.Event()

    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst")
        assert wire.wait_closed()
        closed.set()

    with Peer(handler) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url)
            assert await upstream.read() == b"first"
            task = asyncio.ensure_future(upstream.read())
            await asyncio.sleep(0)
            if how == "cancel the task":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            elif how == "close":
                client.close()
                with pytest.raises(UpstreamUnreachable, match="the client was closed"):
                    await task
            else:
                task.cancel()
                if how == "cancel":
                    upstream.cancel()
                    upstream.cancel()
                del upstream, task
                await asyncio.sleep(0)
                gc.collect()
            assert client.open_connections == 0
            await until(closed.is_set)


async def test_an_exchange_given_up_says_so(transport: Opener) -> None:
    with Peer(Wire.wait_closed) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url)
            upstream.cancel()
            for look in (upstream.head, upstream.read, lambda: upstream.body(LIMIT)):
                with pytest.raises(UpstreamUnreachable, match="given up by the caller"):
                    await look()


async def test_cancelling_a_finished_exchange_keeps_its_connection(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            for _ in range(3):
                upstream = send(client, origin, b"whole")
                await upstream.head()
                await until(lambda: client.in_flight == 0)  # complete, though nobody has read it
                upstream.cancel()
                assert await upstream.read() == b"whole"
        assert peer.accepted == 1


async def test_nothing_can_be_opened_after_close(transport: Opener) -> None:
    async with transport() as client:
        origin = client.origin("http://127.0.0.1:9/v1", [])
        client.close()
        client.close()
        upstream = send(client, origin)
        with pytest.raises(UpstreamUnreachable, match="the client is closed"):
            await upstream.head()
        assert not upstream.sent


@pytest.mark.parametrize(
    ("outbound", "says"),
    [
        (Outbound("chat", b""), "path"),
        (Outbound("/a b", b""), "path"),
        (Outbound("/a\r\nx: y", b""), "path"),
        (Outbound("/ä", b""), "path"),
        (Outbound("/", b"", (), "GET "), "method"),
        (Outbound("/", b"", (), "CONNECT"), "method"),
        (Outbound("/", b"", (("a b", "c"),)), "headers"),
        (Outbound("/", b"", (("a", "SECRET\r\nb: c"),)), "a: holds characters"),
        (Outbound("/", b"", (("a", "SECRET\0"),)), "a: holds characters"),
        (Outbound("/", b"", (("Host", "SECRET"),)), "host: is set by the client itself"),
        (Outbound("/", b"", (("Transfer-Encoding", "SECRET"),)), "transfer-encoding"),
        (Outbound("/", b"", (("content-length", "5"),)), "content-length"),
        (Outbound("/", b"", (("accept-encoding", "gzip"),)), "accept-encoding"),
    ],
)
async def test_refuses_what_cannot_be_sent_safely(transport: Opener, outbound: Outbound, says: str) -> None:
    async with transport() as client:
        origin = client.origin("http://127.0.0.1:9/v1", [])
        with pytest.raises(InvalidRequest, match=says) as refused:
            client.open(origin, outbound, DEADLINES_MS)
        assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("base_url", "headers"),
    [
        ("ftp://example.com", []),
        ("example.com", []),
        ("http://", []),
        ("http://user:SECRET@example.com", []),
        ("https://example.com/v1?key=SECRET", []),
        ("https://example.com/v1#SECRET", []),
        ("https://example.com:0/v1", []),
        ("https://example.com:99999/v1", []),
        ("https://exa mple.com/v1", []),
        ("http://example.com", [("authorization", "Bearer SECRET\n")]),
        ("http://example.com", [("content-length", "5")]),
    ],
)
async def test_refuses_an_origin_that_cannot_be(
    transport: Opener, base_url: str, headers: list[tuple[str, str]]
) -> None:
    async with transport() as client:
        with pytest.raises(ValueError, match=r"base_url|header") as refused:
            client.origin(base_url, headers)
        assert "SECRET" not in str(refused.value)


async def test_many_at_once_each_get_their_own(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])

            async def ask(number: int) -> None:
                body = f"{number}".encode() * (number + 1)
                upstream = send(client, origin, body)
                assert await (upstream.body(LIMIT) if number % 2 else drained(upstream)) == body

            for _ in range(3):
                await asyncio.gather(*(ask(number) for number in range(50)))
        assert peer.accepted <= 50


def elsewhere(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def test_belongs_to_the_thread_of_its_loop(transport: Opener) -> None:
    seen: list[RuntimeError] = []

    def use() -> None:
        for thing, name in ((client, "in_flight"), (upstream, "sent")):
            try:
                getattr(thing, name)
            except RuntimeError as error:
                seen.append(error)

    async with transport() as client:
        upstream = post(client, "http://127.0.0.1:9/v1")
        elsewhere(use)
    assert [str(error).startswith("used outside of the thread") for error in seen] == [True, True]


async def test_what_is_dropped_on_another_thread_is_cancelled_too(transport: Opener, loop_factory: Loop) -> None:
    """Python's garbage collector runs on whatever thread comes along."""
    closed = threading.Event()

    def handler(wire: Wire) -> None:
        wire.request()
        assert wire.wait_closed()
        closed.set()

    with Peer(handler) as peer:
        async with transport() as client:
            held = [post(client, peer.base_url)]
            await until(lambda: held[0].sent)
            elsewhere(held.clear)
            await until(closed.is_set)
            assert client.in_flight == 0
