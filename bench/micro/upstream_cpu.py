"""What one exchange with a provider costs on the event loop's thread: the native client beside a bare uvloop Protocol.

    python -m bench.micro.upstream_cpu [ROUNDS]

Everything on loopback: nginx answers 720 bytes to an 862-byte chat request; a uvloop process sends streams of 51 events
of 300 bytes, each with its own write, without a pause or 2 ms apart. 32 exchanges are under way at a time. CPU is the
thread's own (`time.thread_time`), system calls included, from opening the exchange to having read its body; rounds are
interleaved and the median is printed. The bare client is as little as can be: it splits the head at the blank line and
counts bytes; no pool, no deadline, no limit, no error.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import trustme
import uvloop

from aigate import _native
from aigate.domain import Outbound
from aigate.transport import Transport

CONCURRENT = 32
PLAIN_EXCHANGES = 20_000
STREAMS = {0: 2_000, 2: 320}  # by pause in milliseconds
ANSWER = b'{"id":"chatcmpl-1","choices":[{"message":{"content":"' + b"x" * 659 + b'"}}]}'[:720]
EVENT = b"data: " + b"x" * 292 + b"\n\n"
EVENTS = 51
BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 807 + b'"}]}'
HEADERS = (("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),)
ACCOUNT = (("authorization", "Bearer sk-0123456789abcdef0123456789abcdef"), ("content-type", "application/json"))
DEADLINES_MS = (5_000, 60_000, 60_000, 600_000)
LIMIT = 1 << 20

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem; default_type application/json;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    location / {{ return 200 '{answer}'; }}
  }}
  server {{ listen 127.0.0.1:{h2} ssl http2; http2_max_requests 1000000000; location / {{ return 200 '{answer}'; }} }}
}}
"""

# --- the servers ---


class StreamServer(asyncio.Protocol):
    """Answers every request with a stream; the path says how many milliseconds lie between two events."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the class

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            pause_s = int(data.split(b" ", 2)[1].rpartition(b"/")[2]) / 1000
            self._transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            self._send(EVENTS, pause_s)

    def _send(self, left: int, pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        while left:
            self._transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            left -= 1
            if pause_s and left:
                loop.call_later(pause_s, self._send, left, pause_s)
                return
        self._transport.write(b"0\r\n\r\n")


async def serve_streams(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(StreamServer, "127.0.0.1", port)
    await server.serve_forever()


class Servers(NamedTuple):
    plain: int
    tls: int
    h2: int
    stream: int
    ca_file: str


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in held]
    for sock in held:
        sock.close()
    return ports


@contextmanager
def servers() -> Iterator[Servers]:
    """nginx on three ports, and the stream server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca = trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.pem")
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        plain, tls, h2, stream = free_ports(4)
        config = NGINX.format(folder=name, plain=plain, tls=tls, h2=h2, answer=ANSWER.decode())
        (folder / "nginx.conf").write_text(config)
        started = [
            subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL),
            subprocess.Popen([sys.executable, "-m", "bench.micro.upstream_cpu", "serve", str(stream)]),
        ]
        try:
            time.sleep(1)
            yield Servers(plain, tls, h2, stream, str(folder / "ca.pem"))
        finally:
            for process in started:
                process.terminate()
                process.wait()


# --- the bare client ---


class Bare(asyncio.Protocol):
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self._waiter is not None:
            self._waiter.set_result(None)
            self._waiter = None

    def more(self) -> asyncio.Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter


def bare_head(path: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "accept-encoding: identity"]
    lines += [f"{name}: {value}" for name, value in (*ACCOUNT, *HEADERS)]
    return "\r\n".join([*lines, f"content-length: {len(BODY)}", "", ""]).encode()


async def bare_plain(connection: Bare, head: bytes) -> int:
    connection.data = b""
    connection.transport.write(head + BODY)
    while True:
        await connection.more()
        top, _, body = connection.data.partition(b"\r\n\r\n")
        at = top.lower().find(b"content-length:")
        if at > 0 and len(body) >= int(top[at + 15 :].split(b"\r", 1)[0]):
            return 1


async def bare_stream(connection: Bare, head: bytes) -> int:
    connection.data = b""
    connection.transport.write(head + BODY)
    reads = 0
    while True:
        await connection.more()
        reads += 1
        if connection.data.endswith(b"0\r\n\r\n"):
            return reads
        connection.data = connection.data[-5:]


# --- measuring ---

Base = tuple[str, str | None, bool]  # URL, CA file, whether to offer HTTP/2
Exchange = Callable[[], Awaitable[int]]


async def measured(total: int, workers: list[Exchange]) -> tuple[float, int]:
    """CPU-µs of an exchange, and reads of all."""
    left = total
    reads = 0

    async def work(exchange: Exchange) -> None:
        nonlocal left, reads
        while left > 0:
            left -= 1
            of_this = await exchange()
            reads += of_this

    began = time.thread_time()
    await asyncio.gather(*map(work, workers))
    return (time.thread_time() - began) / total * 1e6, reads


async def run_bare(port: int, path: str, total: int, ask: Callable[[Bare, bytes], Awaitable[int]]) -> tuple[float, int]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Bare, "127.0.0.1", port) for _ in range(CONCURRENT)]
    head = bare_head(path)
    try:
        return await measured(total, [lambda it=it: ask(it, head) for _, it in made])  # type: ignore[misc]
    finally:
        for transport, _ in made:
            transport.close()


async def run_native(
    base: Base,
    path: str,
    total: int,
    ask: Callable[[Transport, _native.Origin, Outbound], Awaitable[int]],
) -> tuple[float, int]:
    transport = Transport(asyncio.get_running_loop(), environ={})
    url, ca_file, http2 = base
    origin = transport.origin(url, ACCOUNT, ca_file=ca_file, http2=http2)
    outbound = Outbound(path, BODY, HEADERS)
    try:
        await measured(CONCURRENT, [lambda: ask(transport, origin, outbound)] * CONCURRENT)  # connects
        return await measured(total, [lambda: ask(transport, origin, outbound)] * CONCURRENT)
    finally:
        transport.close()


async def native_plain(transport: Transport, origin: _native.Origin, outbound: Outbound) -> int:
    upstream = transport.open(origin, outbound, DEADLINES_MS)
    body = await upstream.body(LIMIT)
    status, _ = await upstream.head()
    assert (status, len(body)) == (200, len(ANSWER))
    return 1


async def native_stream(transport: Transport, origin: _native.Origin, outbound: Outbound) -> int:
    upstream = transport.open(origin, outbound, DEADLINES_MS)
    await upstream.head()
    reads = 0
    while await upstream.read():
        reads += 1
    return reads


Run = Callable[[], Coroutine[None, None, tuple[float, int]]]


def cases(at: Servers) -> Iterator[tuple[str, int, Run]]:
    """Name, exchanges, and how to run it."""
    total = PLAIN_EXCHANGES
    yield "bare, http/1.1", total, partial(run_bare, at.plain, "/v1/c", total, bare_plain)
    yield (
        "native, http/1.1",
        total,
        partial(run_native, (url("http", at.plain), None, False), "/c", total, native_plain),
    )
    for name, port in (("http/1.1", at.tls), ("http/2", at.h2)):
        base: Base = (url("https", port), at.ca_file, name == "http/2")
        yield f"native, {name} TLS", total, partial(run_native, base, "/c", total, native_plain)
    for pause, streams in STREAMS.items():
        path, base = f"/{pause}", (url("http", at.stream), None, False)
        yield f"bare, stream, {pause} ms", streams, partial(run_bare, at.stream, path, streams, bare_stream)
        yield f"native, stream, {pause} ms", streams, partial(run_native, base, path, streams, native_stream)


def url(scheme: str, port: int) -> str:
    return f"{scheme}://127.0.0.1:{port}"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seen: dict[str, list[tuple[float, float]]] = {}
    with servers() as at:
        for _ in range(rounds):
            for name, total, run in cases(at):
                cpu, reads = uvloop.run(run())
                seen.setdefault(name, []).append((cpu, reads / total))
    for name, runs in seen.items():
        costs = sorted(cpu for cpu, _ in runs)
        cost, each = statistics.median(costs), statistics.median(reads for _, reads in runs)
        of_each = f", {cost / each:.1f} a read ({each:.0f} reads)" if "stream" in name else ""
        print(f"{name:24} {cost:8.1f} CPU-us/exchange ({costs[0]:.1f}-{costs[-1]:.1f}){of_each}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve_streams(int(sys.argv[2])))
    else:
        main()
