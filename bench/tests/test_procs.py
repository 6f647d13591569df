import os
import sys
import time
from pathlib import Path

import pytest

from bench.load.procs import Running, Start, StartFailed, Usage, core_busy_s

CORE = min(os.sched_getaffinity(0))
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; print('child', flush=True); time.sleep(60)"])
sum(range(2_000_000))
print("parent", flush=True)
child.wait()
"""


def start(tmp_path: Path, code: str) -> Start:
    return Start("sample", [sys.executable, "-c", code], CORE, tmp_path / "log")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_said(running: Running, *words: str) -> None:
    deadline = time.monotonic() + 20
    while not all(word in running.log_end() for word in words):
        running.check_alive()
        assert time.monotonic() < deadline, running.log_end()


def test_a_tree_is_accounted_for_and_stopped_as_a_whole(tmp_path: Path) -> None:
    with start(tmp_path, PARENT).running() as running:
        wait_until_said(running, "child", "parent")
        tree = running.tree()
        assert len(tree) == 2
        usage, memory = running.usage(), running.memory()
        assert usage.cpu_ns > 0
        # Threads are as old as their process here, so both ways of counting must agree.
        assert sum(usage.threads.values()) == pytest.approx(usage.cpu_ns, rel=0.2)
        assert 0 < memory.pss <= memory.rss
        assert all(os.sched_getaffinity(pid) == {CORE} for pid in tree)
    assert not any(is_running(pid) for pid in tree)


def test_cpu_of_threads_that_have_ended_still_counts(tmp_path: Path) -> None:
    code = """
import threading, time
thread = threading.Thread(target=lambda: sum(range(20_000_000)))
thread.start(); thread.join()
print("joined", flush=True)
time.sleep(60)
"""
    with start(tmp_path, code).running() as running:
        wait_until_said(running, "joined")
        usage = running.usage()
    assert usage.cpu_ns > 1.5 * sum(usage.threads.values())


def test_an_early_end_is_told_with_the_log(tmp_path: Path) -> None:
    with start(tmp_path, "raise SystemExit('no port for you')").running() as running:
        assert running.wait() == 1
        assert running.has_ended()
        with pytest.raises(StartFailed, match="no port for you"):
            running.check_alive()


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    running = start(tmp_path, "import time; time.sleep(60)").now()
    running.stop()
    running.stop()
    assert running.has_ended()


def test_usage_is_a_difference() -> None:
    before = Usage(10, 1, {"a": 4, "b": 6})
    assert Usage(30, 5, {"a": 10, "c": 20}).since(before) == Usage(20, 4, {"a": 6, "b": -6, "c": 20})


def test_a_core_that_is_not_there_is_told() -> None:
    assert core_busy_s(CORE) > 0
    with pytest.raises(ValueError, match="no core 4096"):
        core_busy_s(4096)
