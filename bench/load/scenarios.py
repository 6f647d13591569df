"""The scenarios with load: CPU per request and per event, and added latency. Every round measures every target once,
in turn (A B A B …), so that what else the machine does falls on all of them alike. A scenario is given its targets in
this order: the gateway, nginx, the mock alone.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec

from .bodies import Prompts
from .figures import Result, Row, Table, ratio
from .rig import Lane, Load
from .targets import Target
from .window import Bench, Window

# A mock on a quiet machine answers 99 % within 0.2 ms; beyond this, a neighbour is measured and not the gateway.
CALM_US = 1_000.0
Cost = Literal["cpu_us", "cpu_us_per_event"]


class Effort(msgspec.Struct, frozen=True):
    """How long to measure.

    Attributes:
        rounds: each gives one sample per target; the median counts.
        seconds: of load per sample.
        warm_up: seconds of load before the first round, per target.
        starts: how many starts are timed.
        streams: slow streams held open for the memory of one.
    """

    rounds: int = 5
    seconds: float = 4.0
    warm_up: float = 2.0
    starts: int = 5
    streams: int = 500


QUICK = Effort(rounds=3, seconds=1.0, warm_up=0.5, starts=3, streams=200)


def cpu(bench: Bench, targets: Sequence[Target], lane: Lane, prompts: Prompts, effort: Effort) -> Table:
    """CPU of each target on one lane, 64 connections always busy."""
    cost: Cost = "cpu_us_per_event" if lane.is_stream else "cpu_us"
    unit = "CPU-µs/event" if lane.is_stream else "CPU-µs/request"
    for target in targets:
        bench.window(target, lane, Load(seconds=effort.warm_up), prompts)
    windows: dict[str, list[Window]] = {target.name: [] for target in targets}
    for _ in range(effort.rounds):
        for target in targets:
            windows[target.name].append(bench.window(target, lane, Load(seconds=effort.seconds), prompts))
    rows = [
        Row(name, unit, [window.cpu_us if cost == "cpu_us" else window.cpu_us_per_event for window in found], found)
        for name, found in windows.items()
    ]
    return Table(f"{lane}.{prompts}", title(lane, prompts), rows)


def plain(bench: Bench, targets: Sequence[Target], effort: Effort) -> Result:
    """Answers that are not streams, with prompts that repeat and prompts that never do."""
    tables: list[Table] = []
    figures: dict[str, float] = {}
    kinds: tuple[Prompts, ...] = ("distinct", "same")
    for prompts in kinds:
        table = cpu(bench, targets[:2], Lane.PLAIN, prompts, effort)
        tables.append(table)
        figures |= _against(table, f"plain.{prompts}", "cpu_us")
    return Result(tables, figures)


def streams(bench: Bench, targets: Sequence[Target], effort: Effort) -> Result:
    """Streams without a pause between events: what it costs to forward."""
    table = cpu(bench, targets[:2], Lane.STREAM, "distinct", effort)
    return Result([table], _against(table, "stream", "cpu_us_per_event"))


def paced(bench: Bench, targets: Sequence[Target], effort: Effort) -> Result:
    """Streams at 10 ms between events: every event wakes the process, as in real life."""
    table = cpu(bench, targets[:2], Lane.PACED, "distinct", effort)
    return Result([table], _against(table, "paced", "cpu_us_per_event"))


def latency(bench: Bench, targets: Sequence[Target], effort: Effort) -> Result:
    """What the gateway adds to the latency of the mock alone, at half of the rate it saturates at. Open loop."""
    gateway, alone = targets[0], targets[-1]
    for target in targets:
        bench.window(target, Lane.PLAIN, Load(seconds=effort.warm_up))
    saturation = bench.window(gateway, Lane.PLAIN, Load(seconds=effort.seconds)).outcome.per_second
    load = Load(seconds=effort.seconds + 0.5, rate=saturation / 2, warm_up=0.5)
    windows: dict[str, list[Window]] = {target.name: [] for target in targets}
    for _ in range(effort.rounds):
        for target in targets:
            windows[target.name].append(bench.window(target, Lane.PLAIN, load))
    rows = [
        Row(name, "µs, p99", [window.outcome.latency_us.p99 for window in found], found)
        for name, found in windows.items()
    ]
    name = f"Latency at {load.rate:,.0f} requests/s, half of saturation, open loop"
    added = _added(windows[gateway.name], windows[alone.name])
    return Result([Table("latency", name, rows)], {"latency.rate": load.rate, **added})


def _against(table: Table, prefix: str, cost: Cost) -> dict[str, float]:
    ours, nginx = table.rows
    return {f"{prefix}.{cost}": ours.median, f"{prefix}.vs_nginx": ratio(ours, nginx)}


def _added(ours: Sequence[Window], alone: Sequence[Window]) -> dict[str, float]:
    """Median over the rounds of the difference of each percentile, in µs; nothing when the noise would hide it."""
    pairs = [(a.outcome.latency_us, b.outcome.latency_us) for a, b in zip(ours, alone, strict=True)]
    noise = statistics.median(b.p99 for _, b in pairs)
    if noise > CALM_US:
        print(f"bench: the mock alone has a p99 of {noise:,.0f} µs: too busy a machine for latency", file=sys.stderr)
        return {"latency.alone_p99_us": noise}
    return {
        "latency.alone_p99_us": noise,
        "latency.added_p50_us": statistics.median(a.p50 - b.p50 for a, b in pairs),
        "latency.added_p99_us": statistics.median(a.p99 - b.p99 for a, b in pairs),
        "latency.added_p999_us": statistics.median(a.p999 - b.p999 for a, b in pairs),
    }


def title(lane: Lane, prompts: Prompts) -> str:
    """What a lane is called in reports."""
    match lane:
        case Lane.PLAIN:
            return f"Non-stream chat, {prompts} prompts"
        case Lane.STREAM:
            return "Streams, no pause between events"
        case Lane.PACED:
            return "Streams, 10 ms between events"
        case Lane.SLOW:
            return "Streams, 200 ms between events"
