"""A worker's own log of receipts: the durable half of the ledger, and all of it that the path of a request pays for.

Owns one folder of the spool (see `format`) and the thread that keeps it. Does not read, price or ship anything.
Invariants: a record for which `append` returned survives the death of the process, by one write into the page cache; an
intent that cannot be kept is refused, so that its call is not made; an outcome of a call that was made is held in
memory until it can be written, so memory is bounded by the calls in flight.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import msgspec

from aigate.domain import Kind, Receipt
from aigate.errors import SpoolUnavailable

from .chain import SegmentChain
from .clip import clipped
from .format import (
    ALIVE_FILE,
    HEAD,
    INTENT,
    MAX_BODY,
    OUTCOME,
    REFUSAL,
    SEEDS,
    SPOOL_FOLDER,
    SegmentHeader,
    folder_name,
)
from .heartbeat import Heartbeat, SpoolState, encode_heartbeat
from .ids import uuid7
from .options import SpoolOptions
from .segment import FILE_MODE, Disk, sync_folder

_TYPES: Mapping[Kind, tuple[int, int]] = MappingProxyType(
    {"intent": (INTENT, SEEDS[INTENT]), "outcome": (OUTCOME, SEEDS[OUTCOME]), "refusal": (REFUSAL, SEEDS[REFUSAL])}
)
_PACK = HEAD.pack
_log = logging.getLogger(__name__)


class SpoolWriter:
    """The one writer of its folder. Safe to use from several threads; made to be used by one event loop."""

    def __init__(self, chain: SegmentChain, alive_fd: int, header: SegmentHeader, options: SpoolOptions) -> None:
        self._chain = chain
        self._lock = chain.lock
        self._put = chain.put
        self._alive_fd = alive_fd
        self._header = header
        self._options = options
        self._always = options.fsync == "always"
        self._unsynced_limit = options.unsynced_bytes
        self._encode = msgspec.json.Encoder().encode
        self._max_body = min(MAX_BODY, options.segment_bytes // 4)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._fault = ""
        self._dirty = False
        self._work = threading.Event()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="aigate-spool", daemon=True)

    @classmethod
    def open(
        cls, data: Path, options: SpoolOptions | None = None, *, worker: int = 0, disk: Disk | None = None
    ) -> SpoolWriter:
        """A new writer in the data folder; `worker` 0 = the process id. Raises SpoolUnavailable."""
        options = options or SpoolOptions()
        incarnation = bytes.fromhex(uuid7().replace("-", ""))
        header = SegmentHeader(worker or os.getpid(), incarnation, os.getpid(), 0)
        folder = data / SPOOL_FOLDER / folder_name(header.worker, incarnation)
        chain = SegmentChain(folder, header, options, disk or Disk())
        try:
            alive_fd = _claim(folder)
            chain.open_first()  # on failure the claim is left to the process's end: the folder is empty
        except OSError as error:
            raise SpoolUnavailable(f"spool {folder.parent}: {error.strerror}") from error
        writer = cls(chain, alive_fd, header, options)
        writer.heartbeat()
        writer._keeper.start()
        return writer

    # --- the path of a request ---

    def append(self, receipt: Receipt) -> None:
        """Keep a receipt. Raises SpoolUnavailable when it is an intent and cannot be kept; outcomes always are."""
        body = self._encode(receipt)
        if len(body) > self._max_body:
            body = self._encode(clipped(receipt))
        kind, seed = _TYPES[receipt.kind]
        record = _PACK(len(body), crc32(body, seed), kind) + body
        if kind == INTENT and self._chain.unsynced_bytes > self._unsynced_limit:
            raise SpoolUnavailable("the spool's disk does not keep up")
        with self._lock:
            try:
                self._put(record, kind != INTENT)
            except OSError as error:
                self._not_written(record, kind, error)
        if not self._dirty:
            self._dirty = True
            self._work.set()
        if self._always:
            self._sync()

    def _not_written(self, record: bytes, kind: int, error: OSError) -> None:
        self._begin_fault(error)
        if kind == INTENT:
            raise SpoolUnavailable(f"the spool cannot be written: {self._fault}") from error
        if kind == REFUSAL and self._waiting_bytes > self._options.waiting_bytes:
            self._dropped += 1
            return
        self._waiting.append(record)
        self._waiting_bytes += len(record)

    def _begin_fault(self, error: OSError) -> None:
        if not self._fault:
            self._fault = error.strerror or type(error).__name__
            _log.error("spool of worker %d: %s", self._header.worker, self._fault)
        self._work.set()

    # --- the keeper: everything that may take long ---

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._work.wait()
            self._work.clear()
            self._closing.wait(self._options.interval_s)
            self._sync()
            self._chain.prepare_spare()
            if self._fault or self._chain.stuck:
                self._closing.wait(self._options.retry_s)
                self._work.set()

    def _sync(self) -> None:
        """Confirm everything appended so far; where the disk fails, write it again elsewhere and confirm that."""
        self._dirty = False
        self._chain.sync()
        if self._chain.stuck or self._waiting:
            self._repair()
            self._chain.sync()

    def _repair(self) -> None:
        with self._lock:
            try:
                self._chain.pay()
                while self._waiting:
                    self._put(self._waiting[0], True)
                    self._waiting_bytes -= len(self._waiting.popleft())
            except OSError as error:
                self._begin_fault(error)
                return
            _log.warning("spool of worker %d: got over: %s", self._header.worker, self._fault or "a failed sync")
            self._fault = ""

    # --- what others see ---

    def state(self) -> SpoolState:
        """Counters and health."""
        chain = self._chain
        return SpoolState(
            writable=not self._fault and not chain.stuck,
            records=chain.records,
            bytes=chain.bytes,
            waiting=len(self._waiting),
            dropped=self._dropped,
            write_errors=chain.write_errors,
            sync_errors=chain.sync_errors,
        )

    def heartbeat(
        self,
        *,
        in_flight: int = 0,
        draining: bool = False,
        policy: str = "",
        policy_fault: str = "",
        loop_lag_us: int = 0,
        turned_away: Mapping[str, int] | None = None,
    ) -> None:
        """Tell the process above how this worker is; see `Heartbeat`. Never fails: silence says it all."""
        beat = Heartbeat(
            worker=self._header.worker,
            pid=self._header.pid,
            at_ns=time.monotonic_ns(),
            in_flight=in_flight,
            draining=draining,
            policy=policy,
            policy_fault=policy_fault,
            loop_lag_us=loop_lag_us,
            turned_away=turned_away or {},
            spool=self.state(),
        )
        try:
            os.pwrite(self._alive_fd, encode_heartbeat(beat), 0)
        except OSError:
            self._chain.write_errors += 1

    def close(self) -> None:
        """Write what waits, sync, seal, and let others see that this writer has gone. Idempotent."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._work.set()
        self._keeper.join()
        self._sync()
        with self._lock:
            self._chain.finish()
        self._chain.sync()
        if self._waiting:
            _log.error("spool of worker %d: closed with %d records unwritten", self._header.worker, len(self._waiting))
        os.close(self._alive_fd)


def _claim(folder: Path) -> int:
    """Make the folder with its `alive` file already locked, so that it never looks like a dead writer's."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unnamed = folder.with_name(f".{folder.name}")
    fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder.mkdir(mode=0o700)
    unnamed.rename(folder / ALIVE_FILE)
    sync_folder(folder.parent)
    return fd
