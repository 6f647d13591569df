"""Reading a request of 862 bytes: our pass (fields, text, depth, duplicate keys) against parsers that only parse."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec
import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aigate import _native
from bench.load import bodies
from bench.micro.many import many


class Message(msgspec.Struct):
    """As much of a message as a gateway must read."""

    role: str
    content: str


class Chat(msgspec.Struct):
    """As much of a request as a gateway must read."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    stream: bool = False


def request_body() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return bodies.write(Path(folder), "gpt-4o-mini", stream=False, prompts="same").read_bytes().strip()


BODY = request_body()
CHAT = msgspec.json.Decoder(Chat)
pytestmark = pytest.mark.benchmark(group="inspect")


def test_aigate(benchmark: BenchmarkFixture) -> None:
    assert many(benchmark, _native.inspect, BODY).model == "gpt-4o-mini"


def test_msgspec(benchmark: BenchmarkFixture) -> None:
    assert many(benchmark, CHAT.decode, BODY).model == "gpt-4o-mini"


def test_orjson(benchmark: BenchmarkFixture) -> None:
    assert many(benchmark, orjson.loads, BODY)["model"] == "gpt-4o-mini"


def test_json(benchmark: BenchmarkFixture) -> None:
    assert many(benchmark, json.loads, BODY)["model"] == "gpt-4o-mini"
