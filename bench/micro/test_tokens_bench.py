"""Counting tokens: ours against tiktoken, on one thread, both encodings. Counts must be equal before time is taken.

Time is the process's CPU time: neighbours on the machine do not count.
"""

from __future__ import annotations

import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aigate._native import count_tokens, warm_tokenizer
from bench.micro.texts import texts
from tests.native.tiktoken_offline import ENCODINGS, tiktoken_encoding

TEXTS = texts()
pytestmark = pytest.mark.benchmark(group="tokens", timer=time.process_time, max_time=0.3, min_rounds=5)
encodings = pytest.mark.parametrize("encoding", ENCODINGS)
each_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())


@encodings
@each_text
def test_aigate(benchmark: BenchmarkFixture, text: str, encoding: str) -> None:
    warm_tokenizer(encoding)
    expected = len(tiktoken_encoding(encoding).encode_ordinary(text))
    assert benchmark(count_tokens, text, encoding) == expected
    benchmark.extra_info["MB/s"] = round(len(text.encode()) / benchmark.stats["min"] / 1e6, 1)


@encodings
@each_text
def test_tiktoken(benchmark: BenchmarkFixture, text: str, encoding: str) -> None:
    tokens = benchmark(tiktoken_encoding(encoding).encode_ordinary, text)
    assert len(tokens) > 0
    benchmark.extra_info["MB/s"] = round(len(text.encode()) / benchmark.stats["min"] / 1e6, 1)
