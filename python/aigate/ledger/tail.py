"""Follows one writer's folder: its segments in order, across rolls, replacements and its death.

Knows which bytes count; does not know what a record means, and deletes only what it is told to. Invariant: of a segment
that was written again elsewhere after its disk had failed, each record is given once, whatever of it had been read
before.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from .format import ALIVE_FILE, HEADER_SIZE, segment_name, segment_seq
from .heartbeat import Heartbeat, read_heartbeat
from .reader import Record, SegmentReader


class FolderTail:
    """One writer's folder.

    Attributes:
        alive: whether the writer still holds its lock; once False, this tail holds it.
        finished: the writer is dead and every byte has been read.
        foreign: some segment is in a format that this code does not know; the folder is left alone.
        skipped_bytes, skipped_stretches: damage passed over.
    """

    def __init__(self, folder: Path, positions: Mapping[int, int]) -> None:
        """Go on from `positions`, offsets by segment. Raises OSError."""
        self.folder = folder
        self._positions = dict(positions)
        self._readers: dict[int, SegmentReader] = {}
        self._stops: dict[int, int] = {}
        self._given_up: set[int] = set()
        self._done: set[int] = set()
        self._alive_fd = os.open(folder / ALIVE_FILE, os.O_RDWR | os.O_CLOEXEC)
        self.alive = True
        self.finished = False
        self.foreign = False
        self.skipped_bytes = self.skipped_stretches = 0

    def read(self, budget: int) -> tuple[list[Record], bool]:
        """Records of about `budget` bytes, and whether there are no more for now. Raises OSError."""
        self._probe()  # before listing: a dead writer adds nothing any more
        seqs = self._list()
        records: list[Record] = []
        if self.foreign:
            return records, True
        for seq in seqs:
            rolled = seq != seqs[-1]
            if seq in self._done:
                continue
            begin = self._readers[seq].offset
            found, at_end = self._read_segment(seq, budget, rolled=rolled)
            records += found
            budget -= self._readers[seq].offset - begin
            if not at_end or budget <= 0:
                return records, False
        self.finished = not self.alive
        return records, True

    def _read_segment(self, seq: int, budget: int, *, rolled: bool) -> tuple[list[Record], bool]:
        reader = self._readers[seq]
        stop = self._stops.get(seq)
        # A segment that was rolled and is neither sealed nor given up may still be written again from its last synced
        # byte on. Its records count, but it is not done with: how much of it was read must be known then.
        final = not self.alive or seq in self._given_up or (rolled and reader.is_sealed())
        before = reader.skipped_bytes, reader.skipped_stretches
        records, at_end = reader.read(budget, stop=stop, final=final)
        self._positions[seq] = reader.offset
        self.skipped_bytes += reader.skipped_bytes - before[0]
        self.skipped_stretches += reader.skipped_stretches - before[1]
        if final and at_end:
            self._done.add(seq)
        return records, at_end

    def _probe(self) -> None:
        if self.alive:
            try:
                fcntl.flock(self._alive_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self.alive = False

    def _list(self) -> list[int]:
        numbers = (segment_seq(file.name) for file in self.folder.iterdir())
        seqs = sorted(seq for seq in numbers if seq is not None)
        for seq in seqs:
            if seq not in self._readers:
                self._open(seq)
        return seqs

    def _open(self, seq: int) -> None:
        reader = SegmentReader(self.folder / segment_name(seq), self._positions.get(seq, HEADER_SIZE))
        self._readers[seq] = reader
        self.foreign = self.foreign or reader.foreign
        header = reader.header
        if header is None or not header.replaces:
            return
        old, start = header.replaces, header.replaces_from
        self._stops[old] = min(start, self._stops.get(old, start))
        if header.rewritten:
            self._given_up.add(old)
        if seq not in self._positions:
            past = max(self._positions.get(old, HEADER_SIZE) - start, 0)
            had = min(past, header.rewritten)
            reader.offset = self._positions[seq] = HEADER_SIZE + had

    # --- what others see ---

    @property
    def positions(self) -> dict[int, int]:
        """How far each segment was read."""
        return dict(self._positions)

    @property
    def spent(self) -> list[int]:
        """Segments that are not needed once `positions` is kept somewhere safe."""
        return sorted(self._done)

    def heartbeat(self) -> Heartbeat | None:
        """The writer's last word."""
        return read_heartbeat(self.folder / ALIVE_FILE)

    def delete(self, seqs: Iterable[int]) -> None:
        """Delete spent segments."""
        for seq in seqs:
            self._readers.pop(seq).close()
            (self.folder / segment_name(seq)).unlink()
            self._positions.pop(seq)
            self._stops.pop(seq, None)
            self._done.discard(seq)
            self._given_up.discard(seq)

    def delete_folder(self) -> None:
        """Delete a finished folder; its lock goes last, so that half of it is never taken for a new one."""
        alive = self.folder / ALIVE_FILE
        for file in self.folder.iterdir():
            if file != alive:
                file.unlink()
        alive.unlink()
        self.folder.rmdir()
        self.close()

    def close(self) -> None:
        """Let go of the files, and of a dead writer's lock."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        os.close(self._alive_fd)
