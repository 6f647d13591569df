"""Starts the real gateway for tests: `python -m aigate serve` as a process of its own, over a fresh data folder."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.upstreams import free_port

READY_S = 15.0
STOP_S = 15.0
POLL_S = 0.01
INHERITED = ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR")


class Gateway:
    """One gateway over one data folder; can be stopped, killed and started again.

    `policy` is written to the folder as JSON, which is YAML. `env` is what secret references are read from; nothing
    else of the test's environment reaches the gateway, so that a developer's own keys never decide a test.
    """

    def __init__(
        self,
        folder: Path,
        policy: Mapping[str, Any],
        *,
        env: Mapping[str, str] | None = None,
        workers: int = 1,
        drain_s: float = 5.0,
    ) -> None:
        self.data = folder / "data"
        self.config = folder / "aigate.yaml"
        self.log = folder / "gateway.log"
        self.port = free_port()
        self.admin_port = free_port()
        self._workers = workers
        self._drain_s = drain_s
        self._env = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._env |= {**(env or {}), "AIGATE_DATA": str(self.data)}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.write_policy(policy)
        self.key = self.mint(team="tests")

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK is given."""
        return f"{self.origin}/v1"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def pid(self) -> int:
        """The process above the workers."""
        assert self._process is not None
        return self._process.pid

    def write_policy(self, policy: Mapping[str, Any]) -> None:
        """Replace the policy file in one step."""
        fresh = self.config.with_suffix(".fresh")
        fresh.write_text(json.dumps(policy, indent=1))
        fresh.replace(self.config)

    # --- the process ---

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
        if error is not None:
            print(f"--- gateway log ({self.log}) ---\n{self.logged()[-8_000:]}", file=sys.stderr)

    def start(self) -> None:
        """Start and wait until it is ready."""
        command = [sys.executable, "-m", "aigate", "serve", "--config", str(self.config), "--drain", str(self._drain_s)]
        command += ["--port", str(self.port), "--admin-port", str(self.admin_port), "--workers", str(self._workers)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log, cwd=self.data.parent)
        self.until(lambda: self.admin("/readyz")[0] == 200, "ready", READY_S)

    def stop(self) -> int:
        """SIGTERM, and the exit code; SIGKILL when it does not leave in time."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.terminate()
        try:
            return process.wait(STOP_S + self._drain_s)
        except subprocess.TimeoutExpired:
            self._kill_all(process)
            raise AssertionError(f"the gateway did not stop on SIGTERM:\n{self.logged()[-4_000:]}") from None

    def kill(self) -> None:
        """SIGKILL to the gateway and its workers at once, as an out-of-memory kill would."""
        assert self._process is not None
        process, self._process = self._process, None
        self._kill_all(process)

    def _kill_all(self, process: subprocess.Popen[bytes]) -> None:
        family = [process.pid, *_children(process.pid)]
        for pid in family:
            _signal(pid, signal.SIGKILL)
        process.wait(STOP_S)
        deadline = time.monotonic() + STOP_S
        while any(Path(f"/proc/{pid}").exists() for pid in family):
            assert time.monotonic() < deadline, f"processes {family} are still there"
            time.sleep(POLL_S)

    def worker_pids(self) -> list[int]:
        """The workers, as the gateway itself tells; a late heartbeat makes one absent for a moment."""
        told = self.admin("/readyz")[1]
        return sorted(worker["pid"] for worker in json.loads(told)["workers"]) if told else []

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, condition: Callable[[], object], what: str, deadline_s: float = 5.0) -> None:
        """Wait until `condition` holds; fails with the log when it does not, or when the process is gone."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            assert self.alive(), f"the gateway is gone:\n{self.logged()[-8_000:]}"
            assert time.monotonic() < deadline, f"not {what} within {deadline_s} s:\n{self.logged()[-8_000:]}"
            time.sleep(POLL_S)

    # --- what an operator does ---

    def admin(self, path: str) -> tuple[int, str]:
        """GET on the admin listener; status 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        with closing(connection):
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read().decode()
            except (ConnectionError, http.client.HTTPException):
                return 0, ""

    def command(self, *arguments: str) -> str:
        """Run an `aigate` command over this data folder; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "aigate", *arguments],
            env=self._env,
            cwd=self.data.parent,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, f"aigate {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def mint(self, **dimensions: str) -> str:
        """A new key."""
        options = [part for name, value in dimensions.items() for part in (f"--{name}", value)]
        made: dict[str, str] = json.loads(self.command("keys", "create", "--json", *options))
        return made["key"]

    # --- the ledger ---

    def rows(self) -> list[dict[str, Any]]:
        """The ledger as it is on disk now, oldest first."""
        ledger = self.data / "ledger.db"
        if not ledger.exists():
            return []
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'ledger'").fetchall()
            return [dict(row) for row in database.execute("SELECT * FROM ledger ORDER BY id")] if tables else []

    def rows_of(self, request_id: str, *, at_least: int = 1) -> list[dict[str, Any]]:
        """The rows of one request, once they are there."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [row for row in self.rows() if row["request_id"] == request_id]
            return len(found) >= at_least

        self.until(there, f"{at_least} ledger rows of {request_id}")
        return found

    def row_of_stopped(self, request_id: str) -> dict[str, Any]:
        """The same once the gateway has stopped: whatever it knew must be on disk."""
        rows = [row for row in self.rows() if row["request_id"] == request_id]
        assert len(rows) == 1, rows
        return rows[0]

    def row_of(self, request_id: str) -> dict[str, Any]:
        """The one row of a request that had one attempt."""
        rows = self.rows_of(request_id)
        assert len(rows) == 1, rows
        return rows[0]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was faster
