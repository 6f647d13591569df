"""Readiness from heartbeats: yes only when enough workers say so, lately."""

from __future__ import annotations

import pytest

from aigate.ledger import FleetState, Heartbeat, SpoolState
from aigate.ledger.fleet import FRESH_NS, TurnedAway, judge

NOW = 50 * FRESH_NS
GOOD = Heartbeat(worker=1, pid=11, at_ns=NOW, policy="abc")


def test_a_fresh_worker_with_a_policy_and_a_spool_is_good() -> None:
    assert judge(GOOD, NOW + FRESH_NS).faults == ()
    assert judge(GOOD, NOW - 5).age_ms == 0, "said after we looked at the clock"


@pytest.mark.parametrize(
    ("beat", "fault"),
    [
        (Heartbeat(worker=1, pid=11, at_ns=NOW - FRESH_NS - 1, policy="abc"), "silent"),
        (Heartbeat(worker=1, pid=11, at_ns=NOW, policy="abc", draining=True), "draining"),
        (Heartbeat(worker=1, pid=11, at_ns=NOW), "policy"),
        (Heartbeat(worker=1, pid=11, at_ns=NOW, policy="abc", spool=SpoolState(writable=False)), "spool"),
    ],
)
def test_anything_else_is_not(beat: Heartbeat, fault: str) -> None:
    (found,) = judge(beat, NOW).faults
    assert fault in found
    state = FleetState(workers=[judge(beat, NOW)], expected=1)
    assert any("0 of 1" in text for text in state.faults)
    assert any(f"worker 11: {found}" in text for text in state.faults)


def test_a_worker_that_leaves_does_not_matter_when_there_are_enough() -> None:
    leaving = judge(Heartbeat(worker=2, pid=12, at_ns=NOW, policy="abc", draining=True), NOW)
    state = FleetState(workers=[judge(GOOD, NOW), leaving], expected=1)
    assert state.faults == []


def test_a_policy_that_could_not_be_reloaded_does_not_stop_traffic() -> None:
    beat = Heartbeat(worker=1, pid=11, at_ns=NOW, policy="abc", policy_fault="aigate.yaml:3: models: unknown field")
    assert judge(beat, NOW).faults == ()


def test_a_draining_gateway_is_not_ready() -> None:
    assert FleetState(workers=[judge(GOOD, NOW)], expected=1, draining=True).faults == ["the gateway is draining"]


def test_counters_of_workers_that_come_and_go_add_up() -> None:
    counts = TurnedAway()

    def beats(**by_folder: dict[str, int]) -> dict[str, Heartbeat]:
        return {name: Heartbeat(worker=1, pid=1, at_ns=0, turned_away=seen) for name, seen in by_folder.items()}

    counts.update(beats(a={"x": 1}))
    counts.update(beats(a={"x": 3}, b={"x": 1, "y": 2}))
    assert counts.total() == {"x": 4, "y": 2}
    counts.update(beats(b={"x": 1, "y": 2}))
    counts.update(beats(b={"x": 5, "y": 2}, c={}))
    assert counts.total() == {"x": 8, "y": 2}
    counts.update({})
    assert counts.total() == {"x": 8, "y": 2}
