"""`python -m bench.load.run`: measure the gateway beside nginx, hold the figures against `budgets.toml`, keep the run.

Exit code 0: every budget measured holds. 1: one is broken by more than its noise. 2: the run itself failed.
A run with `--quick` or `--only` is for a first look: it is printed, not kept.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from bench.budgets import Budget, judge, read_load_budgets

from . import footprint, machine, report, rig, scenarios
from .figures import Result, Table
from .ports import PortTaken
from .procs import StartFailed
from .rig import LoadInvalid
from .scenarios import QUICK, Effort
from .targets import Gateway, Target, direct, nginx
from .window import Bench

LOADED: Mapping[str, Callable[[Bench, Sequence[Target], Effort], Result]] = MappingProxyType(
    {
        "plain": scenarios.plain,
        "stream": scenarios.streams,
        "paced": scenarios.paced,
        "latency": scenarios.latency,
    }
)
NAMES = (*LOADED, "memory", "start")
RESULTS = Path(__file__).parents[1] / "results"
TARGET_CORE, LOAD_CORE = 0, 1
FAVOURED = -15
AUTOGROUP = Path("/proc/self/autogroup")
FAILURES = (
    LoadInvalid, PortTaken, StartFailed, TimeoutError, FileNotFoundError, PermissionError, RuntimeError,
    subprocess.CalledProcessError,
)  # fmt: skip


class Options(msgspec.Struct, frozen=True):
    """The command line.

    Attributes:
        only: scenarios; empty = all.
        quick: a first look.
        favour: raise the priority of everything that is measured, for machines that are shared.
        results: where a whole run is kept.
    """

    only: tuple[str, ...]
    quick: bool
    favour: bool
    results: Path

    @property
    def effort(self) -> Effort:
        """How long to measure."""
        return QUICK if self.quick else Effort()

    @property
    def is_whole(self) -> bool:
        """Whether the run is worth keeping."""
        return not self.quick and not self.only


class Stand:
    """What a run is made on: runs a scenario by name, with the servers it needs and no others."""

    def __init__(self, bench: Bench, effort: Effort) -> None:
        self._bench = bench
        self._effort = effort

    def run(self, name: str) -> Result:
        """One scenario. A process that is sized must not share its pages with a second life of itself."""
        bench, effort = self._bench, self._effort
        gateway = Gateway(bench.mock, bench.core, bench.folder / name)
        if name == "memory":
            return footprint.memory(bench, gateway.serving, self._nginx, effort)
        if name == "start":
            return footprint.start(gateway.serving, self._nginx, effort)
        with gateway.serving() as ours, self._nginx() as theirs:
            return LOADED[name](bench, [ours, theirs, direct(bench.mock)], effort)

    def _nginx(self) -> contextlib.AbstractContextManager[Target]:
        return nginx(self._bench.mock, self._bench.core, self._bench.folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, keep, judge."""
    options = _parse(arguments)
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    before = machine.machine()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        tables, figures = measure(options)
    except FAILURES as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    verdicts = judge(_wanted(options), figures)
    run = report.Run(
        started, machine.commit(), before, machine.versions(), options.effort, options.favour, tables, figures, verdicts
    )
    print(report.markdown(run))
    if options.is_whole:
        print(f"kept as {report.save(run, options.results)}")
    return 1 if report.broken(verdicts) else 0


def measure(options: Options) -> tuple[list[Table], dict[str, float]]:
    """Start everything, run the scenarios asked for, stop everything."""
    tables: list[Table] = []
    figures: dict[str, float] = {}
    program = rig.build()
    stand_aside(favour=options.favour)
    with tempfile.TemporaryDirectory(prefix="aigate-bench-") as name:
        folder = Path(name)
        with rig.mock(program, LOAD_CORE, folder) as mock:
            bench = Bench(mock, rig.Client(program, LOAD_CORE, folder), TARGET_CORE, folder)
            stand = Stand(bench, options.effort)
            for scenario in options.only or NAMES:
                print(f"bench: {scenario} …", file=sys.stderr, flush=True)
                result = stand.run(scenario)
                tables += result.tables
                figures |= result.figures
    return tables, figures


def stand_aside(*, favour: bool) -> None:
    """This process and what it starts stay off the target's core, unless they are started on it."""
    allowed = os.sched_getaffinity(0)
    if not {TARGET_CORE, LOAD_CORE} <= allowed:
        raise RuntimeError(
            f"two cores are needed, {TARGET_CORE} and {LOAD_CORE}; this process may use {sorted(allowed)}"
        )
    os.sched_setaffinity(0, {LOAD_CORE})
    if favour:
        os.setpriority(os.PRIO_PROCESS, 0, FAVOURED)
        # Where the kernel groups tasks by session, it is the group's own nice value that counts against others.
        if AUTOGROUP.exists():
            AUTOGROUP.write_text(str(FAVOURED))


def _wanted(options: Options) -> dict[str, Budget]:
    """The budgets of the scenarios that were run: a figure's first word is its scenario."""
    wanted = options.only or NAMES
    return {name: budget for name, budget in read_load_budgets().items() if name.partition(".")[0] in wanted}


def _parse(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench.load.run", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one-second windows: a first look, not a result")
    parser.add_argument("--only", action="append", choices=NAMES, default=[], help="one scenario; may be repeated")
    parser.add_argument("--favour", action="store_true", help="raise the priority, where others use the machine too")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where a whole run is kept")
    parsed = parser.parse_args(arguments)
    return Options(only=tuple(parsed.only), quick=parsed.quick, favour=parsed.favour, results=parsed.results)


if __name__ == "__main__":
    sys.exit(main())
