"""LangChain's ChatOpenAI with base URL and key changed: invoke, stream, tools, structured output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import openai
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests.gateway import Gateway
from tests.upstreams import FakeUpstream

Chat = Callable[[str], ChatOpenAI]


@pytest.fixture
def chat(gateway: Gateway) -> Chat:
    return lambda model: ChatOpenAI(
        model=model, base_url=gateway.base_url, api_key=SecretStr(gateway.key), max_retries=0
    )


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize(("model", "text"), [("echo", "You said: Hello"), ("fake-1", "Hello from upstream")])
def test_invoke(chat: Chat, model: str, text: str) -> None:
    answer = chat(model).invoke([SystemMessage("Be brief."), HumanMessage("Hello")])
    assert answer.content == text
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] > 0


@pytest.mark.parametrize(("model", "text"), [("echo", "You said: Hello"), ("fake-1", "Hello")])
def test_stream(chat: Chat, model: str, text: str) -> None:
    pieces = list(chat(model).stream("Hello"))
    assert len(pieces) > 2
    assert "".join(str(piece.content) for piece in pieces) == text


async def _collected(model: ChatOpenAI) -> list[str]:
    return [str(piece.content) async for piece in model.astream("Hello")]


def test_async_stream(chat: Chat) -> None:
    assert "".join(asyncio.run(_collected(chat("echo")))) == "You said: Hello"


def test_tools_and_the_answer_after_them(chat: Chat) -> None:
    model = chat("echo").bind_tools([get_weather])
    asked = HumanMessage('call tool get_weather {"city":"Oslo"}')
    called = model.invoke([asked])
    assert [(call["name"], call["args"]) for call in called.tool_calls] == [("get_weather", {"city": "Oslo"})]
    results = [get_weather.invoke(call) for call in called.tool_calls]
    assert model.invoke([asked, called, *results]).content == "The tool answered: sunny in Oslo"


def test_tools_streamed(chat: Chat) -> None:
    model = chat("echo").bind_tools([get_weather])
    whole: AIMessageChunk | None = None
    for piece in model.stream('call tool get_weather {"city":"Oslo"}'):
        assert isinstance(piece, AIMessageChunk)
        whole = piece if whole is None else whole + piece
    assert whole is not None
    assert whole.tool_calls[0]["args"] == {"city": "Oslo"}


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(chat: Chat, method: Literal["json_schema", "function_calling"]) -> None:
    person = chat("echo").with_structured_output(Person, method=method).invoke("Hello")
    assert isinstance(person, Person)


def test_errors_are_the_sdks(chat: Chat, upstream: FakeUpstream) -> None:
    with pytest.raises(openai.NotFoundError):
        chat("no-such-model").invoke("Hello")
    assert not upstream.seen
