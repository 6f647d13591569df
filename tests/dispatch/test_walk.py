"""Dispatch: one attempt a target, invisible failover before the first content, none after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import msgspec
import pytest

from aigate.dispatch import Dispatch
from aigate.domain import Answer, Outbound, Request, Route, Secret, Target, Usage
from aigate.errors import (
    SpoolUnavailable,
    StreamInterrupted,
    UpstreamError,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tests import stories

Step = bytes | Exception


class Exchange:
    """Plays `steps`; `head` may be an exception."""

    def __init__(
        self, steps: Iterable[Step], status: int = 200, head: Exception | None = None, *, sent: bool = True
    ) -> None:
        self.sent = sent
        self._steps = list(steps)
        self.status = status
        self._head = head
        self.cancelled = 0

    async def head(self) -> tuple[int, list[tuple[str, str]]]:
        if self._head is not None:
            raise self._head
        return self.status, [("content-type", "text/event-stream; charset=utf-8")]

    async def read(self) -> bytes:
        step = self._steps.pop(0) if self._steps else b""
        if isinstance(step, Exception):
            raise step
        return step

    async def body(self, limit: int) -> bytes:
        await self.head()
        return b"".join([step async for step in self._all()])

    async def _all(self) -> Any:
        while step := await self.read():
            yield step

    def cancel(self) -> None:
        self.cancelled += 1


class Reader:
    """Frames are bytes; upper case is content; `!` is an in-band error; `.` ends the answer."""

    def __init__(self) -> None:
        self.has_content = False
        self._ended = False
        self._seen = b""

    def feed(self, data: bytes) -> bytes:
        if b"!" in data:
            raise UpstreamError("error in the stream", upstream_status=200)
        self.has_content |= any(byte in range(65, 91) for byte in data)
        self._ended |= b"." in data
        self._seen += data
        return data

    def check(self) -> None:
        pass

    def finish(self) -> bytes:
        if not self._ended:
            raise StreamInterrupted("cut")
        return b""

    def facts(self) -> Answer:
        return Answer(b"", "served", None, "", len(self._seen))


class Adapter:
    def encode(self, request: Request, target: Target) -> Outbound:
        return Outbound("/chat", target.model.encode())

    def decode(self, body: bytes, encoding: str) -> Answer:
        return Answer(body, "served", Usage(fresh=3, output=4), "{}")

    def reader(self, request: Request, encoding: str) -> Reader:
        return Reader()

    def failure(self, status: int, headers: list[tuple[str, str]], body: bytes) -> UpstreamError:
        return UpstreamError(f"HTTP {status}", upstream_status=status, body=body)


class Wire:
    """Hands out the prepared exchanges by provider name."""

    def __init__(self, **exchanges: Exchange) -> None:
        self.exchanges = exchanges
        self.deadlines: list[tuple[int, int, int, int]] = []

    def __call__(self, target: Target, outbound: Outbound, deadlines_ms: tuple[int, int, int, int]) -> Exchange:
        self.deadlines.append(deadlines_ms)
        return self.exchanges[target.provider.name]


class Run:
    """One walk and all that came of it."""

    def __init__(
        self, wire: Wire, *, stream: bool = True, journal: stories.Journal | None = None, **fields: Any
    ) -> None:
        self.journal = journal or stories.Journal()
        self.tally = stories.tally(fields.pop("clock", None))
        self.request = stories.request(stream=stream, **fields)
        self.route = stories.route(*wire.exchanges)
        self.dispatch = Dispatch({"openai": Adapter()}, wire, self.journal)
        self.got: list[bytes] = []

    async def walk(self) -> list[bytes]:
        events = await self.dispatch.send(self.request, self.route, self.tally)
        try:
            while (event := await events.next()) is not None:
                self.got.append(event.data)
        finally:
            events.close()
        return self.got


def play(awaitable: Awaitable[list[bytes]]) -> list[bytes]:
    async def main() -> list[bytes]:
        return await awaitable

    return asyncio.run(main())


def test_a_whole_answer_is_one_event_and_its_usage_is_noted() -> None:
    run = Run(Wire(alpha=Exchange([b"an", b"swer"])), stream=False)
    assert play(run.walk()) == [b"answer"]
    assert run.tally.usage == Usage(fresh=3, output=4)
    assert run.journal.kinds() == [("intent", "unfinished")]


def test_content_free_frames_are_held_back_until_the_first_content() -> None:
    run = Run(Wire(alpha=Exchange([b"role ", b"ping ", b"A", b"b."])))
    assert play(run.walk()) == [b"role ping A", b"b."]
    assert run.tally.committed


@pytest.mark.parametrize(
    "broken",
    [
        Exchange([], head=UpstreamUnreachable("connection refused")),
        Exchange([], head=UpstreamTimeout("no first byte within 50 ms")),
        Exchange([b"overloaded"], status=503),
        Exchange([b"slow down"], status=429),
        Exchange([b"role ", UpstreamUnreachable("reset")]),
        Exchange([b"role ", b"!"]),
        Exchange([b"role "]),
    ],
    ids=["refused", "timeout", "503", "429", "reset", "error-in-200", "cut"],
)
def test_a_failure_before_content_moves_on_and_leaves_no_trace_in_the_answer(broken: Exchange) -> None:
    good = Exchange([b"A."])
    run = Run(Wire(alpha=broken, beta=good))
    assert play(run.walk()) == [b"A."]
    assert run.journal.kinds() == [("intent", "unfinished"), ("outcome", "failed"), ("intent", "unfinished")]
    assert [receipt.attempt for receipt in run.journal.receipts] == [1, 1, 2]
    assert broken.cancelled == 1
    assert good.cancelled == 1


def test_a_failure_after_content_is_told_and_no_other_target_is_tried() -> None:
    spare = Exchange([b"B."])
    run = Run(Wire(alpha=Exchange([b"A", UpstreamUnreachable("reset")]), beta=spare))
    with pytest.raises(StreamInterrupted, match="target alpha/m-1: reset"):
        play(run.walk())
    assert run.got == [b"A"]
    assert spare.cancelled == 0


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_caller_got_wrong_is_not_asked_of_another_target(status: int) -> None:
    run = Run(Wire(alpha=Exchange([b"{}"], status=status), beta=Exchange([b"B."])), stream=False)
    with pytest.raises(UpstreamError) as caught:
        play(run.walk())
    assert caught.value.status == status
    assert len(run.journal.receipts) == 1


def test_the_last_targets_error_is_the_callers() -> None:
    run = Run(Wire(alpha=Exchange([], status=503), beta=Exchange([], status=429)), stream=False)
    with pytest.raises(UpstreamError) as caught:
        play(run.walk())
    assert caught.value.status == 429
    assert run.tally.attempt == 2


def test_messages_read_as_the_path() -> None:
    run = Run(Wire(alpha=Exchange([], head=UpstreamTimeout("no first byte within 50 ms"))))
    with pytest.raises(UpstreamTimeout) as caught:
        play(run.walk())
    assert str(caught.value) == "model assistant: target alpha/m-1: no first byte within 50 ms"


def test_fallback_off_means_one_attempt() -> None:
    run = Run(Wire(alpha=Exchange([], status=503), beta=Exchange([b"B."])), fallback=False)
    with pytest.raises(UpstreamFailed):
        play(run.walk())
    assert run.tally.attempt == 1


def test_nothing_is_sent_when_the_intent_cannot_be_kept() -> None:
    wire = Wire(alpha=Exchange([b"A."]))
    run = Run(wire, journal=stories.Journal(SpoolUnavailable("disk full")))
    with pytest.raises(SpoolUnavailable):
        play(run.walk())
    assert wire.deadlines == []
    assert run.tally.close().cost_nano_usd == 0


def test_the_callers_timeout_bounds_every_attempt() -> None:
    clock = stories.Clock()
    wire = Wire(alpha=Exchange([], status=503), beta=Exchange([b"B."]))
    run = Run(wire, timeout_ms=1000, clock=clock)
    clock.pass_ms(400)
    play(run.walk())
    assert [deadlines[3] for deadlines in wire.deadlines] == [600, 600]


def test_a_timeout_that_has_passed_makes_no_attempt() -> None:
    clock = stories.Clock()
    run = Run(Wire(alpha=Exchange([b"A."])), timeout_ms=1000, clock=clock)
    clock.pass_ms(1000)
    with pytest.raises(UpstreamTimeout):
        play(run.walk())
    assert run.journal.receipts == []


def failed_costs(broken: Exchange) -> tuple[int, int]:
    run = Run(Wire(alpha=broken, beta=Exchange([b"A."])))
    play(run.walk())
    (failed,) = [receipt for receipt in run.journal.receipts if receipt.kind == "outcome"]
    return failed.input_tokens, failed.cost_nano_usd


def test_what_a_provider_refused_or_never_got_costs_nothing() -> None:
    assert failed_costs(Exchange([], status=429)) == (0, 0)
    assert failed_costs(Exchange([], head=UpstreamUnreachable("refused"), sent=False)) == (0, 0)


def test_what_may_have_been_done_without_an_answer_is_counted() -> None:
    assert failed_costs(Exchange([], head=UpstreamTimeout("no first byte"))) == (7, 17_500)


def test_credentials_that_an_upstream_quotes_are_masked() -> None:
    class Quoting(Adapter):
        def failure(self, status: int, headers: list[tuple[str, str]], body: bytes) -> UpstreamError:
            return UpstreamError("bad key sk-1 of h-2", upstream_status=status, body=b"sk-1 h-2")

    wire = Wire(alpha=Exchange([], status=400))
    run = Run(wire, stream=False)
    run.dispatch = Dispatch({"openai": Quoting()}, wire, run.journal)
    account = msgspec.structs.replace(
        stories.provider(), api_key=Secret("sk-1"), headers=(("x-account", Secret("h-2")),)
    )
    run.route = Route("assistant", (Target(account, "m-1"),))
    with pytest.raises(UpstreamError) as caught:
        play(run.walk())
    assert (caught.value.body, caught.value.message.count("***")) == (b"*** ***", 2)


def test_a_stream_without_content_is_held_only_so_far() -> None:
    run = Run(Wire(alpha=Exchange([b"." * 700_000, b"." * 700_000, b"A"])))
    with pytest.raises(UpstreamInvalid, match="no content yet"):
        play(run.walk())


def test_closing_in_mid_stream_shuts_the_upstream_and_notes_what_was_seen() -> None:
    exchange = Exchange([b"A", b"BC", b"."])
    run = Run(Wire(alpha=exchange))

    async def leave_after_the_first() -> None:
        events = await run.dispatch.send(run.request, run.route, run.tally)
        await events.next()
        events.close()

    asyncio.run(leave_after_the_first())
    assert exchange.cancelled == 1
    assert run.tally.usage == Usage(fresh=7, output=1, counted=True)
