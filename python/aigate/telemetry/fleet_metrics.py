"""Metrics that are no sums over receipts: the workers as they are now, and the ledger's path."""

from __future__ import annotations

from collections.abc import Iterator

from .exposition import counter, gauge
from .fleet_view import FleetView

MICROS_PER_SECOND = 1e6

_WORKER = ("worker",)


def worker_metrics(fleet: FleetView) -> Iterator[str]:
    """From the heartbeats; a worker's label is its process id."""
    beats = [((str(worker.beat.pid),), worker.beat) for worker in fleet.workers]
    up = [((str(worker.beat.pid),), int(not worker.faults)) for worker in fleet.workers]
    lag = [(name, beat.loop_lag_us / MICROS_PER_SECOND) for name, beat in beats]
    waiting = [(name, beat.spool.waiting) for name, beat in beats]
    failures = [
        ((*name, kind), count)
        for name, beat in beats
        for kind, count in (
            ("write", beat.spool.write_errors),
            ("sync", beat.spool.sync_errors),
            ("dropped", beat.spool.dropped),
        )
    ]
    policies = sorted({beat.policy for _, beat in beats if beat.policy})
    yield from gauge("aigate_worker_up", "1 = the worker takes requests.", _WORKER, up)
    yield from gauge("aigate_workers_expected", "Workers there should be.", (), [((), fleet.expected)])
    yield from gauge("aigate_in_flight", "Requests under way.", _WORKER, [(name, b.in_flight) for name, b in beats])
    yield from gauge("aigate_event_loop_lag_seconds", "How late the event loop ran its last timer.", _WORKER, lag)
    yield from gauge("aigate_spool_waiting_records", "In memory because the disk takes none.", _WORKER, waiting)
    yield from gauge(
        "aigate_spool_failures",
        "Failed writes and syncs, and dropped refusals, since the worker began.",
        ("worker", "kind"),
        failures,
    )
    yield from gauge("aigate_policy_info", "The policies in force.", ("hash",), [((name,), 1) for name in policies])


def ledger_metrics(fleet: FleetView) -> Iterator[str]:
    """How receipts get from the spools to the ledger."""
    shipped = fleet.shipped
    turned_away = [((code,), count) for code, count in sorted(fleet.turned_away.items())]
    yield from counter(
        "aigate_unauthenticated_total", "Turned away before anybody could be charged.", ("code",), turned_away
    )
    yield from gauge("aigate_spool_bytes", "Disk space of the spool.", (), [((), fleet.spool_bytes)])
    yield from gauge("aigate_ledger_lag_seconds", "Since all was last in the ledger.", (), [((), fleet.lag_s)])
    for name, text, count in (
        ("aigate_ledger_rows_total", "New rows.", shipped.receipts),
        ("aigate_ledger_unfinished_total", "Rows of attempts whose worker died.", shipped.unfinished),
        ("aigate_ledger_dead_letters_total", "Records set aside as unusable.", shipped.dead_letters),
        ("aigate_spool_damaged_bytes_total", "Damage passed over in segments.", shipped.skipped_bytes),
    ):
        yield from counter(name, text, (), [((), count)])
