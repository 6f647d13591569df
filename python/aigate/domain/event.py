"""What an answer is made of. An answer is always a stream of events: a plain JSON reply is a short one.

On the relay lane (the caller speaks the provider's dialect) an event is `Relay`, the provider's own bytes. A failure is
an exception of `errors`, before or after the first event; `http` knows which of the two it still can tell.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Relay(msgspec.Struct, frozen=True, gc=False):
    """Bytes in the caller's dialect, ready to be sent: whole SSE frames, or one whole JSON body."""

    data: bytes


Event = Relay


class Events(Protocol):
    """A committed answer, read one event at a time."""

    async def next(self) -> Event | None:
        """The next event, None at the end. Raises StreamInterrupted when the rest cannot be had."""

    def close(self) -> None:
        """Shut what it comes from. Called once, on every path."""
