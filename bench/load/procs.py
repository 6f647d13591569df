"""Processes of a run: started pinned to a core, accounted for as a whole tree, stopped by pid.

CPU time is each process's own CPU clock (nanoseconds, threads that have ended included), summed over the tree; the
split by thread is `/proc/PID/task/*/schedstat`. Memory is PSS: a page shared by n processes counts 1/n in each.
Invariant: nothing is signalled that was not started here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

CPUCLOCK_SCHED = 2
KIB = 1024
GONE = (FileNotFoundError, ProcessLookupError)


class StartFailed(Exception):
    """A process ended, or did not answer, before it was ready; the message has the end of its log."""


class Memory(msgspec.Struct, frozen=True):
    """Bytes, summed over a tree."""

    pss: int
    rss: int


class Usage(msgspec.Struct, frozen=True):
    """CPU of a tree since its start.

    Attributes:
        cpu_ns: time on a CPU.
        waited_ns: time ready to run, but not running: somebody else had the core.
        threads: time on a CPU by thread name, threads that still live.
    """

    cpu_ns: int
    waited_ns: int
    threads: dict[str, int]

    def since(self, before: Usage) -> Usage:
        """What was used between `before` and now."""
        threads = Counter(self.threads)
        threads.subtract(before.threads)
        return Usage(self.cpu_ns - before.cpu_ns, self.waited_ns - before.waited_ns, dict(threads))


class Running:
    """One started program and everything it has started since."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """Of the program itself, the root of the tree."""
        return self._process.pid

    def tree(self) -> list[int]:
        """Pids of the program and its descendants."""
        return list(_descend(self.pid))

    def usage(self) -> Usage:
        """CPU time of the tree until now."""
        cpu, waited, threads = 0, 0, Counter[str]()
        for pid in self.tree():
            with contextlib.suppress(OSError):  # it may end while we look; the clock then says EINVAL
                cpu += time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)
                for name, on_cpu, ready in _threads(pid):
                    threads[name] += on_cpu
                    waited += ready
        return Usage(cpu, waited, dict(threads))

    def memory(self) -> Memory:
        """Memory of the tree now."""
        pss, rss = 0, 0
        for pid in self.tree():
            with contextlib.suppress(*GONE):
                fields = _rollup(pid)
                pss += fields["Pss"] * KIB
                rss += fields["Rss"] * KIB
        return Memory(pss, rss)

    def settle(self, within_s: float = 10.0) -> None:
        """Wait until the tree has done what it had put off: under 2 % of a core for 0.2 s, or `within_s` is over."""
        deadline = time.monotonic() + within_s
        before = self.usage().cpu_ns
        while time.monotonic() < deadline:
            time.sleep(0.2)
            now = self.usage().cpu_ns
            if now - before < 4_000_000:
                return
            before = now

    def check_alive(self) -> None:
        """Raise StartFailed with the end of the log when the program has ended."""
        if self._process.poll() is not None:
            raise StartFailed(f"{self.name} ended with code {self._process.returncode}:\n{self.log_end()}")

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        return self._process.wait()

    def has_ended(self) -> bool:
        """Whether the program itself is gone."""
        return self._process.poll() is not None

    def log_end(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])

    def stop(self, within_s: float = 10.0) -> None:
        """SIGTERM to the program; SIGKILL to what is left of its tree after `within_s`. Idempotent."""
        tree = {pid: started for pid in self.tree() if (started := _started(pid)) is not None}
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        # A pid may have been given to somebody else since.
        left = [pid for pid, started in tree.items() if _started(pid) == started]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        while any(_started(pid) == tree[pid] for pid in left):
            time.sleep(0.001)


class Start(msgspec.Struct, frozen=True):
    """How to start a program.

    Attributes:
        name: for messages.
        command: program and arguments.
        core: the CPU it and its descendants may use.
        log: file for its output.
        env: added to this process's environment.
        cwd: working folder.
    """

    name: str
    command: Sequence[str]
    core: int
    log: Path
    env: Mapping[str, str] = {}
    cwd: Path | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[Running]:
        """Run it for the length of the block."""
        running = self.now()
        try:
            yield running
        finally:
            running.stop()

    def now(self) -> Running:
        """Start it; the caller stops it."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["taskset", "-c", str(self.core), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                process_group=0,
            )
        return Running(self.name, process, self.log)


def core_busy_s(core: int) -> float:
    """Seconds the core has been busy since boot, time stolen by other virtual machines included."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    raise ValueError(f"this machine has no core {core}")


def _descend(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except GONE:
        return
    for task in tasks:
        try:
            children = (task / "children").read_text().split()
        except GONE:
            continue
        for child in children:
            yield from _descend(int(child))


def _threads(pid: int) -> Iterator[tuple[str, int, int]]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(*GONE):
            on_cpu, ready, _slices = (task / "schedstat").read_text().split()
            yield (task / "comm").read_text().strip(), int(on_cpu), int(ready)


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def _started(pid: int) -> int | None:
    """Start time in clock ticks since boot; None when there is no such process, or only its remains."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except GONE:
        return None
    return None if state == "Z" else int(fields[18])
