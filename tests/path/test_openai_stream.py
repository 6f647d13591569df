"""openai-python, streamed: pieces in order, usage when asked, the helper that assembles."""

from __future__ import annotations

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.path.conftest import HELLO, Sdk
from tests.upstreams import FakeUpstream, play


def text_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index)


@pytest.mark.parametrize(("model", "text"), [("echo", "You said: Hello"), ("fake-1", "Hello")])
def test_pieces_add_up(sdk: Sdk, model: str, text: str) -> None:
    chunks = sdk.stream(model=model)
    assert text_of(chunks) == text
    assert len(chunks) > 3
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", ["echo", "fake-1"])
def test_usage_when_asked_and_only_then(sdk: Sdk, upstream: FakeUpstream, model: str) -> None:
    asked = sdk.stream(model=model, stream_options={"include_usage": True})
    assert asked[-1].choices == []
    assert asked[-1].usage is not None
    assert asked[-1].usage.total_tokens > 0
    assert all(chunk.usage is None for chunk in sdk.stream(model=model))
    if model == "fake-1":  # the provider is asked either way, because the ledger wants to know
        assert all(seen.json["stream_options"] == {"include_usage": True} for seen in upstream.seen)


def test_several_choices(sdk: Sdk) -> None:
    chunks = sdk.stream(model="echo", n=2)
    assert text_of(chunks, 0) == "You said: Hello"
    assert text_of(chunks, 1) == "I heard: Hello"


def test_log_probabilities(sdk: Sdk) -> None:
    chunks = sdk.stream(model="echo", logprobs=True, top_logprobs=1)
    found = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs is not None]
    assert "".join(token.token for one in found for token in one.content or []) == "You said: Hello"


def test_the_first_piece_comes_while_the_rest_is_still_being_made(
    client: openai.OpenAI, upstream: FakeUpstream
) -> None:
    answer = play.completion_stream("first", "second")
    upstream.script(answer.held_at(answer.ends()[1], "rest"))
    with client.chat.completions.create(model="fake-1", messages=HELLO, stream=True) as chunks:
        texts = (chunk.choices[0].delta.content for chunk in chunks if chunk.choices)
        assert next(text for text in texts if text) == "first"
        upstream.open("rest")
        assert next(text for text in texts if text) == "second"


def test_the_sdk_assembles_the_answer(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="echo", messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "You said: Hello"
    assert "content.delta" in kinds
    assert "content.done" in kinds
