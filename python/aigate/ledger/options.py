"""How a spool is kept."""

from __future__ import annotations

from typing import Literal

import msgspec

MIB = 1 << 20


class SpoolOptions(msgspec.Struct, frozen=True):
    """Settings of one writer.

    Attributes:
        segment_bytes: preallocated size of a segment; its last eighth takes outcomes only, should no next one be had.
        spool_bytes: bound on the segments of all writers of the data folder together.
        fsync: `interval` = a sync at most `interval_s` after a record; `always` = before `append` returns; `off` = the
            system's own pace. It decides what a power failure takes; the death of the process never takes anything.
        retry_s: pause between attempts to get over a failing disk.
        unsynced_bytes: with more than this unconfirmed by the disk, intents are refused.
        waiting_bytes: refusals are dropped when more than this waits in memory for the disk; outcomes never are.
    """

    segment_bytes: int = 64 * MIB
    spool_bytes: int = 10 * 1024 * MIB
    fsync: Literal["always", "interval", "off"] = "interval"
    interval_s: float = 0.02
    retry_s: float = 0.1
    unsynced_bytes: int = 32 * MIB
    waiting_bytes: int = 16 * MIB
