"""openai-python with tools: forced, on request, parallel, streamed in pieces, and the answer after them."""

from __future__ import annotations

import json
from typing import Any

import openai
from pydantic import BaseModel

from tests.path.conftest import Sdk
from tests.upstreams import FakeUpstream, load

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME: dict[str, Any] = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
BOTH = [{"role": "user", "content": 'call tool get_weather {"city":"Oslo"} and call tool get_time {}'}]


def test_a_forced_tool(sdk: Sdk) -> None:
    forced = {"type": "function", "function": {"name": "get_weather"}}
    choice = sdk.create(model="echo", tools=[WEATHER, TIME], tool_choice=forced).choices[0]
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    call = choice.message.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


def test_parallel_calls(sdk: Sdk) -> None:
    choice = sdk.create(model="echo", messages=BOTH, tools=[WEATHER, TIME]).choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = [call for call in choice.message.tool_calls or [] if call.type == "function"]
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2


def test_parallel_calls_streamed(sdk: Sdk) -> None:
    chunks = sdk.stream(model="echo", messages=BOTH, tools=[WEATHER, TIME])
    pieces = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    names = [call.function.name for call in pieces if call.function and call.function.name]
    arguments = ["", ""]
    for call in pieces:
        arguments[call.index] += (call.function.arguments or "") if call.function else ""
    assert names == ["get_weather", "get_time"]
    assert [json.loads(text) for text in arguments] == [{"city": "Oslo"}, {}]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_answer_after_the_tools(sdk: Sdk) -> None:
    first = sdk.create(model="echo", messages=BOTH, tools=[WEATHER, TIME]).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result {place}"}
        for place, call in enumerate(first.tool_calls or [])
    ]
    messages = [*BOTH, first.model_dump(exclude_none=True), *results]
    answer = sdk.create(model="echo", messages=messages, tools=[WEATHER, TIME]).choices[0].message
    assert answer.content == "The tools answered: result 0; result 1"


def test_tools_reach_the_provider_as_they_were_sent(sdk: Sdk, upstream: FakeUpstream) -> None:
    recorded = load("openai", "stream_parallel_tool_calls")
    upstream.script(recorded.play())
    chunks = sdk.stream(model="fake-1", tools=[WEATHER], parallel_tool_calls=True, tool_choice="auto")
    assert upstream.seen[0].json["tools"] == [WEATHER]
    names = [
        call.function.name
        for chunk in chunks
        if chunk.choices
        for call in chunk.choices[0].delta.tool_calls or []
        if call.function and call.function.name
    ]
    assert names == [call["name"] for call in recorded.expect["tool_calls"]]


class GetWeather(BaseModel):
    city: str
    days: int


def test_the_sdk_parses_arguments_from_a_model(client: openai.OpenAI) -> None:
    tool = openai.pydantic_function_tool(GetWeather)
    with client.chat.completions.stream(
        model="echo", messages=[{"role": "user", "content": "Hello"}], tools=[tool], tool_choice="required"
    ) as stream:
        call = (stream.get_final_completion().choices[0].message.tool_calls or [])[0]
    assert isinstance(call.function.parsed_arguments, GetWeather)
