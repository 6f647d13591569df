"""Makes figures of the benchmarks and fails the session when a budget of `budgets.toml` is broken.

The convention: one file compares one thing; its benchmarks share a `group`, and a function is named after who does the
work: `test_aigate`, `test_openai_sdk`. That gives the figures `<group>.us` (aigate's time in microseconds) and
`<group>.vs_<rival>` (how many times faster aigate is). Over parameters the worst case counts. A benchmark's time is
its fastest round: on a shared machine noise only ever adds. A budget whose group was not run is named and passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

import pytest

from bench.budgets import Standing, Verdict, judge, read_micro_budgets

OURS = "aigate"
COLOURS = {
    Standing.HELD: "green",
    Standing.WITHIN_NOISE: "yellow",
    Standing.BROKEN: "red",
    Standing.NOT_MEASURED: "yellow",
}
VERDICTS = pytest.StashKey[list[Verdict]]()


class _Stats(Protocol):
    min: float


class _Benchmark(Protocol):
    name: str
    group: str | None
    has_error: bool
    stats: _Stats


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    ran = getattr(session.config, "_benchmarksession", None)
    if ran is None:
        return
    figures = dict(_figures(ran.benchmarks))
    verdicts = judge(read_micro_budgets(), figures)
    session.config.stash[VERDICTS] = verdicts
    if session.exitstatus == 0 and any(verdict.standing is Standing.BROKEN for verdict in verdicts):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    verdicts = config.stash.get(VERDICTS, [])
    if not verdicts:
        return
    terminalreporter.section("budgets")
    for verdict in verdicts:
        budget, standing = verdict.budget, verdict.standing
        measured = "" if verdict.value is None else f"{verdict.value:.3g} {budget.unit}, "
        colour = COLOURS[standing]
        terminalreporter.line(f"{budget.what}: {measured}{budget.limit} {budget.unit}, {standing}", **{colour: True})


def _figures(benchmarks: Iterable[_Benchmark]) -> Iterator[tuple[str, float]]:
    seconds: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for benchmark in benchmarks:
        if benchmark.group and not benchmark.has_error:
            function, _, parameters = benchmark.name.partition("[")
            seconds[benchmark.group, parameters][function.removeprefix("test_")] = benchmark.stats.min
    slowest: dict[str, float] = {}
    for (group, _), times in seconds.items():
        if OURS not in times:
            continue
        ours = times.pop(OURS)
        slowest[f"{group}.us"] = max(ours * 1e6, slowest.get(f"{group}.us", 0.0))
        for rival, theirs in times.items():
            name = f"{group}.vs_{rival}"
            slowest[name] = min(theirs / ours, slowest.get(name, float("inf")))
    yield from slowest.items()
