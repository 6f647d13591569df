"""The workers as the process above sees them: from their heartbeats to one answer, ready or not and why.

Pure: time and heartbeats are handed in. Invariant: `ready` says yes only when as many workers as expected have said
within two seconds that they take requests, have a policy, and can write their spool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from .heartbeat import Heartbeat
from .shipper import Shipped

FRESH_NS = 2_000_000_000
NANOS_PER_MILLI = 1_000_000


class WorkerHealth(msgspec.Struct, frozen=True):
    """One live worker.

    Attributes:
        beat: its last word.
        age_ms: since then.
        faults: why it does not count as ready; empty = it does.
    """

    beat: Heartbeat
    age_ms: int
    faults: tuple[str, ...]


class FleetState(msgspec.Struct, frozen=True):
    """Everything that is known besides the receipts.

    Attributes:
        workers: those alive; expected: how many there should be.
        turned_away: refusals without a receipt, by error code, of all workers ever seen.
        shipped: counters of the ledger's path.
        spool_bytes: on disk; lag_s: since everything written was last shipped.
        fault: why shipping does not go on, empty = it does.
        draining: the gateway is stopping.
    """

    workers: Sequence[WorkerHealth] = ()
    expected: int = 0
    turned_away: Mapping[str, int] = {}
    shipped: Shipped = Shipped()
    spool_bytes: int = 0
    lag_s: float = 0.0
    fault: str = ""
    draining: bool = False

    @property
    def faults(self) -> list[str]:
        """Why no traffic should come; empty = it should."""
        good = sum(not worker.faults for worker in self.workers)
        reasons = ["the gateway is draining"] if self.draining else []
        if good < self.expected:
            reasons.append(f"{good} of {self.expected} workers are ready")
            reasons += [f"worker {worker.beat.pid}: {fault}" for worker in self.workers for fault in worker.faults]
        return reasons


def judge(beat: Heartbeat, now_ns: int) -> WorkerHealth:
    """What a heartbeat says at `now_ns`, a reading of CLOCK_MONOTONIC."""
    age_ns = max(now_ns - beat.at_ns, 0)
    signs = (
        (age_ns > FRESH_NS, f"silent for {age_ns // NANOS_PER_MILLI} ms"),
        (beat.draining, "draining"),
        (not beat.policy, "has no policy"),
        (not beat.spool.writable, "cannot write its spool"),
    )
    return WorkerHealth(beat, age_ns // NANOS_PER_MILLI, tuple(text for wrong, text in signs if wrong))


class TurnedAway:
    """Adds up the counters of workers that come and go; each starts at zero and is only ever seen to grow."""

    def __init__(self) -> None:
        self._seen: dict[str, Mapping[str, int]] = {}
        self._gone: Counter[str] = Counter()

    def update(self, beats: Mapping[str, Heartbeat]) -> None:
        """Take in the beats of all writers there are, by folder."""
        for name in self._seen.keys() - beats.keys():
            self._gone.update(self._seen.pop(name))
        self._seen.update({name: beat.turned_away for name, beat in beats.items()})

    def total(self) -> dict[str, int]:
        """By error code."""
        total = self._gone.copy()
        for counts in list(self._seen.values()):
            total.update(counts)
        return dict(total)
