"""What `/metrics` shows: sums over the same receipts that are the ledger's rows, and the state of the fleet.

Owns the names of metrics and the bounds of their labels. Invariant: a label's value is a name of the policy, a code of
ours, or `other`; nothing that a caller writes can make a new series.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import msgspec

from aigate.domain import Receipt

from .exposition import Counter, Histogram, counter, gauge, geometric
from .fleet_view import FleetView

OTHER = "other"
MILLIS_PER_SECOND = 1e3
MICROS_PER_SECOND = 1e6

_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
TTFT_BOUNDS = (*(round(step * 10.0**power, 6) for power in (-2, -1, 0) for step in _STEPS), 10.0, 20.0, 30.0, 60.0)
LATENCY_BOUNDS = (*TTFT_BOUNDS, 120.0, 300.0, 600.0)
OVERHEAD_BOUNDS = geometric(50e-6, 1.0, 1.25)
"""A quarter apart, so that any percentile read off them is at most that far from the truth."""


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


class Metrics:
    """All metrics of a gateway. Receipts come from one thread, scrapes from another."""

    def __init__(self, version: str, names: KnownNames | None = None) -> None:
        self._version = version
        self._names = names or KnownNames()
        self._lock = threading.Lock()
        self._seen_teams: set[str] = set()
        target = ("provider", "model")
        self._requests = Counter(
            "aigate_requests_total",
            "Ledger rows: one an attempt at a provider, one a refusal. Requests are these less aigate_retries_total.",
            ("route", *target, "outcome", "status"),
        )
        self._retries = Counter("aigate_retries_total", "Attempts after the first one of a request.", target)
        self._tokens = Counter(
            "aigate_tokens_total", "Tokens; `input` is what no cache had, so the kinds add up.", (*target, "kind")
        )
        self._cost = Counter("aigate_cost_nano_usd_total", "Cost in nano-dollars.", target)
        self._errors = Counter("aigate_errors_total", "Rows that did not end well.", ("source", "code"))
        self._team_requests = Counter("aigate_team_requests_total", "Ledger rows by team.", ("team",))
        self._team_tokens = Counter("aigate_team_tokens_total", "Input and output tokens by team.", ("team",))
        self._team_cost = Counter("aigate_team_cost_nano_usd_total", "Cost in nano-dollars by team.", ("team",))
        self._ttft = Histogram("aigate_ttft_seconds", "Time to the first content.", target, TTFT_BOUNDS)
        self._latency = Histogram("aigate_latency_seconds", "Time to the end of an attempt.", target, LATENCY_BOUNDS)
        self._overhead = Histogram(
            "aigate_gateway_overhead_seconds", "Time of an attempt spent in the gateway itself.", (), OVERHEAD_BOUNDS
        )

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
        target = _bounded(receipt.provider, names.providers), _bounded(receipt.model, names.models)
        route = _bounded(receipt.route, names.routes)
        self._requests.add((route, *target, receipt.outcome, str(receipt.status)))
        if receipt.error:
            self._errors.add((receipt.error_source, receipt.error))
        if names.teams:
            self._observe_team(receipt, names.teams)
        if not receipt.attempt:
            return
        if receipt.attempt > 1:
            self._retries.add(target)
        self._observe_tokens(receipt, target)
        if receipt.cost_nano_usd:
            self._cost.add(target, receipt.cost_nano_usd)
        if receipt.ttft_ms:
            self._ttft.observe(target, receipt.ttft_ms / MILLIS_PER_SECOND)
        if receipt.latency_ms:
            self._latency.observe(target, receipt.latency_ms / MILLIS_PER_SECOND)
            self._overhead.observe((), receipt.gateway_us / MICROS_PER_SECOND)

    def _observe_tokens(self, receipt: Receipt, target: tuple[str, str]) -> None:
        read, write = receipt.cached_read_tokens, receipt.cache_write_tokens
        self._tokens.add((*target, "input"), receipt.input_tokens - read - write)
        self._tokens.add((*target, "output"), receipt.output_tokens)
        if read:
            self._tokens.add((*target, "cached_read"), read)
        if write:
            self._tokens.add((*target, "cache_write"), write)

    def _observe_team(self, receipt: Receipt, bound: int) -> None:
        team = receipt.team
        if team not in self._seen_teams:
            if len(self._seen_teams) < bound:
                self._seen_teams.add(team)
            else:
                team = OTHER
        self._team_requests.add((team,))
        self._team_tokens.add((team,), receipt.input_tokens + receipt.output_tokens)
        self._team_cost.add((team,), receipt.cost_nano_usd)

    def render(self, fleet: FleetView) -> bytes:
        """Everything, as text."""
        families = [self._requests, self._retries, self._tokens, self._cost, self._errors]
        if self._names.teams:
            families += [self._team_requests, self._team_tokens, self._team_cost]
        with self._lock:
            lines = [line for part in families for line in part.render()]
            lines += [line for part in (self._ttft, self._latency, self._overhead) for line in part.render()]
        lines += _workers(fleet)
        lines += _ledger(fleet)
        lines += gauge("aigate_build_info", "The version that runs.", ("version",), [((self._version,), 1)])
        return "".join(lines).encode()


def _bounded(name: str, known: frozenset[str]) -> str:
    return name if not name or name in known else OTHER


def _workers(fleet: FleetView) -> Iterator[str]:
    beats = [((str(worker.beat.pid),), worker.beat) for worker in fleet.workers]
    up = [((str(worker.beat.pid),), int(not worker.faults)) for worker in fleet.workers]
    policies = sorted({beat.policy for _, beat in beats if beat.policy})
    worker = ("worker",)
    yield from gauge("aigate_worker_up", "1 = the worker takes requests.", worker, up)
    yield from gauge("aigate_workers_expected", "Workers there should be.", (), [((), fleet.expected)])
    yield from gauge("aigate_in_flight", "Requests under way.", worker, [(name, b.in_flight) for name, b in beats])
    yield from gauge(
        "aigate_event_loop_lag_seconds",
        "How late the event loop ran its last timer.",
        worker,
        [(name, beat.loop_lag_us / MICROS_PER_SECOND) for name, beat in beats],
    )
    yield from gauge(
        "aigate_spool_waiting_records",
        "Records in memory because the disk takes none.",
        worker,
        [(name, beat.spool.waiting) for name, beat in beats],
    )
    yield from gauge(
        "aigate_spool_failures",
        "Failed writes and syncs, and dropped refusals, since the worker began.",
        ("worker", "kind"),
        [
            ((*name, kind), count)
            for name, beat in beats
            for kind, count in (
                ("write", beat.spool.write_errors),
                ("sync", beat.spool.sync_errors),
                ("dropped", beat.spool.dropped),
            )
        ],
    )
    yield from gauge("aigate_policy_info", "The policies in force.", ("hash",), [((name,), 1) for name in policies])


def _ledger(fleet: FleetView) -> Iterator[str]:
    shipped = fleet.shipped
    yield from counter(
        "aigate_unauthenticated_total",
        "Requests turned away before anybody could be charged.",
        ("code",),
        [((code,), count) for code, count in sorted(fleet.turned_away.items())],
    )
    yield from gauge("aigate_spool_bytes", "Disk space of the spool.", (), [((), fleet.spool_bytes)])
    yield from gauge(
        "aigate_ledger_lag_seconds", "Since everything written was last in the ledger.", (), [((), fleet.lag_s)]
    )
    yield from counter("aigate_ledger_rows_total", "New rows.", (), [((), shipped.receipts)])
    yield from counter(
        "aigate_ledger_unfinished_total", "Rows of attempts whose worker died.", (), [((), shipped.unfinished)]
    )
    yield from counter(
        "aigate_ledger_dead_letters_total", "Records set aside as unusable.", (), [((), shipped.dead_letters)]
    )
    yield from counter(
        "aigate_spool_damaged_bytes_total", "Damage passed over in segments.", (), [((), shipped.skipped_bytes)]
    )
