"""A run as JSON to keep and as Markdown to read. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from bench.budgets import Standing, Verdict

from .figures import Row, Table, spread
from .machine import Machine
from .scenarios import Effort

SIZED = ("", "median", "unit", "samples")
LOADED = (*SIZED, "±", "per s", "p50 / p99 / p99.9 ms", "others", "threads, CPU-µs/request")
METHOD = """\
- The target runs alone on core 0, mock and client on core 1 (`taskset`); loopback, HTTP/1.1, no TLS, one worker each.
- CPU is the CPU clock of every process of the target (threads that ended included), from before the first request \
until the target is quiet again, divided by the answers. Every answer is checked, and so is that each request reached \
the mock exactly once.
- Targets take turns within each round; a figure is the median of the rounds, a ratio the ratio of the medians.
- 64 keep-alive connections. Request: 862 bytes, API key. Answer: 770 bytes with usage, or 51 events of 300 bytes, \
each its own `send`. `distinct`: no prompt is ever sent twice; `same`: always the same body.
- Latency: open loop, evenly spaced, timed from when a request was due (no coordinated omission). Added = with the \
target in front minus the mock alone at the same rate, round by round.
- Memory: PSS (`smaps_rollup`) of the whole tree; the highest of four samples a second under load. Per stream: 51 \
events 200 ms apart, in a fresh process.
- nginx: one worker, `proxy_pass`, keep-alive upstream, access log to a file, `proxy_buffering off` for streams.
"""


class Run(msgspec.Struct, frozen=True):
    """Everything about one run."""

    started: str
    commit: str
    machine: Machine
    versions: dict[str, str]
    effort: Effort
    favoured: bool
    tables: list[Table]
    figures: dict[str, float]
    verdicts: list[Verdict]


def save(run: Run, folder: Path) -> Path:
    """Write `<date>-<commit>.json` and `.md`; the latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"{run.started[:10]}-{run.commit}"
    base.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    page = base.with_suffix(".md")
    page.write_text(markdown(run), "utf-8")
    return page


def markdown(run: Run) -> str:
    """The whole page."""
    machine, effort = run.machine, run.effort
    load = ", ".join(f"{average:.2f}" for average in machine.load)
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    figures = _table(("figure", "value"), [(name, _number(value)) for name, value in run.figures.items()])
    tables = "\n".join(section(table) for table in run.tables)
    return f"""\
# Load benchmark, {run.started}, commit {run.commit}

{machine.cpu}, {machine.cores} cores, {machine.memory_mb:,} MB, Linux {machine.kernel}; load average before: {load}.
{versions}. {effort.rounds} rounds of {effort.seconds:g} s{", raised priority" if run.favoured else ""}.

## Budgets

{budgets_table(run.verdicts)}

## Figures

{figures}

## Side by side

`others`: the largest share of the target's core that anybody else took during a window.

{tables}
## Method

{METHOD}"""


def budgets_table(verdicts: Sequence[Verdict]) -> str:
    """What was promised, what was measured."""
    rows = [
        (v.budget.what, _number(v.value), v.budget.limit, v.budget.unit, f"{v.budget.noise:.0%}", v.standing)
        for v in verdicts
    ]
    return _table(("promise", "measured", "limit", "unit", "noise", ""), rows)


def broken(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The ones that must fail a run; a promise nobody measured is not kept."""
    return [verdict for verdict in verdicts if verdict.standing in {Standing.BROKEN, Standing.NOT_MEASURED}]


def section(table: Table) -> str:
    """One scenario."""
    if all(row.windows for row in table.rows):
        return f"### {table.title}\n\n{_table(LOADED, [_loaded(row) for row in table.rows])}\n"
    sized = [(row.target, _number(row.median), row.unit, _samples(row)) for row in table.rows]
    return f"### {table.title}\n\n{_table(SIZED, sized)}\n"


def _loaded(row: Row) -> tuple[str, ...]:
    middle = sorted(row.windows, key=lambda window: window.cpu_us)[len(row.windows) // 2]
    latencies = [window.outcome.latency_us for window in row.windows]
    percentiles = (
        median(seen.p50 for seen in latencies),
        median(seen.p99 for seen in latencies),
        median(seen.p999 for seen in latencies),
    )
    return (
        row.target,
        _number(row.median),
        row.unit,
        _samples(row),
        f"{spread(row.samples):.0%}",
        f"{median(window.outcome.per_second for window in row.windows):,.0f}",
        " / ".join(f"{us / 1000:.2f}" for us in percentiles),
        f"{max(window.others for window in row.windows):.0%}",
        ", ".join(f"{name} {us:.1f}" for name, us in sorted(middle.threads_us.items(), key=lambda item: -item[1])),
    )


def _samples(row: Row) -> str:
    return " ".join(_number(sample) for sample in row.samples)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
