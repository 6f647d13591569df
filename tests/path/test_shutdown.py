"""SIGTERM: what is under way ends well or is told, new requests are refused, the books are closed, exit code 0."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import UPSTREAM_KEY, policy_for
from tests.gateway import Gateway
from tests.path.raw import chat_body, chat_request, connected, events, hear
from tests.upstreams import FakeUpstream, play

ANSWER = play.completion_stream("before ", "after")


@pytest.fixture
def own_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(UPSTREAM_KEY) as upstream:
        yield upstream


def own_gateway(folder: Path, upstream: FakeUpstream, drain_s: float) -> Gateway:
    return Gateway(folder, policy_for(upstream), env={"UPSTREAM_KEY": UPSTREAM_KEY}, drain_s=drain_s)


def begun(heard: bytes) -> bool:
    return b"before " in heard


def test_a_stream_ends_within_the_drain(tmp_path: Path, own_upstream: FakeUpstream) -> None:
    own_upstream.script(ANSWER.held_at(ANSWER.ends()[1], "drain"))
    with own_gateway(tmp_path, own_upstream, drain_s=10) as gateway, connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(stream=True), {"x-request-id": "drained"}))

        def stop_once_begun(heard: bytes) -> None:
            if begun(heard) and gateway.admin("/readyz")[0] == 200:
                os.kill(gateway.pid, signal.SIGTERM)
                gateway.until(lambda: gateway.admin("/readyz")[0] == 503, "no longer ready")
                own_upstream.open("drain")

        heard = hear(connection, stop_once_begun)
        assert events(heard.body)[-1] == "[DONE]"
        assert gateway.stop() == 0
        assert gateway.row_of_stopped("drained")["outcome"] == "ok"


def test_a_stream_that_outlasts_the_drain_is_told(tmp_path: Path, own_upstream: FakeUpstream) -> None:
    own_upstream.script(ANSWER.stalled_at(ANSWER.ends()[1]))
    with own_gateway(tmp_path, own_upstream, drain_s=0.5) as gateway, connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(stream=True), {"x-request-id": "cut"}))
        heard = hear(connection, lambda so_far: os.kill(gateway.pid, signal.SIGTERM) if begun(so_far) else None)
        *told, last = events(heard.body)
        assert last["error"]["code"] == "server_shutting_down"
        assert "[DONE]" not in told
        assert gateway.stop() == 0
        row = gateway.row_of_stopped("cut")
        assert (row["error"], row["usage_source"]) == ("server_shutting_down", "counted")
        assert row["output_tokens"] > 0


def test_many_signals_are_one(tmp_path: Path, own_upstream: FakeUpstream) -> None:
    with own_gateway(tmp_path, own_upstream, drain_s=0.5) as gateway:
        for _ in range(200):
            os.kill(gateway.pid, signal.SIGTERM)
        assert gateway.stop() == 0
