"""Reads one segment from an offset on, while its writer may still be appending, and gets past damage.

Does not know the order of segments or what records mean. Invariant: it gives back only records that were written, in
their order; what cannot be read is counted; a record that may still be under way is left for the next read.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from .format import CANDIDATE, END, END_RECORD, HEAD, HEADER_SIZE, MAX_BODY, SEEDS, decode_header, is_foreign, unpack

CHUNK = 64 * 1024
WINDOW = 1 << 20

Record = tuple[int, bytes]
"""Type and body."""


class SegmentReader:
    """One segment file, open for reading.

    Attributes:
        offset: where the next read begins.
        header: None when it is damaged; foreign: the segment is of a format that this code does not know.
        skipped_bytes, skipped_stretches: what was passed over as damage.
    """

    def __init__(self, path: Path, offset: int = HEADER_SIZE) -> None:
        """Open the file. Raises OSError."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._chunk = CHUNK
        self.offset = offset
        self.skipped_bytes = self.skipped_stretches = 0
        head = os.pread(self._fd, HEADER_SIZE, 0)
        self.header = decode_header(head)
        self.foreign = is_foreign(head)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def is_sealed(self) -> bool:
        """Whether the writer has said that the segment is complete."""
        size = os.fstat(self._fd).st_size
        return os.pread(self._fd, len(END_RECORD), max(size - len(END_RECORD), 0)) == END_RECORD

    def read(self, budget: int, *, stop: int | None = None, final: bool = False) -> tuple[list[Record], bool]:
        """Records of about `budget` bytes, and whether there are no more for now.

        Args:
            budget: bytes after which to come back, so that one long segment keeps nobody waiting.
            stop: offset from which on the segment does not count.
            final: nothing will be written any more, so look behind damage and holes to the very end.
        """
        records: list[Record] = []
        begin = self.offset
        while self.offset - begin < budget:
            data = self._at(self.offset, self._chunk, stop)
            used = _take(data, records)
            self.offset += used
            if used:
                self._chunk = min(self._chunk * 2, WINDOW)
            elif not self._step_over(data, stop, final=final):
                self._chunk = CHUNK
                return records, True
        return records, False

    def _step_over(self, data: bytes, stop: int | None, *, final: bool) -> bool:
        """Get past what `_take` did not take; False = there is nothing behind it for now."""
        if self._record_at(self.offset, stop):
            self._chunk = HEAD.size + MAX_BODY  # longer than the chunk was, or completed only now
            return True
        if not final and not any(data[:4]):
            return False
        found = self._search(self.offset + 1, stop, final=final)
        if found is None:
            if final and (torn := len(data.rstrip(b"\0"))):
                self._skip_to(self.offset + torn)
            return False
        # The writer may have been in the middle of this record when it was read. The later one is complete, so by now
        # this one is too; if it still cannot be read, it never will be.
        if not self._record_at(self.offset, stop):
            self._skip_to(found)
        return True

    def _skip_to(self, offset: int) -> None:
        self.skipped_bytes += offset - self.offset
        self.skipped_stretches += 1
        self.offset = offset

    def _search(self, start: int, stop: int | None, *, final: bool) -> int | None:
        """Offset of the next valid record; within one window only while the writer may be going on."""
        while True:
            data = self._at(start, WINDOW + HEAD.size, stop)
            if data.count(0) < len(data):
                candidates = (start + match.start() for match in CANDIDATE.finditer(data))
                found = next((offset for offset in candidates if self._record_at(offset, stop)), None)
                if found is not None:
                    return found
            if not final or len(data) < WINDOW + HEAD.size:
                return None
            start += WINDOW

    def _record_at(self, offset: int, stop: int | None) -> bool:
        head = self._at(offset, HEAD.size, stop)
        if len(head) < HEAD.size:
            return False
        length: int = HEAD.unpack(head)[0]
        return 0 < length <= MAX_BODY and unpack(self._at(offset, HEAD.size + length, stop)) is not None

    def _at(self, offset: int, size: int, stop: int | None) -> bytes:
        if stop is not None:
            size = min(size, max(stop - offset, 0))
        return os.pread(self._fd, size, offset)


def _take(data: bytes, records: list[Record]) -> int:
    """Move the valid records that `data` begins with into `records`; the bytes they took."""
    at, size, head = 0, len(data), HEAD.size
    unpack_from, crc32, seeds = HEAD.unpack_from, zlib.crc32, SEEDS
    while at + head <= size:
        length, crc, kind = unpack_from(data, at)
        end = at + head + length
        if not 0 < length <= MAX_BODY or end > size or kind not in seeds:
            break
        body = data[at + head : end]
        if crc32(body, seeds[kind]) != crc:
            break
        if kind != END:
            records.append((kind, body))
        at = end
    return at
