"""The calls under way in this worker, and what can happen to them from outside their own course.

A caller hangs up, stops reading, or stops sending; the worker drains. One coarse tick looks at all calls; a call
that is answered quickly is never watched at all, because a watch costs a round trip to the server's I/O thread.
Invariant: a call that is cut has its reason set first and is cancelled exactly once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from aigate.errors import BodyTimeout, ClientGone, GatewayError, ShuttingDown

from .asgi import Receive

TICK_S = 0.05
BODY_STALL_S = 30.0
WRITE_STALL_S = 30.0


class Course(msgspec.Struct, eq=False):
    """Where one call stands, as far as the watch is concerned. Times are readings of the loop's clock, in seconds.

    Attributes:
        since: when it began, or the last piece of its body came; now: the loop's clock.
        reading: its body is still coming.
        writing: since when the caller has been expected to take what it is sent, 0 = it is not.
        cut_by: why it was ended from outside.
    """

    receive: Receive
    task: asyncio.Task[object]
    since: float
    now: Callable[[], float]
    reading: bool = True
    writing: float = 0.0
    watch: asyncio.Task[None] | None = None
    cut_by: GatewayError | None = None

    def progress(self) -> None:
        """A piece of the body came."""
        self.since = self.now()

    def cut(self, reason: GatewayError) -> None:
        """End the call from outside; the first reason stands."""
        if self.cut_by is None:
            self.cut_by = reason
            self.task.cancel()


class InFlight:
    """All calls of a worker. `now` is the loop's clock in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self._loop = loop
        self._now = now
        self._courses: set[Course] = set()
        self._tick: asyncio.TimerHandle | None = None
        self._drain_by: float | None = None

    def __len__(self) -> int:
        return len(self._courses)

    @property
    def draining(self) -> bool:
        """Whether new calls are refused."""
        return self._drain_by is not None

    def drain(self, within_s: float) -> None:
        """Refuse new calls from now on; cut those still running after `within_s` seconds."""
        if self._drain_by is None:
            self._drain_by = self._now() + within_s

    def enter(self, receive: Receive) -> Course:
        """A call begins. Raises ShuttingDown."""
        if self._drain_by is not None:
            raise ShuttingDown("the gateway is shutting down", retry_after_s=1)
        task = asyncio.current_task(self._loop)  # naming the loop saves looking for it, a system call
        if task is None:
            raise RuntimeError("a call runs in a task")
        course = Course(receive, task, self._now(), self._now)
        self._courses.add(course)
        if self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._look)
        return course

    def leave(self, course: Course) -> None:
        """The call has ended."""
        self._courses.discard(course)
        if course.watch is not None:
            course.watch.cancel()

    def _look(self) -> None:
        now = self._now()
        for course in self._courses:
            self._judge(course, now)
        self._tick = self._loop.call_later(TICK_S, self._look) if self._courses else None

    def _judge(self, course: Course, now: float) -> None:
        if self._drain_by is not None and now >= self._drain_by:
            course.cut(ShuttingDown("the gateway shut down before the answer was complete"))
        elif course.reading:
            if now - course.since >= BODY_STALL_S:
                course.cut(BodyTimeout(f"no body within {BODY_STALL_S:.0f} s"))
        elif course.writing and now - course.writing >= WRITE_STALL_S:
            course.cut(ClientGone(f"the caller took nothing for {WRITE_STALL_S:.0f} s"))
        elif course.watch is None and now - course.since >= TICK_S:
            course.watch = self._loop.create_task(_until_gone(course))


async def _until_gone(course: Course) -> None:
    """Wait for the caller to hang up. Granian first reports the end of the body, then only the disconnect."""
    message = await course.receive()
    while message["type"] != "http.disconnect":
        message = await course.receive()
    course.cut(ClientGone("the caller hung up"))
