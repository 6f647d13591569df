"""Reading server-sent events: our reader against the decoder in the openai SDK, on the same bytes cut the same way."""

from __future__ import annotations

import pytest
from openai._streaming import SSEDecoder
from pytest_benchmark.fixture import BenchmarkFixture

from aigate import _native
from bench.micro.stream import chat_stream

FRAMES = chat_stream()
WHOLE = b"".join(FRAMES)
READS = {
    "one-event": FRAMES,
    "1400-bytes": [WHOLE[at : at + 1400] for at in range(0, len(WHOLE), 1400)],
    "64-KiB": [WHOLE[at : at + 65_536] for at in range(0, len(WHOLE), 65_536)],
}
reads = pytest.mark.parametrize("reads", READS.values(), ids=READS.keys())
pytestmark = pytest.mark.benchmark(group="sse")


def read_native(pieces: list[bytes]) -> list[str]:
    reader = _native.SseReader()
    return [data.decode() for piece in pieces for _, data in reader.feed(piece)]


def count_native(pieces: list[bytes]) -> int:
    feed = _native.SseReader().feed
    count = 0
    for piece in pieces:
        count += len(feed(piece))
    return count


def count_sdk(pieces: list[bytes]) -> int:
    count = 0
    for _ in SSEDecoder().iter_bytes(iter(pieces)):
        count += 1
    return count


@reads
def test_aigate(benchmark: BenchmarkFixture, reads: list[bytes]) -> None:
    # The same events, and not only as many.
    assert read_native(reads) == [event.data for event in SSEDecoder().iter_bytes(iter(reads))]
    assert benchmark(count_native, reads) == len(FRAMES)


@reads
def test_openai_sdk(benchmark: BenchmarkFixture, reads: list[bytes]) -> None:
    assert benchmark(count_sdk, reads) == len(FRAMES)
