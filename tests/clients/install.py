"""Puts the SDKs in place that do not live in the tests' own environment: Node's, and one with other dependencies."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
INSTALL_S = 600


@cache
def node_folder() -> Path:
    """The folder with `node_modules`, installed from its lock file when missing."""
    folder = HERE / "node"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        npm = shutil.which("npm")
        assert npm is not None, "the tests need Node and npm"
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=INSTALL_S
        )
    return folder


@cache
def litellm_python() -> Path:
    """An interpreter that has litellm: it pins an older `openai` than the tests use, so it lives apart."""
    lock = HERE / "litellm" / "requirements.lock"
    folder = Path(sys.prefix) / "clients" / "litellm"
    python, done = folder / "bin" / "python", folder / "installed.lock"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        install = [*pip, "--require-hashes", "-r", str(lock)]
        subprocess.run(install, check=True, timeout=INSTALL_S)
        shutil.copyfile(lock, done)
    return python
