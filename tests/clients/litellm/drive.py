"""The `litellm` package as its users hold it: every capability once; prints what came back as one line of JSON."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import litellm
import openai

MESSAGES = [{"role": "user", "content": "Hello"}]
TWO_CALLS = [{"role": "user", "content": 'call tool get_weather {"city":"Oslo"} call tool get_weather {"city":"Rome"}'}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}


def arguments(model: str = "echo", **fields: Any) -> dict[str, Any]:
    usual = {"model": f"openai/{model}", "messages": MESSAGES, "num_retries": 0, "max_retries": 0}
    return usual | {"api_base": os.environ["BASE_URL"], "api_key": os.environ["API_KEY"]} | fields


def plain(model: str) -> Any:
    answer = litellm.completion(**arguments(model))
    return [answer.choices[0].message.content, answer.usage.total_tokens > 0]


def stream() -> Any:
    chunks = list(litellm.completion(**arguments(stream=True, stream_options={"include_usage": True})))
    return ["".join(chunk.choices[0].delta.content or "" for chunk in chunks), len(chunks) > 2]


def asynchronous() -> Any:
    return asyncio.run(litellm.acompletion(**arguments())).choices[0].message.content


def tools() -> Any:
    calls = litellm.completion(**arguments(messages=TWO_CALLS, tools=[WEATHER])).choices[0].message.tool_calls
    return [[call.function.name, json.loads(call.function.arguments)] for call in calls]


def schema() -> Any:
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    return json.loads(litellm.completion(**arguments(response_format=wanted)).choices[0].message.content)


def error(**fields: Any) -> Any:
    try:
        litellm.completion(**arguments(**fields))
    except openai.APIStatusError as caught:
        return [type(caught).__name__, caught.status_code]
    return "no error came"


CAPABILITIES: dict[str, Callable[[], Any]] = {
    "plain, offline": lambda: plain("echo"),
    "plain, provider": lambda: plain("fake-1"),
    "stream": stream,
    "asynchronous": asynchronous,
    "parallel tools": tools,
    "JSON schema": schema,
    "wrong key": lambda: error(api_key="aig_wrong"),
    "unknown model": lambda: error(model="no-such-model"),
}
litellm.suppress_debug_info = True
print(json.dumps({name: run() for name, run in CAPABILITIES.items()}))
