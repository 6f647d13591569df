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
import time
from collections.abc import Awaitable
from pathlib import Path

import msgspec

from . import _native
from .config import Loaded, PolicyWatch, load_policy
from .dispatch import Dispatch
from .domain import Exchange, Outbound, Snapshot, Tally, Target
from .errors import PolicyInvalid
from .http import Front, FrontSettings, InFlight
from .http.asgi import Receive, Scope, Send
from .identity import Keyring
from .ledger import SpoolWriter, uuid7
from .pipeline import Gate
from .providers import ADAPTERS
from .providers.echo import answer as echo_answer
from .routing import plan
from .store import KeyTable
from .telemetry import Traces
from .transport import LocalExchange, Transport

TICK_S = 0.25
_log = logging.getLogger(__name__)


class Boot(msgspec.Struct, frozen=True):
    """What a worker is started with; crosses the process boundary, so it holds no secret.

    Attributes:
        config: the policy file or folder; None = the embedded default.
        data: the data folder.
        run: the folder where the process above leaves its word (`drain`).
        drain_s: how long streams may go on after the word to stop.
    """

    config: str | None
    data: str
    run: str
    drain_s: float = 300.0
    parent: int = 0


def make_worker(boot: Boot) -> Worker:
    """What Granian calls in each worker process."""
    _die_with_parent(boot.parent)
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
        rooms = Rooms(self._boot)
        self._front = rooms.front
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        upkeep = asyncio.get_running_loop().create_task(rooms.upkeep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        upkeep.cancel()
        rooms.close()
        await send({"type": "lifespan.shutdown.complete"})


class Rooms:
    """Everything a worker owns. Made inside the running event loop."""

    def __init__(self, boot: Boot) -> None:
        loop = asyncio.get_running_loop()
        data = Path(boot.data)
        self._boot = boot
        self._policy = Policy(boot.config)
        self._keys = KeyTable.open(data)
        self.keyring = Keyring(self._keys, _now_ms)
        self.keyring.use_written(self._policy.snapshot.keys)
        self.keyring.refresh()
        self.spool = SpoolWriter.open(data)
        self.transport = Transport(loop)
        self.in_flight = InFlight(loop.time)
        self._drain = Path(boot.run) / "drain"
        places = Places(self.transport)
        traces = Traces()
        gate = Gate(self.keyring.identify, plan, Dispatch(ADAPTERS, places.connect, self.spool), self.spool)
        self.front = Front(
            gate,
            self.in_flight,
            FrontSettings(
                snapshot=lambda: self._policy.snapshot,
                new_tally=lambda: Tally(uuid7(), _now_ms(), time.perf_counter_ns, uuid7),
                trace=traces.continue_trace,
                started_s=int(time.time()),
            ),
        )

    async def upkeep(self) -> None:
        """Four times a second: new keys, new policy, the heartbeat, the word to drain."""
        while True:
            self._keep_up()
            await asyncio.sleep(TICK_S)

    def _keep_up(self) -> None:
        self.keyring.refresh()
        if self._policy.refresh():
            self.keyring.use_written(self._policy.snapshot.keys)
        if not self.in_flight.draining and self._drain.exists():
            self.in_flight.drain(self._boot.drain_s)
        self.spool.heartbeat(
            in_flight=len(self.in_flight),
            draining=self.in_flight.draining,
            policy=self._policy.snapshot.hash,
        )

    def close(self) -> None:
        """Leave nothing behind that is not on disk."""
        self.spool.close()
        self.transport.close()
        self._keys.close()


class Policy:
    """The current snapshot and the file it came from; a broken file keeps the last good one."""

    def __init__(self, config: str | None) -> None:
        self._path = Path(config) if config else None
        loaded: Loaded = load_policy(self._path, os.environ)
        self.snapshot: Snapshot = loaded.snapshot
        self._watch = PolicyWatch(loaded.sources)

    def refresh(self) -> bool:
        """Load again when a file has changed; says whether a new snapshot is in force."""
        if not self._watch.changed():
            return False
        try:
            loaded = load_policy(self._path, os.environ)
        except PolicyInvalid as error:
            _log.error("policy not reloaded, %s stays in force: %s", self.snapshot.hash, error)
            return False
        self._watch = PolicyWatch(loaded.sources)
        self.snapshot = loaded.snapshot
        return True


class Places:
    """Opens exchanges with targets: over the network, or within the process for the offline model."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._origins: dict[int, _native.Origin] = {}

    def connect(self, target: Target, outbound: Outbound, deadlines_ms: tuple[int, int, int, int]) -> Exchange:
        """Start the request."""
        provider = target.provider
        if provider.type == "echo":
            return LocalExchange(echo_answer(outbound.body, provider.options), asyncio.sleep)
        return self._transport.open(provider, outbound, deadlines_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the process above dies, so that no orphan keeps taking traffic on the port."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)
    if parent and os.getppid() != parent:
        raise SystemExit("the process above is gone")
