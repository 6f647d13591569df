"""Faults are set by options, model name or message, and do what they say at the place they say."""

from __future__ import annotations

import json

import pytest

from aigate.domain import Cut, Stall
from aigate.providers.echo import EchoOptions
from tests.providers.echo.exchange import CLOCK, ask, error, events, octets, whole


def test_latency_comes_once_and_pace_between_events() -> None:
    script = ask(stream=True, model="echo?latency=50ms&pace=10ms")
    delays = [delay for delay, _ in script.steps]
    assert delays == [0.05, *[0.01] * (len(delays) - 1)]
    assert len(events(script)) == len(delays) - 1
    assert [delay for delay, _ in ask(model="echo?latency=1.5s&pace=10ms").steps] == [1.5]


@pytest.mark.parametrize("where", ["model", "message", "options"])
def test_an_error_status_from_any_of_the_three_places(where: str) -> None:
    match where:
        case "model":
            script = ask(model="echo?fail=503&retry_after=2")
        case "message":
            script = ask("Hello\n/echo fail=503&retry_after=2")
        case _:
            script = ask(options=CLOCK.amended([("fail", "503"), ("retry_after", "2")]))
    assert script.status == 503
    assert dict(script.headers) == {"content-type": "application/json", "retry-after": "2"}
    assert error(script)["type"] == "server_error"


def test_the_message_wins_over_the_model_and_is_not_said_back() -> None:
    assert ask("/echo fail=429", model="echo?fail=503").status == 429
    assert whole(ask("Hello\n/echo latency=1ms")).choices[0].message.content == "You said: Hello"


def test_a_share_of_failures_is_drawn_by_time() -> None:
    def status(second: int) -> int:
        return ask(options=EchoOptions(now=lambda: float(second)), model="echo?fail_rate=0.5").status

    drawn = [status(second) for second in range(400)]
    assert 140 < drawn.count(503) < 260
    assert drawn == [status(second) for second in range(400)]
    assert ask(model="echo?fail=500&fail_rate=0").status == 200


def test_an_error_inside_a_200() -> None:
    whole_answer = ask(model="echo?error_after=0")
    assert whole_answer.status == 200
    assert error(whole_answer)["type"] == "server_error"
    stream = octets(ask(model="echo?error_after=2", stream=True)).decode().split("\n\n")
    assert len(stream) == 4
    assert "error" in json.loads(stream[2].removeprefix("data: "))


@pytest.mark.parametrize(("setting", "ending"), [("cut_after", Cut()), ("stall_after", Stall())])
def test_a_stream_breaks_off_after_so_many_events(setting: str, ending: object) -> None:
    script = ask(model=f"echo?{setting}=2", stream=True)
    assert [piece for _, piece in script.steps[2:]] == [ending]
    assert octets(script).count(b"\n\n") == 2
    first = ask(model=f"echo?{setting}=0&latency=1s", stream=True)
    assert first.steps == ((1.0, ending),)


@pytest.mark.parametrize(("setting", "ending"), [("cut_after", Cut()), ("stall_after", Stall())])
def test_a_whole_answer_breaks_off_after_so_many_bytes(setting: str, ending: object) -> None:
    script = ask(model=f"echo?{setting}=5")
    assert octets(script) == b'{"id"'
    assert script.steps[-1][1] == ending


def test_a_break_beyond_the_end_is_none() -> None:
    assert events(ask(model="echo?cut_after=1000&stall_after=1000&error_after=1000", stream=True))


@pytest.mark.parametrize("stream", [True, False])
def test_garbage_is_not_json(stream: bool) -> None:
    garbled = octets(ask(model="echo?garbage=1", stream=stream))
    with pytest.raises(UnicodeDecodeError):
        garbled.decode()


def test_usage_can_be_left_out_or_be_a_lie() -> None:
    assert whole(ask(model="echo?usage=none")).usage is None
    assert "usage" not in events(ask(model="echo?usage=none", stream=True, stream_options={"include_usage": True}))[-1]
    lie = whole(ask(model="echo?usage=lie")).usage
    assert lie is not None
    assert lie.prompt_tokens + lie.completion_tokens != lie.total_tokens
