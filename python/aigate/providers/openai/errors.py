"""OpenAI's error responses, understood."""

from __future__ import annotations

import msgspec

from aigate.errors import UpstreamError

from .wire import ErrorBody, ErrorDetail

MAX_MESSAGE_CHARS = 500
MAX_RETRY_AFTER_S = 24 * 3600
MAX_RETRY_AFTER_CHARS = 12

_ERROR_BODY = msgspec.json.Decoder(ErrorBody)


def failure(status: int, headers: list[tuple[str, str]], body: bytes) -> UpstreamError:
    """The provider's answer as an error; a 4xx keeps its body so that the caller can be given it as it is."""
    fields = dict(headers)
    return UpstreamError(
        f"HTTP {status}: {_message(body)}",
        upstream_status=status,
        body=body,
        content_type=fields.get("content-type", "application/json"),
        retry_after_s=_retry_after(fields),
    )


def _message(body: bytes) -> str:
    try:
        parsed = _ERROR_BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "the body is not a JSON error"
    error = parsed.error
    text = error.message if isinstance(error, ErrorDetail) else error
    return (text or parsed.message or parsed.detail or "no message")[:MAX_MESSAGE_CHARS]


def _retry_after(fields: dict[str, str]) -> int | None:
    """Whole seconds, rounded up, from `retry-after-ms` or `retry-after`; None when absent, a date, or not a number."""
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = fields.get(name, "")
        if len(value) <= MAX_RETRY_AFTER_CHARS and value.isascii() and value.replace(".", "", 1).isdigit():
            return min(MAX_RETRY_AFTER_S, -int(-float(value) // per_second))
    return None
