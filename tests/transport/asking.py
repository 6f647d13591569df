"""Short words for what every test of the transport does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aigate._native import Origin
from aigate.domain import Outbound
from aigate.transport import Transport, Upstream

PATIENT_MS = 8_000
DEADLINES_MS = (PATIENT_MS, PATIENT_MS, PATIENT_MS, PATIENT_MS)
LIMIT = 1 << 20


def post(
    transport: Transport, base_url: str, body: bytes = b"{}", deadlines_ms: tuple[int, int, int, int] = DEADLINES_MS
) -> Upstream:
    """Send a request to an origin without headers of its own."""
    return send(transport, transport.origin(base_url, []), body, deadlines_ms)


def send(
    transport: Transport, origin: Origin, body: bytes = b"{}", deadlines_ms: tuple[int, int, int, int] = DEADLINES_MS
) -> Upstream:
    return transport.open(origin, Outbound("/chat", body, (("content-type", "application/json"),)), deadlines_ms)


async def drained(upstream: Upstream) -> bytes:
    """The body, read piece by piece."""
    pieces = []
    while data := await upstream.read():
        pieces.append(data)
    return b"".join(pieces)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition()` holds; the test's timeout is the limit."""
    while not condition():
        await asyncio.sleep(0.002)
