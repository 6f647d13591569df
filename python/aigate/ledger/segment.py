"""One segment file, as its only writer sees it: preallocated, numbered when it comes into use, one write a record.

Does not decide when to roll, sync or give up: `spool` does. Invariant: `end` moves only past a record that was written
whole, and `unsynced` holds exactly the bytes between `synced` and `end`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from .format import END_RECORD, HEADER_SIZE, SegmentHeader, segment_name

FILE_MODE = 0o600


def allocate(fd: int, offset: int, size: int) -> None:
    """Reserve disk blocks where the system can (macOS cannot); elsewhere only set the length."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, offset, size)
    else:
        os.truncate(fd, offset + size)


class Disk(msgspec.Struct, frozen=True):
    """The system calls that fail when a disk does."""

    allocate: Callable[[int, int, int], None] = allocate
    write: Callable[[int, bytes, int], int] = os.pwrite
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class Segment:
    """An open segment.

    Attributes:
        end: offset behind the last record; synced: offset up to which the disk has confirmed.
        unsynced: the records between the two, to be written again elsewhere should the disk fail them.
    """

    __slots__ = ("_disk", "_fd", "_named_durably", "_path", "_write", "end", "seq", "synced", "unsynced")

    def __init__(self, spare: Path, size: int, disk: Disk) -> None:
        """A spare: preallocated, without a number. Raises OSError, and leaves nothing behind."""
        self._path = spare
        self._disk = disk
        self._write = disk.write
        self._named_durably = False
        self.seq = 0
        self.end = self.synced = HEADER_SIZE
        self.unsynced: list[bytes] = []
        self._fd = os.open(spare, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            disk.allocate(self._fd, 0, size)
        except OSError:
            self.discard()
            raise

    def begin(self, header: SegmentHeader) -> None:
        """Bring it into use. Its name appearing tells readers that the segments before it get no more records."""
        _write_whole(self._disk, self._fd, header.encode(), 0)
        self._path = self._path.rename(self._path.with_name(segment_name(header.seq)))
        self.seq = header.seq

    def put(self, record: bytes) -> None:
        """Write a record behind the last one. After an OSError nothing counts as written."""
        written = self._write(self._fd, record, self.end)
        if written != len(record):
            raise OSError(errno.ENOSPC, "short write")
        self.end += written

    def sync(self) -> None:
        """Have the disk confirm everything written before the call. Never to be called again after an OSError."""
        if not self._named_durably:
            sync_folder(self._path.parent)
            self._named_durably = True
        self._disk.sync(self._fd)

    def seal(self) -> None:
        """Say in the file that it is complete and on the disk, and give back the space it does not use."""
        _write_whole(self._disk, self._fd, END_RECORD, self.end)
        os.truncate(self._fd, self.end + len(END_RECORD))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def discard(self) -> None:
        """Close and remove a spare that never came into use."""
        self.close()
        self._path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_whole(disk: Disk, fd: int, data: bytes, offset: int) -> None:
    if disk.write(fd, data, offset) != len(data):
        raise OSError(errno.ENOSPC, "short write")
