"""Fixtures that start real servers. Each is started once; what a test scripted is forgotten before the next one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.upstreams import FakeUpstream, never_accepting, refusing_url

UPSTREAM_KEY = "sk-upstream-0123456789"
SHORT = {"connect": "400ms", "first_byte": "400ms", "answer": "400ms", "idle": "400ms", "total": "10s"}


def policy_for(upstream: FakeUpstream, unconnectable: str = "") -> dict[str, Any]:
    """The models of the tests.

    `fake-1`: a fake provider with a price · `hasty-fake`: the same with short deadlines · `refused-1`: nobody listens ·
    `unconnectable-1`: connecting hangs · `spare-1`: refused first, then fake · `echo`: the offline model.
    """
    fake = {"type": "openai_compatible", "base_url": upstream.base_url, "api_key": "env:UPSTREAM_KEY"}
    return {
        "version": 1,
        "providers": {
            "fake": {**fake, "prices": {"input": 2, "output": 8}},
            "hasty": {**fake, "timeouts": SHORT},
            "refused": {**fake, "base_url": refusing_url()},
            "unconnectable": {**fake, "base_url": unconnectable or refusing_url(), "timeouts": SHORT},
            "echo": {"type": "echo"},
        },
        "models": {
            "fake-1": {"targets": ["fake/fake-1"]},
            "hasty-fake": {"targets": ["hasty/fake-1"]},
            "refused-1": {"targets": ["refused/fake-1"]},
            "unconnectable-1": {"targets": ["unconnectable/fake-1"]},
            "spare-1": {"targets": ["refused/fake-1", "fake/fake-1"]},
            "echo": {"targets": ["echo/echo"]},
        },
    }


@pytest.fixture(scope="session")
def session_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(UPSTREAM_KEY) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def session_gateway(session_upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with never_accepting() as unconnectable:
        policy = policy_for(session_upstream, unconnectable)
        with Gateway(tmp_path_factory.mktemp("gateway"), policy, env={"UPSTREAM_KEY": UPSTREAM_KEY}) as gateway:
            yield gateway


@pytest.fixture
def upstream(session_upstream: FakeUpstream) -> Iterator[FakeUpstream]:
    """The fake provider behind the gateway."""
    session_upstream.reset()
    yield session_upstream
    session_upstream.reset()


@pytest.fixture
def gateway(session_gateway: Gateway, upstream: FakeUpstream) -> Iterator[Gateway]:
    """The gateway that most tests share. A test that brings it down fails, and does not fail the next one."""
    if not session_gateway.alive():
        session_gateway.start()
    session_gateway.until(session_gateway.worker_pids, "served by anybody")
    workers, logged = session_gateway.worker_pids(), len(session_gateway.logged())
    yield session_gateway
    said = session_gateway.logged()[logged:]
    assert session_gateway.alive(), f"the gateway is gone:\n{said[-4_000:]}"
    session_gateway.until(lambda: session_gateway.worker_pids() == workers, "served by the same workers as before")
    assert "Traceback" not in said, f"an exception came to the top:\n{said[-4_000:]}"
