"""The one tree of errors, split by whose fault it is.

Owns what each failure means to the caller: its code, HTTP status, whether trying again can help, and how loud the log
is. Does not own how it is written down: `http` and `dialects` turn an error into bytes. A message reads as the path
("model assistant: target openai/gpt-4o: timed out after 30 s") and never holds a credential or a prompt.
"""

from __future__ import annotations

import logging
from typing import ClassVar


class GatewayError(Exception):
    """Root of the tree; only leaves are raised.

    Attributes:
        code: stable machine-readable name, the `code` of the error body.
        status: HTTP status in the caller's response.
        retryable: whether the same request can succeed later without a change.
        log_level: level of the one log line about it.
    """

    code: ClassVar[str]
    status: int
    retryable: ClassVar[bool] = False
    log_level: ClassVar[int] = logging.INFO
    source: ClassVar[str] = "gateway"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        if "code" not in type(self).__dict__:
            raise TypeError(f"{type(self).__name__} is a branch of the tree; raise one of its leaves")
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.message


# --- the caller's fault, or the policy's word ---------------------------------------------------------------------


class Refused(GatewayError):
    """The request was understood well enough to say no to it."""


class InvalidRequest(Refused):
    """Malformed, wrong type, contradictory; `param` is the JSON path or header."""

    code = "invalid_request"
    status = 400


class HostInvalid(Refused):
    """The Host header is missing or not a host."""

    code = "invalid_host"
    status = 400


class InvalidApiKey(Refused):
    """No credential, or one that is not known, or a revoked one."""

    code = "invalid_api_key"
    status = 401


class KeyExpired(Refused):
    """The credential was good once."""

    code = "key_expired"
    status = 401


class ForbiddenModel(Refused):
    """The key may not use this model."""

    code = "forbidden_model"
    status = 403


class ModelNotFound(Refused):
    """Nobody serves a model of this name; the message has the near names."""

    code = "model_not_found"
    status = 404


class PathNotFound(Refused):
    """No such endpoint."""

    code = "not_found"
    status = 404


class MethodNotAllowed(Refused):
    """The endpoint exists, but not for this method."""

    code = "method_not_allowed"
    status = 405


class BodyTimeout(Refused):
    """The caller stopped sending its body."""

    code = "request_timeout"
    status = 408
    retryable = True


class RequestTooLarge(Refused):
    """Body over the limit."""

    code = "request_too_large"
    status = 413


class MediaTypeUnsupported(Refused):
    """Content-Type, charset or Content-Encoding that is not taken."""

    code = "unsupported_media_type"
    status = 415


class HeadTooLarge(Refused):
    """Request head over the limit."""

    code = "head_too_large"
    status = 431


class Overloaded(Refused):
    """Load was shed before any work was done."""

    code = "overloaded"
    status = 503
    retryable = True
    log_level = logging.WARNING


class ShuttingDown(Refused):
    """The worker is draining."""

    code = "server_shutting_down"
    status = 503
    retryable = True


class ClientGone(Refused):
    """The caller hung up before the answer was complete. 499 is nginx's status for it; nobody is there to read it."""

    code = "client_disconnected"
    status = 499


# --- the provider's fault -----------------------------------------------------------------------------------------


class UpstreamFailed(GatewayError):
    """A provider did not answer as it should."""

    source = "provider"
    retryable = True
    log_level = logging.WARNING


class UpstreamError(UpstreamFailed):
    """The provider answered with an error of its own.

    Attributes:
        upstream_status: the provider's HTTP status (200 for an error inside a success).
        body: the provider's body, relayed as it is when the status is a 4xx.
    """

    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int,
        body: bytes = b"",
        content_type: str = "application/json",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.upstream_status = upstream_status
        self.body = body
        self.content_type = content_type
        self.status = upstream_status if 400 <= upstream_status < 500 else 502


class UpstreamTimeout(UpstreamFailed):
    """A deadline passed while the provider was expected to act; the message says which."""

    code = "upstream_timeout"
    status = 504


class UpstreamUnreachable(UpstreamFailed):
    """No connection could be made, or it broke before the answer began."""

    code = "upstream_unreachable"
    status = 502


class UpstreamInvalid(UpstreamFailed):
    """The provider's answer is not what its protocol allows: no HTTP, no JSON, over a bound, cut before content."""

    code = "upstream_invalid"
    status = 502


class StreamInterrupted(UpstreamFailed):
    """The answer broke after part of it had been handed to the caller; told in-band, with no terminator."""

    code = "stream_interrupted"
    status = 502


# --- our fault ----------------------------------------------------------------------------------------------------


class Fault(GatewayError):
    """Something here is broken."""

    log_level = logging.ERROR


class InternalFault(Fault):
    """A bug. The message never carries the details; the log line does, by request id."""

    code = "internal_error"
    status = 500


class SpoolUnavailable(Fault):
    """The record of a call could not be kept, so the call was not made."""

    code = "ledger_unavailable"
    status = 503
    retryable = True


class StoreUnavailable(Fault):
    """A database could not be opened, read or written: locked for too long, full, damaged, or of a newer version."""

    code = "store_unavailable"
    status = 503
    retryable = True


class PolicyInvalid(Fault):
    """The policy file does not hold; `faults` lists every reason.

    Attributes:
        faults: one line a fault, `FILE:LINE: path: message`.
    """

    code = "policy_invalid"
    status = 500

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
