"""The one mutable thing in a request's life: what has been seen so far, from which receipts are drawn.

Owned by the pipeline; dispatch writes down what it sees. Time is a monotonic nanosecond clock handed in. Invariant:
each attempt yields one intent (`open`) and one outcome (`close`) with the same id, and a request that never came as far
as an attempt yields one refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

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


class Tally(msgspec.Struct):
    """Facts of one request; see the module's words. All `*_ns` are readings of `now`, 0 = has not happened.

    Attributes:
        request_id: ours until the caller names another; an unnamed request's first attempt carries it as its own id.
        time_ms: Unix milliseconds when the request came in; arrived_ns: the same moment on `now`.
        now: monotonic nanoseconds.
        new_id: makes ids of attempts.
        closed: the outcome, or the refusal, has been drawn.
        spent_nano_usd: cost of all attempts that are over; priced: whether anybody knew a price.
    """

    request_id: str
    time_ms: int
    arrived_ns: int
    now: Callable[[], int]
    new_id: Callable[[], str]
    policy: str = ""
    trace_id: str = ""
    principal: Principal = NOBODY
    request: Request | None = None
    attempt: int = 0
    target: Target | None = None
    input_tokens: int = 0
    usage: Usage | None = None
    raw_usage: str = ""
    served_model: str = ""
    closed: bool = False
    spent_nano_usd: int = 0
    priced: bool = False
    _waited_ns: int = 0
    _named: bool = False
    _receipt: Receipt | None = None
    _error: GatewayError | None = None
    _succeeded: bool = False
    _began_ns: int = 0
    _content_ns: int = 0
    _upstream_ns: int = 0

    def name(self, request_id: str) -> None:
        """The caller has named the request itself."""
        self.request_id = request_id
        self._named = True

    def _forget(self) -> None:
        """Nothing is known of the next attempt yet."""
        self._receipt = None
        self._began_ns = self._content_ns = self._upstream_ns = self.input_tokens = 0
        self._error = None
        self.target = None
        self.usage = None
        self.raw_usage = self.served_model = ""
        self._succeeded = self.closed = False

    # --- what dispatch reports ---

    def open(self, target: Target, input_tokens: int) -> Receipt:
        """A new attempt starts; `input_tokens` is our own count of the prompt. Gives the intent."""
        self.attempt += 1
        attempt_id = self.request_id if self.attempt == 1 and not self._named else self.new_id()
        if self.attempt > 1:
            self._forget()
        self.target = target
        self.input_tokens = input_tokens
        self._began_ns = self.now()
        receipt = self._receipt = self._blank("intent", attempt_id)
        receipt.attempt = self.attempt
        receipt.provider = target.provider.name
        receipt.model = target.model
        self._put_usage(receipt, Usage(input_tokens, counted=True))
        return receipt

    def content(self) -> None:
        """The first content is about to be handed on."""
        self._content_ns = self.now()

    def upstream_done(self) -> None:
        """The last byte of the provider has been read."""
        self._upstream_ns = self.now()

    def unbilled(self) -> None:
        """The provider has done nothing that costs: it was not reached, or it refused."""
        self.usage = Usage(counted=True)

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
        receipt = self._receipt
        if receipt is None:
            receipt = self._blank("refusal", self.new_id())
        else:
            receipt.kind = "outcome"
            receipt.served_model = self.served_model
            receipt.raw_usage = self.raw_usage
            if self.usage is not None:
                self._put_usage(receipt, self.usage)
            self.spent_nano_usd += receipt.cost_nano_usd
            self.priced = self.priced or bool(receipt.price_version)
        self._put_end(receipt)
        return receipt

    # --- what can be asked ---

    def remaining_ms(self, timeout_ms: int) -> int:
        """Milliseconds left of a bound on the whole call."""
        return timeout_ms - (self.now() - self.arrived_ns) // NANOS_PER_MILLI

    def times_us(self) -> tuple[int, int]:
        """Microseconds inside the gateway and waiting for providers, over all attempts that are over."""
        return (self.now() - self.arrived_ns - self._waited_ns) // NANOS_PER_MICRO, self._waited_ns // NANOS_PER_MICRO

    @property
    def committed(self) -> bool:
        """Whether content has been handed on."""
        return self._content_ns != 0

    # --- drawing receipts: one object an attempt, as there are two writings of it on every request's path ---

    def _blank(self, kind: Kind, receipt_id: str) -> Receipt:
        who, request = self.principal, self.request
        receipt = Receipt(kind, receipt_id, self.request_id, self.time_ms, who.key, who.org, who.team, who.service)
        receipt.user = who.user
        receipt.policy = self.policy
        receipt.trace_id = self.trace_id
        if request is not None:
            receipt.user = who.user or request.user
            receipt.tags = request.tags
            receipt.route = request.model
            receipt.dialect = request.dialect
            receipt.stream = request.stream
        return receipt

    def _put_usage(self, receipt: Receipt, usage: Usage) -> None:
        receipt.input_tokens = usage.fresh + usage.cache_read + usage.cache_write
        receipt.cached_read_tokens = usage.cache_read
        receipt.cache_write_tokens = usage.cache_write
        receipt.output_tokens = usage.output
        receipt.reasoning_tokens = usage.reasoning
        receipt.audio_input_tokens = usage.audio_input
        receipt.audio_output_tokens = usage.audio_output
        receipt.usage_source = "counted" if usage.counted else "provider"
        if self.target is not None and (price := self.target.price) is not None:
            receipt.cost_nano_usd = price.cost(usage)
            receipt.price_version = price.version

    def _put_end(self, receipt: Receipt) -> None:
        ended = self.now()
        took = ended - self.arrived_ns
        upstream = (self._upstream_ns or ended) - self._began_ns if self._began_ns else 0
        receipt.latency_ms = took / NANOS_PER_MILLI
        receipt.upstream_ms = upstream / NANOS_PER_MILLI
        self._waited_ns += upstream
        receipt.gateway_us = (took - self._waited_ns) // NANOS_PER_MICRO
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
