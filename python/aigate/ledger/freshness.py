"""For a command line that reads the ledger: have everything in it that was written before the command was given."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from aigate.store import LedgerTable

from .checkpoint import load_checkpoint
from .format import HEADER_SIZE, SPOOL_FOLDER, is_folder_name, segment_name, segment_seq
from .reader import SegmentReader
from .shipper import NoViews, Shipper
from .steward import StewardLock

POLL_S = 0.05
SEGMENT_BUDGET = 1 << 40

_Ends = dict[str, dict[int, int]]


def bring_up_to_date(
    data: Path,
    timeout_s: float = 2.0,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> bool:
    """Ship what no gateway is there to ship, or wait for the one that is; False when that took too long.

    Raises StoreUnavailable, OSError.
    """
    lock = StewardLock.take(data)
    if lock is None:
        return _wait(data / SPOOL_FOLDER, now() + timeout_s, sleep, now)
    try:
        shipper = Shipper(data, LedgerTable.open(data), NoViews())
        try:
            while not shipper.ship():
                continue
            shipper.save()
        finally:
            shipper.close()
    finally:
        lock.release()
    return True


def _wait(spool: Path, deadline: float, sleep: Callable[[float], None], now: Callable[[], float]) -> bool:
    ends = _written(spool)
    while not _covered(spool, ends):
        if now() >= deadline:
            return False
        sleep(POLL_S)
    return True


def _written(spool: Path) -> _Ends:
    """How far each segment is written, by folder."""
    marks = load_checkpoint(spool).writers
    ends: _Ends = {}
    for file in spool.glob("*/*.seg"):
        seq = segment_seq(file.name)
        if seq is None or not is_folder_name(file.parent.name):
            continue
        mark = marks.get(file.parent.name)
        start = mark.positions.get(seq, HEADER_SIZE) if mark is not None else HEADER_SIZE
        try:
            reader = SegmentReader(file, start)
        except FileNotFoundError:
            continue  # shipped and deleted meanwhile
        reader.read(SEGMENT_BUDGET)
        ends.setdefault(file.parent.name, {})[seq] = reader.offset
        reader.close()
    return ends


def _covered(spool: Path, ends: _Ends) -> bool:
    marks = load_checkpoint(spool).writers
    for folder, segments in ends.items():
        mark = marks.get(folder)
        for seq, end in segments.items():
            read = mark.positions.get(seq, HEADER_SIZE) if mark is not None else HEADER_SIZE
            if read < end and (spool / folder / segment_name(seq)).exists():
                return False
    return True
