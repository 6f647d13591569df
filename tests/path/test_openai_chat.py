"""openai-python, one answer at a time: against the offline model and a strict provider."""

from __future__ import annotations

import pytest

from tests.gateway import Gateway
from tests.path.conftest import HELLO, Sdk
from tests.upstreams import FakeUpstream

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def test_hello_from_the_offline_model(sdk: Sdk) -> None:
    answer = sdk.create(model="echo")
    assert answer.choices[0].message.content == "You said: Hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_hello_from_a_provider(sdk: Sdk, upstream: FakeUpstream) -> None:
    answer = sdk.create(model="fake-1", temperature=0.5, user="someone", metadata={"feature": "test"})
    assert answer.choices[0].message.content == "Hello from upstream"
    assert upstream.seen[0].json == {
        "model": "fake-1",
        "messages": HELLO,
        "temperature": 0.5,
        "user": "someone",
        "metadata": {"feature": "test"},
    }


def test_all_roles_and_a_seed(sdk: Sdk) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]
    first = sdk.create(model="echo", messages=messages, seed=7)
    second = sdk.create(model="echo", messages=messages, seed=7)
    assert "Three" in (first.choices[0].message.content or "")
    assert first.choices == second.choices


def test_images(sdk: Sdk, upstream: FakeUpstream) -> None:
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    content = [{"type": "text", "text": "What is this?"}, image, image]
    answer = sdk.create(model="echo", messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == "You said: What is this? (with 2 images)"
    sdk.create(model="fake-1", messages=[{"role": "user", "content": content}])
    assert upstream.seen[0].json["messages"][0]["content"] == content


def test_several_choices(sdk: Sdk) -> None:
    answer = sdk.create(model="echo", n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3


def test_log_probabilities(sdk: Sdk) -> None:
    probabilities = sdk.create(model="echo", logprobs=True, top_logprobs=2).choices[0].logprobs
    assert probabilities is not None
    assert "".join(token.token for token in probabilities.content or []) == "You said: Hello"
    assert all(len(token.top_logprobs) == 2 for token in probabilities.content or [])


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_token_cap(sdk: Sdk, name: str) -> None:
    answer = sdk.create(model="echo", **{name: 2})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 2


def test_stop_sequences(sdk: Sdk) -> None:
    assert sdk.create(model="echo", stop=["Hello"]).choices[0].message.content == "You said: "


def test_the_models(sdk: Sdk, gateway: Gateway) -> None:
    assert {"echo", "fake-1"} <= set(sdk.models())
