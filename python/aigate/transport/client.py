"""The native HTTP client on an event loop.

Owns the bridge: one file descriptor in the loop, one future for each coroutine that waits. Everything else (pools, TLS,
deadlines, buffers) is the native client's, and what the bytes mean is nobody's here. Invariant: a coroutine that is
cancelled while it waits has closed its exchange's connection before the cancellation goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

import msgspec

from aigate import _native
from aigate.domain import Outbound

from .proxy import proxy_for


class TransportSettings(msgspec.Struct, frozen=True):
    """Bounds of one worker's outbound client.

    Attributes:
        max_connections_per_origin: open or being opened; who comes after them waits, within its connect deadline.
        max_idle_per_origin: kept for later.
        idle_connection_ms: then an unused one is closed; below the 60 s after which common load balancers do it.
        buffer_bytes: of an answer nobody reads, held before its connection is no longer read either.
        max_head_bytes: of an answer.
    """

    max_connections_per_origin: int = 1024
    max_idle_per_origin: int = 256
    idle_connection_ms: int = 50_000
    buffer_bytes: int = 64 * 1024
    max_head_bytes: int = 32 * 1024


class Transport:
    """The outbound client of one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: TransportSettings = TransportSettings(),  # noqa: B008 - frozen
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._loop = loop
        self._environ = environ
        self._waiters: dict[int, asyncio.Future[None]] = {}
        self._client = _native.Client(
            settings.max_connections_per_origin,
            settings.max_idle_per_origin,
            settings.idle_connection_ms,
            settings.buffer_bytes,
            settings.max_head_bytes,
        )
        loop.add_reader(self._client.fileno(), self._turn)

    def origin(
        self,
        base_url: str,
        headers: Sequence[tuple[str, str]],
        *,
        ca_file: str | None = None,
        http2: bool = True,
    ) -> _native.Origin:
        """An upstream account, reached by the environment's proxy if that names one for it.

        `headers` go with every request, credentials among them. Reads the trusted certificates. Raises ValueError,
        whose message quotes nothing of the arguments.
        """
        return _native.Origin(base_url, headers, ca_file, proxy_for(base_url, self._environ), http2)

    def open(self, origin: _native.Origin, outbound: Outbound, deadlines_ms: tuple[int, int, int, int]) -> Upstream:
        """Start a request; deadlines are connect, first byte, idle, total. Raises InvalidRequest, nothing else."""
        exchange = self._client.open(
            origin, outbound.method, outbound.path, outbound.headers, outbound.body, deadlines_ms
        )
        return Upstream(exchange, self._loop, self._waiters)

    @property
    def in_flight(self) -> int:
        """Exchanges that are not over."""
        return self._client.in_flight

    @property
    def open_connections(self) -> int:
        """Sockets that are open or being opened."""
        return self._client.open_connections

    def close(self) -> None:
        """Give up everything under way; who waits is told. Idempotent."""
        self._loop.remove_reader(self._client.fileno())
        self._client.close()
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def _turn(self) -> None:
        waiters = self._waiters
        for exchange_id in self._client.turn():
            waiter = waiters.pop(exchange_id, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(None)


class Upstream:
    """One exchange over the network; see `domain.Exchange`. One coroutine may wait on it at a time."""

    __slots__ = ("_exchange", "_loop", "_waiters")

    def __init__(
        self,
        exchange: _native.Exchange,
        loop: asyncio.AbstractEventLoop,
        waiters: dict[int, asyncio.Future[None]],
    ) -> None:
        self._exchange = exchange
        self._loop = loop
        self._waiters = waiters

    async def head(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers, names in lower case."""
        try:
            while (head := self._exchange.head()) is None:
                await self._turn()
        except asyncio.CancelledError:
            self._abandon()
            raise
        return head

    @property
    def status(self) -> int:
        """The answer's status, 0 while its head has not been awaited."""
        return self._exchange.status or 0

    async def read(self) -> bytes:
        """The next bytes of the body, as many as are there; empty at its end."""
        try:
            while (data := self._exchange.read()) is None:
                await self._turn()
        except asyncio.CancelledError:
            self._abandon()
            raise
        return data

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamInvalid, and gives the exchange up, when it is over `limit` bytes."""
        try:
            while (data := self._exchange.body(limit)) is None:
                await self._turn()
        except asyncio.CancelledError:
            self._abandon()
            raise
        return data

    def cancel(self) -> None:
        """Close the upstream now. Idempotent."""
        self._exchange.cancel()

    @property
    def sent(self) -> bool:
        """Whether any byte of the request has been handed to the kernel, so that money may have been spent."""
        return self._exchange.sent

    @property
    def reused(self) -> bool:
        """Whether its connection had carried another exchange before."""
        return self._exchange.reused

    @property
    def timings_ns(self) -> tuple[int, int, int, int]:
        """Connected, sent, first byte, end: nanoseconds since it was opened; 0 = not reached."""
        return self._exchange.timings_ns

    def _turn(self) -> asyncio.Future[None]:
        """Done when the client names this exchange."""
        waiter = self._waiters[self._exchange.id] = self._loop.create_future()
        return waiter

    def _abandon(self) -> None:
        self._waiters.pop(self._exchange.id, None)
        self._exchange.cancel()
