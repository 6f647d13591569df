"""A script is played as a network would: in its order and pace, with its faults, and no further than it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from aigate.domain import Cut, Exchange, Script, Stall, Step
from aigate.errors import UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from aigate.transport import LocalExchange

HEAD = (("content-type", "text/event-stream"),)
DEADLINES_MS = (1_000, 2_000, 3_000, 10_000)


class Clock:
    """Sleeps without waiting, and remembers."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def play(self, *steps: Step) -> LocalExchange:
        return LocalExchange(Script(200, HEAD, steps), self.sleep, DEADLINES_MS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_plays_its_steps_at_their_pace(clock: Clock) -> None:
    exchange: Exchange = clock.play((0.5, b"a"), (0.0, b""), (0.25, b"b"), (0.0, b"c"))
    assert clock.slept == []
    assert await exchange.head() == (200, list(HEAD))
    assert await exchange.head() == (200, list(HEAD))
    assert clock.slept == [0.5]
    assert [await exchange.read() for _ in range(5)] == [b"a", b"b", b"c", b"", b""]
    assert clock.slept == [0.5, 0.25]


async def test_a_body_is_all_steps(clock: Clock) -> None:
    steps: tuple[Step, ...] = ((0.0, b"one "), (0.0, b"two"))
    assert await clock.play(*steps).body(7) == b"one two"
    exchange = clock.play(*steps)
    with pytest.raises(UpstreamInvalid, match="over 6 bytes"):
        await exchange.body(6)
    with pytest.raises(UpstreamUnreachable):
        await exchange.read()


async def test_a_cut_comes_after_what_came_before(clock: Clock) -> None:
    exchange = clock.play((0.0, b"a"), (0.0, Cut()))
    assert await exchange.read() == b"a"
    with pytest.raises(UpstreamUnreachable, match="broke"):
        await exchange.read()
    with pytest.raises(UpstreamUnreachable, match="broke"):
        await clock.play((0.0, Cut())).head()


@pytest.mark.parametrize(
    ("steps", "says", "slept"),
    [
        (((0.0, Stall()),), "first byte deadline of 2000 ms", [2.0]),
        (((5.0, b"late"),), "first byte deadline of 2000 ms", [2.0]),
        (((1.5, b"a"), (0.0, Stall())), "idle deadline of 3000 ms", [1.5, 3.0]),
        (((1.5, b"a"), *(((3.0, b"b"),) * 9)), "total deadline of 10000 ms", [1.5, 3.0, 3.0, 2.5]),
    ],
)
async def test_the_deadlines_hold(clock: Clock, steps: tuple[Step, ...], says: str, slept: list[float]) -> None:
    with pytest.raises(UpstreamTimeout, match=says):
        await clock.play(*steps).body(1_000)
    assert clock.slept == slept


async def test_nothing_is_played_after_cancel(clock: Clock) -> None:
    exchange = clock.play((1.0, b"a"), (1.0, b"b"))
    await exchange.head()
    exchange.cancel()
    exchange.cancel()
    assert await exchange.read() == b"a"  # it had come
    for look in (exchange.read, lambda: exchange.body(9)):
        with pytest.raises(UpstreamUnreachable, match="given up by the caller"):
            await look()
    assert clock.slept == [1.0]


async def test_a_waiter_who_is_cancelled_leaves_at_once(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    exchange = LocalExchange(Script(200, (), ((0.0, Stall()),)), asyncio.sleep, DEADLINES_MS)
    task = asyncio.ensure_future(exchange.read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
