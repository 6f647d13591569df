"""Events → response bytes, in the form the caller asked for: a stream as it comes, or one JSON body at the end."""

from __future__ import annotations

from collections.abc import Callable

from aigate.dialects import chat
from aigate.domain import Broken, Closed, Event, Relay, Tally

from .inflight import Course
from .reply import Reply, cost_headers, place_headers


class AnswerWriter:
    """Writes one answer. `now` is the loop's clock in seconds."""

    __slots__ = ("_body", "_course", "_now", "_reply", "_tally")

    def __init__(self, reply: Reply, tally: Tally, course: Course, now: Callable[[], float]) -> None:
        self._reply = reply
        self._tally = tally
        self._course = course
        self._now = now
        self._body = b""

    async def take(self, event: Event) -> None:
        """Write what this event means."""
        if isinstance(event, Relay):
            if self._streams:
                await self._frames(event.data)
            else:
                self._body = event.data  # sent when the books are closed, so that the head can say what it cost
        elif isinstance(event, Broken):
            await self._frames(chat.stream_error(event.error))
        elif isinstance(event, Closed):
            await self._close(event)

    @property
    def _streams(self) -> bool:
        return self._tally.request is not None and self._tally.request.stream

    async def _frames(self, data: bytes) -> None:
        self._course.writing = self._now()
        if not self._reply.started:
            await self._reply.stream(place_headers(self._tally))
        await self._reply.more(data)
        self._course.writing = 0.0

    async def _close(self, event: Closed) -> None:
        if self._streams:
            await self._reply.end(chat.cost_comment(event.receipt))
        else:
            headers = place_headers(self._tally) + cost_headers(event.receipt)
            await self._reply.whole(200, self._body, headers)
