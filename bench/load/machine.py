"""Where and on what a run was made, so that its figures can be argued with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

import msgspec

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("aigate", "granian", "uvloop", "msgspec", "orjson")


class Machine(msgspec.Struct, frozen=True):
    """Hardware and kernel; `load` is the load average before the run."""

    cpu: str
    cores: int
    memory_mb: int
    kernel: str
    load: tuple[float, float, float]


def machine() -> Machine:
    """This one."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=model[1] if model else platform.machine(),
        cores=os.cpu_count() or 0,
        memory_mb=pages // 1_000_000,
        kernel=platform.release(),
        load=os.getloadavg(),
    )


def versions() -> dict[str, str]:
    """Of what was measured and what it stands on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    found["nginx"] = _said("nginx", "-v").rpartition("/")[2]
    found["rustc"] = _said("rustc", "--version").partition(" ")[2]
    return found


def commit() -> str:
    """Short hash of the working tree's commit; `-dirty` when there is more in it than that."""
    head = _said("git", "rev-parse", "--short=10", "HEAD") or "unknown"
    return f"{head}-dirty" if _said("git", "status", "--porcelain", "--", "python", "rust") else head


def _said(*command: str) -> str:
    env = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    try:
        done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return (done.stdout or done.stderr).strip()
