"""Ids of attempts and requests: UUIDv7 (RFC 9562), so that rows arrive in the order of their key.

Invariant: ids of one process never repeat and, drawn by one thread, only grow; ids of different processes differ by 60
random bits. They order the ledger; they are not secrets.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Final

NANOS_PER_MILLI = 1_000_000
COUNTER_END = 0xFFF
POOL = 512
RANDOM_BYTES = 8

_COUNTER: Final = tuple(f"{count:03x}-8" for count in range(COUNTER_END + 1))


class IdSource:
    """Draws ids. The random parts are made ahead, a pool at a time, because one system call costs as much as an id.

    Layout: 48 bits of Unix milliseconds, version 7, a 12-bit counter within the millisecond, variant `8`, 60 random
    bits. When the counter overflows or the clock steps back, the last millisecond is kept or passed by one: order
    matters more here than the exact time.
    """

    def __init__(self, time_ns: Callable[[], int] = time.time_ns, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._time_ns = time_ns
        self._entropy = entropy
        self._ms = -1
        self._next_ms_ns = 0
        self._counter = 0
        self._prefix = ""
        self._tails: Iterator[str] = iter(())
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) is not None and method())

    def uuid7(self) -> str:
        """The next id, 36 characters."""
        now_ns = self._time_ns()
        if now_ns < self._next_ms_ns and self._counter < COUNTER_END:
            self._counter += 1
        else:
            self._enter(max(now_ns // NANOS_PER_MILLI, self._ms + 1))
        # A list iterator hands out each tail once, whichever thread asks.
        return f"{self._prefix}{_COUNTER[self._counter]}{next(self._tails, '') or self._refill()}"

    def _enter(self, ms: int) -> None:
        stamp = f"{ms:012x}"
        self._prefix = f"{stamp[:8]}-{stamp[8:]}-7"
        self._ms = ms
        self._next_ms_ns = (ms + 1) * NANOS_PER_MILLI
        self._counter = 0

    def _refill(self) -> str:
        digits = self._entropy(POOL * RANDOM_BYTES).hex()
        width = RANDOM_BYTES * 2
        tails = iter([f"{digits[at : at + 3]}-{digits[at + 3 : at + 15]}" for at in range(0, len(digits), width)])
        self._tails = tails
        return next(tails)

    def _forget(self) -> None:
        """A forked child would draw its parent's tails again."""
        self._tails = iter(())


# The one object here that outlives a call: "monotonic within a process" is a property of the process.
_PROCESS: Final = IdSource()


def uuid7() -> str:
    """A new id from the process's own source."""
    return _PROCESS.uuid7()


def uuid7_floor(time_ms: int) -> bytes:
    """The 16 bytes that every id drawn at or after `time_ms` (Unix milliseconds) is not below."""
    return max(time_ms, 0).to_bytes(6, "big") + bytes(10)
