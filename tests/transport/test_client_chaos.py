"""Whatever upstreams and callers do, in any mixture: every exchange ends, right or with a word, and nothing leaks."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError

from aigate._native import Origin
from aigate.errors import UpstreamFailed
from aigate.transport import Transport
from tests.transport.asking import LIMIT, PATIENT_MS, drained, send
from tests.transport.certificates import ca_file, server
from tests.transport.conftest import Opener
from tests.transport.h2_peer import H2Server
from tests.transport.peer import Peer, Wire

EXCHANGES = 250
CONCURRENT = 25
CONNECTIONS = 9
HONEST = ("length", "chunks", "until close")
UPSTREAMS = (*HONEST, "length", "chunks", "cut", "reset", "garbage", "silent", "leaves")
CALLERS = ("whole", "pieces", "whole", "pieces", "gives up at once", "gives up later", "loses it", "is cancelled")


def upstream(wire: Wire) -> None:
    """Does what each request asks for, with 3 bytes a number."""
    while (request := wire.request()) is not None:
        how, _, size = request.body.decode().partition(":")
        body = b"abc" * int(size)
        if how == "length":
            wire.answer(body)
        elif how == "chunks":
            chunks = [body[at : at + 700] for at in range(0, len(body), 700)]
            wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            wire.send(*(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""]))
        elif how == "silent":
            wire.wait_closed()
        elif how == "reset":
            wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n", body)
            wire.reset()
        else:
            starts = {"cut": b"content-length: 900000\r\n\r\n", "garbage": b"bad line\r\n\r\n", "until close": b"\r\n"}
            wire.send(b"HTTP/1.1 200 OK\r\n" + starts[how] + body if how in starts else b"")
            if how == "until close" and hasattr(wire.sock, "unwrap"):
                wire.sock.unwrap()
            return


def upstream_h2(wire: Wire) -> None:
    """The same on a shared connection, which outlives what happens to its streams."""
    server = H2Server(wire)
    while (request := server.request()) is not None:
        how, _, size = request.body.decode().partition(":")
        length = ("content-length", "7") if how == "garbage" else ("x-length", "any")
        with contextlib.suppress(StreamClosedError, ProtocolError):  # the client was quicker
            if how == "leaves":
                server.reset(request.stream, ErrorCodes.INTERNAL_ERROR)
            elif how != "silent":
                server.head(request.stream, (":status", "200"), length)
                server.data(request.stream, b"abc" * int(size), end=how in HONEST)
                if how not in HONEST:
                    server.reset(request.stream, ErrorCodes.CANCEL)


async def one(client: Transport, origin: Origin, dice: random.Random) -> str:
    """One exchange of a random kind; how it went."""
    how, caller, size = dice.choice(UPSTREAMS), dice.choice(CALLERS), dice.randrange(0, 60_000)
    deadlines_ms = (PATIENT_MS, 100, PATIENT_MS, PATIENT_MS) if how == "silent" else (PATIENT_MS,) * 4
    exchange = send(client, origin, f"{how}:{size}".encode(), deadlines_ms)
    try:
        if caller in ("gives up at once", "loses it"):
            return caller
        if caller == "gives up later":
            await exchange.read()
            return caller
        patience_s = dice.random() * 0.01 if caller == "is cancelled" else None
        reading = drained(exchange) if caller == "pieces" else exchange.body(LIMIT)
        got = await asyncio.wait_for(reading, patience_s)
    except TimeoutError:
        return caller
    except UpstreamFailed as error:
        return f"{how} failed: {error.message}"
    else:
        assert got == b"abc" * size
        return f"{how} went well"
    finally:
        if caller != "loses it":
            exchange.cancel()


def peer_of(protocol: str) -> Peer:
    if protocol == "HTTP/2":
        return Peer(upstream_h2, server(alpn=("h2",)))
    return Peer(upstream, server() if protocol == "TLS" else None)


@pytest.mark.parametrize("protocol", ["plain", "TLS", "HTTP/2"])
@pytest.mark.parametrize("seed", range(3))
async def test_every_exchange_ends_and_nothing_leaks(transport: Opener, seed: int, protocol: str) -> None:
    dice = random.Random(seed)
    ends: list[str] = []
    with peer_of(protocol) as peer:
        async with transport(max_connections_per_origin=CONNECTIONS, buffer_bytes=8_192) as client:
            secure = protocol != "plain"
            origin = client.origin(peer.tls_url, [], ca_file=ca_file()) if secure else client.origin(peer.base_url, [])

            async def caller() -> None:
                for _ in range(EXCHANGES // CONCURRENT):
                    ends.append(await one(client, origin, dice))
                    assert client.open_connections <= CONNECTIONS

            await asyncio.gather(*(caller() for _ in range(CONCURRENT)))
            assert client.in_flight == 0
            assert len(ends) == EXCHANGES
    outcomes = {(how, how in HONEST) for how in UPSTREAMS}
    seen = {(end.split(" failed: ")[0], False) for end in ends if " failed: " in end}
    seen |= {(end.removesuffix(" went well"), True) for end in ends if end.endswith(" went well")}
    assert seen == outcomes  # the honest ones always went well, the others never
