"""Errors as OpenAI writes them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import orjson

from aigate.errors import GatewayError

# The SDKs choose the exception class by status; `type` is what people read in the body.
_TYPE_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def error_body(error: GatewayError) -> bytes:
    """The JSON body of an error response."""
    kind = _TYPE_BY_STATUS.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return orjson.dumps({"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}})


def stream_error(error: GatewayError) -> bytes:
    """The event that ends a broken stream. No `[DONE]` follows: the answer is not complete."""
    return b"data: " + error_body(error) + b"\n\n"
