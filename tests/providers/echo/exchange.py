"""Reads echo's scripts back as a client would."""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from aigate.domain import Script
from aigate.providers.echo import EchoOptions, answer

CLOCK = EchoOptions(now=lambda: 1_795_000_000.25, count=lambda text: len(text.split()))


def ask(text: str = "Hello", options: EchoOptions = CLOCK, **fields: Any) -> Script:
    body = {"model": "echo", "messages": [{"role": "user", "content": text}], **fields}
    return answer(json.dumps(body).encode(), options)


def octets(script: Script) -> bytes:
    return b"".join(piece for _, piece in script.steps if isinstance(piece, bytes))


def whole(script: Script) -> ChatCompletion:
    assert script.status == 200, octets(script)
    return ChatCompletion.model_validate_json(octets(script))


def error(script: Script) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(octets(script))["error"]
    return found


def events(script: Script) -> list[dict[str, Any]]:
    """The data of every event but the closing [DONE], which must be there and last."""
    assert dict(script.headers)["content-type"].startswith("text/event-stream")
    lines = octets(script).decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def chunks(script: Script) -> list[ChatCompletionChunk]:
    return [ChatCompletionChunk.model_validate(event) for event in events(script)]
