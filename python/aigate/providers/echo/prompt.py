"""What the last user message asks of echo: the text to say back, and the directives in it.

A line `/echo name=value&name=value` changes settings (see `options`) and is not said back. `call tool NAME {json}`
anywhere asks for a tool call; once tools have answered, it has been done and does not count again. Decides nothing.
Invariant: only the first MAX_READ_CHARS of a message are read, and the number of directives is bounded.
"""

from __future__ import annotations

import re

import msgspec

from .wire import ChatRequest, Message

MAX_DIRECTIVES = 16
MAX_READ_CHARS = 16_384
MAX_TEXT_CHARS = 4_000
MAX_JSON_DEPTH = 64

_SETTINGS_LINE = "/echo "
_CALL = re.compile(r"\bcall tool ([A-Za-z0-9_-]{1,64})[ \t]*")


class CallDirective(msgspec.Struct, frozen=True):
    """`call tool NAME {json}`; `arguments` is None when no object follows."""

    name: str
    arguments: str | None


class Prompt(msgspec.Struct, frozen=True):
    """The turn to be answered.

    Attributes:
        text: the last user message without its setting lines, at most MAX_TEXT_CHARS.
        images: images in it.
        settings: the queries of its setting lines.
        calls: the tool calls it asks for.
        tool_answers: what tools have answered since.
    """

    text: str
    images: int
    settings: tuple[str, ...]
    calls: tuple[CallDirective, ...]
    tool_answers: tuple[str, ...]


def read_prompt(request: ChatRequest) -> Prompt:
    """The last user message and what came after it."""
    last = max((i for i, message in enumerate(request.messages) if message.role == "user"), default=-1)
    after = request.messages[last + 1 :]
    answers = tuple(_shortened(message_text(message)) for message in after if message.role == "tool")
    if last < 0:
        return Prompt("", 0, (), (), answers)
    message = request.messages[last]
    lines = message_text(message)[:MAX_READ_CHARS].split("\n")
    settings = tuple(line.removeprefix(_SETTINGS_LINE).strip() for line in lines if line.startswith(_SETTINGS_LINE))
    text = "\n".join(line for line in lines if not line.startswith(_SETTINGS_LINE))
    return Prompt(
        text=_shortened(text),
        images=_images(message),
        settings=settings[:MAX_DIRECTIVES],
        calls=() if answers else _calls(text),
        tool_answers=answers[:MAX_DIRECTIVES],
    )


def message_text(message: Message) -> str:
    """The text of a message, its parts joined by line ends."""
    match message.content:
        case None:
            return ""
        case str() as text:
            return text
        case parts:
            return "\n".join(part.text for part in parts if part.text is not None)


def _images(message: Message) -> int:
    if message.content is None or isinstance(message.content, str):
        return 0
    return sum(part.type == "image_url" for part in message.content)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"


def _calls(text: str) -> tuple[CallDirective, ...]:
    calls: list[CallDirective] = []
    position = 0
    while len(calls) < MAX_DIRECTIVES and (match := _CALL.search(text, position)):
        arguments = _object_at(text, match.end())
        position = match.end() + len(arguments or "")
        calls.append(CallDirective(match[1], arguments))
    return tuple(calls)


def _object_at(text: str, start: int) -> str | None:
    """The text from an opening brace at `start` to the one that closes it; None when there is none."""
    if not text.startswith("{", start):
        return None
    depth = 0
    quoted = escaped = False
    for position in range(start, len(text)):
        character = text[position]
        if quoted:
            quoted = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            quoted = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        if depth == 0:
            return text[start : position + 1]
        if depth > MAX_JSON_DEPTH:
            return None
    return None
