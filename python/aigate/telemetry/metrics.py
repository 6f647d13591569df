"""What `/metrics` shows: sums over the same receipts that are the ledger's rows.

Owns the names of metrics and the bounds of their labels; the state of the fleet is written in `fleet_metrics`.
Invariant: a label's value is a name of the policy, a code of ours, or `other`; nothing that a caller writes can make a
new series.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import msgspec

from aigate.domain import Receipt, Snapshot

from .exposition import Buckets, counter, gauge, geometric, histogram
from .fleet_metrics import ledger_metrics, worker_metrics
from .fleet_view import FleetView

OTHER = "other"
MILLIS_PER_SECOND = 1e3
MICROS_PER_SECOND = 1e6

_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
TTFT_BOUNDS = (*(round(step * 10.0**power, 6) for power in (-2, -1, 0) for step in _STEPS), 10.0, 20.0, 30.0, 60.0)
LATENCY_BOUNDS = (*TTFT_BOUNDS, 120.0, 300.0, 600.0)
OVERHEAD_BOUNDS = geometric(50e-6, 1.0, 1.25)
"""A quarter apart, so that any percentile read off them is at most that far from the truth."""

_TARGET = ("provider", "model")


class KnownNames(msgspec.Struct, frozen=True):
    """The names of the policy in force; what is not here is shown as `other`.

    Attributes:
        routes: model names that callers use; providers: by policy name; models: names at the providers.
        teams: how many teams get series of their own, in the order in which they are first seen; 0 = no such metrics.
    """

    routes: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    teams: int = 0

    @classmethod
    def of(cls, policy: Snapshot, teams: int = 0) -> Self:
        """The names of a policy, those that may be called without being listed included."""
        targets = [target for route in policy.models.values() for target in route.targets]
        targets += [*policy.direct.values(), *policy.known.values()]
        return cls(
            routes=frozenset((*policy.models, *policy.direct, *policy.known)),
            providers=frozenset(policy.providers),
            models=frozenset(target.model for target in targets),
            teams=teams,
        )


class _TargetSums:
    """Everything that is summed by target."""

    __slots__ = ("cache_write", "cached_read", "cost", "input", "latency", "output", "retries", "ttft")

    def __init__(self) -> None:
        self.retries = self.input = self.cached_read = self.cache_write = self.output = self.cost = 0
        self.ttft = Buckets(TTFT_BOUNDS)
        self.latency = Buckets(LATENCY_BOUNDS)

    def add(self, receipt: Receipt) -> None:
        """One attempt."""
        read, write = receipt.cached_read_tokens, receipt.cache_write_tokens
        self.retries += receipt.attempt > 1
        self.input += receipt.input_tokens - read - write
        self.cached_read += read
        self.cache_write += write
        self.output += receipt.output_tokens
        self.cost += receipt.cost_nano_usd
        if receipt.ttft_ms:
            self.ttft.observe(receipt.ttft_ms / MILLIS_PER_SECOND)
        if receipt.latency_ms:
            self.latency.observe(receipt.latency_ms / MILLIS_PER_SECOND)

    def tokens(self) -> Iterator[tuple[str, int]]:
        """By kind; the kinds do not overlap."""
        yield from (("input", self.input), ("output", self.output))
        yield from (("cached_read", self.cached_read), ("cache_write", self.cache_write))


class _TeamSums:
    """Everything that is summed by team."""

    __slots__ = ("cost", "rows", "tokens")

    def __init__(self) -> None:
        self.rows = self.tokens = self.cost = 0

    def add(self, receipt: Receipt) -> None:
        """One row."""
        self.rows += 1
        self.tokens += receipt.input_tokens + receipt.output_tokens
        self.cost += receipt.cost_nano_usd


class Metrics:
    """All metrics of a gateway. Receipts come from one thread, scrapes from another."""

    def __init__(self, version: str, names: KnownNames | None = None) -> None:
        self._version = version
        self._names = names or KnownNames()
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str, str, str, int], int] = {}
        self._errors: dict[tuple[str, str], int] = {}
        self._targets: dict[tuple[str, str], _TargetSums] = {}
        self._teams: dict[str, _TeamSums] = {}
        self._overhead = Buckets(OVERHEAD_BOUNDS)

    def use_names(self, names: KnownNames) -> None:
        """Take the names of a new policy; series of the old one stay."""
        self._names = names

    def observe(self, receipts: Sequence[Receipt]) -> None:
        """Count receipts, each once."""
        names = self._names
        with self._lock:
            for receipt in receipts:
                self._observe_one(receipt, names)

    def _observe_one(self, receipt: Receipt, names: KnownNames) -> None:
        provider, model, route = receipt.provider, receipt.model, receipt.route
        if provider not in names.providers:
            provider = provider and OTHER
        if model not in names.models:
            model = model and OTHER
        if route not in names.routes:
            route = route and OTHER
        row = (route, provider, model, receipt.outcome, receipt.status)
        self._rows[row] = self._rows.get(row, 0) + 1
        if receipt.error:
            error = (receipt.error_source, receipt.error)
            self._errors[error] = self._errors.get(error, 0) + 1
        if receipt.attempt:
            self._sums_of(provider, model).add(receipt)
            if receipt.latency_ms:
                self._overhead.observe(receipt.gateway_us / MICROS_PER_SECOND)
        if names.teams:
            self._team(receipt.team, names.teams).add(receipt)

    def _sums_of(self, provider: str, model: str) -> _TargetSums:
        sums = self._targets.get((provider, model))
        if sums is None:
            sums = self._targets[provider, model] = _TargetSums()
        return sums

    def _team(self, team: str, bound: int) -> _TeamSums:
        if team not in self._teams and len(self._teams) >= bound:
            team = OTHER
        return self._teams.setdefault(team, _TeamSums())

    def render(self, fleet: FleetView) -> bytes:
        """Everything, as text."""
        with self._lock:
            lines = [*self._row_lines(), *self._target_lines()]
            if self._names.teams:
                lines += self._team_lines()
        lines += worker_metrics(fleet)
        lines += ledger_metrics(fleet)
        lines += gauge("aigate_build_info", "The version that runs.", ("version",), [((self._version,), 1)])
        return "".join(lines).encode()

    def _row_lines(self) -> Iterator[str]:
        yield from counter(
            "aigate_requests_total",
            "Ledger rows: one an attempt at a provider, one a refusal. Requests are these less aigate_retries_total.",
            ("route", *_TARGET, "outcome", "status"),
            [((*labels, str(status)), count) for (*labels, status), count in self._rows.items()],
        )
        yield from counter(
            "aigate_errors_total", "Rows that did not end well.", ("source", "code"), self._errors.items()
        )

    def _target_lines(self) -> Iterator[str]:
        targets: Mapping[tuple[str, str], _TargetSums] = self._targets
        yield from counter(
            "aigate_retries_total",
            "Attempts after the first one of a request.",
            _TARGET,
            [(target, sums.retries) for target, sums in targets.items()],
        )
        yield from counter(
            "aigate_tokens_total",
            "Tokens; `input` is what no cache had, so the kinds add up.",
            (*_TARGET, "kind"),
            [((*target, kind), count) for target, sums in targets.items() for kind, count in sums.tokens()],
        )
        yield from counter(
            "aigate_cost_nano_usd_total",
            "Cost in nano-dollars.",
            _TARGET,
            [(target, sums.cost) for target, sums in targets.items()],
        )
        ttft = [(target, sums.ttft) for target, sums in targets.items()]
        latency = [(target, sums.latency) for target, sums in targets.items()]
        overhead = [((), self._overhead)]
        yield from histogram("aigate_ttft_seconds", "From the request to the first content.", _TARGET, ttft)
        yield from histogram("aigate_latency_seconds", "From the request to an attempt's end.", _TARGET, latency)
        yield from histogram("aigate_gateway_overhead_seconds", "Of that, in the gateway itself.", (), overhead)

    def _team_lines(self) -> Iterator[str]:
        team, teams = ("team",), self._teams.items()
        rows = [((name,), sums.rows) for name, sums in teams]
        tokens = [((name,), sums.tokens) for name, sums in teams]
        cost = [((name,), sums.cost) for name, sums in teams]
        yield from counter("aigate_team_requests_total", "Ledger rows by team.", team, rows)
        yield from counter("aigate_team_tokens_total", "Input and output tokens by team.", team, tokens)
        yield from counter("aigate_team_cost_nano_usd_total", "Cost in nano-dollars by team.", team, cost)
