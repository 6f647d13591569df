"""The composition root of a worker: builds the rooms, hands each what it needs, and keeps the policy current.

The only module that knows every room. Runs in each Granian worker process; `serve` runs in the one above them.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from . import _native
from .config import PolicyWatch, load_policy
from .dispatch import Dispatch
from .domain import Receipt, Snapshot, Tally
from .errors import PolicyInvalid, StoreUnavailable
from .http import Front, FrontSettings, InFlight
from .http.asgi import Receive, Scope, Send
from .identity import Keyring
from .ledger import SpoolWriter, uuid7
from .pipeline import Gate
from .places import Places
from .providers import ADAPTERS
from .routing import plan
from .store import KeyTable
from .telemetry import LineLog, Traces
from .transport import Transport

TICK_S = 0.25
USUAL_ENCODING = "o200k_base"

_log = logging.getLogger(__name__)


class Boot(msgspec.Struct, frozen=True):
    """What a worker is started with; crosses the process boundary, so it holds no secret.

    Attributes:
        config: the policy file or folder; None = the embedded default.
        data: the data folder.
        run: the folder where the process above leaves its word: `drain`, and `reload` touched anew for each SIGHUP.
        drain_s: how long streams may go on after the word to drain.
        parent: pid of the process above.
    """

    config: str | None
    data: str
    run: str
    drain_s: float
    parent: int


def make_worker(boot: Boot) -> Worker:
    """What Granian calls in each worker process."""
    _die_with(boot.parent)
    return Worker(boot)


class Worker:
    """The ASGI application of one worker process."""

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._front: Front | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Hand a request to the door; not a coroutine itself, to save a frame on each request."""
        if scope["type"] == "lifespan":
            return self._lifespan(receive, send)
        if self._front is None:
            raise RuntimeError("a request came before the worker had started")
        return self._front(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        rooms = Rooms(self._boot, asyncio.get_running_loop())
        self._front = rooms.front
        _settle_memory()
        upkeep = asyncio.get_running_loop().create_task(rooms.keep_up())
        await send({"type": "lifespan.startup.complete"})
        upkeep.add_done_callback(_end_when_broken)
        await receive()
        upkeep.remove_done_callback(_end_when_broken)
        upkeep.cancel()
        rooms.close()
        await send({"type": "lifespan.shutdown.complete"})


class Rooms:
    """Everything a worker owns."""

    def __init__(self, boot: Boot, loop: asyncio.AbstractEventLoop) -> None:
        data, run = Path(boot.data), Path(boot.run)
        self._boot = boot
        self._now = loop.time
        self._lag_us = 0
        self._drain = run / "drain"
        self._policy = Policy(boot, run / "reload")
        self._keys = KeyTable.open(data)
        self._keyring = Keyring(self._keys, _now_ms)
        self._keyring.refresh()
        self._spool = SpoolWriter.open(data)
        self._transport = Transport(loop)
        self._places = Places(self._transport)
        self._in_flight = InFlight(loop, loop.time)
        self._use(self._policy.snapshot)
        self._books = Books(self._spool, LineLog(sys.stdout.fileno(), patience_ms=0))
        dispatch = Dispatch(ADAPTERS, self._places.connect, self._spool)
        gate = Gate(self._keyring.identify, plan, dispatch, self._books)
        self.front = Front(gate, self._in_flight, self._settings())

    def _settings(self) -> FrontSettings:
        return FrontSettings(
            snapshot=lambda: self._policy.snapshot,
            new_tally=_new_tally,
            trace=Traces().continue_trace,
            started_s=int(time.time()),
        )

    def _use(self, snapshot: Snapshot) -> None:
        self._places.use(snapshot.providers.values())  # first: it can refuse
        self._keyring.use_written(snapshot.keys)

    async def keep_up(self) -> None:
        """Four times a second: new keys, a new policy, the word to drain, the heartbeat."""
        while True:
            due = self._now() + TICK_S
            self._refresh_keys()
            self._policy.refresh(self._use)
            if not self._in_flight.draining and self._drain.exists():
                self._in_flight.drain(self._boot.drain_s)
            self._spool.heartbeat(
                in_flight=len(self._in_flight),
                draining=self._in_flight.draining,
                policy=self._policy.snapshot.hash,
                policy_fault=self._policy.fault,
                loop_lag_us=self._lag_us,
                turned_away=self._books.turned_away,
            )
            await asyncio.sleep(TICK_S)
            self._lag_us = int((self._now() - due) * 1e6)

    def _refresh_keys(self) -> None:
        try:
            self._keyring.refresh()
        except StoreUnavailable as error:
            _log.error("keys: not refreshed, those known before stay in force: %s", error)

    def close(self) -> None:
        """Leave nothing behind that is not on disk."""
        self._spool.close()
        self._transport.close()
        self._keys.close()


class Books:
    """The gateway's journal: receipts of callers go to the spool.

    Strangers are counted and logged and have no row, so that a flood of them fills no disk.
    """

    def __init__(self, spool: SpoolWriter, log: LineLog) -> None:
        self._append = spool.append
        self._log = log
        self.turned_away: dict[str, int] = {}

    def append(self, receipt: Receipt) -> None:
        """Keep it; see `domain.Journal`."""
        if receipt.key:
            self._append(receipt)
            return
        self.turned_away[receipt.error] = self.turned_away.get(receipt.error, 0) + 1
        self._log.write([msgspec.json.encode(receipt)])


class Policy:
    """The snapshot in force and the files it came from; a broken file keeps the last good one.

    Attributes:
        snapshot: what new requests take.
        fault: why the files as they are now are not in force; empty = they are.
    """

    def __init__(self, boot: Boot, reload: Path) -> None:
        self._path = Path(boot.config) if boot.config else None
        self._env = {**os.environ, "AIGATE_DATA": boot.data}
        loaded = load_policy(self._path, self._env)
        self._watch = PolicyWatch((*loaded.sources, reload), loaded.next_price_day)
        self.snapshot: Snapshot = loaded.snapshot
        self.fault = ""

    def refresh(self, use: Callable[[Snapshot], None]) -> None:
        """Load again when a file has changed, and put a policy in force that holds and that `use` can take."""
        if not self._watch.changed():
            return
        try:
            loaded = self._watch.reload(self._path, self._env)
            use(loaded.snapshot)
        except (PolicyInvalid, ValueError) as error:  # ValueError: a certificate file that holds none
            self.fault = error.faults[0] if isinstance(error, PolicyInvalid) else str(error)
            _log.error("policy: not reloaded, %s stays in force: %s", self.snapshot.hash, error)
            return
        self.snapshot, self.fault = loaded.snapshot, ""
        _log.warning("policy: %s in force", self.snapshot.hash)


def _new_tally() -> Tally:
    return Tally(uuid7(), _now_ms(), time.perf_counter_ns(), time.perf_counter_ns, uuid7)


def _end_when_broken(upkeep: asyncio.Task[None]) -> None:
    """A worker that cannot keep up with keys and policy must not serve on; the process above starts another."""
    _log.critical("upkeep ended, the worker stops", exc_info=upkeep.exception() if not upkeep.cancelled() else None)
    os.kill(os.getpid(), signal.SIGTERM)


def _settle_memory() -> None:
    """Load what every request needs, then keep the collector away from all that will live as long as the worker."""
    _native.warm_tokenizer(USUAL_ENCODING)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _die_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the process above dies, so that no orphan keeps taking traffic on the port."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("aigate: the process above is gone")
