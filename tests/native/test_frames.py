"""The relay's invariant: what goes on is what came in but for the edits, and neither it nor what is noticed depends on
how the bytes were cut. Held against every recorded stream, cut at every byte.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from aigate._native import ChatRelay, SseReader, count_tokens, sse_event
from aigate.errors import UpstreamInvalid
from tests.upstreams.recorded import Recorded, chat_exchanges

PROVIDERS = ("azure", "mistral", "openai", "tgi", "vllm")
STREAMS = [one for provider in PROVIDERS for one in chat_exchanges(provider) if one.is_stream]
streams = pytest.mark.parametrize("recorded", STREAMS, ids=lambda recorded: recorded.name)

MIB = 1 << 20
ALIAS = "assistant"


def chunk_of(event: str) -> dict[str, Any] | None:
    """The JSON object in a recorded event of one data line."""
    data = next((line for line in event.splitlines() if line.startswith("data:")), "").removeprefix("data:")
    return json.loads(data) if data.lstrip().startswith("{") else None


def is_error(event: str) -> bool:
    chunk = chunk_of(event) or {}
    failed = any(choice.get("finish_reason") == "error" for choice in chunk.get("choices", []))
    return failed or bool(chunk.get("error")) or event.startswith("event: error")


def before_error(recorded: Recorded) -> list[str]:
    events: list[str] = recorded.response["events"]
    return next((events[:at] for at, event in enumerate(events) if is_error(event)), events)


def edited(events: list[str]) -> list[Any]:
    """What a client must read when the usage is taken out and the model renamed."""
    expected: list[Any] = []
    for event in events:
        chunk = chunk_of(event)
        if chunk is None:
            expected += ["[DONE]"] if "[DONE]" in event else []
        elif chunk["choices"] or not chunk.get("usage"):
            chunk.pop("usage", None)
            expected.append(chunk | {"model": ALIAS})
    return expected


def relayed(relay: ChatRelay, *pieces: bytes) -> bytes:
    return b"".join([relay.feed(piece) for piece in pieces]) + relay.finish()


def facts(relay: ChatRelay) -> tuple[object, ...]:
    seen = (relay.has_content, relay.finished, relay.done, relay.events, relay.model, relay.usage, relay.raw_usage)
    return (*seen, relay.error, relay.error_code, relay.error_type, relay.raw_error)


def read(*pieces: bytes) -> list[tuple[str, bytes]]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def content(text: str) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@streams
def test_bytes_stay_wherever_they_are_cut(recorded: Recorded) -> None:
    stream = recorded.body
    expected = "".join(before_error(recorded)).encode()
    whole = ChatRelay(strip_usage=False, model=None)
    assert relayed(whole, stream) == expected
    for at in range(1, len(stream)):
        relay = ChatRelay(strip_usage=False, model=None)
        assert relayed(relay, stream[:at], stream[at:]) == expected, at
        assert facts(relay) == facts(whole), at
    relay = ChatRelay(strip_usage=False, model=None)
    assert relayed(relay, *(bytes([byte]) for byte in stream)) == expected


@streams
def test_edits_are_the_same_wherever_they_are_cut(recorded: Recorded) -> None:
    stream = recorded.body
    whole = relayed(ChatRelay(strip_usage=True, model=ALIAS), stream)
    read_back = [data.decode() for _, data in read(whole)]
    assert [json.loads(data) if data[0] == "{" else data for data in read_back] == edited(before_error(recorded))
    for at in range(1, len(stream)):
        assert relayed(ChatRelay(strip_usage=True, model=ALIAS), stream[:at], stream[at:]) == whole, at


@streams
def test_facts_are_those_that_were_recorded(recorded: Recorded) -> None:
    relay = ChatRelay(strip_usage=True, model=None)
    relayed(relay, recorded.body)
    expect = recorded.expect
    assert (relay.error is not None or not relay.finished) == expect.get("stream_error", False)
    assert relay.has_content
    if usage := expect.get("usage"):
        cached, written = usage["cached_tokens"], usage["cache_write_tokens"]
        fresh = usage["prompt_tokens"] - cached - written
        output = (usage["completion_tokens"], usage["reasoning_tokens"])
        assert relay.usage == (fresh, cached, written, *output, 0, 0)
        assert json.loads(relay.raw_usage)["prompt_tokens"] == usage["prompt_tokens"]
    if text := expect.get("content", expect.get("partial")):
        said = text + expect.get("reasoning", "")
        assert abs(relay.count_output_tokens("o200k_base") - count_tokens(said, "o200k_base")) <= 1


@streams
def test_events_are_those_the_openai_sdk_reads(recorded: Recorded) -> None:
    expected = [(event.event or "", event.data.encode()) for event in SSEDecoder().iter_bytes(iter([recorded.body]))]
    assert read(recorded.body) == expected
    assert read(*(bytes([byte]) for byte in recorded.body)) == expected


def test_a_chunk_that_needs_nothing_is_handed_on_itself() -> None:
    chunk = content("a") * 3
    relay = ChatRelay(strip_usage=True, model=None)
    assert relay.feed(chunk) is chunk


def test_a_large_chunk_is_relayed_without_the_gil() -> None:
    chunk = content("word ") * 10_000
    relay = ChatRelay(strip_usage=True, model=None)
    assert relay.feed(chunk) is chunk
    assert relay.events == 10_000


def test_frames_before_an_error_are_handed_on() -> None:
    relay = ChatRelay(strip_usage=False, model=None)
    error = b'data: {"error":{"message":"broke","type":"server_error","code":"overloaded"}}\n\n'
    assert relay.feed(content("a") + error + content("b")) == content("a")
    assert (relay.error, relay.error_type, relay.error_code) == ("broke", "server_error", "overloaded")
    assert relay.raw_error == error[6:-2].decode()
    assert relay.feed(content("c")) == b""
    assert relay.finish() == b""
    assert relay.events == 1


def test_output_is_counted_in_the_encoding_that_is_asked_for() -> None:
    relay = ChatRelay(strip_usage=False, model=None, encoding="cl100k_base")
    text = "他们在那里看见了一只狗"
    relayed(relay, content(text))
    for encoding in ("o200k_base", "cl100k_base"):
        assert relay.count_output_tokens(encoding) == count_tokens(text, encoding)
    with pytest.raises(ValueError, match="nonsense"):
        relay.count_output_tokens("nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        ChatRelay(strip_usage=False, model=None, encoding="nonsense")


@pytest.mark.parametrize("parser", [SseReader(), ChatRelay(strip_usage=False, model=None)])
def test_a_line_over_its_bound_is_the_providers_fault(parser: SseReader | ChatRelay) -> None:
    assert parser.feed(b"data: {}\n\ndata: " + b"x" * MIB)  # what came before is given first
    for _ in range(2):
        with pytest.raises(UpstreamInvalid, match="1048576 bytes"):
            parser.feed(b"\n\n")


def test_the_end_of_a_stream_over_its_bound_is_no_end() -> None:
    relay = ChatRelay(strip_usage=False, model=None)
    relay.feed(b"data: {}\n\ndata: " + b"x" * MIB)
    with pytest.raises(UpstreamInvalid):
        relay.finish()


def test_an_event_over_its_bound_is_the_providers_fault() -> None:
    reader = SseReader(max_line_bytes=100, max_event_bytes=1000)
    with pytest.raises(UpstreamInvalid, match="an event is over the bound of 1000 bytes"):
        reader.feed(b"data: 12345\n" * 1000)


def test_names_are_text_and_data_is_bytes() -> None:
    stream = b"event: \xff\ndata: \xff\n\nevent: a\ndata: 1\n\nevent: a\ndata: 2\n\ndata: 3\n\n"
    assert read(stream) == [("\ufffd", b"\xff"), ("a", b"1"), ("a", b"2"), ("", b"3")]


def test_a_name_of_two_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="line end"):
        sse_event("a\nb", b"")


@given(st.text("ab\n\r :é", max_size=20), st.text("abé_", max_size=8), st.lists(st.integers(0, 60), max_size=4))
def test_what_is_written_is_read(data: str, name: str, cuts: list[int]) -> None:
    frame = sse_event(name, data.encode())
    places = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
    pieces = [frame[start:end] for start, end in pairwise(places)]
    lines = data.replace("\r\n", "\n").replace("\r", "\n")
    assert read(*pieces) == [(name, lines.encode())]
