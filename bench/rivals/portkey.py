"""Portkey's gateway as a target: it has no configuration, each request says in its headers where it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.load import ports
from bench.load.procs import Start
from bench.load.rig import Endpoint, Lane, Mock
from bench.load.targets import Target, serving

from .cache import install_node

REQUIREMENT = "@portkey-ai/gateway@1.15.2"
START_WITHIN_S = 60.0


@contextlib.contextmanager
def portkey(mock: Mock, core: int, folder: Path) -> Iterator[Target]:
    """One process, no console."""
    home = install_node(REQUIREMENT)
    server = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    (port,) = ports.take(1)
    command = ["node", str(server), f"--port={port}", "--headless"]
    env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    endpoints = {lane: Endpoint(port, headers=_headers(mock.ports[lane])) for lane in Lane}
    with Start("portkey", command, core, folder / "portkey.log", env, home).running() as running:
        yield serving(Target("portkey", running, endpoints, port, "/"), START_WITHIN_S)


def _headers(upstream: int) -> tuple[str, ...]:
    return (
        "Authorization: Bearer sk-bench",
        "x-portkey-provider: openai",
        f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1",
    )
