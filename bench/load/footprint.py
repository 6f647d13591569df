"""The scenarios about size and start: memory idle, under load and per open stream, and the time from exec to ready.
Each takes a process of its own, because a heap never forgets what was done with it before.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

from .figures import Result, Row, Table
from .procs import Memory
from .rig import Lane, Load
from .scenarios import Effort
from .targets import Target
from .window import Bench

QUANTITIES = {
    "idle_pss_mb": ("idle, PSS", "MB"),
    "idle_rss_mb": ("idle, RSS", "MB"),
    "load_pss_mb": ("highest under load, PSS", "MB"),
    "load_rss_mb": ("highest under load, RSS", "MB"),
    "stream_kib": ("per open stream, PSS", "KiB"),
}
MB = 1_000_000
KIB = 1024
Life = Callable[[], contextlib.AbstractContextManager[Target]]
SAMPLE_EVERY_S = 0.25
# All streams are open by then; the slow ones take 10 s.
STREAMS_OPEN_FROM_S = 2.0


def memory(bench: Bench, gateway: Life, nginx: Life, effort: Effort) -> Result:
    """PSS and RSS of the whole tree: idle, at its highest under 64 busy connections, and per open stream."""
    found = {target: _memory_of(bench, life, effort) for target, life in (("aigate", gateway), ("nginx", nginx))}
    rows = [
        Row(f"{target}, {what}", unit, [size[name]])
        for name, (what, unit) in QUANTITIES.items()
        for target, size in found.items()
    ]
    table = Table("memory", f"Memory; {effort.streams} open streams", rows)
    return Result([table], {f"memory.{name}": value for name, value in found["aigate"].items()})


def start(gateway: Life, nginx: Life, effort: Effort) -> Result:
    """Seconds from exec to the first 200 on the readiness path, in turn."""
    samples: dict[str, list[float]] = {}
    for _ in range(effort.starts):
        for life in (gateway, nginx):
            with life() as target:
                samples.setdefault(target.name, []).append(target.ready_s)
    rows = [Row(name, "s", found) for name, found in samples.items()]
    table = Table("start.ready", "Start: exec to the first 200 on /readyz", rows)
    return Result([table], {"start.ready_s": statistics.median(samples["aigate"])})


def _memory_of(bench: Bench, life: Life, effort: Effort) -> dict[str, float]:
    with life() as target:
        target.running.settle()
        idle = target.running.memory()
        per_stream = _per_stream(bench, target, effort)
    with life() as target:
        load = _under_load(bench, target, effort)
    return {
        "idle_pss_mb": idle.pss / MB,
        "idle_rss_mb": idle.rss / MB,
        "load_pss_mb": load.pss / MB,
        "load_rss_mb": load.rss / MB,
        "stream_kib": per_stream / KIB,
    }


def _under_load(bench: Bench, target: Target, effort: Effort) -> Memory:
    highest = Memory(0, 0)
    for lane in (Lane.PLAIN, Lane.STREAM):
        for _, seen in _watch(bench, target, lane, Load(seconds=effort.seconds)):
            highest = Memory(max(highest.pss, seen.pss), max(highest.rss, seen.rss))
    return highest


def _per_stream(bench: Bench, target: Target, effort: Effort) -> float:
    """PSS that `streams` open streams add to a process that has served a handful, divided by their number."""
    # A real warm-up would leave a heap behind in which the streams then fit for nothing.
    bench.window(target, Lane.STREAM, Load(connections=4, requests=8))
    before = target.running.memory().pss
    load = Load(connections=effort.streams, requests=effort.streams)
    seen = [memory.pss for at, memory in _watch(bench, target, Lane.SLOW, load) if at > STREAMS_OPEN_FROM_S]
    return (max(seen) - before) / effort.streams


def _watch(bench: Bench, target: Target, lane: Lane, load: Load) -> Iterator[tuple[float, Memory]]:
    """Put the load on; seconds since its begin and the target's memory, again and again until it is over."""
    file = bench.requests(target, lane, "distinct")
    client = bench.client.start(target.endpoints[lane], file, load)
    began = time.monotonic()
    while not client.has_ended():
        time.sleep(SAMPLE_EVERY_S)
        yield time.monotonic() - began, target.running.memory()
    bench.client.finish(client, lane)
