"""The one mutable thing in a request's life: what has been seen so far, from which receipts are drawn.

Owned by the pipeline; dispatch writes down what it sees. Time is a monotonic nanosecond clock handed in. Invariant:
each attempt yields one intent (`open`) and one outcome (`close`) with the same id, and a request that never came as far
as an attempt yields one refusal.
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

NOBODY = Principal("")


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
        self.principal = NOBODY
        self.request: Request | None = None
        self.attempt = 0
        self._attempt_id = ""
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of the next attempt yet."""
        self._began_ns = self._content_ns = self._upstream_ns = self.input_tokens = 0
        self._error: GatewayError | None = None
        self.target: Target | None = None
        self.usage: Usage | None = None
        self.raw_usage = self.served_model = ""
        self._succeeded = self.closed = False

    # --- what dispatch reports ---

    def open(self, target: Target, input_tokens: int) -> Receipt:
        """A new attempt starts; `input_tokens` is our own count of the prompt. Gives the intent."""
        self._forget()
        self.attempt += 1
        self.target = target
        self.input_tokens = input_tokens
        self._attempt_id = self._new_id()
        self._began_ns = self._now()
        return self._receipt("intent")

    def content(self) -> None:
        """The first content is about to be handed on."""
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

    def close(self) -> Receipt:
        """The attempt, or the request before any attempt, is over. Gives its outcome, or the refusal."""
        self.closed = True
        return self._receipt("refusal" if self.target is None else "outcome")

    # --- what can be asked ---

    def remaining_ms(self, timeout_ms: int) -> int:
        """Milliseconds left of a bound on the whole call."""
        return timeout_ms - (self._now() - self.arrived_ns) // NANOS_PER_MILLI

    @property
    def committed(self) -> bool:
        """Whether content has been handed on."""
        return self._content_ns != 0

    # --- drawing a receipt: one constructor call, because there are two on every request's path ---

    def _receipt(self, kind: Kind) -> Receipt:
        who, request, target = self.principal, self.request, self.target
        usage = self.usage or Usage(fresh=self.input_tokens, counted=True)
        price = target.price if target is not None else None
        receipt = Receipt(
            kind=kind,
            id=self._attempt_id or self._new_id(),
            request_id=self.request_id,
            time_ms=self.time_ms,
            key=who.key,
            org=who.org,
            team=who.team,
            service=who.service,
            user=who.user or (request.user if request is not None else ""),
            provider=target.provider.name if target is not None else "",
            model=target.model if target is not None else "",
            served_model=self.served_model,
            attempt=self.attempt,
            input_tokens=usage.fresh + usage.cache_read + usage.cache_write,
            cached_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            audio_input_tokens=usage.audio_input,
            audio_output_tokens=usage.audio_output,
            usage_source="" if target is None else "counted" if usage.counted else "provider",
            raw_usage=self.raw_usage,
            cost_nano_usd=price.cost(usage) if price is not None else 0,
            price_version=price.version if price is not None else "",
            policy=self.policy,
            trace_id=self.trace_id,
        )
        if request is not None:
            receipt.route = request.model
            receipt.dialect = request.dialect
            receipt.stream = request.stream
            receipt.tags = request.tags
        if kind != "intent":
            self._put_end(receipt)
        return receipt

    def _put_end(self, receipt: Receipt) -> None:
        ended = self._now()
        took = ended - self.arrived_ns
        upstream = (self._upstream_ns or ended) - self._began_ns if self._began_ns else 0
        receipt.latency_ms = took / NANOS_PER_MILLI
        receipt.upstream_ms = upstream / NANOS_PER_MILLI
        receipt.gateway_us = (took - upstream) // NANOS_PER_MICRO
        if self._content_ns:
            receipt.ttft_ms = (self._content_ns - self.arrived_ns) / NANOS_PER_MILLI
        if self._succeeded:
            receipt.outcome = "ok"
            receipt.status = 200
        else:
            error = self._error or InternalFault("ended without a reason")
            receipt.outcome = self._outcome(error)
            receipt.status = 200 if self._content_ns else error.status
            receipt.error = error.code
            receipt.error_source = error.source

    def _outcome(self, error: GatewayError) -> Outcome:
        if self.target is None:
            return "refused"
        if isinstance(error, ClientGone):
            return "cancelled"
        return "interrupted" if self._content_ns else "failed"
