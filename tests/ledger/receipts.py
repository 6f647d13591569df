"""Receipts, spools and disks for the tests of the durable path."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from aigate.domain import Receipt
from aigate.errors import SpoolUnavailable, StoreUnavailable
from aigate.ledger import IdSource, SpoolOptions, SpoolWriter
from aigate.ledger.segment import Disk
from aigate.ledger.tail import FolderTail
from aigate.store import Inserted

NOW_MS = 1_795_000_000_000
PARKED = 3_600.0
"""An interval so long that a spool's own thread does nothing and the test is the one that syncs."""

SMALL = SpoolOptions(segment_bytes=16 * 1024, interval_s=PARKED)


def ids(seed: int = 0) -> Iterator[str]:
    """Distinct ids, the same for the same seed."""
    source = IdSource(
        lambda: (NOW_MS + seed) * 1_000_000, lambda size: bytes((seed + 7 * i) % 256 for i in range(size))
    )
    while True:
        yield source.uuid7()


def intent(attempt_id: str, **fields: Any) -> Receipt:
    values: dict[str, Any] = {
        "kind": "intent", "id": attempt_id, "request_id": f"r-{attempt_id}", "time_ms": NOW_MS, "key": "k-1",
        "team": "search", "tags": {"feature": "checkout"}, "route": "gpt-4o", "provider": "openai", "model": "gpt-4o",
        "attempt": 1, "input_tokens": 12, "cost_nano_usd": 30_000, "usage_source": "counted",
    }  # fmt: skip
    return Receipt(**values | fields)


def outcome(attempt_id: str, **fields: Any) -> Receipt:
    values = {
        "kind": "outcome", "outcome": "ok", "status": 200, "output_tokens": 5, "cost_nano_usd": 80_000,
        "usage_source": "provider", "latency_ms": 345.5, "ttft_ms": 12.25, "upstream_ms": 345.0, "gateway_us": 500,
    }  # fmt: skip
    return intent(attempt_id, **values | fields)


def refusal(attempt_id: str, **fields: Any) -> Receipt:
    values = {"kind": "refusal", "outcome": "refused", "error": "model_not_found", "error_source": "gateway"}
    return intent(attempt_id, **values | {"status": 404, "attempt": 0, "cost_nano_usd": 0, "input_tokens": 0} | fields)


def only_folder(data: Path) -> Path:
    """The folder of the one writer that there is."""
    (folder,) = [path for path in (data / "spool").iterdir() if path.is_dir()]
    return folder


def read_all(tail: FolderTail) -> list[Receipt]:
    """Everything that a tail has for now."""
    found: list[Receipt] = []
    at_end = False
    while not at_end:
        records, at_end = tail.read(4096)
        found += [msgspec.json.decode(body, type=Receipt) for _, body in records]
    return found


def written_spool(data: Path, receipts: Sequence[Receipt], options: SpoolOptions = SMALL) -> Path:
    """A spool that was closed in good order."""
    writer = SpoolWriter.open(data, options, worker=1)
    for receipt in receipts:
        writer.append(receipt)
    folder = only_folder(data)
    writer.close()
    return folder


def fill(writer: SpoolWriter, draw: Iterator[str]) -> list[Receipt]:
    """Append intents until one is refused."""
    accepted: list[Receipt] = []
    while True:
        receipt = intent(next(draw))
        try:
            writer.append(receipt)
        except SpoolUnavailable:
            return accepted
        accepted.append(receipt)


class FailingDisk:
    """A disk whose calls fail when told to, and the record of what was asked of it."""

    def __init__(self) -> None:
        self.fail_write = self.fail_sync = self.fail_allocate = 0
        self.short_write = self.fail_late = 0
        self.synced: list[int] = []
        self.failed_syncs: list[int] = []

    def disk(self) -> Disk:
        return Disk(allocate=self.allocate, write=self.write, sync=self.sync)

    def allocate(self, fd: int, offset: int, size: int) -> None:
        if self.fail_allocate:
            self.fail_allocate -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.truncate(fd, offset + size)

    def write(self, fd: int, data: bytes, offset: int) -> int:
        if self.short_write:
            self.short_write -= 1
            return os.pwrite(fd, data[: len(data) // 2], offset)
        if self.fail_late:
            self.fail_late -= 1
            os.pwrite(fd, data, offset)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.fail_write:
            self.fail_write -= 1
            os.pwrite(fd, data[: len(data) * 2 // 3], offset)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.pwrite(fd, data, offset)

    def sync(self, fd: int) -> None:
        inode = os.fstat(fd).st_ino
        if self.fail_sync:
            self.fail_sync -= 1
            self.failed_syncs.append(inode)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.synced.append(inode)


class MemorySink:
    """A sink that keeps rows in memory and can be made to fail."""

    def __init__(self) -> None:
        self.rows: dict[str, Receipt] = {}
        self.failing = False
        self.hardened = 0
        self.closed = False

    def insert(self, receipts: Sequence[Receipt]) -> Inserted:
        if self.failing:
            raise StoreUnavailable("database is locked")
        new = [receipt for receipt in receipts if receipt.id not in self.rows]
        self.rows |= {receipt.id: receipt for receipt in new}
        return Inserted(new, (), ())

    def harden(self) -> None:
        self.hardened += 1

    def close(self) -> None:
        self.closed = True


class SeenViews:
    """Views that remember."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.lines: list[bytes] = []

    def observe(self, receipts: Sequence[Receipt]) -> None:
        self.receipts += receipts

    def log(self, lines: Sequence[bytes]) -> None:
        self.lines += lines

    def render(self, _: object) -> bytes:
        return f"{len(self.receipts)} receipts\n".encode()
