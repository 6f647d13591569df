"""The order of the gateway: what happens to a request, step by step, each step once.

Owns the order and nothing else: no parsing, no sockets, no provider's name. Every path out of `complete` writes the
receipt, in a plain call that cancellation cannot interrupt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from aigate.domain import Events, Journal, Principal, Request, Route, Snapshot, Tally
from aigate.errors import GatewayError


class Call(Protocol):
    """One request at the door and the way back to its caller; `http` makes it."""

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

    def reply(self, events: Events) -> Awaitable[None]:
        """Hand the answer on as it comes."""

    def close(self) -> Awaitable[None]:
        """End the answer, now that it is known what it cost."""

    def interruption(self) -> GatewayError:
        """Why the call was cut short from our side of the caller."""


class Sender(Protocol):
    """The dispatch room."""

    def send(self, request: Request, route: Route, tally: Tally) -> Awaitable[Events]:
        """The answer of the first target that commits."""


class Gate(msgspec.Struct, frozen=True):
    """The rooms, in the order in which a request meets them."""

    identify: Callable[[bytes], Principal]
    plan: Callable[[Snapshot, Request, Principal], Route]
    dispatch: Sender
    journal: Journal


async def complete(gate: Gate, call: Call) -> None:
    """Carry one request from the door to its receipt. The order of this function is the order of the gateway.

    Raises Refused or UpstreamFailed for `http` to tell the caller, after the receipt has been written.
    """
    tally = call.tally
    events: Events | None = None
    try:
        tally.principal = gate.identify(call.credential)  # before the body is read: a stranger gets no work done
        tally.request = await call.read(tally.principal)
        route = gate.plan(call.snapshot, tally.request, tally.principal)
        events = await gate.dispatch.send(tally.request, route, tally)
        await call.reply(events)
        tally.succeeded()
    except GatewayError as error:
        tally.failed(error)
        raise
    except asyncio.CancelledError:
        tally.failed(call.interruption())
        raise
    finally:
        if events is not None:
            events.close()
        if not tally.closed:  # it is when the time ran out between two attempts
            gate.journal.append(tally.close())
    await call.close()
