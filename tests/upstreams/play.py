"""What the fake upstream does with one request: an answer as bytes, and how the wire mistreats it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, Literal

Ending = Literal["complete", "fin", "rst", "stall"]
Framing = Literal["length", "chunked", "close"]
Headers = tuple[tuple[str, str], ...]

JSON_HEADERS: Headers = (("content-type", "application/json"),)
SSE_HEADERS: Headers = (("content-type", "text/event-stream; charset=utf-8"),)
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Play:
    """One answer. The `…_at` offsets count bytes of the body, before framing.

    Attributes:
        pieces: the body, one write (and, when chunked, one chunk) each, `pace_s` seconds apart.
        framing: `close` = neither a length nor chunks; the end of the connection is the end of the body.
        wait_s: silence between the request and the head; None = for ever.
        ending: `complete`; or after `ending_at` bytes a FIN or an RST, or silence with the connection open.
        raw: sent instead of head and body, then the connection is closed (or, with `stall`, kept in silence).
        hold: the name of a gate (see FakeUpstream.open) to wait at before the body's byte `hold_at`.
    """

    status: int = 200
    headers: Headers = JSON_HEADERS
    pieces: tuple[bytes, ...] = ()
    framing: Framing = "length"
    wait_s: float | None = 0.0
    ending: Ending = "complete"
    ending_at: int = 0
    raw: bytes | None = None
    hold: str = ""
    hold_at: int = 0
    pace_s: float = 0.0
    reason: str = "OK"

    @property
    def body(self) -> bytes:
        """The whole body as it would be without any mistreatment."""
        return b"".join(self.pieces)

    def dripped(self, size: int) -> Play:
        """The same in writes of `size` bytes."""
        body = self.body
        return replace(self, pieces=tuple(body[at : at + size] for at in range(0, len(body), size)))

    def split_at(self, *offsets: int) -> Play:
        """The same in writes that end at `offsets` and nowhere else."""
        body = self.body
        marks = [0, *sorted(offsets), len(body)]
        pieces = (body[start:end] for start, end in pairwise(marks))
        return replace(self, pieces=tuple(piece for piece in pieces if piece))

    def ends(self) -> list[int]:
        """The offsets at which the pieces end."""
        return list(accumulate(len(piece) for piece in self.pieces))

    def paced(self, seconds: float) -> Play:
        """The same with a wait between the pieces."""
        return replace(self, pace_s=seconds)

    def cut_at(self, offset: int, ending: Ending = "fin") -> Play:
        """The connection ends, or goes silent, after `offset` bytes of the body."""
        return replace(self, ending=ending, ending_at=offset)

    def stalled_at(self, offset: int) -> Play:
        """Silence after `offset` bytes of the body, the connection open."""
        return self.cut_at(offset, "stall")

    def held_at(self, offset: int, gate: str) -> Play:
        """Wait after `offset` bytes until the test opens the gate."""
        return replace(self.split_at(*self.ends(), offset), hold=gate, hold_at=offset)

    def with_headers(self, *extra: tuple[str, str]) -> Play:
        return replace(self, headers=self.headers + extra)


# --- the usual answers --------------------------------------------------------------------------------------------


def reply(status: int, value: Any, *headers: tuple[str, str]) -> Play:
    """A JSON answer."""
    return Play(status=status, headers=JSON_HEADERS + headers, pieces=(json.dumps(value).encode(),))


def error(status: int, message: str = "No.", code: str | None = None, *headers: tuple[str, str]) -> Play:
    """OpenAI's error answer."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return reply(status, {"error": {"message": message, "type": kind, "param": None, "code": code}}, *headers)


def stream(events: Iterable[bytes]) -> Play:
    """An event stream, one chunk an event."""
    return Play(headers=SSE_HEADERS, pieces=tuple(events), framing="chunked")


def raw(data: bytes, ending: Ending = "fin") -> Play:
    """These bytes, whatever they are, then a FIN or silence."""
    return Play(raw=data, ending=ending)


NEVER_ANSWERS = Play(wait_s=None)
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


def completion(content: str = "Hello from upstream", usage: Any = USAGE, **extra: Any) -> Play:
    """A whole chat completion; `usage=None` leaves it out."""
    message = {"role": "assistant", "content": content, "refusal": None}
    body = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "fake-1",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        **({} if usage is None else {"usage": usage}),
        **extra,
    }
    return reply(200, body)


def event(choices: Sequence[dict[str, Any]], **extra: Any) -> bytes:
    """One chunk of a chat stream as its SSE frame."""
    body = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1_795_000_000,
        "model": "fake-1",
        "choices": choices,
        **extra,
    }
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def delta(text: str) -> bytes:
    """A content chunk."""
    return event([{"index": 0, "delta": {"content": text}, "finish_reason": None}])


FIRST = event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
LAST = event([{"index": 0, "delta": {}, "finish_reason": "stop"}])


def completion_stream(*texts: str, usage: Any = USAGE) -> Play:
    """A whole chat stream of these pieces, closed by a usage chunk (unless None) and [DONE]."""
    closing = () if usage is None else (event([], usage=usage),)
    return stream((FIRST, *(delta(text) for text in texts or ("Hel", "lo")), LAST, *closing, DONE))
