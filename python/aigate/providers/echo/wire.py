"""OpenAI's chat completions as echo reads and writes them: one struct an object, nothing computed.

Requests are typed where echo acts on a field; fields it does not know are ignored, as compatible servers do.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Role = Literal["developer", "system", "user", "assistant", "tool", "function"]
FinishReason = Literal["stop", "length", "tool_calls"]
Schema = dict[str, object]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Count = Annotated[int, Meta(ge=1)]


# --- what is asked ------------------------------------------------------------------------------------------------


class Part(msgspec.Struct, frozen=True):
    """One part of a message's content."""

    type: str
    text: str | None = None


class Message(msgspec.Struct, frozen=True):
    """One turn."""

    role: Role
    content: str | list[Part] | None = None


class FunctionTool(msgspec.Struct, frozen=True):
    """A function the model may call; no `parameters` = none."""

    name: Name
    parameters: Schema | None = None


class CustomTool(msgspec.Struct, frozen=True):
    """A tool that takes free text."""

    name: Name


class Tool(msgspec.Struct, frozen=True):
    """One entry of `tools`; exactly the member that `type` names is set."""

    type: Literal["function", "custom"]
    function: FunctionTool | None = None
    custom: CustomTool | None = None


class AllowedTools(msgspec.Struct, frozen=True):
    """A subset of `tools`, and whether one must be called."""

    mode: Literal["auto", "required"]
    tools: list[Tool]


class ToolChoice(msgspec.Struct, frozen=True):
    """`tool_choice` as an object."""

    type: Literal["function", "custom", "allowed_tools"]
    function: FunctionTool | None = None
    custom: CustomTool | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(msgspec.Struct, frozen=True):
    """The member `json_schema` of `response_format`."""

    name: Name
    schema: Schema = {}


class ResponseFormat(msgspec.Struct, frozen=True):
    """What the text of the answer must be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """`stream_options`."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of `POST /chat/completions`."""

    model: Name
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None


# --- what is answered ---------------------------------------------------------------------------------------------


class FunctionCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """The function called; in a stream the name comes first and the arguments in pieces."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class CustomCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """The custom tool called."""

    name: str | UnsetType = UNSET
    input: str | UnsetType = UNSET


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call; `index` only in streams, `id` and `type` only in the first piece of it."""

    index: int | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: Literal["function", "custom"] | UnsetType = UNSET
    function: FunctionCall | UnsetType = UNSET
    custom: CustomCall | UnsetType = UNSET


class TopLogprob(msgspec.Struct, frozen=True):
    """One token that could have been at this place."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(msgspec.Struct, frozen=True):
    """The token at this place, and the likeliest ones."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: tuple[TopLogprob, ...]


class Logprobs(msgspec.Struct, frozen=True):
    """`logprobs` of a choice or of a piece of one."""

    content: tuple[TokenLogprob, ...] | None
    refusal: None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`message` of a choice, or `delta` of a chunk."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: UnsetType | None = UNSET
    tool_calls: tuple[ToolCall, ...] | UnsetType = UNSET
    annotations: tuple[()] | UnsetType = UNSET


class Choice(msgspec.Struct, frozen=True):
    """One choice of a whole answer."""

    index: int
    message: Answer
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChunkChoice(msgspec.Struct, frozen=True):
    """One choice of a chunk."""

    index: int
    delta: Answer
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class PromptDetails(msgspec.Struct, frozen=True):
    """Parts of `prompt_tokens`."""

    cached_tokens: int = 0
    audio_tokens: int = 0


class CompletionDetails(msgspec.Struct, frozen=True):
    """Parts of `completion_tokens`."""

    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class Usage(msgspec.Struct, frozen=True):
    """Token counts of the whole answer, all choices together."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails = CompletionDetails()


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[Choice, ...]
    usage: Usage | UnsetType


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream; when usage was asked it is null in all but the last one, else it is absent."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[ChunkChoice, ...]
    usage: Usage | UnsetType | None = UNSET
