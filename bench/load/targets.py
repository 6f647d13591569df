"""What is measured: the mock itself, nginx in front of it, and the gateway in front of it. All answer the same lanes,
so a scenario takes a target by name and asks for the endpoint of a lane.

Invariant: a target that is handed out has answered, and nobody else listens on its ports.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from . import ports
from .procs import Running, Start
from .rig import Endpoint, Lane, Mock

HERE = Path(__file__).parent
PLACEHOLDER = re.compile(r"@([a-z_]+)@")
START_WITHIN_S = 30.0


class Target(msgspec.Struct, frozen=True):
    """One thing that answers chat completions.

    Attributes:
        name: in tables.
        running: its processes.
        endpoints: where the requests of each lane go.
        ready_port, ready_path: answers 200 once it serves.
        ready_s: from exec to the first such answer.
    """

    name: str
    running: Running
    endpoints: Mapping[Lane, Endpoint]
    ready_port: int
    ready_path: str = "/readyz"
    ready_s: float = 0.0


def direct(mock: Mock) -> Target:
    """The mock with nothing in front of it."""
    endpoints = {lane: Endpoint(port) for lane, port in mock.ports.items()}
    return Target("mock alone", mock.running, endpoints, mock.ports[Lane.PLAIN])


@contextlib.contextmanager
def nginx(mock: Mock, core: int, folder: Path) -> Iterator[Target]:
    """`proxy_pass` with one worker."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise FileNotFoundError("nginx is not installed: it is the yardstick of this benchmark")
    home = folder / "nginx"
    home.mkdir(parents=True, exist_ok=True)
    at = dict(zip(Lane, ports.take(len(Lane)), strict=True))
    config = home / "nginx.conf"
    config.write_text(
        render(HERE / "nginx.conf", {"folder": str(home), **upstreams(mock), **_named("port", at)}), "utf-8"
    )
    start = Start("nginx", [program, "-p", str(home), "-c", str(config)], core, home / "nginx.log")
    endpoints = {lane: Endpoint(port) for lane, port in at.items()}
    with start.running() as running:
        yield serving(Target("nginx", running, endpoints, at[Lane.PLAIN]))


class Gateway:
    """aigate as `aigate serve` starts it, one worker, its data in a folder of its own."""

    def __init__(self, mock: Mock, core: int, folder: Path) -> None:
        self._core = core
        self._home = folder / "aigate"
        self._data = self._home / "data"
        self._data.mkdir(parents=True, exist_ok=True)
        self._config = self._home / "aigate.yaml"
        self._config.write_text(render(HERE / "aigate.yaml", upstreams(mock)), "utf-8")
        self._env = {"AIGATE_DATA": str(self._data), "BENCH_UPSTREAM_KEY": "sk-bench"}
        self._key = self._mint()

    @contextlib.contextmanager
    def serving(self) -> Iterator[Target]:
        """One life of the server."""
        data_port, admin_port = ports.take(2)
        headers = (f"Authorization: Bearer {self._key}",)
        endpoints = {lane: Endpoint(data_port, f"bench-{lane}", headers=headers) for lane in Lane}
        command = [
            *self._aigate("serve"),
            *("--port", str(data_port), "--admin-port", str(admin_port), "--workers", "1"),
        ]
        start = Start("aigate", command, self._core, self._home / "aigate.log", self._env, self._home)
        with start.running() as running:
            yield serving(Target("aigate", running, endpoints, admin_port))

    def _aigate(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "aigate", *verb.split(), "--config", str(self._config)]

    def _mint(self) -> str:
        command = [*self._aigate("keys create"), "--json", "--team", "bench"]
        done = subprocess.run(
            command, env={**os.environ, **self._env}, cwd=self._home, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"aigate keys create ended with code {done.returncode}:\n{done.stderr[-2000:]}")
        key: str = json.loads(done.stdout)["key"]
        return key


def serving(target: Target, within_s: float = START_WITHIN_S) -> Target:
    """The target once it answers, its ports checked; `ready_s` is filled in."""
    ready_s = ports.wait_for(target.ready_port, target.ready_path, within_s, target.running.check_alive)
    for port in {endpoint.port for endpoint in target.endpoints.values()}:
        ports.check_owned(port, target.running.tree())
    return msgspec.structs.replace(target, ready_s=ready_s)


def render(template: Path, values: Mapping[str, str]) -> str:
    """The text of the file with every `@name@` filled in. Raises KeyError for one nobody knows."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], template.read_text("utf-8"))


def upstreams(mock: Mock) -> dict[str, str]:
    """The mock's ports as templates name them."""
    return _named("upstream", mock.ports)


def _named(prefix: str, at: Mapping[Lane, int]) -> dict[str, str]:
    return {f"{prefix}_{lane}": str(port) for lane, port in at.items()}
