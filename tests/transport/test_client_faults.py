"""Upstreams that refuse, stall, cut, lie and drip: a clear error that says whose fault it was, in time, and no leak."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from aigate.errors import UpstreamFailed, UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from tests.transport.asking import DEADLINES_MS, LIMIT, PATIENT_MS, drained, post, send, until
from tests.transport.conftest import Opener
from tests.transport.peer import Peer, Wire, always, keep_alive

OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b'content-length: 13\r\n\r\n{"a": "bcdef"}'[:-1]
CHUNKED = OK + b'transfer-encoding: chunked\r\n\r\n8;x=y\r\n{"a": "b\r\n5\r\ncdef"\r\n0\r\nt: r\r\n\r\n'


@contextmanager
def full_backlog() -> Iterator[str]:
    """A port where connecting hangs: nobody accepts, and the queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
        for sock in waiting:
            sock.close()


# --- no connection ---


async def test_a_refused_connection(transport: Opener) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with transport() as client:
            upstream = post(client, f"http://127.0.0.1:{port}/v1")
            with pytest.raises(UpstreamUnreachable, match=f"^connect to 127.0.0.1:{port}: connection refused$"):
                await upstream.head()
            assert not upstream.sent


async def test_a_name_that_does_not_exist(transport: Opener) -> None:
    async with transport() as client:
        origin = client.origin("http://nowhere.invalid/v1", [])
        both = await asyncio.gather(send(client, origin).head(), send(client, origin).head(), return_exceptions=True)
        for error in both:
            assert isinstance(error, UpstreamUnreachable)
            assert error.message.startswith("resolve nowhere.invalid: ")


async def test_a_connection_that_hangs(transport: Opener) -> None:
    with full_backlog() as url:
        async with transport() as client:
            upstream = post(client, url, b"{}", (80, PATIENT_MS, PATIENT_MS, PATIENT_MS))
            with pytest.raises(UpstreamTimeout, match="not connected within 80 ms"):
                await upstream.head()
            assert not upstream.sent


async def test_the_next_address_is_tried(transport: Opener) -> None:
    """`localhost` has two addresses here or one; whichever is refused, the one that listens is found."""
    with Peer(keep_alive) as peer:
        async with transport() as client:
            upstream = post(client, f"http://localhost:{peer.port}", b"found")
            assert await upstream.body(LIMIT) == b"found"


# --- stalls ---


def stall(*before: bytes) -> Callable[[Wire], None]:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(*before)
        wire.wait_closed()

    return handler


@pytest.mark.parametrize(
    ("before", "deadlines_ms", "says"),
    [
        (b"", (PATIENT_MS, 60, PATIENT_MS, PATIENT_MS), "no answer began within 60 ms"),
        (OK, (PATIENT_MS, 60, PATIENT_MS, PATIENT_MS), "no answer began within 60 ms"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", (PATIENT_MS, 60, PATIENT_MS, PATIENT_MS), "no answer began within 60 ms"),
        (PLAIN[:-3], (PATIENT_MS, PATIENT_MS, 60, PATIENT_MS), "the answer stood still for 60 ms"),
        (CHUNKED[:-3], (PATIENT_MS, PATIENT_MS, 60, PATIENT_MS), "the answer stood still for 60 ms"),
        (b"", (PATIENT_MS, PATIENT_MS, PATIENT_MS, 60), "the answer was not complete within 60 ms"),
        (PLAIN[:-3], (PATIENT_MS, PATIENT_MS, PATIENT_MS, 60), "the answer was not complete within 60 ms"),
    ],
)
async def test_a_stall_ends_with_its_deadline(
    transport: Opener, loop_factory: object, before: bytes, deadlines_ms: tuple[int, int, int, int], says: str
) -> None:
    with Peer(stall(before)) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url, b"{}", deadlines_ms)
            with pytest.raises(UpstreamTimeout, match=f"^127.0.0.1:{peer.port}: {says}$"):
                await drained(upstream)
            assert upstream.sent
            assert (client.in_flight, client.open_connections) == (0, 0)


async def test_what_came_before_a_stall_is_handed_over(transport: Opener) -> None:
    with Peer(stall(PLAIN[:-3])) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url, b"{}", (PATIENT_MS, PATIENT_MS, 60, PATIENT_MS))
            await until(lambda: client.in_flight == 0)
            assert (await upstream.head())[0] == 200
            assert await upstream.read() == PLAIN[-13:-3]
            for look in (upstream.read, lambda: upstream.body(LIMIT)):
                with pytest.raises(UpstreamTimeout):
                    await look()


async def test_a_complete_answer_outlives_its_deadlines(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            if request.body == b"stall":
                wire.wait_closed()
                return
            wire.answer(request.body)

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            kept = send(client, origin, b"kept", (PATIENT_MS, PATIENT_MS, PATIENT_MS, 40))
            await until(lambda: client.in_flight == 0)
            for _ in range(2):
                with pytest.raises(UpstreamTimeout):
                    await send(client, origin, b"stall", (PATIENT_MS, PATIENT_MS, PATIENT_MS, 80)).head()
                assert client.in_flight == 0
            assert await kept.body(LIMIT) == b"kept"


async def test_a_request_nobody_takes_in(transport: Opener) -> None:
    release = threading.Event()

    def handler(wire: Wire) -> None:
        release.wait(10)

    with Peer(handler) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url, b"x" * (64 << 20), (PATIENT_MS, PATIENT_MS, 60, PATIENT_MS))
            with pytest.raises(UpstreamTimeout, match="took nothing of the request for 60 ms"):
                await upstream.head()
            assert upstream.sent
        release.set()


async def test_a_slow_drip_keeps_the_idle_deadline_away_but_not_the_total(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(OK, b"content-length: 1000000\r\n\r\n")
        while not gone.wait(0.01):
            wire.send(b"x")

    gone = threading.Event()
    with Peer(handler) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url, b"{}", (PATIENT_MS, PATIENT_MS, PATIENT_MS, 150))
            with pytest.raises(UpstreamTimeout, match="not complete within 150 ms"):
                await drained(upstream)
        gone.set()


# --- cuts ---


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["content-length", "chunked"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_cut_at_any_byte_is_never_a_clean_end(transport: Opener, answer: bytes, reset: bool) -> None:
    cuts = iter(range(len(answer)))

    def handler(wire: Wire) -> None:
        cut = next(cuts)
        wire.request()
        wire.send(answer[:cut])
        if reset:
            wire.reset()

    with Peer(handler) as peer:
        async with transport() as client:
            for cut in range(len(answer)):
                upstream = post(client, peer.base_url)
                with pytest.raises(UpstreamFailed) as failed:
                    await upstream.body(LIMIT)
                assert upstream.sent, cut
                if not reset and cut > answer.index(b"\r\n\r\n") + 3 and answer is PLAIN:
                    got = cut - answer.index(b"\r\n\r\n") - 4
                    assert failed.value.message.endswith(f"the answer broke after {got} bytes: closed by the peer")
            assert client.in_flight == 0


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["content-length", "chunked"])
async def test_an_answer_cut_into_single_bytes_is_the_same(transport: Opener, answer: bytes) -> None:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(*(bytes([byte]) for byte in answer))

    with Peer(handler) as peer:
        async with transport() as client:
            assert await drained(post(client, peer.base_url)) == b'{"a": "bcdef"'


async def test_an_answer_that_ends_by_closing(transport: Opener) -> None:
    with Peer(always(OK, b"\r\n", b"all ", b"there is")) as peer:
        async with transport() as client:
            assert await post(client, peer.base_url).body(LIMIT) == b"all there is"


async def test_an_early_refusal_is_read_though_the_request_was_not_taken(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        wire.sock.recv(1000)
        wire.answer(b"too large", "HTTP/1.1 413 Content Too Large\r\n")
        wire.sock.shutdown(socket.SHUT_WR)
        wire.wait_closed()

    with Peer(handler) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url, b"x" * (8 << 20))
            assert await upstream.body(LIMIT) == b"too large"
            assert (await upstream.head())[0] == 413
            assert client.open_connections == 0


# --- lies ---


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"<html>",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 700 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"a: b\r\n folded\r\n\r\n",
        OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"content-length: 0x5\r\n\r\nhello",
        OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        OK + b"".join(b"x-%d: y\r\n" % number for number in range(101)) + b"\r\n",
        OK + b"x: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n" * 9,
    ],
)
async def test_what_is_not_http_is_refused_and_the_connection_closed(transport: Opener, answer: bytes) -> None:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(answer)
        wire.wait_closed()

    with Peer(handler) as peer:
        async with transport() as client:
            with pytest.raises(UpstreamInvalid, match=f"^127.0.0.1:{peer.port}: "):
                await post(client, peer.base_url).body(LIMIT)
            assert client.open_connections == 0


async def test_interim_answers_are_skipped(transport: Opener) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    with Peer(always(interim, PLAIN)) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url)
            assert await upstream.body(LIMIT) == PLAIN[-13:]
            assert await upstream.head() == (200, [("content-length", "13")])


async def test_redirects_are_not_followed(transport: Opener) -> None:
    with Peer(
        always(b"HTTP/1.1 307 Elsewhere\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
    ) as peer:
        async with transport() as client:
            upstream = post(client, peer.base_url)
            assert await upstream.body(LIMIT) == b""
            assert (await upstream.head())[0] == 307


async def test_one_bad_exchange_leaves_the_others_alone(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            if request.body == b"bad":
                wire.send(b"garbage")
                return
            wire.answer(request.body)

    with Peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.base_url, [])
            bodies = [b"good", b"bad"] * 20
            ends = await asyncio.gather(
                *(send(client, origin, body, DEADLINES_MS).body(LIMIT) for body in bodies), return_exceptions=True
            )
            for body, end in zip(bodies, ends, strict=True):
                assert end == body if body == b"good" else isinstance(end, UpstreamInvalid)
