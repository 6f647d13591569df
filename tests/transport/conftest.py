"""Runs coroutine tests on uvloop, and gives them a transport."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvloop

from aigate.transport import Transport, TransportSettings

Opener = Callable[..., AbstractAsyncContextManager[Transport]]


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """For the tests that run on both."""
    return uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    args = {name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}
    loop_factory: Any = pyfuncitem.funcargs.get("loop_factory", uvloop.new_event_loop)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(pyfuncitem.obj(**args))
    return True


@pytest.fixture
def transport() -> Opener:
    """Opens a transport that leaves nothing behind."""

    @asynccontextmanager
    async def opened(environ: dict[str, str] | None = None, **settings: int) -> AsyncIterator[Transport]:
        transport = Transport(asyncio.get_running_loop(), TransportSettings(**settings), environ or {})
        try:
            yield transport
        finally:
            transport.close()
        assert (transport.in_flight, transport.open_connections) == (0, 0)

    return opened
