"""An answer made on this machine, played as if it came over the network.

Owns the pace and the faults of a `Script`; knows no clock but the `sleep` it is given, and no provider. Invariant: as
over the network, what came before a fault is handed over first, and a fault stays one however often it is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from aigate.domain import Cut, Script, Stall, Step
from aigate.errors import UpstreamFailed, UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable


class LocalExchange:
    """Plays a script; see `domain.Exchange`. `deadlines_ms` are connect, first byte, idle, total, as for a network."""

    __slots__ = ("_begun", "_complete", "_deadlines_ms", "_fault", "_held", "_left_s", "_script", "_sleep", "_steps")

    sent = True

    def __init__(
        self,
        script: Script,
        sleep: Callable[[float], Awaitable[None]],
        deadlines_ms: tuple[int, int, int, int],
    ) -> None:
        self._script = script
        self._steps: Iterator[Step] = iter(script.steps)
        self._sleep = sleep
        self._deadlines_ms = deadlines_ms
        self._left_s = deadlines_ms[3] / 1000
        self._held = b""
        self._begun = False
        self._complete = False
        self._fault: UpstreamFailed | None = None

    async def head(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers, with the first step."""
        if not self._begun:
            self._held = await self._play()
            self._begun = True
        return self._script.status, list(self._script.headers)

    @property
    def status(self) -> int:
        """The answer's status, 0 while its head has not been awaited."""
        return self._script.status if self._begun else 0

    async def read(self) -> bytes:
        """The next step's bytes; empty at the end."""
        await self.head()
        data, self._held = self._held, b""
        return data or await self._play()

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamInvalid, and gives the exchange up, when it is over `limit` bytes."""
        parts: list[bytes] = []
        while data := await self.read():
            parts.append(data)
            if sum(map(len, parts)) > limit:
                self.cancel()
                raise UpstreamInvalid(f"local: the answer is over {limit} bytes")
        return b"".join(parts)

    def cancel(self) -> None:
        """Nothing more is played."""
        if not self._complete and self._fault is None:
            self._fault = UpstreamUnreachable("local: given up by the caller")

    async def _play(self) -> bytes:
        if self._fault is None:
            try:
                return await self._next()
            except UpstreamFailed as fault:
                self._fault = fault
        raise self._fault

    async def _next(self) -> bytes:
        for delay_s, what in self._steps:
            await self._wait(delay_s)
            if isinstance(what, Cut):
                raise UpstreamUnreachable("local: the connection broke, as the script says")
            if isinstance(what, Stall):
                await self._wait(float("inf"))
            elif what:
                return what
        self._complete = True
        return b""

    async def _wait(self, seconds: float) -> None:
        """Sleep, but no longer than the deadline that is running, which then has passed."""
        if seconds <= 0:
            return
        _, first_byte_ms, idle_ms, total_ms = self._deadlines_ms
        name, limit_ms = ("idle", idle_ms) if self._begun else ("first byte", first_byte_ms)
        limit_s = limit_ms / 1000
        if self._left_s < limit_s:
            name, limit_ms, limit_s = "total", total_ms, self._left_s
        self._left_s -= min(seconds, limit_s)
        await self._sleep(min(seconds, limit_s))
        if seconds > limit_s:
            raise UpstreamTimeout(f"local: the {name} deadline of {limit_ms} ms passed")
