"""W3C trace context: a caller's trace goes on to the provider, and a call without one begins its own.

Invariant: whatever a caller sends, the upstream gets a valid `traceparent` with a span id of ours.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterator

TRACE_DIGITS = 32
SPAN_DIGITS = 16
POOL = 256
SAMPLED = "01"
NOT_SAMPLED = "00"

# https://www.w3.org/TR/trace-context/#traceparent-header: lower case, nothing all zero, version ff is forbidden; a
# later version may have more fields behind a dash, of which only these are understood, version 00 may not (that is the
# lookbehind). Bytes, as they come off the wire.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]([0-9a-f])"
    rb"(?:(?<!^00.{53})-[ -~]{0,256})?"
)
_NO_TRACE = "0" * TRACE_DIGITS
_NO_SPAN = "0" * SPAN_DIGITS
_ODD = frozenset({b"1", b"3", b"5", b"7", b"9", b"b", b"d", b"f"})


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
        if header:
            match = _TRACEPARENT.fullmatch(header if isinstance(header, bytes) else header.encode("ascii", "replace"))
            if match is not None:
                trace_id = match[1].decode("ascii")
                return trace_id, f"00-{trace_id}-{span_id}-{SAMPLED if match[2] in _ODD else NOT_SAMPLED}"
        return trace_id, f"00-{trace_id}-{span_id}-{SAMPLED}"

    def _refill(self) -> tuple[str, str]:
        digits = self._entropy(POOL * (TRACE_DIGITS + SPAN_DIGITS) // 2).hex()
        starts = range(0, len(digits), TRACE_DIGITS + SPAN_DIGITS)
        drawn = [(digits[at : (end := at + TRACE_DIGITS)], digits[end : end + SPAN_DIGITS]) for at in starts]
        ids = iter([(trace, span) for trace, span in drawn if trace != _NO_TRACE and span != _NO_SPAN])
        self._ids = ids
        return next(ids)

    def _forget(self) -> None:
        """A forked child would draw its parent's ids again."""
        self._ids = iter(())
