"""Refuses what OpenAI would refuse: a provider that is lenient in tests hides what the real one would not take."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .play import Play, error

ALLOWED_FIELDS = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
})  # fmt: skip
ROLES = frozenset({"developer", "system", "user", "assistant", "tool", "function"})
SINGLE = frozenset({"host", "content-length", "content-type", "authorization", "transfer-encoding"})
GATEWAY_SECRETS = ("aig_", "x-aigate-", "aigate_")


def refuse(path: str, headers: list[tuple[str, str]], body: bytes, api_key: str) -> Play | None:
    """The refusal of a chat request that OpenAI would not take; None for a good one."""
    return _bad_head(path, headers, api_key) or _leak(headers, body) or _bad_body(body)


def _bad_head(path: str, headers: list[tuple[str, str]], api_key: str) -> Play | None:
    fields = dict(headers)
    names = [name for name, _ in headers]
    if not path.endswith("/chat/completions"):
        return error(404, f"Invalid URL (POST {path})")
    if any(names.count(name) > 1 for name in SINGLE) or "host" not in fields:
        return error(400, "Bad request head.")
    if fields.get("authorization") != f"Bearer {api_key}":
        return error(401, "Incorrect API key provided.", "invalid_api_key")
    if fields.get("content-type", "").split(";")[0] != "application/json":
        return error(415, "Unsupported content type.")
    return None


def _leak(headers: list[tuple[str, str]], body: bytes) -> Play | None:
    """The gateway's own keys and headers are nobody's business upstream."""
    everything = "\n".join(f"{name}: {value}" for name, value in headers) + body.decode("utf-8", "replace")
    if any(secret in everything for secret in GATEWAY_SECRETS):
        return error(400, "LEAK: something of the gateway's own was sent upstream.")
    return None


def _bad_body(body: bytes) -> Play | None:
    try:
        request = json.loads(body, object_pairs_hook=_no_duplicates)
    except ValueError:
        return error(400, "We could not parse the JSON body of your request.")
    if not isinstance(request, dict):
        return error(400, "The body must be an object.")
    fault = next(_faults(request), None)
    return error(400, fault) if fault else None


def _faults(request: dict[str, Any]) -> Iterator[str]:
    if unknown := sorted(set(request) - ALLOWED_FIELDS):
        yield f"Unrecognized request argument supplied: {', '.join(unknown)}"
    yield from (f"Invalid type for '{name}'." for name, good in _RULES if name in request and not good(request[name]))
    if "model" not in request or "messages" not in request:
        yield "you must provide a model parameter"
    if request.get("stream_options") is not None and request.get("stream") is not True:
        yield "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    if request.get("top_logprobs") is not None and request.get("logprobs") is not True:
        yield "'logprobs' must be true when 'top_logprobs' is set."
    if "tools" not in request and request.get("tool_choice") not in {None, "none"}:
        yield "'tool_choice' is only allowed when 'tools' are specified."


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("duplicate keys")
    return dict(pairs)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _messages(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(message, dict) and message.get("role") in ROLES for message in value)
    )


def _stream_options(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= {"include_usage", "include_obfuscation"}


def _stop(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and 0 < len(value) <= 4)


def _optional(good: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or good(value)


_RULES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("model", lambda value: isinstance(value, str) and value != ""),
    ("messages", _messages),
    ("stream", _optional(lambda value: isinstance(value, bool))),
    ("stream_options", _optional(_stream_options)),
    ("n", _optional(_whole(1, 128))),
    ("max_tokens", _optional(_whole(1, 1_000_000))),
    ("max_completion_tokens", _optional(_whole(1, 1_000_000))),
    ("logprobs", _optional(lambda value: isinstance(value, bool))),
    ("top_logprobs", _optional(_whole(0, 20))),
    ("temperature", _optional(lambda value: isinstance(value, int | float) and 0 <= value <= 2)),
    ("stop", _optional(_stop)),
    ("tools", _optional(lambda value: isinstance(value, list) and len(value) > 0)),
    ("user", _optional(lambda value: isinstance(value, str))),
    ("metadata", _optional(lambda value: isinstance(value, dict) and len(value) <= 16)),
)
