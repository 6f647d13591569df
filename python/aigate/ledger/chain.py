"""The segments of one writer, from the spare to the sealed, and what happens when the disk fails one of them.

Does not know what a record means. Invariants: a record for which `put` returned is in a file, or in a debt that the
next segment opens with; a file on which a sync has failed is never written or synced again; the same bytes are never
in two segments without the later one saying so in its header.
"""

from __future__ import annotations

import errno
import itertools
import threading
from collections import deque
from pathlib import Path

import msgspec

from .format import END_RECORD, HEADER_SIZE, SegmentHeader
from .options import SpoolOptions
from .segment import Disk, Segment

RESERVE_SHARE = 8


class _Debt(msgspec.Struct, frozen=True):
    """Records that must open a new segment, because `seq` failed them from offset `start` on."""

    seq: int
    start: int
    records: list[bytes]


class SegmentChain:
    """One writer's segments.

    Attributes:
        lock: guards everything here and is held by who calls `put`, `pay` and `finish`; never held across a sync.
        unsynced_bytes: written and not confirmed by the disk.
        records, bytes, write_errors, sync_errors: counted since the start.
    """

    def __init__(self, folder: Path, header: SegmentHeader, options: SpoolOptions, disk: Disk) -> None:
        self._folder = folder
        self._header = header
        self._options = options
        self._disk = disk
        self._soft_end = options.segment_bytes - options.segment_bytes // RESERVE_SHARE
        self._hard_end = options.segment_bytes - len(END_RECORD)
        self._confirms = options.fsync != "off"
        self._syncing = threading.Lock()
        self._current: Segment | None = None
        self._spare: Segment | None = None
        self._spare_numbers = itertools.count(1)
        self._retired: list[Segment] = []
        self._debts: deque[_Debt] = deque()
        self._finished = False
        self._reason = "no segment is open"
        self.stuck = False
        self.lock = threading.Lock()
        self.unsynced_bytes = 0
        self.records = self.bytes = self.write_errors = self.sync_errors = 0

    def put(self, record: bytes, into_reserve: bool) -> None:
        """Write a record; `into_reserve` = it may use what is kept back for the time when no next segment can be had.

        Raises OSError; then the record is not in the spool.
        """
        segment = self._current
        if segment is None or segment.end + len(record) > self._soft_end:
            segment = self._make_room(len(record), self._hard_end if into_reserve else self._soft_end)
        try:
            segment.put(record)
        except OSError as error:
            self._lose(segment, error)
            raise
        self.records += 1
        self.bytes += len(record)
        if self._confirms:
            segment.unsynced.append(record)
            self.unsynced_bytes += len(record)

    def _make_room(self, size: int, room: int) -> Segment:
        full = self._current
        if full is not None and (self._spare is not None or not self.stuck):
            try:
                self._current = self._next_segment()
                self._retired.append(full)
            except OSError as error:
                self._get_stuck(error)
        segment = self._current
        if segment is None or segment.end + size > room:
            raise OSError(errno.ENOSPC, self._reason)
        return segment

    def _get_stuck(self, error: OSError) -> None:
        """From now on only `pay` asks the disk for another segment, so that a full one costs the path nothing."""
        self.stuck = True
        self.write_errors += 1
        self._reason = error.strerror or type(error).__name__

    def _next_segment(self, debt: _Debt | None = None) -> Segment:
        segment, self._spare = self._spare or self._allocate(), None
        debt = debt or _Debt(0, 0, [])
        header = msgspec.structs.replace(
            self._header,
            seq=self._header.seq + 1,
            replaces=debt.seq,
            replaces_from=debt.start,
            rewritten=sum(map(len, debt.records)),
        )
        try:
            segment.begin(header)
        except OSError:
            segment.discard()
            raise
        self._header = header
        return segment

    def _allocate(self) -> Segment:
        if self._finished:
            raise OSError(errno.EBADF, "the spool is closed")
        size = self._options.segment_bytes
        if spool_bytes(self._folder.parent) + size > self._options.spool_bytes:
            raise OSError(errno.EDQUOT, f"the spool holds its bound of {self._options.spool_bytes} bytes")
        return Segment(self._folder / f"spare-{next(self._spare_numbers)}", size, self._disk)

    # --- when the disk fails ---

    def _lose(self, segment: Segment, error: OSError) -> None:
        """A write failed: what is behind `end` is unknown, so the segment ends there and another one goes on."""
        self._get_stuck(error)
        self._debts.append(_Debt(segment.seq, segment.end, []))
        self._retired.append(segment)
        self._current = None

    def _give_up(self, segment: Segment, error: OSError) -> None:
        """A sync failed: the disk may have dropped what it had not confirmed, and would not say so a second time."""
        self.sync_errors += 1
        self.stuck = True
        self._reason = error.strerror or type(error).__name__
        self._debts.append(_Debt(segment.seq, segment.synced, segment.unsynced))
        if segment is self._current:
            self._current = None
        elif segment in self._retired:
            self._retired.remove(segment)
        segment.close()

    def pay(self) -> None:
        """Open the segments that are owed, or the next one where that had failed. Raises OSError, can be repeated."""
        while self._debts:
            debt = self._debts[0]
            segment = self._next_segment(debt)
            self._retire_current()
            self._debts[0] = _Debt(segment.seq, HEADER_SIZE, debt.records)  # should writing it fail again
            self._rewrite(segment, debt.records)
            self._current = segment
            self._debts.popleft()
        if self.stuck and self._spare is None:
            self._spare = self._allocate()
        self.stuck = False

    def _rewrite(self, segment: Segment, records: list[bytes]) -> None:
        try:
            for record in records:
                segment.put(record)
        except OSError:
            self.write_errors += 1
            segment.close()
            raise
        segment.unsynced = list(records)

    def _retire_current(self) -> None:
        if self._current is not None:
            self._retired.append(self._current)
            self._current = None

    # --- what may take long; the lock is not held by the caller ---

    def open_first(self) -> None:
        """Make the first segment. Raises OSError."""
        with self.lock:
            self._current = self._next_segment()

    def sync(self) -> None:
        """Have the disk confirm what was put before the call, and seal the segments that are done.

        Raises nothing: the records of a segment that fails are owed from then on.
        """
        with self._syncing:
            with self.lock:
                retired, self._retired = self._retired, []
                current = self._current
            for segment in retired:
                if self._confirm(segment):
                    self._seal(segment)
            if current is not None:
                self._confirm(current)

    def _confirm(self, segment: Segment) -> bool:
        if not self._confirms:
            return True
        with self.lock:
            records, segment.unsynced = segment.unsynced, []
            end = segment.end
        try:
            if end > segment.synced:
                segment.sync()
        except OSError as error:
            with self.lock:
                segment.unsynced[:0] = records
                self._give_up(segment, error)
            return False
        with self.lock:
            self.unsynced_bytes -= end - segment.synced
            segment.synced = end
        return True

    def _seal(self, segment: Segment) -> None:
        try:
            segment.seal()
        except OSError:
            with self.lock:
                self.write_errors += 1  # a reader takes it for one whose writer died, and reads it all the same
        segment.close()

    def prepare_spare(self) -> None:
        """Have the next segment ready before it is needed, so that rolling costs the path two system calls."""
        with self.lock:
            segment = self._current
            if self._spare is not None or segment is None or segment.end < self._options.segment_bytes // 2:
                return
        try:
            spare = self._allocate()
        except OSError:
            return  # whoever needs it tries again, and can say so
        self._lay_by(spare)

    def _lay_by(self, spare: Segment) -> None:
        with self.lock:
            wanted = self._spare is None
            if wanted:
                self._spare = spare
        if not wanted:
            spare.discard()

    def finish(self) -> None:
        """Take no more records; the next `sync` seals what is open."""
        self._finished = True
        self._retire_current()
        if self._spare is not None:
            self._spare.discard()
            self._spare = None


def spool_bytes(spool: Path) -> int:
    """Bytes taken by the segments of all writers."""
    total = 0
    for segment in spool.glob("*/*.seg"):
        try:
            total += segment.stat().st_size
        except FileNotFoundError:
            continue  # shipped and deleted meanwhile
    return total
