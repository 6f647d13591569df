"""SIGKILL in full flight: after the next start each attempt that reached the provider is in the ledger exactly once."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.conftest import UPSTREAM_KEY, policy_for
from tests.gateway import Gateway
from tests.path.raw import ask, chat_body
from tests.upstreams import FakeUpstream, Play, Seen, play

CALLERS = 8
BEFORE_THE_KILL = 150


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Gateway, FakeUpstream]]:
    """A gateway and a provider that nobody else uses."""
    with FakeUpstream(UPSTREAM_KEY) as upstream:
        gateway = Gateway(tmp_path, policy_for(upstream), env={"UPSTREAM_KEY": UPSTREAM_KEY}, workers=2)
        with gateway:
            yield gateway, upstream


def request_id(seen: Seen) -> str:
    """The caller's id of a request, which it also wrote into its prompt."""
    content: str = seen.json["messages"][0]["content"]
    return content


def some_of_each(seen: Seen) -> Play:
    """Whole answers, streams, and streams that are still going on when the end comes."""
    match int(request_id(seen).rpartition("-")[2]) % 3:
        case 0:
            return play.completion()
        case 1:
            return play.completion_stream()
        case _:
            answer = play.completion_stream("started", "never finished")
            return answer.held_at(answer.ends()[1], "never")


def keep_calling(gateway: Gateway, caller: int, over: threading.Event, finished: list[str]) -> None:
    number = 0
    while not over.is_set():
        name = f"call-{caller}-{number}"
        body = chat_body(text=name, stream=number % 3 != 0)
        number += 1
        try:
            heard = ask(gateway, body, {"x-request-id": name, "x-aigate-timeout": "500ms"})
        except (OSError, HTTPException):
            return  # the gateway is gone, as it should be
        if heard.status == 200 and b'"finish_reason": "stop"' in heard.body:
            finished.append(name)


def test_killed_under_load(own: tuple[Gateway, FakeUpstream]) -> None:
    gateway, upstream = own
    upstream.always(some_of_each)
    over = threading.Event()
    finished: list[str] = []
    callers = [
        threading.Thread(target=keep_calling, args=(gateway, caller, over, finished)) for caller in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    upstream.wait_for_requests(BEFORE_THE_KILL, deadline_s=20)
    gateway.kill()
    over.set()
    for caller in callers:
        caller.join()

    gateway.start()
    reached = Counter(request_id(seen) for seen in upstream.seen)
    assert set(reached.values()) == {1}, "one attempt each: nothing was sent twice"
    gateway.until(lambda: reached.keys() <= _names(gateway), "in the ledger", 15.0)
    rows = Counter(row["request_id"] for row in gateway.rows() if row["attempt"])
    assert set(rows.values()) == {1}, "nothing is in the ledger twice"
    outcomes = {row["request_id"]: row["outcome"] for row in gateway.rows()}
    assert all(outcomes[name] == "ok" for name in finished), "what the caller had in full is in the ledger as such"
    assert "unfinished" in outcomes.values(), "the kill came in full flight"


def _names(gateway: Gateway) -> set[str]:
    return {row["request_id"] for row in gateway.rows()}


def test_killed_twice_and_nothing_is_counted_twice(own: tuple[Gateway, FakeUpstream]) -> None:
    gateway, _ = own
    first = [ask(gateway, chat_body()).request_id for _ in range(5)]
    gateway.kill()
    gateway.start()
    second = [ask(gateway, chat_body()).request_id for _ in range(5)]
    gateway.kill()
    gateway.start()
    gateway.until(lambda: set(first + second) <= _names(gateway), "in the ledger", 15.0)
    rows = Counter(row["request_id"] for row in gateway.rows())
    assert {name: rows[name] for name in first + second} == dict.fromkeys(first + second, 1)
    usage = json.loads(gateway.command("usage", "--by", "team", "--format", "json"))
    assert (usage["totals"]["requests"], usage["totals"]["attempts"]) == (10, 10)


def test_a_worker_that_is_killed_is_replaced(own: tuple[Gateway, FakeUpstream]) -> None:

    gateway, _ = own
    before = gateway.worker_pids()
    os.kill(before[0], signal.SIGKILL)
    gateway.until(lambda: len(set(gateway.worker_pids()) - {before[0]}) == 2, "replaced", 10.0)
    gateway.until(lambda: gateway.admin("/readyz")[0] == 200, "ready again", 10.0)
    assert ask(gateway, chat_body()).status == 200
