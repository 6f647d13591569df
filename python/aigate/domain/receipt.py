"""The single fact of what happened in one attempt. Ledger rows, metrics, log lines and costs are views of it."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["ok", "refused", "failed", "interrupted", "cancelled", "unfinished"]
Kind = Literal["intent", "outcome", "refusal"]


class Receipt(msgspec.Struct, omit_defaults=True):
    """One attempt at one target (or one refusal, with `attempt` 0 and no target). Empty text = not set.

    Written twice: as `kind="intent"` before the request leaves (so that a crash still leaves a row), and as
    `kind="outcome"` with the same `id` when the attempt is over. The JSON form is the spool's record and the log line.

    Attributes:
        kind: which of the writings this is; `refusal` for a request that never had an attempt.
        id: UUIDv7 of the attempt, the dedup key of every sink.
        time_ms: Unix milliseconds when the request came in.
        key, org, team, service, user: who, from the Principal.
        tags: chargeback tags, the key's and the request's.
        route: the model name the caller used; provider, model: the target; served_model: what the answer said.
        outcome: ok · refused (never sent) · failed (no answer) · interrupted (broke after content) · cancelled (the
            caller hung up) · unfinished (the gateway died first).
        status: HTTP status of the attempt as the caller would see it.
        error: code from `aigate.errors`, empty when all went well; error_source: gateway or provider.
        attempt: 1, 2, … within the request.
        cache: hit · semantic · miss · off.
        input_tokens … audio_output_tokens: see `Usage`; input_tokens includes the cached ones.
        usage_source: provider or counted; raw_usage: the provider's usage object as it came, JSON text.
        cost_nano_usd: 0 when unpriced, then price_version is empty.
        ttft_ms, latency_ms, upstream_ms: to the first content, to the end, and of that waiting for the provider.
        gateway_us: time inside the gateway.
    """

    kind: Kind
    id: str
    request_id: str
    time_ms: int
    key: str = ""
    org: str = ""
    team: str = ""
    service: str = ""
    user: str = ""
    tags: dict[str, str] = {}
    route: str = ""
    provider: str = ""
    model: str = ""
    served_model: str = ""
    dialect: str = "chat"
    stream: bool = False
    outcome: Outcome = "unfinished"
    status: int = 0
    error: str = ""
    error_source: str = ""
    attempt: int = 0
    cache: str = "off"
    guard_verdicts: str = ""
    input_tokens: int = 0
    cached_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    usage_source: str = ""
    raw_usage: str = ""
    cost_nano_usd: int = 0
    saved_nano_usd: int = 0
    price_version: str = ""
    policy: str = ""
    ttft_ms: float = 0.0
    latency_ms: float = 0.0
    upstream_ms: float = 0.0
    gateway_us: int = 0
    trace_id: str = ""
    feedback: str = ""
