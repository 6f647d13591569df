"""Relaying a chat stream and knowing its usage and finish: our relay against the least that a gateway in plain Python
would do, the openai SDK's decoder, a JSON parse of each event, and writing it out again.
"""

from __future__ import annotations

import orjson
import pytest
from openai._streaming import SSEDecoder
from pytest_benchmark.fixture import BenchmarkFixture

from aigate import _native
from bench.micro.stream import chat_stream

FRAMES = chat_stream()
pytestmark = pytest.mark.benchmark(group="relay")


def relay_native() -> tuple[bytes, int]:
    relay = _native.ChatRelay(strip_usage=False, model=None)
    out = b"".join([relay.feed(frame) for frame in FRAMES])
    usage = relay.usage
    return out, usage[3] if usage else 0


def relay_python() -> tuple[bytes, int]:
    out: list[bytes] = []
    tokens = 0
    for event in SSEDecoder().iter_bytes(iter(FRAMES)):
        if event.data != "[DONE]":
            chunk = orjson.loads(event.data)
            if chunk["usage"]:
                tokens = chunk["usage"]["completion_tokens"]
        out.append(f"data: {event.data}\n\n".encode())
    return b"".join(out), tokens


def test_aigate(benchmark: BenchmarkFixture) -> None:
    assert benchmark(relay_native) == (b"".join(FRAMES), 200)


def test_openai_sdk_and_orjson(benchmark: BenchmarkFixture) -> None:
    assert benchmark(relay_python) == (b"".join(FRAMES), 200)
