"""The same request gives the same answer, and every field that shapes an answer is honoured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.providers.echo import EchoOptions, answer
from tests.providers.echo.exchange import CLOCK, ask, error, octets, whole


def test_says_the_last_user_message_back() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": [{"type": "text", "text": "Three"}]},
    ]
    reply = whole(ask(messages=messages, user="u", metadata={"a": "b"}))
    assert reply.choices[0].message.content == "You said: Three"
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.model, reply.created, reply.system_fingerprint) == ("echo", 1_795_000_000, "fp_echo")


def test_mentions_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    content = [{"type": "text", "text": "What is this?"}, image, image]
    with_text = whole(ask(messages=[{"role": "user", "content": content}]))
    without = whole(ask(messages=[{"role": "user", "content": [image]}]))
    assert with_text.choices[0].message.content == "You said: What is this? (with 2 images)"
    assert without.choices[0].message.content == "You sent 1 image."
    assert with_text.usage is not None
    assert with_text.usage.prompt_tokens == 3 + 4 + 3 + 2 * 85


def test_choices_differ_and_a_seed_changes_the_wording() -> None:
    three = [choice.message.content for choice in whole(ask(n=3)).choices]
    assert len(set(three)) == 3
    by_seed = {whole(ask(seed=seed)).choices[0].message.content for seed in range(20)}
    assert len(by_seed) > 1
    assert octets(ask(seed=1)) == octets(ask(seed=1))


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_token_cap_ends_the_answer(name: str) -> None:
    cap: dict[str, Any] = {name: 4}
    reply = whole(ask("one two three four", **cap))
    assert reply.choices[0].message.content == "You said: one two"
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 4


def test_a_cap_that_is_just_enough_is_no_cut() -> None:
    assert whole(ask("one two", max_tokens=4)).choices[0].finish_reason == "stop"


@pytest.mark.parametrize(("stop", "said"), [("three", "You said: one two "), (["zz", "two"], "You said: one ")])
def test_stop_sequences_end_the_answer_before_themselves(stop: object, said: str) -> None:
    choice = whole(ask("one two three", stop=stop)).choices[0]
    assert (choice.message.content, choice.finish_reason) == (said, "stop")


def test_a_schema_is_answered_with_json_that_satisfies_it() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 18}}, "required": ["age"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    content = whole(ask(response_format=wanted)).choices[0].message.content
    assert json.loads(content or "") == {"age": 18}


def test_json_object_is_answered_with_json() -> None:
    content = whole(ask(response_format={"type": "json_object"})).choices[0].message.content
    assert json.loads(content or "") == {"echo": "You said: Hello"}


def test_a_schema_that_cannot_be_met_is_refused_with_its_path() -> None:
    schema = {"type": "object", "properties": {"a": {"not": {}}}, "required": ["a"]}
    script = ask(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert script.status == 400
    assert error(script)["param"] == "response_format.json_schema.schema"
    assert "a: the keyword 'not'" in error(script)["message"]


def test_log_probabilities() -> None:
    reply = whole(ask("one two", logprobs=True, top_logprobs=3))
    probabilities = reply.choices[0].logprobs
    assert probabilities is not None
    assert probabilities.content is not None
    assert "".join(token.token for token in probabilities.content) == "You said: one two"
    for token in probabilities.content:
        assert bytes(token.bytes or []).decode() == token.token
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token
        likelihoods = [top.logprob for top in token.top_logprobs]
        assert likelihoods == sorted(likelihoods, reverse=True)
        assert likelihoods[0] <= 0


def test_usage_is_counted_by_the_given_counter() -> None:
    usage = whole(ask("one two")).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3 + 4 + 2, 4, 13)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 7}, "$.model"),
        ({"messages": []}, "$.messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "$.messages[0].role"),
        ({"n": 0}, "$.n"),
        ({"max_tokens": "4"}, "$.max_tokens"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_a_wrong_request_is_a_400_that_names_the_field(fields: dict[str, Any], param: str) -> None:
    script = ask("a secret prompt", **fields)
    assert script.status == 400
    assert error(script)["type"] == "invalid_request_error"
    assert error(script)["param"] == param
    assert b"secret" not in octets(script)


def test_a_long_answer_on_request() -> None:
    reply = whole(ask(model="echo?tokens=200"))
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 200
    assert reply.model == "echo"


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail_otherwise_than_by_a_400(body: bytes) -> None:
    """Whatever the body, there is a script, and it is a 200 only for a chat request."""
    script = answer(body, CLOCK)
    assert script.status == 400
    assert error(script)["message"]


def test_a_deeply_nested_body_is_refused() -> None:
    assert answer(b'{"x":' + b"[" * 100_000, CLOCK).status == 400


@given(st.text(max_size=200), st.integers(1, 40))
def test_never_more_tokens_than_the_cap(text: str, cap: int) -> None:
    """For every text and cap the usage stays within the cap, and the answer is a beginning of the uncapped one."""
    options = EchoOptions(now=lambda: 0.0)
    free, capped = whole(ask(text, options)), whole(ask(text, options, max_tokens=cap))
    assert capped.usage is not None
    assert capped.usage.completion_tokens <= cap
    assert (free.choices[0].message.content or "").startswith(capped.choices[0].message.content or "")


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "echo?tokens=10000", "n": 128},
        {"model": "echo?tokens=1000", "logprobs": True, "top_logprobs": 20},
        {"text": "a" * 4_000, "n": 17},
    ],
)
def test_all_choices_together_are_bounded(fields: dict[str, Any]) -> None:
    script = ask(**fields)
    assert script.status == 400
    assert "longer than echo makes" in error(script)["message"]


def test_a_huge_message_is_read_only_at_its_beginning() -> None:
    said = whole(ask("x" * 20_000 + "\n/echo fail=503")).choices[0].message.content or ""
    assert len(said) < 5_000
