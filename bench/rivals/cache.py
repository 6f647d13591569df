"""Where rivals are installed: a folder outside the repository, kept between runs, one per pinned version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/aigate-bench`, by default `~/.cache/aigate-bench`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "aigate-bench"


def install_python(requirement: str) -> Path:
    """A virtual environment with `requirement`, its folder of programs. Raises CalledProcessError."""
    home = cache_folder() / _folder_name(requirement)
    done = home / "installed"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(home / "bin" / "pip"), "install", "--quiet", requirement])
        done.touch()
    return home / "bin"


def install_node(requirement: str) -> Path:
    """A folder with `requirement` in its `node_modules`, its path. Raises CalledProcessError."""
    home = cache_folder() / _folder_name(requirement)
    done = home / "installed"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}\n', "utf-8")
        _run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", requirement], home)
        done.touch()
    return home


def _folder_name(requirement: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in requirement)


def _run(command: list[str], cwd: Path | None = None) -> None:
    print(f"bench: {' '.join(command)}", file=sys.stderr, flush=True)
    subprocess.run(command, cwd=cwd, check=True, stdout=sys.stderr)
