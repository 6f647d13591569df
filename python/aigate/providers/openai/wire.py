"""OpenAI's wire names that more than one part of the adapter uses."""

from __future__ import annotations

import msgspec

CHAT_PATH = "/chat/completions"


class ErrorDetail(msgspec.Struct):
    """The `error` object; every member may be missing on servers that only resemble OpenAI."""

    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class ErrorBody(msgspec.Struct):
    """An error response. TGI sends `error` as plain text, Mistral and FastAPI servers only `message` or `detail`."""

    error: ErrorDetail | str | None = None
    message: str | None = None
    detail: str | None = None
