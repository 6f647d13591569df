"""The two ends of the load, built from `rig/`: the mock upstream and the client. Both run on the second core."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from . import ports
from .procs import Running, Start

SOURCE = Path(__file__).parent / "rig"
EVENTS_PER_STREAM = 51
REPLY_BYTES = 700  # at least; a body that was re-serialised may be shorter than the mock's 770


class LoadInvalid(Exception):
    """A run whose answers were not all what they should be: no figure comes of it."""


class Lane(StrEnum):
    """What the mock answers: one JSON body, or a stream at a pace."""

    PLAIN = "plain"
    STREAM = "stream"
    PACED = "paced"
    SLOW = "slow"

    @property
    def is_stream(self) -> bool:
        """Whether its requests ask for a stream."""
        return self is not Lane.PLAIN


PACE_MS = {Lane.PLAIN: 0, Lane.STREAM: 0, Lane.PACED: 10, Lane.SLOW: 200}


class Endpoint(msgspec.Struct, frozen=True):
    """Where the client sends the requests of one lane."""

    port: int
    model: str = "gpt-4o-mini"
    path: str = "/v1/chat/completions"
    headers: tuple[str, ...] = ()


class Percentiles(msgspec.Struct, frozen=True):
    """Microseconds."""

    samples: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Outcome(msgspec.Struct, frozen=True):
    """What the client reports; see `rig/src/client/report.rs`."""

    ok: int
    failed: int
    events: int
    body_bytes: int
    reconnects: int
    errors: dict[str, int]
    elapsed_s: float
    per_second: float
    latency_us: Percentiles
    first_byte_us: Percentiles
    lag_us: Percentiles


class Load(msgspec.Struct, frozen=True):
    """How much load, for how long. `rate` 0 = closed loop, every connection always busy."""

    connections: int = 64
    seconds: float = 5.0
    requests: int | None = None
    rate: float = 0.0
    warm_up: float = 0.0


class Mock(msgspec.Struct, frozen=True):
    """The running upstream."""

    running: Running
    ports: dict[Lane, int]

    def served(self) -> int:
        """Chat completions it was asked for since its start."""
        status, body = ports.get(self.ports[Lane.PLAIN], "/stats")
        if status != 200:
            raise LoadInvalid(f"the mock's /stats answered {status}")
        counts: dict[str, int] = json.loads(body)
        if counts["refused"]:
            raise LoadInvalid(f"the mock refused {counts['refused']} requests: they were not chat completions")
        return counts["plain"] + counts["streams"]


def build() -> Path:
    """Compile the rig; the path of the program. Raises CalledProcessError."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=SOURCE, stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message.get("executable"):
            return Path(message["executable"])
    raise FileNotFoundError("cargo built the rig and named no program")


@contextlib.contextmanager
def mock(program: Path, core: int, folder: Path) -> Iterator[Mock]:
    """The upstream, one port per lane."""
    lanes = list(Lane)
    at = dict(zip(lanes, ports.take(len(lanes)), strict=True))
    command = [str(program), "mock", *_option("listen", *(f"{at[lane]}={PACE_MS[lane]}" for lane in lanes))]
    with Start("mock", command, core, folder / "mock.log").running() as running:
        ports.wait_for(at[Lane.PLAIN], "/stats", 5.0, running.check_alive)
        for port in at.values():
            ports.check_owned(port, running.tree())
        yield Mock(running, at)


class Client:
    """Starts the client; every request of the whole run has its own number."""

    def __init__(self, program: Path, core: int, folder: Path) -> None:
        self._program = program
        self._core = core
        self._folder = folder
        self._number = 0

    def start(self, endpoint: Endpoint, bodies: Path, load: Load) -> Running:
        """Begin; `finish` waits for the end."""
        command = [
            str(self._program),
            "client",
            *_option("address", f"127.0.0.1:{endpoint.port}"),
            *_option("path", endpoint.path),
            *_option("bodies", bodies),
            *_option("first-number", self._number),
            *_option("connections", load.connections),
            *_option("seconds", load.seconds),
            *_option("rate", load.rate),
            *_option("warm-up", load.warm_up),
            *_option("header", *endpoint.headers),
        ]
        if load.requests is not None:
            command += _option("requests", load.requests)
        # More numbers than any run can use, so that no number comes twice.
        self._number += 10_000_000
        log = self._folder / "client.log"
        log.unlink(missing_ok=True)
        return Start("client", command, self._core, log).now()

    def finish(self, running: Running, lane: Lane) -> Outcome:
        """Wait for the client's end. Raises LoadInvalid when not every answer was whole."""
        code = running.wait()
        if code != 0:
            raise LoadInvalid(f"the client ended with code {code}:\n{running.log_end()}")
        outcome = msgspec.json.decode(running.log.read_bytes(), type=Outcome)
        _check(outcome, lane)
        return outcome


def _option(name: str, *values: object) -> list[str]:
    return [word for value in values for word in (f"--{name}", str(value))]


def _check(outcome: Outcome, lane: Lane) -> None:
    if outcome.failed:
        raise LoadInvalid(f"{outcome.failed} of {outcome.failed + outcome.ok} requests failed: {outcome.errors}")
    if outcome.ok == 0:
        raise LoadInvalid("no request was answered")
    if lane.is_stream and outcome.events != EVENTS_PER_STREAM * outcome.ok:
        raise LoadInvalid(f"{outcome.ok} streams had {outcome.events} events, not {EVENTS_PER_STREAM} each")
    if not lane.is_stream and outcome.body_bytes < REPLY_BYTES * outcome.ok:
        raise LoadInvalid(f"{outcome.ok} answers had {outcome.body_bytes} bytes: too short to be the mock's")
