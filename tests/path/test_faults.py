"""Everything a provider can do wrong: the caller gets a clear error in its dialect, the ledger has the attempt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.path.raw import Heard, ask, chat_body, chat_request, connected, events, hear
from tests.upstreams import FakeUpstream, Play, play
from tests.upstreams.play import DONE, FIRST, JSON_HEADERS, LAST, SSE_HEADERS, delta, event

MANY_HEADERS = tuple((f"x-filler-{number}", "x" * 1000) for number in range(300))
ERROR_EVENT = b'data: {"error": {"message": "Overloaded.", "type": "server_error", "code": null}}\n\n'
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = play.completion()
STREAM = play.completion_stream("Hel", "lo")
BEFORE_CONTENT = STREAM.ends()[0]
AFTER_CONTENT = STREAM.ends()[1]

UNREACHABLE = (502, {"upstream_unreachable"})
BROKEN_OFF = (502, {"upstream_unreachable", "upstream_invalid", "upstream_error", "stream_interrupted"})
INVALID = (502, {"upstream_invalid", "upstream_unreachable", "upstream_error"})
FAILED = (502, {"upstream_error"})
TIMEOUT = (504, {"upstream_timeout"})


@dataclass(frozen=True)
class Case:
    """One misdeed, and the status and codes that may come of it."""

    name: str
    play: Play | None
    expected: tuple[int, set[str]]
    model: str = "hasty-fake"


def json_body(data: bytes, headers: tuple[tuple[str, str], ...] = JSON_HEADERS) -> Play:
    return Play(headers=headers, pieces=(data,))


ANY_KIND = [
    Case("nobody listens", None, UNREACHABLE, "refused-1"),
    Case("connecting hangs", None, TIMEOUT, "unconnectable-1"),
    Case("never answers", play.NEVER_ANSWERS, TIMEOUT),
    Case("stops within the head", play.raw(b"HTTP/1.1 200 OK\r\ncontent-ty", "stall"), TIMEOUT),
    Case("hangs up at once", play.raw(b""), UNREACHABLE),
    Case("hangs up within the head", play.raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), INVALID),
    Case("is no HTTP", play.raw(b"\x00\xff\x01 220 ftp.example.com ready\r\n\r\n"), INVALID),
    Case("is another HTTP", play.raw(b"HTTP/4.7 200 OK\r\n\r\n"), INVALID),
    Case("has two lengths", play.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\n{}"), INVALID),
    Case("has a huge head", WHOLE.with_headers(*MANY_HEADERS), INVALID),
    Case("500", play.error(500), FAILED),
    Case("503 in HTML", Play(status=503, headers=(("content-type", "text/html"),), pieces=(b"<h1>503</h1>",)), FAILED),
    Case("resets at once", Play(ending="rst"), BROKEN_OFF),
]
NOT_STREAMED = [
    Case("cuts the answer", WHOLE.cut_at(40), BROKEN_OFF),
    Case("resets within the answer", WHOLE.cut_at(40, "rst"), BROKEN_OFF),
    Case("stalls within the answer", WHOLE.stalled_at(40), TIMEOUT),
    Case("answers with garbage", json_body(b"\x00\x01\xff{{{"), INVALID),
    Case("answers with a list", json_body(b"[]"), INVALID),
    Case("answers with nothing", json_body(b""), INVALID),
    Case("answers with an error in a 200", json_body(b'{"error": {"message": "No capacity."}}'), FAILED),
    Case(
        "answers with bad chunks", play.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}"), INVALID
    ),
    Case("nests too deep", json_body(b'{"choices":' + b"[" * 100_000), INVALID),
]
BEFORE_ANY_CONTENT = [
    Case("cuts before content", STREAM.cut_at(BEFORE_CONTENT), BROKEN_OFF),
    Case("cuts before anything", STREAM.cut_at(0), BROKEN_OFF),
    Case("resets before content", STREAM.cut_at(BEFORE_CONTENT, "rst"), BROKEN_OFF),
    Case("stalls before content", STREAM.stalled_at(BEFORE_CONTENT), TIMEOUT),
    Case("error event before content", play.stream([FIRST, ERROR_EVENT]), FAILED),
    Case("JSON instead of events", json_body(b'{"error": {"message": "No capacity."}}'), FAILED),
    Case("HTML instead of events", json_body(b"<h1>Hi</h1>", (("content-type", "text/html"),)), FAILED),
    Case("an endless line", json_body(b"data: " + b"x" * 12_000_000, SSE_HEADERS), INVALID),
]
AFTER_SOME_CONTENT = [
    Case("cuts after content", STREAM.cut_at(AFTER_CONTENT), (200, {"stream_interrupted"})),
    Case("cuts within an event", STREAM.cut_at(AFTER_CONTENT + 30), (200, {"stream_interrupted"})),
    Case("resets after content", STREAM.cut_at(AFTER_CONTENT, "rst"), (200, {"stream_interrupted"})),
    Case("stalls after content", STREAM.stalled_at(AFTER_CONTENT), (200, {"stream_interrupted"})),
    Case("error event after content", play.stream([FIRST, delta("Hel"), ERROR_EVENT]), (200, {"stream_interrupted"})),
    Case("ends politely but unfinished", play.stream([FIRST, delta("Hel")]), (200, {"stream_interrupted"})),
]


def misdeed(gateway: Gateway, upstream: FakeUpstream, case: Case, **fields: Any) -> Heard:
    if case.play is not None:
        upstream.script(case.play)
    return ask(gateway, chat_body(case.model, "the prompt", **fields))


def named(cases: list[Case]) -> Callable[..., Any]:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@named(ANY_KIND + NOT_STREAMED)
def test_not_streamed(gateway: Gateway, upstream: FakeUpstream, case: Case) -> None:
    refused_clearly(gateway, misdeed(gateway, upstream, case), case)


@named(ANY_KIND + BEFORE_ANY_CONTENT)
def test_streamed_before_any_content(gateway: Gateway, upstream: FakeUpstream, case: Case) -> None:
    refused_clearly(gateway, misdeed(gateway, upstream, case, stream=True), case)


def refused_clearly(gateway: Gateway, heard: Heard, case: Case) -> None:
    status, codes = case.expected
    assert heard.status == status
    assert heard.error["code"] in codes
    assert heard.headers["x-aigate-error-source"] == "provider"
    assert b"the prompt" not in heard.body
    assert b"sk-upstream" not in heard.body
    row = gateway.row_of(heard.request_id)
    assert (row["outcome"], row["status"], row["error"]) == ("failed", status, heard.error["code"])
    assert (row["error_source"], row["attempt"], row["output_tokens"]) == ("provider", 1, 0)


@named(AFTER_SOME_CONTENT)
def test_streamed_after_some_content(gateway: Gateway, upstream: FakeUpstream, case: Case) -> None:
    assert case.play is not None
    upstream.script(case.play.held_at(AFTER_CONTENT, "the caller has heard"))
    with connected(gateway) as connection:
        connection.sendall(chat_request(gateway, chat_body(case.model, stream=True)))
        heard = hear(connection, lambda so_far: upstream.open("the caller has heard") if b"Hel" in so_far else None)
    assert heard.status == 200
    *told, last = events(heard.body)
    assert last["error"]["code"] == "stream_interrupted"
    assert "[DONE]" not in told
    row = gateway.row_of(heard.request_id)
    assert (row["outcome"], row["status"], row["error"]) == ("interrupted", 200, "stream_interrupted")
    assert row["usage_source"] == "counted"
    assert row["output_tokens"] > 0


LIES: list[Any] = [
    {"prompt_tokens": -5, "completion_tokens": 3, "total_tokens": -2},
    {"prompt_tokens": 10**30, "completion_tokens": 3, "total_tokens": 3},
    {"prompt_tokens": "11", "completion_tokens": None, "total_tokens": []},
    {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 999}},
    {"prompt_tokens": 1.5, "completion_tokens": 3},
    [],
    "many",
    None,
]


@pytest.mark.parametrize("usage", LIES, ids=lambda usage: json.dumps(usage)[:40])
@pytest.mark.parametrize("streamed", [False, True])
def test_lies_about_usage(gateway: Gateway, upstream: FakeUpstream, usage: Any, streamed: bool) -> None:
    """The answer is still the caller's; the ledger has whole numbers that add up, never less than nothing."""
    if streamed:
        upstream.script(play.stream([FIRST, delta("Hello"), LAST, event([], usage=usage), DONE]))
    else:
        upstream.script(play.completion("Hello", usage=usage))
    heard = ask(gateway, chat_body(stream=streamed))
    assert heard.status == 200
    assert b"Hello" in heard.body
    row = gateway.row_of(heard.request_id)
    assert row["outcome"] == "ok"
    counts = [row[name] for name in row if name.endswith("_tokens")]
    assert all(type(count) is int and count >= 0 for count in counts)
    assert row["input_tokens"] >= row["cached_read_tokens"] + row["cache_write_tokens"]
    assert row["cost_nano_usd"] >= 0


def test_no_usage_at_all_is_counted_here(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.script(play.completion("Hello there", usage=None), play.completion_stream("Hello", " there", usage=None))
    for streamed in (False, True):
        row = gateway.row_of(ask(gateway, chat_body(stream=streamed)).request_id)
        assert (row["outcome"], row["usage_source"], row["output_tokens"]) == ("ok", "counted", 2)
        assert row["input_tokens"] > 0


def test_a_spare_target_answers_and_both_attempts_are_in_the_ledger(gateway: Gateway) -> None:
    heard = ask(gateway, chat_body("spare-1"))
    assert (heard.status, heard.headers["x-aigate-attempts"]) == (200, "2")
    assert heard.headers["x-aigate-target"] == "fake/fake-1"
    first, second = gateway.rows_of(heard.request_id, at_least=2)
    assert (first["attempt"], first["provider"], first["outcome"]) == (1, "refused", "failed")
    assert (second["attempt"], second["provider"], second["outcome"]) == (2, "fake", "ok")


def test_no_spare_target_when_the_caller_says_so(gateway: Gateway, upstream: FakeUpstream) -> None:
    heard = ask(gateway, chat_body("spare-1"), {"x-aigate-fallback": "off"})
    assert (heard.status, heard.error["code"]) == (502, "upstream_unreachable")
    assert not upstream.seen
