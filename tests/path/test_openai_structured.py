"""openai-python with structured output: JSON mode, a JSON schema by hand, and pydantic models by `.parse()`."""

from __future__ import annotations

import enum
import json

import openai
from pydantic import BaseModel

from tests.path.conftest import HELLO, Sdk
from tests.upstreams import FakeUpstream, load


class Mood(enum.StrEnum):
    GOOD = "good"
    BAD = "bad"


class Step(BaseModel):
    what: str
    minutes: int
    next: Step | None


class Plan(BaseModel):
    title: str
    mood: Mood
    steps: list[Step]
    share: float
    done: bool


def test_json_mode(sdk: Sdk) -> None:
    answer = sdk.create(model="echo", response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content or "") == {"echo": "You said: Hello"}


def test_a_schema_by_hand(sdk: Sdk) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    assert json.loads(sdk.create(model="echo", response_format=wanted).choices[0].message.content or "") == {"n": 3}


def test_a_model_by_parse(sdk: Sdk) -> None:
    assert isinstance(sdk.parse(model="echo", response_format=Plan).choices[0].message.parsed, Plan)


def test_a_model_streamed(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="echo", messages=HELLO, response_format=Plan) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Plan)


def test_the_schema_reaches_the_provider_as_it_was_sent(sdk: Sdk, upstream: FakeUpstream) -> None:
    recorded = load("openai", "structured_output")
    upstream.script(recorded.play())
    wanted = recorded.client["response_format"]
    answer = sdk.create(model="fake-1", response_format=wanted)
    assert upstream.seen[0].json["response_format"] == wanted
    assert answer.choices[0].message.content == recorded.expect["content"]
