"""`python -m bench.rivals.run`: other gateways, the gateway and nginx under the same load, one after the other.

No budgets: this is for the table in the README. A rival that fails its load is named with the reason, and the others
go on. Exit code 0, or 2 when nothing could be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.load import report, rig, scenarios
from bench.load.figures import Row, Table
from bench.load.rig import Lane
from bench.load.run import FAILURES, LOAD_CORE, TARGET_CORE, stand_aside
from bench.load.scenarios import Effort
from bench.load.targets import Gateway, Target, nginx
from bench.load.window import Bench

from .cache import install_node, install_python
from .litellm import REQUIREMENT as LITELLM
from .litellm import litellm
from .portkey import REQUIREMENT as PORTKEY
from .portkey import portkey

EFFORT = Effort(rounds=3, seconds=3.0, warm_up=1.0)
LANES = (Lane.PLAIN, Lane.STREAM)
Open = Callable[[], contextlib.AbstractContextManager[Target]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.rivals.run", description=__doc__.splitlines()[0])
    names = ("aigate", "nginx", "litellm", "portkey")
    parser.add_argument("--only", action="append", choices=names, default=[], help="one target; may be repeated")
    parser.add_argument("--favour", action="store_true", help="raise the priority, where others use the machine too")
    options = parser.parse_args(arguments)
    wanted: list[str] = options.only or list(names)
    program = rig.build()
    install(wanted)
    stand_aside(favour=options.favour)
    with tempfile.TemporaryDirectory(prefix="aigate-bench-") as name:
        folder = Path(name)
        with rig.mock(program, LOAD_CORE, folder) as mock:
            bench = Bench(mock, rig.Client(program, LOAD_CORE, folder), TARGET_CORE, folder)
            ways: dict[str, Open] = {
                "aigate": lambda: Gateway(mock, TARGET_CORE, folder).serving(),
                "nginx": lambda: nginx(mock, TARGET_CORE, folder),
                "litellm": lambda: litellm(mock, TARGET_CORE, folder),
                "portkey": lambda: portkey(mock, TARGET_CORE, folder),
            }
            rows = {lane: measure(bench, {name: ways[name] for name in wanted}, lane) for lane in LANES}
    tables = [Table(lane, scenarios.title(lane, "distinct"), found) for lane, found in rows.items() if found]
    print("\n".join(report.section(table) for table in tables))
    return 0 if tables else 2


def install(wanted: Sequence[str]) -> None:
    """Before the measuring, with all cores. A rival that cannot be installed fails later, by itself."""
    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
        if "litellm" in wanted:
            install_python(LITELLM)
        if "portkey" in wanted:
            install_node(PORTKEY)


def measure(bench: Bench, ways: dict[str, Open], lane: Lane) -> list[Row]:
    """One row for each target that stood the load. Rivals are too far apart to need turns."""
    rows: list[Row] = []
    for name, way in ways.items():
        print(f"bench: {name}, {lane} …", file=sys.stderr, flush=True)
        try:
            with way() as target:
                rows += scenarios.cpu(bench, [target], lane, "distinct", EFFORT).rows
        except FAILURES as failure:
            print(f"bench: {name}, {lane}: {failure}", file=sys.stderr)
    return rows


if __name__ == "__main__":
    sys.exit(main())
