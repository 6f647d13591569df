"""The OpenAI adapter: bytes out, facts in, errors understood."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.dialects.chat import read_chat
from aigate.domain import Request, Usage, Wishes
from aigate.errors import StreamInterrupted, UpstreamError, UpstreamInvalid
from aigate.providers import openai
from aigate.providers.openai.decode import kept_usage
from tests import stories

ASKED = b'{"model":"assistant", "messages":[{"role":"user","content":"Hi"}]%s}'
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ERROR = b'data: {"error":{"message":"overloaded"}}\n\n'


def asked(more: bytes = b"") -> Request:
    return read_chat(ASKED % more, Wishes(traceparent="00-parent"), stories.principal())


def test_only_the_models_name_and_the_wish_for_usage_are_edited_in() -> None:
    plain = openai.encode(asked(), stories.target(model="m-1"))
    assert plain.body == (ASKED % b"").replace(b'"assistant"', b'"m-1"')
    assert plain.headers == (("traceparent", "00-parent"),)
    stream = openai.encode(asked(b', "stream":true'), stories.target(model="assistant"))
    assert json.loads(stream.body)["stream_options"] == {"include_usage": True}


def test_an_answer_is_handed_on_as_it_is_and_read() -> None:
    body = b'{"model":"m","choices":[{}],"usage":{"prompt_tokens":9,"completion_tokens":5}}'
    answer = openai.decode(body, "o200k_base")
    assert answer.data is body
    assert answer.usage == Usage(fresh=9, output=5)


def test_an_answer_without_usage_is_counted() -> None:
    answer = openai.decode(b'{"choices":[{"message":{"content":"Hello there"}}]}', "o200k_base")
    assert (answer.usage, answer.counted_output) == (None, 2)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"{}", b'{"detail":"x"}', b'{"choices":null}'])
def test_garbage_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        openai.decode(body, "o200k_base")


def test_an_error_in_a_200_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="overloaded"):
        openai.decode(b'{"error":{"message":"overloaded"}}', "o200k_base")


def test_what_came_before_an_in_band_error_is_given_first_and_then_the_error_without_another_read() -> None:
    reader = openai.reader(asked(b', "stream":true'), "o200k_base")
    assert reader.feed(CHUNK + ERROR) == CHUNK
    with pytest.raises(UpstreamError, match="overloaded"):
        reader.check()


def test_a_stream_is_complete_or_interrupted() -> None:
    whole = openai.reader(asked(b', "stream":true'), "o200k_base")
    assert whole.feed(CHUNK + END) == CHUNK + END
    assert whole.finish() == b""
    cut = openai.reader(asked(b', "stream":true'), "o200k_base")
    cut.feed(CHUNK)
    with pytest.raises(StreamInterrupted):
        cut.finish()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("retry-after", "7")], 7),
        ([("retry-after-ms", "1500"), ("retry-after", "9")], 2),
        ([("retry-after", "1.2")], 2),
        ([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], None),
        ([("retry-after", "9" * 400)], None),
        ([("retry-after", "999999999")], 86_400),
        ([("retry-after", "-1")], None),
        ([], None),
    ],
)
def test_retry_after(headers: list[tuple[str, str]], seconds: int | None) -> None:
    assert openai.failure(429, headers, b"{}").retry_after_s == seconds


@given(st.binary(max_size=200), st.text(max_size=50))
def test_no_error_response_breaks_the_reading_of_it(body: bytes, value: str) -> None:
    """For all bytes and headers: an UpstreamError of that status."""
    assert openai.failure(500, [("retry-after", value)], body).upstream_status == 500


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"prompt_tokens": 9, "details": {"cached_tokens": 0}, "cost": 0.01, "x": null}', True),
        ('{"prompt_tokens": 9, "echo": "the prompt"}', False),
        ('{"prompt_tokens": 9, "the prompt, again": 1}', False),
    ],
)
def test_only_figures_are_kept_of_a_usage(raw: str, kept: bool) -> None:
    assert kept_usage(raw) == (raw if kept else "")
