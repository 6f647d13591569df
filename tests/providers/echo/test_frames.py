"""A stream says what the whole answer says, in the order OpenAI's clients rely on."""

from __future__ import annotations

from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.providers.echo.exchange import ask, chunks, events, whole

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
TWO_CALLS = 'call tool weather {"city":"Oslo"} and call tool weather {"city":"Rome, {Italy}"}'

REQUESTS: list[dict[str, Any]] = [
    {},
    {"n": 3},
    {"max_tokens": 2},
    {"logprobs": True, "top_logprobs": 2},
    {"text": TWO_CALLS, "tools": [WEATHER]},
    {"text": TWO_CALLS, "tools": [WEATHER], "n": 2},
    {"response_format": {"type": "json_object"}},
]


@pytest.mark.parametrize("request_fields", REQUESTS)
def test_the_stream_adds_up_to_the_whole_answer(request_fields: dict[str, Any]) -> None:
    expected = whole(ask(**request_fields))
    state = ChatCompletionStreamState()
    for chunk in chunks(ask(**request_fields, stream=True, stream_options={"include_usage": True})):
        state.handle_chunk(chunk)
    got = state.current_completion_snapshot
    assert got.usage == expected.usage
    for one, other in zip(got.choices, expected.choices, strict=True):
        assert one.finish_reason == other.finish_reason
        assert (one.message.content or None) == other.message.content
        assert one.logprobs == other.logprobs
        assert [_call(call) for call in one.message.tool_calls or []] == [
            _call(call) for call in other.message.tool_calls or []
        ]


def _call(call: Any) -> tuple[str, str]:
    return call.function.name, call.function.arguments


def test_a_tool_call_comes_as_id_and_name_first_then_arguments_in_pieces() -> None:
    deltas = [
        call
        for event in events(ask(TWO_CALLS, tools=[WEATHER], stream=True))
        for call in event["choices"][0]["delta"].get("tool_calls", [])
    ]
    first = {index: next(call for call in deltas if call["index"] == index) for index in (0, 1)}
    assert first[0]["id"] != first[1]["id"]
    for index in (0, 1):
        assert set(first[index]) == {"index", "id", "type", "function"}
        assert first[index]["function"] == {"name": "weather", "arguments": ""}
        rest = [call for call in deltas if call["index"] == index][1:]
        assert all(set(call) == {"index", "function"} and set(call["function"]) == {"arguments"} for call in rest)
    assert "".join(call["function"]["arguments"] for call in deltas if call["index"] == 1) == '{"city":"Rome, {Italy}"}'


def test_usage_only_when_asked() -> None:
    plain = events(ask(stream=True))
    asked = events(ask(stream=True, stream_options={"include_usage": True}))
    assert all("usage" not in event for event in plain)
    assert all(event["usage"] is None for event in asked[:-1])
    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"]["total_tokens"] > 0


def test_the_first_delta_has_the_role_and_the_last_the_reason() -> None:
    stream = events(ask(stream=True))
    assert stream[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert stream[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
