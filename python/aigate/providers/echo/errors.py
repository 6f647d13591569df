"""How echo says no: OpenAI's error body, as bytes. Does not decide what is wrong."""

from __future__ import annotations

import msgspec


class RequestInvalid(ValueError):
    """The request cannot be answered; becomes a 400. The message never quotes the prompt.

    Attributes:
        param: JSON path or field the fault is in.
        code: OpenAI's machine-readable name for it.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class ErrorDetail(msgspec.Struct, frozen=True):
    """The object under `error`."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """A whole error answer, or the data of an error event in a stream."""

    error: ErrorDetail


def refusal(fault: RequestInvalid) -> bytes:
    """The body of a 400."""
    return msgspec.json.encode(
        ErrorBody(ErrorDetail(str(fault), "invalid_request_error", param=fault.param, code=fault.code))
    )


def failure(status: int) -> bytes:
    """The body OpenAI sends with `status`, in its words for the common ones."""
    message, kind, code = _words(status)
    return msgspec.json.encode(ErrorBody(ErrorDetail(message, kind, code=code)))


def _words(status: int) -> tuple[str, str, str | None]:
    match status:
        case 401:
            return "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"
        case 404:
            return "The model does not exist.", "invalid_request_error", "model_not_found"
        case 429:
            return "Rate limit reached.", "requests", "rate_limit_exceeded"
        case 503:
            return "The engine is currently overloaded, please try again later.", "server_error", "overloaded"
        case _ if status >= 500:
            return "The server had an error while processing your request.", "server_error", None
        case _:
            return "The request was refused on request.", "invalid_request_error", None
