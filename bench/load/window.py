"""One window: a stretch of load on one target and what it cost that target.

CPU is taken over everything the load caused: from before the first request until the target has gone quiet again, so
that neither answers in flight nor work that was put off (a ledger's batches) escapes. Invariant: every request counted
reached the mock exactly once, so nothing was answered from a cache or sent twice.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from . import bodies
from .procs import core_busy_s
from .rig import Client, Lane, Load, LoadInvalid, Mock, Outcome
from .targets import Target


class Window(msgspec.Struct, frozen=True):
    """What one stretch of load came to.

    Attributes:
        outcome: the client's report.
        cpu_us: CPU-µs of the target's processes for one request.
        cpu_us_per_event: the same for one event; 0 for answers that are not streams.
        waited_us: µs per request in which the target was ready to run, but somebody else had the core.
        others: share of the core that was used by others meanwhile, 0 to 1.
        threads_us: CPU-µs per request by thread name.
    """

    outcome: Outcome
    cpu_us: float
    cpu_us_per_event: float
    waited_us: float
    others: float
    threads_us: dict[str, float]


class Bench:
    """The fixed parts of a run: the mock, the client, and where the targets run."""

    def __init__(self, mock: Mock, client: Client, core: int, folder: Path) -> None:
        self.mock = mock
        self.client = client
        self.core = core
        self.folder = folder

    def requests(self, target: Target, lane: Lane, prompts: bodies.Prompts) -> Path:
        """The file of requests for one lane of a target."""
        return bodies.write(self.folder, target.endpoints[lane].model, stream=lane.is_stream, prompts=prompts)

    def window(self, target: Target, lane: Lane, load: Load, prompts: bodies.Prompts = "distinct") -> Window:
        """Put the load on and wait until the target is quiet again. Raises LoadInvalid."""
        file = self.requests(target, lane, prompts)
        target.running.settle()
        served = self.mock.served()
        began, busy, before = time.monotonic(), core_busy_s(self.core), target.running.usage()
        outcome = self.client.finish(self.client.start(target.endpoints[lane], file, load), lane)
        target.running.settle()
        used = target.running.usage().since(before)
        busy, took = core_busy_s(self.core) - busy, time.monotonic() - began
        reached = self.mock.served() - served
        if reached != outcome.ok:
            raise LoadInvalid(f"{target.name}: {outcome.ok} answers, but {reached} requests reached the mock")
        per_request = 1_000 * outcome.ok
        cpu_us = used.cpu_ns / per_request
        return Window(
            outcome=outcome,
            cpu_us=cpu_us,
            cpu_us_per_event=cpu_us * outcome.ok / outcome.events if outcome.events else 0.0,
            waited_us=used.waited_ns / per_request,
            others=max(0.0, busy - used.cpu_ns / 1e9) / took,
            threads_us={name: ns / per_request for name, ns in used.threads.items() if ns > 0},
        )
