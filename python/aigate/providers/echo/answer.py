"""The offline model: a request in, the whole exchange out as a script of bytes in OpenAI's dialect.

Owns what is said; `frames` cuts it, `faults` times and spoils it. Knows no socket and never waits.
Invariant: the same request under the same options gives the same script.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from aigate.domain import Script

from .errors import RequestInvalid, failure, refusal
from .faults import stream_steps, whole_steps
from .frames import Draft, Reply, events, whole
from .options import EchoOptions
from .prompt import Prompt, message_text, read_prompt
from .rules import SchemaUnsupported
from .schema import example
from .text import capped, digest, filler, spoken, stopped
from .tools import Call, chosen_calls
from .wire import ChatRequest, Usage

TOKENS_PER_MESSAGE = 4  # OpenAI's chat template: three around each message, one for its role
TOKENS_PER_REPLY = 3
TOKENS_PER_IMAGE = 85  # a low-detail image
MAX_ANSWER_CHARS = 65_536  # all choices together; the answer is made in one go on the event loop

_JSON = (("content-type", "application/json"),)
_STREAM = (("content-type", "text/event-stream; charset=utf-8"),)
_DECODER = msgspec.json.Decoder(ChatRequest)


def answer(body: bytes, options: EchoOptions) -> Script:
    """The exchange that answers the JSON `body` of a `POST /chat/completions`."""
    try:
        request = _read(body)
        prompt = read_prompt(request)
        model, options = _amended(request, prompt, options)
        reply = _reply(request, prompt, options, model, body)
    except RequestInvalid as fault:
        return Script(400, _JSON, ((options.latency_s, refusal(fault)),))
    if options.fail is not None and _drawn(body, options):
        extra = () if options.retry_after is None else (("retry-after", str(options.retry_after)),)
        return Script(options.fail, _JSON + extra, ((options.latency_s, failure(options.fail)),))
    if request.stream:
        asked = request.stream_options is not None and request.stream_options.include_usage
        return Script(200, _STREAM, stream_steps(list(events(reply, asked)), options))
    return Script(200, _JSON, whole_steps(whole(reply), options))


# --- reading ------------------------------------------------------------------------------------------------------


def _read(body: bytes) -> ChatRequest:
    try:
        request = _DECODER.decode(body)
    except msgspec.ValidationError as fault:
        reason, _, path = str(fault).partition(" - at ")
        raise RequestInvalid(f"Invalid value: {reason}.", param=path.strip("`") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestInvalid("We could not parse the JSON body of your request.") from None
    if request.top_logprobs is not None and not request.logprobs:
        raise RequestInvalid("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
    if request.stream_options is not None and not request.stream:
        raise RequestInvalid("'stream_options' is only allowed when 'stream' is true.", param="stream_options")
    return request


def _amended(request: ChatRequest, prompt: Prompt, options: EchoOptions) -> tuple[str, EchoOptions]:
    """The model's plain name, and the options with what the model name and the message ask for."""
    model, _, query = request.model.partition("?")
    try:
        if query:
            options = options.amended_by(query)
        for settings in prompt.settings:
            options = options.amended_by(settings)
    except ValueError as fault:
        raise RequestInvalid(str(fault), code="invalid_echo_setting") from None
    return model, options


def _drawn(body: bytes, options: EchoOptions) -> bool:
    return digest(options.seed, options.now(), body) / 2**64 < options.fail_rate


# --- composing ----------------------------------------------------------------------------------------------------


def _reply(request: ChatRequest, prompt: Prompt, options: EchoOptions, model: str, body: bytes) -> Reply:
    shift = 0 if request.seed is None and not options.seed else digest(options.seed, request.seed)
    top_logprobs = (request.top_logprobs or 0) if request.logprobs else None
    drafts = _drafts(request, prompt, options, shift, MAX_ANSWER_CHARS // (1 + (top_logprobs or 0)))
    return Reply(
        id=f"chatcmpl-{digest(options.seed, body):016x}",
        created=int(options.now()),
        model=model,
        drafts=drafts,
        usage=_usage(request, prompt, drafts, options),
        top_logprobs=top_logprobs,
    )


def _drafts(
    request: ChatRequest, prompt: Prompt, options: EchoOptions, shift: int, chars_left: int
) -> tuple[Draft, ...]:
    calls = chosen_calls(request, prompt)
    drafts: list[Draft] = []
    for place in range(request.n or 1):
        draft = _draft(request, calls, _text(request, prompt, options, shift + place), options)
        chars_left -= len(draft.text or "") + sum(len(call.arguments) for call in draft.calls)
        if chars_left < 0:
            raise RequestInvalid("The answer would be longer than echo makes; ask for fewer or shorter choices.")
        drafts.append(draft)
    return tuple(drafts)


def _text(request: ChatRequest, prompt: Prompt, options: EchoOptions, variant: int) -> str:
    wanted = request.response_format
    text = filler(options.tokens, variant) if options.tokens else spoken(prompt, variant)
    if wanted is None or wanted.type == "text":
        return text
    if wanted.type == "json_object":
        return msgspec.json.encode({"echo": text}).decode()
    if wanted.json_schema is None:
        raise RequestInvalid("Missing required parameter.", param="response_format.json_schema")
    try:
        made = example(wanted.json_schema.schema, wanted.json_schema.name)
    except SchemaUnsupported as fault:
        raise RequestInvalid(f"Invalid schema: {fault}", param="response_format.json_schema.schema") from None
    return msgspec.json.encode(made).decode()


def _draft(request: ChatRequest, calls: tuple[Call, ...], text: str, options: EchoOptions) -> Draft:
    cap = request.max_completion_tokens or request.max_tokens
    if calls:
        return _capped_calls(calls, cap, options)
    stops = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    text = stopped(text, stops)
    said = text if cap is None else capped(text, cap, options.count)
    return Draft(said, (), "stop" if said == text else "length")


def _capped_calls(calls: tuple[Call, ...], cap: int | None, options: EchoOptions) -> Draft:
    if cap is None:
        return Draft(None, calls, "tool_calls")
    made: list[Call] = []
    for call in calls:
        arguments = capped(call.arguments, cap, options.count)
        made.append(msgspec.structs.replace(call, arguments=arguments))
        cap -= options.count(arguments)
        if arguments != call.arguments:
            return Draft(None, tuple(made), "length")
    return Draft(None, tuple(made), "tool_calls")


def _usage(request: ChatRequest, prompt: Prompt, drafts: tuple[Draft, ...], options: EchoOptions) -> Usage | UnsetType:
    match options.usage:
        case "none":
            return UNSET
        case "lie":
            return Usage(prompt_tokens=1, completion_tokens=999_999, total_tokens=7)
        case _:
            pass
    asked = TOKENS_PER_REPLY + prompt.images * TOKENS_PER_IMAGE
    asked += sum(TOKENS_PER_MESSAGE + options.count(message_text(message)) for message in request.messages)
    if request.tools:
        asked += options.count(msgspec.json.encode(request.tools).decode())
    said = sum(options.count(draft.text or "") for draft in drafts)
    said += sum(options.count(call.arguments) for draft in drafts for call in draft.calls)
    return Usage(asked, said, asked + said)
