"""W3C trace context: a caller's trace goes on to the provider, and a call without one begins its own.

Invariant: whatever a caller sends, the upstream gets a valid `traceparent` with a span id of ours.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterator

TRACE_BYTES = 16
SPAN_BYTES = 8
POOL = 256
SAMPLED = "01"

# https://www.w3.org/TR/trace-context/#traceparent-header: lower case, nothing all zero, version ff is forbidden; a
# later version may have more fields behind a dash, of which only these are understood.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-[^\x00-\x1f\x7f]{0,256})?"
)


class Traces:
    """Continues traces; one a worker. Ids are random and made ahead, a pool at a time."""

    def __init__(self, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._entropy = entropy
        self._ids: Iterator[tuple[str, str]] = iter(())
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) is not None and method())

    def continue_trace(self, header: str | bytes | None) -> tuple[str, str]:
        """Trace id, and the `traceparent` for the upstream: the caller's trace, or a new one if it sent no good one.

        The caller's sampling decision is kept; a new trace is marked as recorded, which it is: in the ledger.
        """
        trace_id, span_id = next(self._ids, None) or self._refill()
        flags = SAMPLED
        if header:
            text = header if isinstance(header, str) else header.decode("latin-1")
            match = _TRACEPARENT.fullmatch(text)
            if match is not None and (match[1] != "00" or match[4] is None):
                trace_id = match[2]
                flags = SAMPLED if int(match[3], 16) & 1 else "00"
        return trace_id, f"00-{trace_id}-{span_id}-{flags}"

    def _refill(self) -> tuple[str, str]:
        width = TRACE_BYTES + SPAN_BYTES
        pool = self._entropy(POOL * width)
        drawn = (pool[at : at + width].hex() for at in range(0, len(pool), width))
        ids = iter([(digits[: TRACE_BYTES * 2], digits[TRACE_BYTES * 2 :]) for digits in drawn if _is_valid(digits)])
        self._ids = ids
        return next(ids)

    def _forget(self) -> None:
        """A forked child would draw its parent's ids again."""
        self._ids = iter(())


def _is_valid(digits: str) -> bool:
    zero = "0"
    return bool(digits[: TRACE_BYTES * 2].strip(zero)) and bool(digits[TRACE_BYTES * 2 :].strip(zero))
