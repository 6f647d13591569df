"""What a worker says of itself four times a second, and how the process above reads it.

It lives in a file of its own, the one that the writer keeps locked, and each beat overwrites the last: an idle gateway
writes no log, and a worker whose spool is full can still say so. Invariant: a torn beat reads as no beat.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from .format import HEAD, HEARTBEAT, MAX_BODY, pack, unpack


class SpoolState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Health of one writer, counted since it was opened.

    Attributes:
        writable: whether an intent would be kept now.
        records, bytes: written to segments.
        waiting: outcomes and refusals held in memory until there is room again.
        dropped: refusals given up because too many were waiting.
        write_errors, sync_errors: failures of the disk that were survived.
    """

    writable: bool = True
    records: int = 0
    bytes: int = 0
    waiting: int = 0
    dropped: int = 0
    write_errors: int = 0
    sync_errors: int = 0


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True):
    """One beat.

    Attributes:
        worker, pid: who.
        at_ns: reading of CLOCK_MONOTONIC, which all processes of a host share.
        in_flight: requests between the door and their receipt.
        draining: no new requests are taken.
        policy: hash of the policy in force, empty = none could be loaded; policy_fault: why the last reload failed.
        loop_lag_us: how late the event loop ran its last timer.
        turned_away: refusals that get no receipt, because nobody could be charged, by error code, since the start.
    """

    worker: int
    pid: int
    at_ns: int
    in_flight: int = 0
    draining: bool = False
    policy: str = ""
    policy_fault: str = ""
    loop_lag_us: int = 0
    turned_away: Mapping[str, int] = {}
    spool: SpoolState = SpoolState()


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """The beat as it stands at the beginning of the file."""
    return pack(HEARTBEAT, msgspec.json.encode(beat))


def read_heartbeat(alive: Path) -> Heartbeat | None:
    """The last beat, None when there is none yet or it was torn. Raises OSError but for a missing file."""
    try:
        fd = os.open(alive, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        data = os.pread(fd, HEAD.size + MAX_BODY, 0)
    finally:
        os.close(fd)
    record = unpack(data)
    if record is None or record[0] != HEARTBEAT:
        return None
    try:
        return msgspec.json.decode(record[1], type=Heartbeat)
    except msgspec.DecodeError:
        return None
