"""The process above the workers, as far as receipts are concerned: one thread that ships, and answers for all.

Owns the data folder's lock, the pace, and getting over failures. Does not hold requests: when it dies the workers go
on writing, and whoever comes next ships what they wrote. Invariant: at most one steward ships from a data folder.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from aigate.errors import GatewayError, StoreUnavailable
from aigate.store import LedgerTable

from .chain import spool_bytes
from .fleet import FleetState, TurnedAway, WorkerHealth, judge
from .format import SPOOL_FOLDER
from .segment import FILE_MODE
from .shipper import Shipped, Shipper, Sink, Views

LOCK_FILE = "steward.lock"
LOCK_RETRY_S = 0.05

_log = logging.getLogger(__name__)


class StewardViews(Views, Protocol):
    """Views that can be shown."""

    def render(self, state: FleetState) -> bytes:
        """Prometheus text."""


class StewardSettings(msgspec.Struct, frozen=True):
    """The pace, in seconds.

    Attributes:
        interval_s: between passes.
        checkpoint_s: at most this much is shipped again after a crash.
        backoff_s: longest pause while the sink fails; the spool grows meanwhile.
        lock_tries: how often the folder's lock is asked for, 50 ms apart, before it counts as taken.
    """

    interval_s: float = 0.1
    checkpoint_s: float = 1.0
    backoff_s: float = 5.0
    lock_tries: int = 60


class StewardLock:
    """Held by the one that ships; the kernel lets go of it with the process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, data: Path) -> StewardLock | None:
        """The lock of a data folder, None when somebody holds it. Raises OSError."""
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(fd)

    def release(self) -> None:
        """Let others ship."""
        os.close(self._fd)


class Steward:
    """Ships in a thread of its own; every public method may be called from any thread.

    Attributes:
        draining: set by whoever stops the gateway; makes it not ready.
    """

    def __init__(
        self,
        data: Path,
        views: StewardViews,
        *,
        workers: int = 0,
        settings: StewardSettings | None = None,
        open_sink: Callable[[Path], Sink] = LedgerTable.open,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data = data
        self._views = views
        self._expected = workers
        self._settings = settings or StewardSettings()
        self._open_sink = open_sink
        self._now = now
        self._lock: StewardLock | None = None
        self._shipper: Shipper | None = None
        self._turn = threading.Lock()  # whoever ships holds it
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aigate-steward", daemon=True)
        self._turned_away = TurnedAway()
        self._failures = 0
        self._fault = ""
        self._caught_up_at = self._saved_at = now()
        self.draining = False

    def start(self) -> None:
        """Adopt what dead workers left and begin. Raises StoreUnavailable when the folder is taken or unusable."""
        tries = self._settings.lock_tries
        try:
            while (lock := StewardLock.take(self._data)) is None and (tries := tries - 1) > 0:
                time.sleep(LOCK_RETRY_S)  # `aigate usage` holds it while it ships what a former gateway left
        except OSError as error:
            raise StoreUnavailable(f"data folder {self._data}: {error.strerror}") from error
        self._lock = lock
        if self._lock is None:
            raise StoreUnavailable(f"data folder {self._data}: another gateway is using it")
        try:
            self._shipper = Shipper(self._data, self._open_sink(self._data), self._views)
        except StoreUnavailable:
            self._let_go()
            raise
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Ship the rest and let go; False when something could not be shipped and waits for the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        done = self.drain_now(timeout_s)
        with self._turn:
            if self._shipper is not None:
                self._shipper.close()
                self._shipper = None
        self._let_go()
        return done

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def drain_now(self, timeout_s: float = 1.0) -> bool:
        """Ship everything written before the call; False when that took longer or does not work."""
        deadline = self._now() + timeout_s
        if not self._turn.acquire(timeout=timeout_s):
            return False
        try:
            while not self._pass(save=self._stopping.is_set()):
                if self._shipper is None or self._fault or self._now() >= deadline:
                    return False
            return True
        finally:
            self._turn.release()

    # --- shipping ---

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            with self._turn:
                at_end = self._pass(save=False)
            pause = self._pause() if at_end or self._fault else 0.0

    def _pause(self) -> float:
        backoff = self._settings.interval_s * 2.0 ** min(self._failures, 30)
        return min(backoff, max(self._settings.backoff_s, self._settings.interval_s))

    def _pass(self, *, save: bool) -> bool:
        """One pass, with everything that can fail in it; True = all is shipped."""
        if self._shipper is None:
            return False
        began = self._now()
        try:
            at_end = self._shipper.ship()
            self._turned_away.update(self._shipper.heartbeats() | self._shipper.last_words())
            self._save_when_due(self._shipper, save=save and at_end)
        except (GatewayError, OSError) as error:
            self._fail(str(error))
            return False
        except Exception:  # noqa: BLE001 - a bug must not end the thread; the receipts are safe in the spool meanwhile
            _log.exception("steward: internal error")
            self._fail("internal error, see the log")
            return False
        if self._fault:
            _log.warning("steward: goes on after: %s", self._fault)
        self._failures, self._fault = 0, ""
        if at_end:
            self._caught_up_at = began
        return at_end

    def _save_when_due(self, shipper: Shipper, *, save: bool) -> None:
        due = self._now() - self._saved_at >= self._settings.checkpoint_s
        if shipper.has_spent or (shipper.wants_saving and (due or save)):
            shipper.save()
            self._saved_at = self._now()

    def _fail(self, fault: str) -> None:
        if not self._fault:
            _log.error("steward: %s", fault)
        self._failures += 1
        self._fault = fault

    # --- what others see ---

    def state(self) -> FleetState:
        """Everything but the receipts, as of now; waits for nobody, not even for a stuck sink."""
        shipper, now_ns = self._shipper, time.monotonic_ns()
        beats = shipper.heartbeats().values() if shipper is not None else ()
        return FleetState(
            workers=[judge(beat, now_ns) for beat in beats],
            expected=self._expected,
            turned_away=self._turned_away.total(),
            shipped=shipper.shipped if shipper is not None else Shipped(),
            spool_bytes=spool_bytes(self._data / SPOOL_FOLDER),
            lag_s=max(self._now() - self._caught_up_at, 0.0),
            fault=self._fault,
            draining=self.draining,
        )

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether traffic should come, and what there is to say about it."""
        state = self.state()
        return not state.faults, {
            "faults": state.faults,
            "warnings": _warnings(state),
            "workers": [_shown(worker) for worker in state.workers],
            "ledger": {"lag_s": round(state.lag_s, 3), "spool_bytes": state.spool_bytes},
        }

    def metrics(self) -> bytes:
        """Prometheus text with everything written before the call in it, if that can be had in a second."""
        self.drain_now()
        return self._views.render(self.state())


def _warnings(state: FleetState) -> list[str]:
    """What an operator should see although traffic is served."""
    found = [f"ledger: {state.fault}"] if state.fault else []
    found += sorted({f"policy: {w.beat.policy_fault}" for w in state.workers if w.beat.policy_fault})
    if state.shipped.skipped_stretches:
        found.append(f"spool: {state.shipped.skipped_bytes} damaged bytes were passed over")
    if state.shipped.dead_letters:
        found.append(f"ledger: {state.shipped.dead_letters} records were set aside")
    if state.shipped.foreign_folders:
        found.append(f"spool: {state.shipped.foreign_folders} folders are of another version of aigate")
    return found


def _shown(worker: WorkerHealth) -> dict[str, object]:
    beat = worker.beat
    return {
        "pid": beat.pid,
        "ready": not worker.faults,
        "age_ms": worker.age_ms,
        "in_flight": beat.in_flight,
        "draining": beat.draining,
        "loop_lag_us": beat.loop_lag_us,
        "policy": beat.policy,
        "spool_writable": beat.spool.writable,
    }
