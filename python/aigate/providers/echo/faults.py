"""Time and misbehaviour: a finished answer becomes steps, delayed, broken or spoilt as the options say."""

from __future__ import annotations

from aigate.domain import Cut, Stall, Step

from .errors import failure
from .options import EchoOptions

GARBAGE = b'data: {"id": "chatcmpl-\xff\xfe\x00\n\n\x00\x01\x02 not an event \xc3\x28\n\n'


def stream_steps(events: list[bytes], options: EchoOptions) -> tuple[Step, ...]:
    """A stream, one step an event."""
    if options.garbage:
        events = [events[0], GARBAGE]
    if options.error_after is not None and options.error_after < len(events):
        events = [*events[: options.error_after], b"data: " + failure(500) + b"\n\n"]
    kept, ending = _break(len(events), options)
    steps: list[Step] = [(options.pace_s, event) for event in events[:kept]]
    if ending is not None:
        steps.append((options.pace_s, ending))
    return _begun_late(steps, options)


def whole_steps(body: bytes, options: EchoOptions) -> tuple[Step, ...]:
    """An answer that is not streamed, in one step."""
    if options.garbage:
        body = GARBAGE
    if options.error_after is not None:
        body = failure(500)
    kept, ending = _break(len(body), options)
    steps: list[Step] = [(0.0, body[:kept])] if kept else []
    if ending is not None:
        steps.append((0.0, ending))
    return _begun_late(steps, options)


def _break(length: int, options: EchoOptions) -> tuple[int, Cut | Stall | None]:
    """How much is sent before the connection breaks or goes silent, whichever is first."""
    kept, ending = length, None
    if options.stall_after is not None and options.stall_after < kept:
        kept, ending = options.stall_after, Stall()
    if options.cut_after is not None and options.cut_after < kept:
        return options.cut_after, Cut()
    return kept, ending


def _begun_late(steps: list[Step], options: EchoOptions) -> tuple[Step, ...]:
    _, first = steps[0]
    return ((options.latency_s, first), *steps[1:])
