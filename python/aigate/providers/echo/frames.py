"""A reply cut into OpenAI's frames: one JSON body, or the events of a stream.

Owns the order of deltas and what each one carries. Does not decide what is said, nor when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, UnsetType

from .text import digest, logprobs, pieces
from .tools import Call
from .wire import (
    Answer,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    CustomCall,
    FinishReason,
    FunctionCall,
    Logprobs,
    ToolCall,
    Usage,
)

FINGERPRINT = "fp_echo"
DONE = b"data: [DONE]\n\n"


class Draft(msgspec.Struct, frozen=True):
    """One choice before it is put on the wire; `text` is None when tools are called."""

    text: str | None
    calls: tuple[Call, ...]
    finish: FinishReason


class Reply(msgspec.Struct, frozen=True):
    """Everything that goes on the wire; `top_logprobs` is None when log probabilities were not asked for."""

    id: str
    created: int
    model: str
    drafts: tuple[Draft, ...]
    usage: Usage | UnsetType
    top_logprobs: int | None


# --- a whole answer -----------------------------------------------------------------------------------------------


def whole(reply: Reply) -> bytes:
    """The body of an answer that is not streamed."""
    return msgspec.json.encode(
        Completion(
            id=reply.id,
            created=reply.created,
            model=reply.model,
            system_fingerprint=FINGERPRINT,
            choices=tuple(_choice(place, draft, reply) for place, draft in enumerate(reply.drafts)),
            usage=reply.usage,
        )
    )


def _choice(place: int, draft: Draft, reply: Reply) -> Choice:
    calls = tuple(_call(call, _call_id(reply, place, number)) for number, call in enumerate(draft.calls))
    message = Answer("assistant", draft.text, refusal=None, tool_calls=calls or UNSET, annotations=())
    return Choice(place, message, _logprobs(reply, pieces(draft.text or ""), 0), draft.finish)


def _call(call: Call, call_id: str) -> ToolCall:
    if call.kind == "custom":
        return ToolCall(id=call_id, type="custom", custom=CustomCall(call.name, call.arguments))
    return ToolCall(id=call_id, type="function", function=FunctionCall(call.name, call.arguments))


def _call_id(reply: Reply, place: int, number: int) -> str:
    return f"call_{digest(reply.id, place, number):016x}"


def _logprobs(reply: Reply, parts: list[str], first: int) -> Logprobs | None:
    return None if reply.top_logprobs is None or not parts else logprobs(parts, first, reply.top_logprobs)


# --- a stream -----------------------------------------------------------------------------------------------------


def events(reply: Reply, usage_asked: bool) -> Iterator[bytes]:
    """Every event of the stream, the choices taking turns."""
    waiting = [_deltas(place, draft, reply) for place, draft in enumerate(reply.drafts)]
    while waiting:
        for deltas in list(waiting):
            choice = next(deltas, None)
            if choice is None:
                waiting.remove(deltas)
            else:
                yield _event(reply, (choice,), None if usage_asked and reply.usage is not UNSET else UNSET)
    if usage_asked and reply.usage is not UNSET:
        yield _event(reply, (), reply.usage)
    yield DONE


def _event(reply: Reply, choices: tuple[ChunkChoice, ...], usage: Usage | UnsetType | None) -> bytes:
    chunk = Chunk(
        id=reply.id,
        created=reply.created,
        model=reply.model,
        system_fingerprint=FINGERPRINT,
        choices=choices,
        usage=usage,
    )
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _deltas(place: int, draft: Draft, reply: Reply) -> Iterator[ChunkChoice]:
    yield ChunkChoice(place, Answer("assistant", None if draft.calls else "", refusal=None), None, None)
    for number, part in enumerate(pieces(draft.text or "")):
        yield ChunkChoice(place, Answer(content=part), _logprobs(reply, [part], number), None)
    for number, call in enumerate(draft.calls):
        for piece in _call_pieces(call, number, _call_id(reply, place, number)):
            yield ChunkChoice(place, Answer(tool_calls=(piece,)), None, None)
    yield ChunkChoice(place, Answer(), None, draft.finish)


def _call_pieces(call: Call, index: int, call_id: str) -> Iterator[ToolCall]:
    if call.kind == "custom":
        yield ToolCall(index, call_id, "custom", custom=CustomCall(call.name, ""))
        for part in pieces(call.arguments):
            yield ToolCall(index, custom=CustomCall(input=part))
        return
    yield ToolCall(index, call_id, "function", FunctionCall(call.name, ""))
    for part in pieces(call.arguments):
        yield ToolCall(index, function=FunctionCall(arguments=part))
