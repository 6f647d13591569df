"""The door as a whole, with the rooms behind it replaced: statuses, headers, streams, disconnects, drains."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from aigate.dialects import chat
from aigate.domain import Event, Principal, Relay, Request, Route, Snapshot, Tally, Usage
from aigate.errors import InvalidApiKey, StreamInterrupted, UpstreamError
from aigate.http import Front, FrontSettings, InFlight, inflight
from aigate.pipeline import Gate
from aigate.routing import plan
from tests import stories
from tests.http.asgi_client import Caller, scope

BODY = b'{"model": "assistant"}'
Answer = Callable[[Tally], AsyncGenerator[Event]]


class Answering:
    """The events a test wrote, as a committed answer."""

    def __init__(self, events: AsyncGenerator[Event], tally: Tally) -> None:
        self._events = events
        self._tally = tally
        self.closed = False

    async def next(self) -> Event | None:
        event = await anext(self._events, None)
        self._tally.usage = Usage(fresh=7, output=5)
        self._tally.content()
        return event

    def close(self) -> None:
        self.closed = True


class Dispatch:
    """Answers with whatever the test wrote; what is raised at once is raised before the commit point."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.answering: Answering | None = None

    async def send(self, request: Request, route: Route, tally: Tally) -> Answering:
        tally.open(route.targets[0], 7)
        self.answering = Answering(self._answer(tally), tally)
        return self.answering


def identify(credential: bytes) -> Principal:
    if credential != b"aig_good":
        raise InvalidApiKey("not known")
    return stories.principal()


class Door:
    """A front on a fake clock."""

    def __init__(self, answer: Answer, snapshot: Snapshot | None = None) -> None:
        self.now = 0.0
        self.journal = stories.Journal()
        self.dispatch = Dispatch(answer)
        self.in_flight = InFlight(asyncio.get_running_loop(), lambda: self.now)
        gate = Gate(identify, plan, self.dispatch, self.journal)
        settings = FrontSettings(
            snapshot=lambda: snapshot or stories.snapshot(),
            new_tally=stories.tally,
            trace=lambda parent: ("trace-1", "00-parent"),
            started_s=1_795_000_000,
            max_body_bytes=1000,
        )
        self.front = Front(gate, self.in_flight, settings)


@pytest.fixture(autouse=True)
def _bodies_need_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The body's text says whether it wants a stream; reading it is the dialect's business, tested there."""

    def read_chat(body: bytes, wishes: Any, principal: Principal) -> Request:
        return stories.request(stream=b"stream" in body)

    monkeypatch.setattr(chat, "read_chat", read_chat)


def answering(*events: Event | Exception) -> Answer:
    async def answer(tally: Tally) -> AsyncGenerator[Event]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    return answer


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await story()

    asyncio.run(main())


STREAM_BODY = b'{"model": "a", "stream": 1}'


async def ask(answer: Answer, *, body: bytes = BODY, **head: Any) -> tuple[Caller, Door]:
    door, caller = Door(answer), Caller(body)
    headers = head.pop("headers", [("authorization", "Bearer aig_good")])
    headers = [*headers, ("content-length", str(len(body)))]
    await door.front(scope(headers=headers, **head), caller.receive, caller.send)
    return caller, door


def test_a_whole_answer_is_relayed_with_its_cost_and_place() -> None:
    async def story() -> None:
        caller, door = await ask(answering(Relay(b'{"ok":1}')))
        assert caller.status == 200
        assert caller.body == b'{"ok":1}'
        assert caller.headers["x-aigate-target"] == "alpha/m-1"
        assert caller.headers["x-aigate-attempts"] == "1"
        assert caller.headers["x-aigate-policy"] == "abc"
        assert caller.headers["x-aigate-cost"] == "0.0000675usd"
        assert caller.headers["x-request-id"] == "req-1"
        assert caller.headers["server-timing"].startswith("gateway;dur=")
        assert door.journal.kinds() == [("outcome", "ok")]
        assert caller.received == 1
        assert len(door.in_flight) == 0

    run(story)


def test_a_stream_is_relayed_as_it_comes_and_closed_by_its_cost() -> None:
    async def story() -> None:
        caller, _ = await ask(answering(Relay(b"data: 1\n\n"), Relay(b"data: 2\n\n")), body=STREAM_BODY)
        assert caller.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert caller.body == b"data: 1\n\ndata: 2\n\n: aigate cost=0.0000675usd\n\n"
        assert [message["more_body"] for message in caller.sent[1:]] == [True, True, False]

    run(story)


def test_a_break_after_content_is_told_in_the_stream_without_a_terminator() -> None:
    async def story() -> None:
        caller, door = await ask(answering(Relay(b"data: 1\n\n"), StreamInterrupted("cut")), body=STREAM_BODY)
        assert caller.status == 200
        error = json.loads(caller.body.split(b"\n\n")[1].removeprefix(b"data: "))["error"]
        assert error["code"] == "stream_interrupted"
        assert b"[DONE]" not in caller.body
        assert caller.ended
        assert door.journal.kinds() == [("outcome", "interrupted")]

    run(story)


def test_a_providers_4xx_is_handed_on_as_it_is() -> None:
    body = b'{"error":{"message":"too long","code":"context_length_exceeded"}}'

    async def story() -> None:
        error = UpstreamError("HTTP 400", upstream_status=400, body=body, retry_after_s=3)
        caller, _ = await ask(answering(error))
        assert (caller.status, caller.body) == (400, body)
        assert caller.headers["x-aigate-error-source"] == "provider"
        assert caller.headers["retry-after"] == "3"

    run(story)


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ({"headers": []}, 401, "invalid_api_key"),
        ({"headers": [("x-api-key", "wrong")]}, 401, "invalid_api_key"),
        ({"headers": [("x-api-key", "a"), ("api-key", "b")]}, 400, "invalid_request"),
        ({"path": "/v1/nothing"}, 404, "not_found"),
        ({"method": "GET"}, 405, "method_not_allowed"),
        ({"headers": [("x-api-key", "aig_good"), ("content-type", "text/plain")]}, 415, "unsupported_media_type"),
    ],
)
def test_refusals_are_in_the_dialect_and_written_down(head: dict[str, Any], status: int, code: str) -> None:
    async def story() -> None:
        caller, door = await ask(answering(), **head)
        assert caller.status == status
        assert json.loads(caller.body)["error"]["code"] == code
        assert caller.headers["x-aigate-error-source"] == "gateway"
        assert [(receipt.kind, receipt.error) for receipt in door.journal.receipts] == [("refusal", code)]

    run(story)


def test_a_bug_is_a_500_that_says_nothing_but_the_request_id() -> None:
    async def story() -> None:
        caller, door = await ask(answering(RuntimeError("secret prompt text")))
        assert caller.status == 500
        assert b"secret" not in caller.body
        assert b"req-1" in caller.body
        assert door.journal.receipts[-1].error == "internal_error"

    run(story)


async def begun_stream() -> tuple[Door, Caller, asyncio.Future[None]]:
    """A call whose caller has had its first event and whose provider says nothing more."""

    async def endless(tally: Tally) -> AsyncGenerator[Event]:
        yield Relay(b"data: 1\n\n")
        await asyncio.Event().wait()

    door, caller = Door(endless), Caller(STREAM_BODY)
    headers = [("x-api-key", "aig_good"), ("content-length", str(len(STREAM_BODY)))]
    asked = asyncio.ensure_future(door.front(scope(headers=headers), caller.receive, caller.send))
    while not caller.body:
        await asyncio.sleep(0)
    return door, caller, asked


def test_a_caller_that_hangs_up_cancels_the_upstream_and_the_tokens_seen_are_kept() -> None:
    async def story() -> None:
        door, caller, asked = await begun_stream()
        door.now = 1.0  # the next tick of the watch sees a call that is not new
        caller.gone.set()
        await asked
        assert door.dispatch.answering is not None
        assert door.dispatch.answering.closed
        (receipt,) = door.journal.receipts
        assert (receipt.outcome, receipt.error, receipt.output_tokens) == ("cancelled", "client_disconnected", 5)
        assert len(door.in_flight) == 0

    run(story)


def test_a_drain_refuses_new_calls_and_ends_old_ones_in_band_at_the_deadline() -> None:
    async def story() -> None:
        door, caller, asked = await begun_stream()
        door.in_flight.drain(5.0)
        late = Caller(BODY)
        await door.front(scope(headers=[("x-api-key", "aig_good")]), late.receive, late.send)
        assert (late.status, json.loads(late.body)["error"]["code"]) == (503, "server_shutting_down")
        door.now = 5.0
        await asked
        assert b"server_shutting_down" in caller.body
        assert caller.ended

    run(story)


def test_a_body_that_stops_coming_is_a_408() -> None:
    async def story() -> None:
        door, caller = Door(answering()), Caller()
        headers = [("x-api-key", "aig_good"), ("content-length", "10")]
        asked = asyncio.ensure_future(door.front(scope(headers=headers), caller.receive, caller.send))
        await asyncio.sleep(0)
        door.now = inflight.BODY_STALL_S
        await asked
        assert caller.status == 408

    run(story)


def test_models_are_listed_for_the_key_that_asks() -> None:
    async def story() -> None:
        caller, _ = await ask(answering(), path="/v1/models", method="GET")
        assert [model["id"] for model in json.loads(caller.body)["data"]] == ["assistant"]
        caller, _ = await ask(answering(), path="/v1/models/assistant", method="GET")
        assert json.loads(caller.body)["id"] == "assistant"
        caller, _ = await ask(answering(), path="/v1/models/other", method="GET")
        assert caller.status == 404
        caller, _ = await ask(answering(), path="/v1/models", method="GET", headers=[])
        assert caller.status == 401

    run(story)
