"""Where a request can go: providers as configured, targets as places, a route as an ordered plan."""

from __future__ import annotations

import msgspec

from .price import Price
from .secret import Secret


class Timeouts(msgspec.Struct, frozen=True, gc=False):
    """Deadlines of one attempt, in milliseconds.

    Attributes:
        connect_ms: TCP and TLS together.
        first_byte_ms: from the request being sent to the first byte of a streamed answer.
        answer_ms: the same for an answer that is not streamed (the model thinks first, then answers at once).
        idle_ms: between two reads of an answer that has begun.
        total_ms: the whole attempt.
    """

    connect_ms: int = 5_000
    first_byte_ms: int = 60_000
    answer_ms: int = 600_000
    idle_ms: int = 60_000
    total_ms: int = 3_600_000


class Provider(msgspec.Struct, frozen=True):
    """One configured account at one provider.

    Attributes:
        name: the policy's name for it.
        type: the adapter that speaks to it (`openai`, `vllm`, `echo`, …).
        base_url: scheme, host and path prefix, no trailing slash.
        api_key: None when the server wants none.
        headers: extra request headers, as written in the policy.
        price: what its models cost when the price book does not know them.
        options: adapter-specific settings, already checked.
        ca_file: PEM file of the authority its certificate is checked against; empty = the public ones.
    """

    name: str
    type: str
    base_url: str
    api_key: Secret | None = None
    headers: tuple[tuple[str, Secret], ...] = ()
    timeouts: Timeouts = Timeouts()
    price: Price | None = None
    options: tuple[tuple[str, str], ...] = ()
    ca_file: str = ""


class Target(msgspec.Struct, frozen=True):
    """One callable place: a model at a provider.

    Attributes:
        provider: where.
        model: the name the provider knows it by.
        encoding: tokenizer whose count is exact or nearest for it (`o200k_base`, `cl100k_base`).
        price: None = nobody knows; such a call is recorded without a cost.
        max_output: the model's own output cap in tokens; 0 = not known.
        context: its context window in tokens; 0 = not known.
    """

    provider: Provider
    model: str
    encoding: str = "o200k_base"
    price: Price | None = None
    max_output: int = 0
    context: int = 0

    @property
    def name(self) -> str:
        """`provider/model`, as callers and the ledger see it."""
        return f"{self.provider.name}/{self.model}"


class Route(msgspec.Struct, frozen=True):
    """The ordered plan for one request.

    Attributes:
        name: the model name the caller used.
        targets: tried in this order until one commits; never empty.
    """

    name: str
    targets: tuple[Target, ...]
