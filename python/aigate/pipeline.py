"""The order of the gateway: what happens to a request, step by step, each step once.

Owns the order and nothing else: no parsing, no sockets, no provider's name. Every path out of `complete` writes the
receipt, in a plain call that cancellation cannot interrupt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

import msgspec

from .domain import Broken, Closed, Event, Journal, Principal, Request, Route, Snapshot, Tally
from .errors import GatewayError, StreamInterrupted


class Call(Protocol):
    """One request at the door; `http` makes it."""

    @property
    def credential(self) -> bytes:
        """What the caller showed."""

    @property
    def snapshot(self) -> Snapshot:
        """The policy this request keeps to its end."""

    @property
    def tally(self) -> Tally:
        """Where everything seen is written down."""

    def read(self, principal: Principal) -> Awaitable[Request]:
        """Read and inspect the body. Raises Refused."""

    def interruption(self) -> GatewayError:
        """Why the call was cut short from our side of the caller."""


class Sender(Protocol):
    """The dispatch room."""

    def send(self, request: Request, route: Route, tally: Tally) -> AsyncGenerator[Event]:
        """The answer of the first target that commits."""


class Gate(msgspec.Struct, frozen=True):
    """The rooms, in the order in which a request meets them."""

    identify: Callable[[bytes], Principal]
    plan: Callable[[Snapshot, Request, Principal], Route]
    dispatch: Sender
    journal: Journal


async def complete(gate: Gate, call: Call) -> AsyncGenerator[Event]:
    """Carry one request from the door to its receipt. The order of this function is the order of the gateway.

    Yields the answer's events and at last `Closed`. Raises Refused or UpstreamFailed before the first event; after
    it a failure is a `Broken` event.
    """
    tally = call.tally
    try:
        tally.principal = gate.identify(call.credential)  # before the body is read: a stranger gets no work done
        tally.request = request = await call.read(tally.principal)
        route = gate.plan(call.snapshot, request, tally.principal)
        async with aclosing(gate.dispatch.send(request, route, tally)) as events:
            async for event in events:
                yield event
        tally.succeeded()
    except StreamInterrupted as error:
        tally.failed(error)
        if not tally.committed:
            raise
        yield Broken(error)
    except GatewayError as error:
        tally.failed(error)
        raise
    except (asyncio.CancelledError, GeneratorExit):
        tally.failed(call.interruption())
        raise
    finally:
        receipt = tally.receipt("outcome" if tally.target is not None else "refusal")
        tally.closed = True
        gate.journal.append(receipt)
    yield Closed(receipt)
