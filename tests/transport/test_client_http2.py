"""HTTP/2: many exchanges on one connection, each with its own end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes

from aigate.errors import UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from tests.transport.asking import DEADLINES_MS, LIMIT, PATIENT_MS, drained, send, until
from tests.transport.certificates import ca_file, server
from tests.transport.conftest import Opener
from tests.transport.h2_peer import H2Request, H2Server, keep_answering
from tests.transport.peer import Peer, Wire, in_turn, keep_alive


def h2_peer(handler: Callable[[Wire], object]) -> Peer:
    return Peer(handler, server(alpn=("h2",)))


async def test_speaks_http2(transport: Opener, loop_factory: object) -> None:
    seen: list[H2Request] = []

    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        while (request := http2.request()) is not None:
            seen.append(request)
            http2.answer(request, request.body)

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [("authorization", "Bearer sk-1")], ca_file=ca_file())
            for body in (b"small", b"x" * 300_000, b""):
                upstream = send(client, origin, body)
                assert await drained(upstream) == body
                assert await upstream.head() == (200, [("x-protocol", "h2")])
                assert upstream.sent
        assert peer.accepted == 1
    assert seen[0].headers == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": f"localhost:{peer.port}",
        ":path": "/v1/chat",
        "accept-encoding": "identity",
        "authorization": "Bearer sk-1",
        "content-type": "application/json",
        "content-length": "5",
    }


async def test_falls_back_to_http1(transport: Opener) -> None:
    with Peer(keep_alive, server(alpn=("http/1.1",))) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            bodies = [b"%d" % number for number in range(10)]
            assert await asyncio.gather(*(send(client, origin, body).body(LIMIT) for body in bodies)) == bodies


async def test_is_not_offered_when_it_is_not_wanted(transport: Opener) -> None:
    with Peer(keep_alive, server(alpn=("h2", "http/1.1"))) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file(), http2=False)
            assert await send(client, origin, b"x").body(LIMIT) == b"x"


async def test_many_share_one_connection(transport: Opener) -> None:
    """Opened before there is a connection, and answered last come first served."""

    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        requests = [http2.request() for _ in range(30)]
        for request in reversed(requests):
            assert request is not None
            http2.answer(request, request.body * 5_000)
        http2.request()

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            bodies = [b"%d" % number for number in range(30)]
            upstreams = [send(client, origin, body) for body in bodies]
            assert await asyncio.gather(*map(drained, upstreams)) == [body * 5_000 for body in bodies]
        assert peer.accepted == 1


async def test_the_servers_limit_of_streams_is_kept(transport: Opener) -> None:
    most = 0

    def handler(wire: Wire) -> None:
        nonlocal most
        http2 = H2Server(wire, max_streams=2)
        waiting: list[H2Request] = []
        while (request := http2.request()) is not None:
            waiting.append(request)
            most = max(most, len(waiting))
            if len(waiting) == 2 or request.body == b"last":
                for each in waiting:
                    http2.answer(each, each.body)
                waiting = []

    with h2_peer(handler) as peer:
        async with transport(max_connections_per_origin=1) as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            assert await send(client, origin, b"last").body(LIMIT) == b"last"  # its settings are known now
            bodies = [b"%d" % number for number in range(8)]
            assert await asyncio.gather(*(send(client, origin, body).body(LIMIT) for body in bodies)) == bodies
        assert peer.accepted == 1
    assert most == 2


async def test_over_the_servers_limit_another_connection_is_made(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        http2 = H2Server(wire, max_streams=2)
        requests: list[H2Request] = []
        while (request := http2.request()) is not None:
            requests.append(request)
            if request.body == b"first" or len(requests) == 2:
                if request.body != b"first":
                    everybody.wait(10)
                for each in requests:
                    http2.answer(each, each.body)
                requests = []

    everybody = threading.Barrier(3)
    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin, b"first").body(LIMIT)
            await asyncio.gather(*(send(client, origin).body(LIMIT) for _ in range(6)))
        assert peer.accepted == 3


async def test_a_server_may_take_a_single_stream(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        http2 = H2Server(wire, max_streams=1)
        while (request := http2.request()) is not None:
            http2.answer(request, request.body)

    with h2_peer(handler) as peer:
        async with transport(max_connections_per_origin=2) as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            bodies = [b"%d" % number for number in range(9)]
            assert await asyncio.gather(*(send(client, origin, body).body(LIMIT) for body in bodies)) == bodies
        assert peer.accepted <= 2


async def test_giving_up_resets_the_stream_and_only_that(transport: Opener) -> None:
    servers: list[H2Server] = []

    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        servers.append(http2)
        requests = [http2.request(), http2.request()]
        for request in requests:
            assert request is not None
            http2.head(request.stream)
            http2.data(request.stream, b"begun")
        while not http2.resets:
            http2.pump()
        (given_up,) = (stream for stream, _ in http2.resets)
        (other,) = (request.stream for request in requests if request and request.stream != given_up)
        http2.data(other, b" and done", end=True)
        http2.request()

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            gone, stays = send(client, origin), send(client, origin)
            assert (await gone.read(), await stays.read()) == (b"begun", b"begun")
            gone.cancel()
            assert await drained(stays) == b" and done"
        assert [code for _, code in servers[0].resets] == [ErrorCodes.CANCEL]
        assert peer.accepted == 1


async def test_a_refused_stream_is_tried_again(transport: Opener) -> None:
    asked: list[bytes] = []

    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        while (request := http2.request()) is not None:
            asked.append(request.body)
            if asked == [b"warm", b"x"]:
                http2.reset(request.stream, ErrorCodes.REFUSED_STREAM)
            else:
                http2.answer(request, request.body)

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin, b"warm").body(LIMIT)
            assert await send(client, origin, b"x").body(LIMIT) == b"x"
    assert asked == [b"warm", b"x", b"x"]


async def test_a_stream_that_may_have_been_worked_on_is_not(transport: Opener) -> None:
    asked: list[bytes] = []

    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        while (request := http2.request()) is not None:
            asked.append(request.body)
            if request.body == b"warm":
                http2.answer(request)
            else:
                http2.reset(request.stream, ErrorCodes.INTERNAL_ERROR)

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin, b"warm").body(LIMIT)
            upstream = send(client, origin, b"x")
            with pytest.raises(UpstreamUnreachable, match="before the answer began: HTTP/2 INTERNAL_ERROR"):
                await upstream.head()
            assert upstream.sent
    assert asked == [b"warm", b"x"]


async def test_what_a_parting_server_did_not_look_at_goes_elsewhere(transport: Opener) -> None:
    """GOAWAY names the last stream it will answer: that one is answered, those after it are sent again."""
    asked: list[bytes] = []

    def answering_then_leaving(wire: Wire) -> None:
        http2 = H2Server(wire)
        warm = http2.request()
        assert warm is not None
        http2.answer(warm, warm.body)
        requests = [request for request in (http2.request() for _ in range(3)) if request]
        asked.extend(request.body for request in requests)
        http2.head(requests[0].stream)
        http2.data(requests[0].stream, b"mine", end=True)
        http2.go_away(requests[0].stream)
        wire.wait_closed()

    with h2_peer(in_turn(answering_then_leaving, keep_answering)) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin, b"warm").body(LIMIT)
            upstreams = [send(client, origin, body) for body in (b"a", b"b", b"c")]
            ends = await asyncio.gather(*(upstream.body(LIMIT) for upstream in upstreams))
            assert sorted(ends) == sorted([b"mine", *asked[1:]])
        assert peer.accepted == 2


async def test_a_connection_the_server_left_while_idle_fails_no_request(transport: Opener) -> None:
    left = threading.Semaphore(0)

    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        request = http2.request()
        assert request is not None
        http2.answer(request, request.body)
        http2.go_away(request.stream)
        wire.sock.close()
        left.release()

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            for number in range(5):
                assert await send(client, origin, b"x").body(LIMIT) == b"x"
                left.acquire()
                assert peer.accepted == number + 1


async def test_a_connection_that_breaks_takes_its_exchanges_along(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        requests = [request for request in (http2.request(), http2.request()) if request]
        http2.head(requests[0].stream)
        http2.data(requests[0].stream, b"begun")

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            upstreams = [send(client, origin, b"a"), send(client, origin, b"b")]
            ends = await asyncio.gather(*map(drained, upstreams), return_exceptions=True)
            says = sorted(str(end) for end in ends)
            assert all(isinstance(end, UpstreamUnreachable) for end in ends)
            assert "the answer broke after 5 bytes" in says[0]
            assert "the connection broke before the answer began" in says[1]


async def test_who_waits_while_the_only_connection_breaks_gets_the_next(transport: Opener) -> None:
    def breaks(wire: Wire) -> None:
        http2 = H2Server(wire, max_streams=2)
        warm = http2.request()
        assert warm is not None
        http2.answer(warm)
        http2.request()
        http2.request()

    with h2_peer(in_turn(breaks, keep_answering)) as peer:
        async with transport(max_connections_per_origin=1) as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin).body(LIMIT)
            upstreams = [send(client, origin, b"%d" % number) for number in range(6)]
            ends = await asyncio.gather(*(each.body(LIMIT) for each in upstreams), return_exceptions=True)
            assert all(isinstance(end, UpstreamUnreachable) for end in ends[:2])
            assert ends[2:] == [b"2", b"3", b"4", b"5"]
        assert peer.accepted == 2


async def test_a_connection_that_fell_silent_gets_no_new_exchange(transport: Opener) -> None:
    def silent(wire: Wire) -> None:
        http2 = H2Server(wire)
        request = http2.request()
        assert request is not None
        http2.answer(request)
        wire.wait_closed()

    with h2_peer(in_turn(silent, keep_answering)) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin).body(LIMIT)
            with pytest.raises(UpstreamTimeout, match="no answer began within 80 ms"):
                await send(client, origin, b"", (PATIENT_MS, 80, PATIENT_MS, PATIENT_MS)).head()
            assert await send(client, origin, b"x").body(LIMIT) == b"x"
        assert peer.accepted == 2


async def test_a_reader_who_stops_stops_its_sender_and_nobody_else(transport: Opener) -> None:
    sent = 0

    def handler(wire: Wire) -> None:
        nonlocal sent
        http2 = H2Server(wire)
        big = http2.request()
        assert big is not None
        http2.head(big.stream)
        while http2.is_open and sent < 1000:
            if http2.room(big.stream) >= 10_000:
                http2.data(big.stream, b"x" * 10_000)
                sent += 1
            else:
                http2.pump()
            for small in http2.waiting():
                http2.answer(small, small.body)
        http2.data(big.stream, b"", end=True)
        http2.request()

    with h2_peer(handler) as peer:
        async with transport(buffer_bytes=16_384) as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            slow = send(client, origin)
            await slow.head()
            known = -1
            while known != sent:
                known = sent
                await asyncio.sleep(0.1)
            assert sent * 10_000 <= 16_384 + 4 * 16_384 + 16_384  # buffer, window, one frame
            assert await send(client, origin, b"quick").body(LIMIT) == b"quick"
            assert len(await drained(slow)) == 10_000_000


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        (((":status", "200"), ("content-encoding", "gzip")), b"x", "content-encoding"),
        (((":status", "200"), ("content-length", "5")), b"four", "HTTP/2 PROTOCOL_ERROR"),
        (((":status", "200"), *((f"x-{number}", "y") for number in range(120))), b"x", "more than 100 headers"),
        (((":status", "200"), *((f"x-{number}", "y" * 5_000) for number in range(10))), b"x", "HTTP/2"),
        (((":status", "700"),), b"x", "status code"),
    ],
)
async def test_what_is_no_good_answer_is_refused(
    transport: Opener, headers: tuple[tuple[str, str], ...], body: bytes, says: str
) -> None:
    def handler(wire: Wire) -> None:
        http2 = H2Server(wire)
        http2.trust_nobody()
        request = http2.request()
        assert request is not None
        http2.head(request.stream, *headers)
        http2.data(request.stream, body, end=True)
        http2.request()

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            with pytest.raises(UpstreamInvalid, match=says):
                await send(client, origin).body(LIMIT)


async def test_what_is_not_http2_is_refused(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        wire.wait_closed()

    with h2_peer(handler) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            with pytest.raises(UpstreamInvalid, match=r"HTTP/2 (FRAME_SIZE_ERROR|PROTOCOL_ERROR)"):
                await send(client, origin, b"", DEADLINES_MS).head()
            await until(lambda: client.open_connections == 0)


async def test_idle_connections_expire(transport: Opener) -> None:
    with h2_peer(keep_answering) as peer:
        async with transport(idle_connection_ms=60) as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            await send(client, origin).body(LIMIT)
            assert client.open_connections == 1
            await until(lambda: client.open_connections == 0)
