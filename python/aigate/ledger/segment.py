"""One segment file, as its only writer sees it: preallocated, numbered when it comes into use, one copy a record.

The file is mapped, so that keeping a record is a copy into the page cache and no system call; it survives the death of
the process exactly as a `write` does, and `fdatasync` confirms it in the same way. Because the blocks are reserved when
the segment is made, a full disk is noticed then and not in the middle of a record (on a copy-on-write file system a
reservation does not cover rewriting, and a full disk can end the worker there: keep the data folder on ext4 or XFS).
Where the system cannot map or reserve, records are written. Does not decide when to roll, sync or give up: `spool` does. Invariant: `end` moves only
past a record that was written whole, and `unsynced` holds exactly the bytes between `synced` and `end`.
"""

from __future__ import annotations

import errno
import mmap
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


def map_file(fd: int, size: int) -> mmap.mmap | None:
    """The file's pages, shared with its readers; None where blocks cannot be reserved and a page might have none."""
    return mmap.mmap(fd, size) if hasattr(os, "posix_fallocate") else None


def no_map(_fd: int, _size: int) -> None:
    """For disks whose every write is to be seen."""


class Disk(msgspec.Struct, frozen=True):
    """The system calls that fail when a disk does."""

    allocate: Callable[[int, int, int], None] = allocate
    map: Callable[[int, int], mmap.mmap | None] = map_file
    write: Callable[[int, bytes, int], int] = os.pwrite
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class Segment:
    """An open segment.

    Attributes:
        end: offset behind the last record; synced: offset up to which the disk has confirmed.
        unsynced: the records between the two, to be written again elsewhere should the disk fail them.
    """

    __slots__ = ("_disk", "_fd", "_named_durably", "_pages", "_path", "_write", "end", "seq", "synced", "unsynced")

    def __init__(self, spare: Path, size: int, disk: Disk) -> None:
        """A spare: preallocated, without a number. Raises OSError, and leaves nothing behind."""
        self._path = spare
        self._disk = disk
        self._write = disk.write
        self._named_durably = False
        self._pages: mmap.mmap | None = None
        self.seq = 0
        self.end = self.synced = HEADER_SIZE
        self.unsynced: list[bytes] = []
        self._fd = os.open(spare, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            disk.allocate(self._fd, 0, size)
            self._pages = disk.map(self._fd, size)
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
        end = self.end + len(record)
        if self._pages is not None:
            self._pages[self.end : end] = record
        elif self._write(self._fd, record, self.end) != len(record):
            raise OSError(errno.ENOSPC, "short write")
        self.end = end

    def sync(self) -> None:
        """Have the disk confirm everything written before the call. Never to be called again after an OSError."""
        if not self._named_durably:
            sync_folder(self._path.parent)
            self._named_durably = True
        self._disk.sync(self._fd)

    def seal(self) -> None:
        """Say in the file that it is complete and on the disk, and give back the space it does not use."""
        self._unmap()
        _write_whole(self._disk, self._fd, END_RECORD, self.end)
        os.truncate(self._fd, self.end + len(END_RECORD))

    def close(self) -> None:
        """Let go of the file."""
        self._unmap()
        os.close(self._fd)

    def _unmap(self) -> None:
        """No page may be touched once the file is shorter than the map."""
        if self._pages is not None:
            self._pages.close()
            self._pages = None

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
