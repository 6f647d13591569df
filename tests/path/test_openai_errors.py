"""openai-python raises the exception its users catch, with the code, the parameter and the headers they look at."""

from __future__ import annotations

import openai
import pytest

from tests.gateway import Gateway
from tests.path.conftest import HELLO, Sdk
from tests.upstreams import FakeUpstream, play


def test_a_wrong_key(gateway: Gateway) -> None:
    with (
        openai.OpenAI(base_url=gateway.base_url, api_key="aig_wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="echo", messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.response.headers["x-aigate-error-source"] == "gateway"


def test_a_key_that_may_not(gateway: Gateway) -> None:
    key = gateway.mint(team="tests", model="echo")
    with openai.OpenAI(base_url=gateway.base_url, api_key=key, max_retries=0) as client:
        gateway.until(lambda: _known(client), "known to the worker")
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model="fake-1", messages=HELLO)
    assert caught.value.code == "forbidden_model"


def _known(client: openai.OpenAI) -> bool:
    try:
        client.models.list()
    except openai.AuthenticationError:
        return False
    return True


def test_an_unknown_model_and_its_near_names(sdk: Sdk) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.create(model="fake-l")
    assert caught.value.code == "model_not_found"
    assert "fake-1" in caught.value.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"n": "two"}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"tools": {}}, "tools"),
    ],
)
def test_a_malformed_request(sdk: Sdk, upstream: FakeUpstream, fields: dict[str, object], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.create(model="fake-1", extra_body=fields)
    assert caught.value.code == "invalid_request"
    assert caught.value.param == param
    assert not upstream.seen


def test_what_the_provider_refuses_is_said_in_its_words(sdk: Sdk, upstream: FakeUpstream) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.create(model="fake-1", extra_body={"top_k": 5})
    assert "Unrecognized request argument supplied: top_k" in caught.value.message
    assert caught.value.response.headers["x-aigate-error-source"] == "provider"
    assert upstream.seen[0].refused == 400


@pytest.mark.parametrize("streamed", [False, True])
def test_a_rate_limit_of_the_provider(sdk: Sdk, upstream: FakeUpstream, streamed: bool) -> None:
    upstream.script(play.error(429, "Slow down.", "rate_limit_exceeded", ("retry-after", "2")))
    with pytest.raises(openai.RateLimitError) as caught:
        (sdk.stream if streamed else sdk.create)(model="fake-1")
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize("status", [500, 502, 503, 529])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_broken_provider(sdk: Sdk, upstream: FakeUpstream, status: int, streamed: bool) -> None:
    upstream.script(play.error(status))
    with pytest.raises(openai.InternalServerError) as caught:
        (sdk.stream if streamed else sdk.create)(model="fake-1")
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_error")


def test_other_refusals_keep_their_status(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(play.error(422), play.error(409))
    with pytest.raises(openai.UnprocessableEntityError):
        sdk.create(model="fake-1")
    with pytest.raises(openai.ConflictError):
        sdk.create(model="fake-1")


def test_a_provider_that_is_too_slow(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(play.NEVER_ANSWERS)
    with pytest.raises(openai.InternalServerError) as caught:
        sdk.create(model="hasty-fake")
    assert (caught.value.status_code, caught.value.code) == (504, "upstream_timeout")


def test_a_caller_that_does_not_wait(client: openai.OpenAI, upstream: FakeUpstream) -> None:
    upstream.script(play.NEVER_ANSWERS)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="fake-1", messages=HELLO)
    upstream.wait(lambda: upstream.seen[0].client_gone is not None)


def test_a_stream_that_breaks(sdk: Sdk, upstream: FakeUpstream) -> None:
    answer = play.completion_stream("Hel", "lo")
    upstream.script(answer.cut_at(answer.ends()[2]))
    with pytest.raises(openai.APIError) as caught:
        sdk.stream(model="fake-1")
    assert caught.value.code == "stream_interrupted"


def test_the_sdk_gets_over_a_short_failure_by_itself(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.script(play.error(503), play.error(429, "Slow down.", None, ("retry-after-ms", "1")))
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key) as client:
        answer = client.chat.completions.create(model="fake-1", messages=HELLO)
    assert answer.choices[0].message.content == "Hello from upstream"
    assert len(upstream.seen) == 3
