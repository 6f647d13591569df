"""openai-python closes a stream half-way: the provider is told at once, and what was said is in the ledger."""

from __future__ import annotations

import asyncio
import time

import openai

from tests.gateway import Gateway
from tests.path.conftest import HELLO
from tests.upstreams import FakeUpstream, play

CLOSED_WITHIN_S = 0.2


def hold(upstream: FakeUpstream) -> None:
    """Two pieces of text, then silence."""
    answer = play.completion_stream("one ", "two ", "three ")
    upstream.script(answer.stalled_at(answer.ends()[2]))


def assert_told(upstream: FakeUpstream, left: float) -> None:
    upstream.wait(lambda: upstream.seen[0].client_gone is not None)
    gone = upstream.seen[0].client_gone
    assert gone is not None
    assert gone - left < CLOSED_WITHIN_S


def assert_in_the_ledger(gateway: Gateway, request_id: str) -> None:
    row = gateway.row_of(request_id)
    assert (row["outcome"], row["status"], row["usage_source"]) == ("cancelled", 200, "counted")
    assert 1 <= row["output_tokens"] <= 8
    assert row["input_tokens"] > 0


def test_sync(client: openai.OpenAI, gateway: Gateway, upstream: FakeUpstream) -> None:
    hold(upstream)
    with client.chat.completions.create(model="fake-1", messages=HELLO, stream=True) as chunks:
        request_id = chunks.response.headers["x-request-id"]
        next(chunk for chunk in chunks if chunk.choices[0].delta.content == "two ")
        left = time.monotonic()
    assert_told(upstream, left)
    assert_in_the_ledger(gateway, request_id)


def test_async_task_cancelled(gateway: Gateway, upstream: FakeUpstream) -> None:
    hold(upstream)
    heard: list[str] = []

    async def listen(client: openai.AsyncOpenAI, both: asyncio.Event) -> None:
        async with await client.chat.completions.create(model="fake-1", messages=HELLO, stream=True) as chunks:
            heard.append(chunks.response.headers["x-request-id"])
            async for chunk in chunks:
                heard.append(chunk.choices[0].delta.content or "")
                if heard[-1] == "two ":
                    both.set()

    async def leave() -> float:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client:
            both = asyncio.Event()
            task = asyncio.create_task(listen(client, both))
            await both.wait()
            left = time.monotonic()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return left

    left = asyncio.run(leave())
    assert_told(upstream, left)
    assert_in_the_ledger(gateway, heard[0])
