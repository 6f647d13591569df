"""The OpenAI SDK as its users hold it, synchronous and asynchronous behind one face."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion

from tests.gateway import Gateway

HERE = Path(__file__).parent
HELLO: Any = [{"role": "user", "content": "Hello"}]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts the real gateway."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("gateway")


class Sdk(Protocol):
    """What the tests do with either client. `model`, `messages` and the rest are the SDK's own arguments."""

    def create(self, **fields: Any) -> ChatCompletion: ...
    def stream(self, **fields: Any) -> list[ChatCompletionChunk]: ...
    def parse(self, **fields: Any) -> ParsedChatCompletion[Any]: ...
    def models(self) -> list[str]: ...


class SyncSdk:
    def __init__(self, **options: Any) -> None:
        self._client = openai.OpenAI(**options)

    def create(self, **fields: Any) -> ChatCompletion:
        answer: ChatCompletion = self._client.chat.completions.create(**{"messages": HELLO, **fields})
        return answer

    def stream(self, **fields: Any) -> list[ChatCompletionChunk]:
        with self._client.chat.completions.create(**{"messages": HELLO, **fields}, stream=True) as chunks:
            return list(chunks)

    def parse(self, **fields: Any) -> ParsedChatCompletion[Any]:
        return self._client.chat.completions.parse(**{"messages": HELLO, **fields})

    def models(self) -> list[str]:
        return [model.id for model in self._client.models.list()]

    def close(self) -> None:
        self._client.close()


class AsyncSdk:
    def __init__(self, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = openai.AsyncOpenAI(**options)

    def create(self, **fields: Any) -> ChatCompletion:
        answer: ChatCompletion = self._runner.run(self._client.chat.completions.create(**{"messages": HELLO, **fields}))
        return answer

    def stream(self, **fields: Any) -> list[ChatCompletionChunk]:
        return self._runner.run(self._stream({"messages": HELLO, **fields}))

    async def _stream(self, fields: dict[str, Any]) -> list[ChatCompletionChunk]:
        async with await self._client.chat.completions.create(**fields, stream=True) as chunks:
            return [chunk async for chunk in chunks]

    def parse(self, **fields: Any) -> ParsedChatCompletion[Any]:
        return self._runner.run(self._client.chat.completions.parse(**{"messages": HELLO, **fields}))

    def models(self) -> list[str]:
        return self._runner.run(self._models())

    async def _models(self) -> list[str]:
        return [model.id async for model in self._client.models.list()]

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


@pytest.fixture(params=[SyncSdk, AsyncSdk], ids=["sync", "async"])
def sdk(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Sdk]:
    """The client with nothing but base URL and key changed, and no retries that would hide a failure."""
    made = request.param(base_url=gateway.base_url, api_key=gateway.key, max_retries=0)
    yield made
    made.close()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as made:
        yield made
