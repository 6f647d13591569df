"""`aigate serve`: the process above the workers.

Owns the listeners, the steward that turns spools into ledger, metrics and log lines, the word to drain, and the
supervision of workers (Granian's). Holds no request: when it dies the workers drain by themselves, and what they wrote
is adopted at the next start.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from . import __version__
from .admin import AdminListener, AdminSettings
from .app import Boot, make_worker
from .config import PolicyWatch, load_policy
from .domain import Receipt, Snapshot
from .errors import GatewayError, PolicyInvalid
from .identity import development_key
from .ledger import Steward
from .store import KeyTable
from .telemetry import KnownNames, LineLog, Metrics, TelemetryViews

HEAD_BUFFER_BYTES = 64 * 1024
BACKLOG = 4096
MAX_CONNECTIONS = 16_384
MAX_TEAM_SERIES = 200

# Standard output is the log of receipts; what the server and the gateway say of themselves goes to standard error.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"_granian": {"level": "WARNING"}, "granian.access": {"level": "WARNING"}},
}


class Settings(msgspec.Struct, frozen=True):
    """The command line of `aigate serve`, checked.

    Attributes:
        config: None = the embedded default.
        data: the data folder; made when missing, for this user only.
        drain_s: how long streams may go on after SIGTERM.
        pre_stop_s: how long new requests are still taken after SIGTERM, while readiness is off.
    """

    host: str
    port: int
    admin_host: str
    admin_port: int
    workers: int
    config: str | None
    data: str
    drain_s: float = 300.0
    pre_stop_s: float = 0.0


def main(written: str) -> None:
    """Entry of the process; `written` is a Settings as JSON."""
    settings = msgspec.json.decode(written, type=Settings)
    try:
        serve(settings)
    except PolicyInvalid as error:
        sys.exit("\n".join(error.faults))
    except GatewayError as error:
        sys.exit(f"aigate: {error.message}")
    except OSError as error:
        sys.exit(f"aigate: {error}")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises PolicyInvalid, SystemExit."""
    env = {**os.environ, "AIGATE_DATA": settings.data}
    policy = Path(settings.config) if settings.config else None
    loaded = load_policy(policy, env)
    if settings.port == settings.admin_port:
        sys.exit(f"aigate: port {settings.port}: the data and the admin listener need one each")
    data = Path(settings.data).resolve()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for host, port in ((settings.host, settings.port), (settings.admin_host, settings.admin_port)):
        _require_free(host, port)
    watch = PolicyWatch(loaded.sources, loaded.next_price_day)
    steward = Steward(data, NamedViews(loaded.snapshot, policy, env, watch), workers=settings.workers)
    steward.start()
    run = data / "run"
    # The data folder is ours from here on; what a killed gateway left there is not meant for our workers.
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(mode=0o700)
    admin = AdminListener(AdminSettings(settings.admin_host, settings.admin_port), steward)
    admin.start()
    boot = Boot(settings.config, str(data), str(run), settings.drain_s, os.getpid())
    supervisor = Supervisor(settings, run, steward)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    supervisor.on_startup(lambda: _banner(settings, data, loaded.notices))
    try:
        supervisor.serve(target_loader=partial(make_worker, boot), wrap_loader=False)
    finally:
        admin.stop()
        steward.stop()
        shutil.rmtree(run, ignore_errors=True)


class Supervisor(MPServer):
    """Granian's supervisor with our signals: SIGTERM drains first, SIGHUP reloads the policy and not the workers."""

    def __init__(self, settings: Settings, run: Path, steward: Steward) -> None:
        super().__init__(
            "aigate",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            runtime_mode=RuntimeModes.st,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=MAX_CONNECTIONS,
            http1_settings=HTTP1Settings(max_buffer_size=HEAD_BUFFER_BYTES),
            log_level=LogLevels.warning,
            log_dictconfig=LOGGING,
            respawn_failed_workers=True,
            respawn_interval=0.5,
            workers_kill_timeout=int(settings.drain_s) + 10,
        )
        self._run = run
        self._steward = steward
        self._pre_stop_s = settings.pre_stop_s

    def signal_handler_interrupt(self, *_args: object, **_kwargs: object) -> None:
        """Readiness off at once; the workers are told after the time that load balancers need to notice.

        Only the first call does anything: a second signal can arrive inside the first one's handler, where Granian's
        event is already locked by this very thread.
        """
        if self._steward.draining:
            return
        self._steward.draining = True
        if self._pre_stop_s:
            threading.Timer(self._pre_stop_s, self._drain).start()
        else:
            self._drain()

    def _drain(self) -> None:
        (self._run / "drain").touch()
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call] # granian is not annotated

    def signal_handler_reload(self, *_args: object, **_kwargs: object) -> None:
        """Workers look at the policy files four times a second; SIGHUP makes them load even an unchanged one."""
        (self._run / "reload").touch()


class NamedViews(TelemetryViews):
    """Metrics whose labels are bounded by the names of the policy in force, and one log line a request."""

    def __init__(self, snapshot: Snapshot, policy: Path | None, env: Mapping[str, str], watch: PolicyWatch) -> None:
        self._names = Metrics(__version__, KnownNames.of(snapshot, MAX_TEAM_SERIES))
        super().__init__(self._names, LineLog(sys.stdout.fileno()))
        self._policy, self._env, self._watch = policy, env, watch

    def observe(self, receipts: Sequence[Receipt]) -> None:
        """Count receipts under the names that the workers know them by."""
        if self._watch.changed():
            self._rename()
        super().observe(receipts)

    def _rename(self) -> None:
        try:
            loaded = self._watch.reload(self._policy, self._env)
        except PolicyInvalid:
            return  # the workers keep the last good policy, and say so
        self._names.use_names(KnownNames.of(loaded.snapshot, MAX_TEAM_SERIES))


def _require_free(host: str, port: int) -> None:
    """Refuse to share a port: Granian sets SO_REUSEPORT, so a stale process would silently take part of the traffic."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"aigate: cannot listen on {host}:{port}: {error.strerror}")


def _banner(settings: Settings, data: Path, notices: tuple[str, ...]) -> None:
    """What to do next, with a key that works: only for the embedded default, where nobody has set up keys yet."""
    base = f"http://{settings.host}:{settings.port}"
    lines = [f"aigate {base}/v1   admin http://{settings.admin_host}:{settings.admin_port}", *notices]
    if settings.config is None:
        keys = KeyTable.open(data)
        key = development_key(data / "development.key", keys)
        keys.close()
        lines += [
            "",
            f"curl {base}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\",
            """  -d '{"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}'""",
            "",
            f"Python: OpenAI(base_url='{base}/v1', api_key='{key}')",
        ]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


multiprocessing.set_start_method("spawn", force=True)  # workers start clean: no lock or thread of ours comes along
