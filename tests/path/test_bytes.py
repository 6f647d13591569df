"""The relay lane through the whole gateway: what the caller gets are the provider's bytes, however they were cut.

Only two things may differ: the closing comment `: aigate cost=…`, and, when a stream breaks, the gateway's own error
event in place of what is missing.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

import pytest

from tests.gateway import Gateway
from tests.path.raw import Heard, ask, chat_body, events
from tests.upstreams import FakeUpstream, Play, Recorded, chat_exchanges, play

PROVIDERS = ("openai", "azure", "vllm", "tgi", "mistral")
RECORDED = [one for provider in PROVIDERS for one in chat_exchanges(provider)]
STREAMS = [one for one in RECORDED if one.is_stream and not one.expect.get("stream_error")]
BREAKING = [one for one in RECORDED if one.is_stream and one.expect.get("stream_error")]
WHOLE = [one for one in RECORDED if not one.is_stream and one.response["status"] == 200]
REFUSALS = [one for one in RECORDED if 400 <= one.response["status"] < 500]

COST = re.compile(rb": aigate cost=[0-9.]+usd\n\n\Z")


def at_random_places(whole: Play) -> Play:
    places = random.Random(len(whole.body))
    return whole.split_at(*places.sample(range(1, len(whole.body)), 7))


CUTS: dict[str, Callable[[Play], Play]] = {
    "as recorded": lambda whole: whole,
    "in one piece": lambda whole: whole.split_at(),
    "byte by byte": lambda whole: whole.dripped(1),
    "three bytes at a time": lambda whole: whole.dripped(3),
    "at random places": at_random_places,
}


def relay(gateway: Gateway, upstream: FakeUpstream, recorded: Recorded, cut: str = "as recorded") -> Heard:
    """The recorded request through the gateway, answered with the recorded answer."""
    upstream.strict = False  # every provider has fields of its own
    upstream.script(CUTS[cut](recorded.play()))
    return ask(gateway, json.dumps({**recorded.client, "model": "fake-1"}, ensure_ascii=False).encode())


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("recorded", STREAMS, ids=lambda one: one.name)
def test_a_stream_is_relayed_byte_for_byte(
    gateway: Gateway, upstream: FakeUpstream, recorded: Recorded, cut: str
) -> None:
    heard = relay(gateway, upstream, recorded, cut)
    assert heard.status == 200
    assert heard.headers["content-type"].startswith("text/event-stream")
    assert COST.sub(b"", heard.body) == recorded.body


@pytest.mark.parametrize("recorded", STREAMS, ids=lambda one: one.name)
def test_the_request_goes_out_as_it_came(gateway: Gateway, upstream: FakeUpstream, recorded: Recorded) -> None:
    relay(gateway, upstream, recorded)
    asked = {**recorded.client, "model": "fake-1"}
    options = asked.get("stream_options") or {}
    assert upstream.seen[0].json == {**asked, "stream_options": {**options, "include_usage": True}}


@pytest.mark.parametrize("recorded", WHOLE, ids=lambda one: one.name)
def test_a_whole_answer_is_relayed_byte_for_byte(gateway: Gateway, upstream: FakeUpstream, recorded: Recorded) -> None:
    heard = relay(gateway, upstream, recorded)
    assert (heard.status, heard.body) == (200, recorded.body)


@pytest.mark.parametrize("recorded", REFUSALS, ids=lambda one: one.name)
def test_a_refusal_is_the_providers_own(gateway: Gateway, upstream: FakeUpstream, recorded: Recorded) -> None:
    heard = relay(gateway, upstream, recorded)
    assert (heard.status, heard.body) == (recorded.response["status"], recorded.body)
    assert heard.headers["x-aigate-error-source"] == "provider"


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("recorded", BREAKING, ids=lambda one: one.name)
def test_a_stream_that_breaks_is_relayed_so_far_and_says_so(
    gateway: Gateway, upstream: FakeUpstream, recorded: Recorded, cut: str
) -> None:
    """Whole frames of the provider, then one error event, and no [DONE]."""
    heard = relay(gateway, upstream, recorded, cut)
    assert b"[DONE]" not in heard.body
    if heard.status != 200:  # it broke before the first content: nothing was handed on
        assert heard.error["code"] in {"upstream_error", "stream_interrupted", "upstream_unreachable"}
        return
    *told, last = events(heard.body)
    assert last["error"]["code"] == "stream_interrupted"
    frames = heard.body[: heard.body.rindex(b"data:")]
    assert recorded.body.startswith(frames)
    assert [event for event in told if "error" in event] == []
    assert "".join(_text(event) for event in told) == recorded.expect.get("partial", "")


def _text(event: dict[str, object]) -> str:
    choices = event["choices"]
    assert isinstance(choices, list)
    return "".join(choice["delta"].get("content") or "" for choice in choices if "delta" in choice)


@pytest.mark.parametrize("cut", CUTS)
def test_usage_that_nobody_asked_for_is_taken_out_and_nothing_else(
    gateway: Gateway, upstream: FakeUpstream, cut: str
) -> None:
    with_usage = play.completion_stream("Grüße ", "👋")
    without = play.completion_stream("Grüße ", "👋", usage=None)
    upstream.script(CUTS[cut](with_usage))
    assert COST.sub(b"", ask(gateway, chat_body(stream=True)).body) == without.body


def test_the_price_closes_the_stream(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.script(play.completion_stream("Hello", usage={"prompt_tokens": 11, "completion_tokens": 3}))
    body = ask(gateway, chat_body(stream=True)).body
    assert body.endswith(b"data: [DONE]\n\n: aigate cost=0.000046usd\n\n")
