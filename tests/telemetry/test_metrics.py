"""Metrics are the ledger's sums, and nothing that a caller writes makes a series."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from aigate.domain import Receipt, Route, Snapshot
from aigate.ledger import FleetState, Heartbeat, Shipped, SpoolState, WorkerHealth
from aigate.telemetry import KnownNames, Metrics, TelemetryViews
from aigate.telemetry.metrics import LATENCY_BOUNDS, OVERHEAD_BOUNDS, TTFT_BOUNDS
from tests.ledger.receipts import outcome, refusal
from tests.stories import target

NAMES = KnownNames(frozenset({"gpt-4o", "smart"}), frozenset({"openai", "azure"}), frozenset({"gpt-4o", "o3"}))
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(written: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(written.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def shown(*receipts: Receipt, names: KnownNames = NAMES) -> Samples:
    metrics = Metrics("1.2.3", names)
    metrics.observe(receipts)
    return read(metrics.render(FleetState()))


def test_one_attempt() -> None:
    samples = shown(
        outcome("1", input_tokens=100, cached_read_tokens=60, cache_write_tokens=10, output_tokens=7, cost_nano_usd=999)
    )
    target = {"provider": "openai", "model": "gpt-4o"}
    assert value(samples, "aigate_requests_total", route="gpt-4o", **target, outcome="ok", status="200") == 1
    kinds = ("input", "cached_read", "cache_write", "output")
    assert [value(samples, "aigate_tokens_total", **target, kind=kind) for kind in kinds] == [30, 60, 10, 7]
    assert value(samples, "aigate_cost_nano_usd_total", **target) == 999
    assert value(samples, "aigate_ttft_seconds_sum", **target) == 0.01225
    assert value(samples, "aigate_latency_seconds_sum", **target) == 0.3455
    assert value(samples, "aigate_gateway_overhead_seconds_sum") == 0.0005
    assert value(samples, "aigate_build_info", version="1.2.3") == 1


def test_a_retry_and_a_refusal() -> None:
    failed = outcome("1", outcome="failed", status=504, error="upstream_timeout", error_source="provider")
    samples = shown(failed, outcome("2", attempt=2, provider="azure"), refusal("3", route="nonsense", provider=""))
    assert value(samples, "aigate_errors_total", source="provider", code="upstream_timeout") == 1
    assert value(samples, "aigate_errors_total", source="gateway", code="model_not_found") == 1
    assert value(samples, "aigate_retries_total", provider="azure", model="gpt-4o") == 1
    assert sum(count for (name, _), count in samples.items() if name == "aigate_requests_total") == 3
    assert value(samples, "aigate_gateway_overhead_seconds_count") == 2, "a refusal is not an attempt"


HOSTILE = st.sampled_from(["gpt-4o", "openai", "x", "y", 'a"b', "\n", "", "o3"])


@settings(deadline=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, st.text(max_size=5)), max_size=20))
def test_labels_are_names_of_the_policy_or_other(rows: list[tuple[str, str, str, str]]) -> None:
    samples = shown(*(outcome("1", route=a, provider=b, model=c, team=d, user=d, tags={d: d}) for a, b, c, d in rows))
    allowed = {
        "route": {*NAMES.routes, "other", ""},
        "provider": {*NAMES.providers, "other", ""},
        "model": {*NAMES.models, "other", ""},
    }
    for _, labels in samples:
        assert "team" not in dict(labels)
        for name, text in labels:
            assert text in allowed.get(name, {text})
    assert sum(count for (name, _), count in samples.items() if name == "aigate_requests_total") == len(rows)


def test_new_names_count_from_when_they_are_known() -> None:
    metrics = Metrics("1")
    metrics.observe([outcome("1")])
    metrics.use_names(NAMES)
    metrics.observe([outcome("2")])
    routes = Counter(
        dict(labels)["route"] for name, labels in read(metrics.render(FleetState())) if name == "aigate_requests_total"
    )
    assert routes == {"other": 1, "gpt-4o": 1}


def test_the_names_of_a_policy() -> None:
    alpha, beta = target("alpha", "m-1"), target("beta", "m-2")
    policy = Snapshot(
        hash="abc",
        providers={"alpha": alpha.provider, "beta": beta.provider},
        models={"smart": Route("smart", (alpha, beta))},
        direct={"m-3": target("beta", "m-3")},
        known={"beta/m-4": target("beta", "m-4")},
    )
    assert KnownNames.of(policy, teams=7) == KnownNames(
        routes=frozenset({"smart", "m-3", "beta/m-4"}),
        providers=frozenset({"alpha", "beta"}),
        models=frozenset({"m-1", "m-2", "m-3", "m-4"}),
        teams=7,
    )


def test_teams_have_series_up_to_their_bound() -> None:
    names = KnownNames(NAMES.routes, NAMES.providers, NAMES.models, teams=2)
    samples = shown(*(outcome("1", team=team, cost_nano_usd=5) for team in "abacd"), names=names)
    assert [value(samples, "aigate_team_requests_total", team=team) for team in ("a", "b", "other")] == [2, 1, 2]
    assert [value(samples, "aigate_team_cost_nano_usd_total", team=team) for team in ("a", "b", "other")] == [10, 5, 10]
    assert value(samples, "aigate_team_tokens_total", team="a") == 34
    assert value(samples, "aigate_team_requests_total", team="c") is None


def test_the_fleet() -> None:
    beat = Heartbeat(1, 77, 0, in_flight=3, policy="abc", loop_lag_us=250, spool=SpoolState(waiting=2, sync_errors=1))
    state = FleetState(
        workers=[WorkerHealth(beat, 0, ()), WorkerHealth(Heartbeat(2, 78, 0), 9_000, ("silent",))],
        expected=2,
        turned_away={"invalid_api_key": 12},
        shipped=Shipped(receipts=40, unfinished=1, dead_letters=2, skipped_bytes=3),
        spool_bytes=4096,
        lag_s=0.5,
    )
    samples = read(Metrics("1").render(state))
    assert value(samples, "aigate_worker_up", worker="77") == 1
    assert value(samples, "aigate_worker_up", worker="78") == 0
    assert value(samples, "aigate_workers_expected") == 2
    assert value(samples, "aigate_in_flight", worker="77") == 3
    assert value(samples, "aigate_event_loop_lag_seconds", worker="77") == 0.00025
    assert value(samples, "aigate_spool_waiting_records", worker="77") == 2
    assert value(samples, "aigate_spool_failures", worker="77", kind="sync") == 1
    assert value(samples, "aigate_policy_info", hash="abc") == 1
    assert value(samples, "aigate_unauthenticated_total", code="invalid_api_key") == 12
    assert value(samples, "aigate_spool_bytes") == 4096
    assert value(samples, "aigate_ledger_lag_seconds") == 0.5
    assert value(samples, "aigate_ledger_rows_total") == 40
    assert value(samples, "aigate_ledger_unfinished_total") == 1
    assert value(samples, "aigate_ledger_dead_letters_total") == 2
    assert value(samples, "aigate_spool_damaged_bytes_total") == 3


def test_bounds_resolve_the_percentiles() -> None:
    for bounds in (TTFT_BOUNDS, LATENCY_BOUNDS, OVERHEAD_BOUNDS):
        assert list(bounds) == sorted(set(bounds))
    assert OVERHEAD_BOUNDS[0] == 50e-6
    assert OVERHEAD_BOUNDS[-1] >= 1
    assert max(b / a for a, b in pairwise(OVERHEAD_BOUNDS)) < 1.26
    assert (TTFT_BOUNDS[0], LATENCY_BOUNDS[-1]) == (0.01, 600)


def test_each_family_is_written_once() -> None:
    metrics = TelemetryViews(Metrics("1", NAMES))
    metrics.observe([outcome("1"), outcome("2", provider="azure")])
    metrics.log([b"{}"])
    families = [line for line in metrics.render(FleetState()).decode().splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families)) > 15
