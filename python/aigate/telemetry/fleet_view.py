"""What the metrics show besides receipts, as shapes: `ledger` keeps the real things, and rooms do not import rooms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class SpoolView(Protocol):
    """A worker's spool, counted since the worker began."""

    @property
    def waiting(self) -> int:
        """Records in memory because the disk takes none."""

    @property
    def dropped(self) -> int:
        """Refusals given up."""

    @property
    def write_errors(self) -> int:
        """Failed writes."""

    @property
    def sync_errors(self) -> int:
        """Failed syncs."""


class BeatView(Protocol):
    """A worker's last word."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def in_flight(self) -> int:
        """Requests it is working on."""

    @property
    def loop_lag_us(self) -> int:
        """How late its event loop is, in microseconds."""

    @property
    def policy(self) -> str:
        """Hash of its policy."""

    @property
    def spool(self) -> SpoolView:
        """Its spool."""


class WorkerView(Protocol):
    """A live worker."""

    @property
    def beat(self) -> BeatView:
        """Its last word."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it does not count as ready."""


class ShippedView(Protocol):
    """What the ledger's path has done since it began."""

    @property
    def receipts(self) -> int:
        """New rows."""

    @property
    def unfinished(self) -> int:
        """Rows of attempts whose worker died."""

    @property
    def dead_letters(self) -> int:
        """Records that nobody can read or store."""

    @property
    def skipped_bytes(self) -> int:
        """Damage in segments."""


class FleetView(Protocol):
    """All of it."""

    @property
    def workers(self) -> Sequence[WorkerView]:
        """Those alive."""

    @property
    def expected(self) -> int:
        """How many there should be."""

    @property
    def turned_away(self) -> Mapping[str, int]:
        """Refusals without a receipt, by error code."""

    @property
    def shipped(self) -> ShippedView:
        """The ledger's path."""

    @property
    def spool_bytes(self) -> int:
        """On disk."""

    @property
    def lag_s(self) -> float:
        """Seconds since everything written was last shipped."""
