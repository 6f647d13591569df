"""The one mutable thing in a request's life: what has been seen so far, from which receipts are drawn.

Owned by the pipeline; dispatch writes down what it sees. Time is a monotonic nanosecond clock handed in. Invariant:
each attempt yields one intent and one outcome with the same id, and `receipt` can be drawn at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aigate.errors import ClientGone, GatewayError, InternalFault

from .principal import Principal
from .receipt import Kind, Outcome, Receipt
from .request import Request
from .route import Target
from .usage import Usage

NANOS_PER_MILLI = 1_000_000
NANOS_PER_MICRO = 1_000


class Journal(Protocol):
    """Where receipts are kept. `append` returns when the record survives the death of the process."""

    def append(self, receipt: Receipt) -> None:
        """Keep it. Raises SpoolUnavailable when an intent cannot be kept."""


class Tally:
    """Facts of one request; see the module's words. All `*_ns` are readings of `now`, 0 = has not happened."""

    __slots__ = (
        "_attempt_id",
        "_began_ns",
        "_content_ns",
        "_error",
        "_new_id",
        "_now",
        "_succeeded",
        "_upstream_ns",
        "arrived_ns",
        "attempt",
        "closed",
        "input_tokens",
        "policy",
        "principal",
        "raw_usage",
        "request",
        "request_id",
        "served_model",
        "target",
        "time_ms",
        "trace_id",
        "usage",
    )

    def __init__(self, request_id: str, time_ms: int, now: Callable[[], int], new_id: Callable[[], str]) -> None:
        self._now = now
        self._new_id = new_id
        self.request_id = request_id
        self.time_ms = time_ms
        self.arrived_ns = now()
        self.trace_id = ""
        self.policy = ""
        self.principal: Principal | None = None
        self.request: Request | None = None
        self.attempt = 0
        self._reset()

    def _reset(self) -> None:
        self._attempt_id = ""
        self._began_ns = self._content_ns = self._upstream_ns = 0
        self._error: GatewayError | None = None
        self.target: Target | None = None
        self.input_tokens = 0
        self.usage: Usage | None = None
        self.raw_usage = self.served_model = ""
        self._succeeded = False
        self.closed = False

    # --- what dispatch reports ---

    def begin(self, target: Target, input_tokens: int) -> None:
        """A new attempt starts; `input_tokens` is our own count of the prompt."""
        attempt = self.attempt + 1
        self._reset()
        self.attempt = attempt
        self.target = target
        self.input_tokens = input_tokens
        self._attempt_id = self._new_id()
        self._began_ns = self._now()

    def content(self) -> None:
        """The first content event is about to be handed on."""
        if not self._content_ns:
            self._content_ns = self._now()

    def upstream_done(self) -> None:
        """The last byte of the provider has been read."""
        self._upstream_ns = self._now()

    def failed(self, error: GatewayError) -> None:
        """The attempt, or the request before any attempt, ended with `error`; the first error stands."""
        if self._error is None:
            self._error = error

    def succeeded(self) -> None:
        """The answer was complete."""
        self._succeeded = True

    # --- what can be drawn ---

    @property
    def committed(self) -> bool:
        """Whether content has been handed on."""
        return self._content_ns != 0

    def remaining_ms(self, timeout_ms: int) -> int:
        """Milliseconds left of a bound on the whole call."""
        return timeout_ms - (self._now() - self.arrived_ns) // NANOS_PER_MILLI

    @property
    def attempted(self) -> bool:
        """Whether an attempt is open."""
        return self.target is not None

    def receipt(self, kind: Kind) -> Receipt:
        """The facts as they stand now."""
        receipt = Receipt(
            kind=kind,
            id=self._attempt_id or self._new_id(),
            request_id=self.request_id,
            time_ms=self.time_ms,
            policy=self.policy,
            trace_id=self.trace_id,
            attempt=self.attempt,
        )
        if self.principal is not None:
            self._put_principal(receipt, self.principal)
        if self.request is not None:
            self._put_request(receipt, self.request)
        if self.target is not None:
            self._put_target(receipt, self.target)
        if kind != "intent":
            self._put_end(receipt)
        return receipt

    def _put_principal(self, receipt: Receipt, principal: Principal) -> None:
        receipt.key = principal.key
        receipt.org = principal.org
        receipt.team = principal.team
        receipt.service = principal.service
        receipt.user = principal.user

    def _put_request(self, receipt: Receipt, request: Request) -> None:
        receipt.route = request.model
        receipt.dialect = request.dialect
        receipt.stream = request.stream
        receipt.tags = request.tags
        receipt.user = receipt.user or request.user

    def _put_target(self, receipt: Receipt, target: Target) -> None:
        usage = self.usage or Usage(fresh=self.input_tokens, counted=True)
        receipt.provider = target.provider.name
        receipt.model = target.model
        receipt.served_model = self.served_model
        receipt.input_tokens = usage.input_tokens
        receipt.cached_read_tokens = usage.cache_read
        receipt.cache_write_tokens = usage.cache_write
        receipt.output_tokens = usage.output
        receipt.reasoning_tokens = usage.reasoning
        receipt.audio_input_tokens = usage.audio_input
        receipt.audio_output_tokens = usage.audio_output
        receipt.usage_source = "counted" if usage.counted else "provider"
        receipt.raw_usage = self.raw_usage
        if target.price is not None:
            receipt.cost_nano_usd = target.price.cost(usage)
            receipt.price_version = target.price.version

    def _put_end(self, receipt: Receipt) -> None:
        ended = self._now()
        took = ended - self.arrived_ns
        upstream = (self._upstream_ns or ended) - self._began_ns if self._began_ns else 0
        receipt.outcome = self._outcome()
        if not self._succeeded:
            error = self._error or InternalFault("ended without a reason")
            receipt.error = error.code
            receipt.error_source = error.source
            receipt.status = 200 if self.committed else error.status
        else:
            receipt.status = 200
        receipt.latency_ms = took / NANOS_PER_MILLI
        receipt.upstream_ms = upstream / NANOS_PER_MILLI
        receipt.gateway_us = (took - upstream) // NANOS_PER_MICRO
        if self._content_ns:
            receipt.ttft_ms = (self._content_ns - self.arrived_ns) / NANOS_PER_MILLI

    def _outcome(self) -> Outcome:
        if self._succeeded:
            return "ok"
        if self.target is None:
            return "refused"
        if isinstance(self._error, ClientGone):
            return "cancelled"
        if self.committed:
            return "interrupted"
        return "failed"
