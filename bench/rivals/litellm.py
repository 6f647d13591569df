"""LiteLLM's proxy as a target."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.load import ports
from bench.load.procs import Start
from bench.load.rig import Endpoint, Lane, Mock
from bench.load.targets import Target, render, serving, upstreams

from .cache import install_python

REQUIREMENT = "litellm[proxy]==1.106.2"
CONFIG = Path(__file__).parent / "litellm.yaml"
START_WITHIN_S = 120.0


@contextlib.contextmanager
def litellm(mock: Mock, core: int, folder: Path) -> Iterator[Target]:
    """One worker, production mode."""
    programs = install_python(REQUIREMENT)
    home = folder / "litellm"
    home.mkdir(exist_ok=True)
    config = home / "litellm.yaml"
    config.write_text(render(CONFIG, upstreams(mock)), "utf-8")
    (port,) = ports.take(1)
    command = [
        str(programs / "litellm"),
        *("--config", str(config)),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--num_workers", "1"),
    ]
    env = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    headers = ("Authorization: Bearer sk-bench-master",)
    endpoints = {lane: Endpoint(port, f"bench-{lane}", headers=headers) for lane in Lane}
    with Start("litellm", command, core, home / "litellm.log", env, home).running() as running:
        target = Target("litellm", running, endpoints, port, "/health/readiness")
        yield serving(target, START_WITHIN_S)
