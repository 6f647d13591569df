"""The body's invariant: what is read is what `json` reads, what is refused says where and repeats nothing, and an edit
leaves every other byte.
"""

from __future__ import annotations

import gc
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate._native import Body, Reply, count_tokens, inspect, read_reply
from aigate.errors import InvalidRequest, UpstreamInvalid
from tests.upstreams.recorded import Recorded, chat_exchanges

PROVIDERS = ("azure", "mistral", "openai", "tgi", "vllm")
EXCHANGES = [one for provider in PROVIDERS for one in chat_exchanges(provider)]
WHOLE = [one for one in EXCHANGES if not one.is_stream and one.response["status"] == 200 and "json" in one.response]
MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'
MIB = 1 << 20

requests = pytest.mark.parametrize("recorded", EXCHANGES, ids=lambda recorded: recorded.name)
replies = pytest.mark.parametrize("recorded", WHOLE, ids=lambda recorded: recorded.name)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
bodies = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"role": texts, "content": texts}), min_size=1, max_size=4)},
    optional={
        "model": st.text("gpt-4o\u00e9\n", min_size=1, max_size=30),
        "stream": st.booleans() | st.none(),
        "stream_options": st.none() | st.fixed_dictionaries({}, optional={"include_usage": st.booleans(), "x": values}),
        "max_tokens": st.none() | st.integers(1, 2**40),
        "max_completion_tokens": st.none() | st.integers(1, 2**40),
        "n": st.none() | st.integers(1, 128),
        "user": st.none() | texts,
        "metadata": st.dictionaries(texts, texts, max_size=16),
        "seed": values,
    },
)


def with_members(members: bytes) -> bytes:
    return b"{" + MESSAGES + b"," + members + b"}"


def spelled(value: Any, *, ascii_only: bool, indent: int | None, backwards: bool) -> bytes:
    if backwards and isinstance(value, dict):
        value = dict(reversed(value.items()))
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()


def refusal(raw: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        inspect(raw)
    return caught.value


@requests
def test_a_recorded_request_is_read(recorded: Recorded) -> None:
    asked = recorded.request["json"]
    body = inspect(json.dumps(asked).encode())
    assert body.model == asked.get("model")
    assert body.stream == bool(asked.get("stream"))
    assert body.include_usage == bool((asked.get("stream_options") or {}).get("include_usage"))
    assert body.output_cap == asked.get("max_completion_tokens", asked.get("max_tokens"))
    assert body.n == asked.get("n", 1)
    assert body.message_count == len(asked["messages"])
    assert body.tool_count == len(asked.get("tools", []))
    parts = [part for message in asked["messages"] for part in message.get("content") or [] if isinstance(part, dict)]
    assert body.image_count == sum(part["type"] == "image_url" for part in parts)
    assert body.text_bytes > 0
    assert body.message_count < body.count_tokens("o200k_base") <= 2 * body.text_bytes + 85 * body.image_count


@replies
def test_a_recorded_answer_is_read(recorded: Recorded) -> None:
    told = recorded.response["json"]
    reply = read_reply(recorded.body)
    assert reply.model == told["model"]
    assert reply.has_choices == bool(told["choices"])
    assert reply.error is None
    usage = told["usage"]
    assert json.loads(reply.raw_usage) == usage
    assert reply.usage is not None
    assert sum(reply.usage[:3]) == usage["prompt_tokens"]
    assert reply.usage[3] == usage["completion_tokens"]
    assert json.loads(reply.renamed("new name")) == {**told, "model": "new name"}


@given(bodies, st.booleans(), st.sampled_from([None, 0, 2]))
def test_a_body_is_read_as_json_reads_it(asked: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    body = inspect(spelled(asked, ascii_only=ascii_only, indent=indent, backwards=False))
    assert body.model == asked.get("model")
    assert body.stream == bool(asked.get("stream"))
    assert body.output_cap == (asked.get("max_completion_tokens") or asked.get("max_tokens"))
    assert body.n == (asked.get("n") or 1)
    assert body.user == asked.get("user")
    assert body.metadata == list(asked.get("metadata", {}).items())
    assert body.text_bytes == sum(len(text.encode()) for one in asked["messages"] for text in one.values())


@given(bodies, st.none() | st.text('new\n"', min_size=1), st.booleans(), st.none() | st.integers(1, 2**40))
def test_an_edit_changes_what_was_asked(
    asked: dict[str, Any], model: str | None, include_usage: bool, output_cap: int | None
) -> None:
    edited = json.loads(inspect(json.dumps(asked).encode()).edited(model, include_usage, output_cap))
    again = inspect(json.dumps(edited).encode())
    assert again.model == (model or asked.get("model"))
    assert again.include_usage == (include_usage or bool((asked.get("stream_options") or {}).get("include_usage")))
    assert again.output_cap == (output_cap or asked.get("max_completion_tokens") or asked.get("max_tokens"))
    editable = {"model", "stream_options", "max_tokens", "max_completion_tokens"}
    assert {k: v for k, v in edited.items() if k not in editable} == {
        k: v for k, v in asked.items() if k not in editable
    }


@given(bodies, st.booleans(), st.sampled_from([None, 2]))
def test_the_hash_is_of_the_value(asked: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    digest = inspect(spelled(asked, ascii_only=False, indent=None, backwards=False)).canonical_hash()
    assert len(digest) == 32
    assert inspect(spelled(asked, ascii_only=ascii_only, indent=indent, backwards=True)).canonical_hash() == digest
    other = {**asked, "seed": [asked.get("seed")]}
    assert inspect(json.dumps(other).encode()).canonical_hash() != digest


def test_every_other_byte_stays() -> None:
    raw = b'{ "model" : "\\u0061" ,"stream":true, ' + MESSAGES + b' ,"max_tokens" : 5, "x":1.50e+1 }\n'
    assert inspect(raw).edited("b", include_usage=True, output_cap=3) == (
        b'{"stream_options":{"include_usage":true}, "model" : "b" ,"stream":true, '
        + MESSAGES
        + b' ,"max_tokens" : 3, "x":1.50e+1 }\n'
    )


def test_nothing_to_change_is_no_copy() -> None:
    raw = with_members(b'"model":"m","stream_options":{"include_usage":true}')
    body = inspect(raw)
    assert body.edited(None, include_usage=False) is raw
    assert body.edited("m", include_usage=True) is raw
    answer = b'{"model":"m"}'
    assert read_reply(answer).renamed("m") is answer


def test_a_body_keeps_the_bytes_without_copying_them() -> None:
    raw = with_members(b'"user":"' + b"u" * 500 + b'"')
    before = sys.getrefcount(raw)
    body = inspect(raw)
    assert sys.getrefcount(raw) == before + 1
    del raw
    gc.collect()
    assert body.user == "u" * 500


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "malformed JSON: it ends too early at byte 0"),
        (b"[]", "not a JSON object at byte 0"),
        (b'{"a":1,}', "expected a member name in double quotes at byte 7"),
        (b'{"a":NaN}', "expected a value at byte 5"),
        (b'{"a":"\n"}', "unescaped control character in a string at byte 6"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a":' + b"[" * 64, "nested deeper than 64 levels at byte 68"),
        (b'{"a":[' + b"0," * 100_001, "more values than a body of this size may hold"),
    ],
)
def test_a_malformed_body_is_refused_by_its_offset(raw: bytes, message: str) -> None:
    error = refusal(raw)
    assert message in error.message
    assert error.param is None
    assert error.status == 400


@pytest.mark.parametrize(
    ("members", "param"),
    [
        (b'"model":5', "model"),
        (b'"model":"a","mod\\u0065l":"b"', "model"),
        (b'"stream":1', "stream"),
        (b'"max_tokens":1e2', "max_tokens"),
        (b'"n":129', "n"),
        (b'"stream_options":{"include_usage":0}', "stream_options.include_usage"),
        (b'"tools":[1]', "tools[0]"),
        (b'"metadata":{"a":null}', "metadata"),
        (b'"messages":[]', "messages"),
    ],
)
def test_a_wrong_member_is_refused_by_its_path(members: bytes, param: str) -> None:
    error = refusal(with_members(members))
    assert error.param == param
    assert error.message.startswith(f"{param}: ")
    assert str(error) == error.message


def test_a_missing_member_is_refused_by_its_path() -> None:
    assert refusal(b"{}").param == "messages"
    assert refusal(b'{"messages":[{"role":"user"},{}]}').param == "messages[1].role"


def test_a_refusal_repeats_nothing() -> None:
    for raw in (b'{"s3cr3t":s3cr3t}', with_members(b'"model":["s3cr3t"]'), with_members(b'"metadata":{"s3cr3t":5}')):
        error = refusal(raw)
        assert "s3cr3t" not in f"{error!r} {error.param}"


def test_lone_surrogates_are_kept() -> None:
    raw = b'{"model":"\\ud800","messages":[{"role":"user","content":"\\udfff"}]}'
    body = inspect(raw)
    assert body.model == "\ufffd"
    assert b'"\\udfff"' in body.edited("m", include_usage=False)
    assert body.count_tokens("o200k_base") > 0


def test_only_bytes_are_read() -> None:
    for read in (inspect, read_reply):
        for wrong in ("{}", bytearray(b"{}"), memoryview(b"{}"), None):
            with pytest.raises(TypeError):
                read(wrong)  # type: ignore[arg-type]


def test_a_cap_is_positive() -> None:
    body = inspect(with_members(b'"n":1'))
    with pytest.raises(ValueError, match="zero"):
        body.edited(None, include_usage=False, output_cap=0)
    with pytest.raises(OverflowError):
        body.edited(None, include_usage=False, output_cap=-1)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match="nope"):
        inspect(with_members(b'"n":1')).count_tokens("nope")
    with pytest.raises(ValueError, match="nope"):
        read_reply(b"{}").count_output_tokens("nope")


def test_handles_are_frozen() -> None:
    for handle in (inspect(with_members(b'"n":1')), read_reply(b"{}")):
        with pytest.raises(AttributeError):
            handle.model = "m"  # type: ignore[misc]
    for handle_type in (Body, Reply):
        with pytest.raises(TypeError):
            handle_type()


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"a":1', b'{"a":"\xff"}', b'{"a":' + b"[" * MIB])
def test_an_answer_that_is_not_an_object_is_invalid(raw: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_reply(raw)


@pytest.mark.parametrize("figure", ["-1", "1.5", "1e9", '"5"', str(2**40 + 1), str(2**80), "true", "[]"])
def test_a_usage_that_cannot_be_true_is_none(figure: str) -> None:
    raw = f'{{"usage":{{"prompt_tokens":3,"completion_tokens":{figure}}}}}'
    assert read_reply(raw.encode()).usage is None


def test_an_answer_without_usage_can_be_counted() -> None:
    call = {"function": {"name": "look", "arguments": '{"at": "the sky"}'}}
    message = {"role": "assistant", "content": "Hello, world", "tool_calls": [call]}
    reply = read_reply(json.dumps({"choices": [{"message": message}, {"text": "more"}]}).encode())
    words = ["Hello, world", "look", '{"at": "the sky"}', "more"]
    assert reply.usage is None
    assert reply.raw_usage == ""
    assert reply.count_output_tokens("o200k_base") == sum(count_tokens(word, "o200k_base") for word in words)


def test_an_error_in_a_success_is_found() -> None:
    assert read_reply(b'{"error":{"message":"out of luck","code":7}}').error == "out of luck"
    assert read_reply(b'{"error":null,"choices":[{}]}').error is None


def test_large_bodies_are_read_by_many_threads() -> None:
    text = "All work and no play makes Jack a dull boy. " * 2000
    raws = [json.dumps({"model": f"m{i}", "messages": [{"role": "user", "content": text}]}).encode() for i in range(8)]
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(inspect, raws))
        digests = list(threads.map(Body.canonical_hash, read * 4))
    assert [body.model for body in read] == [f"m{i}" for i in range(8)]
    assert len(set(digests)) == 8
