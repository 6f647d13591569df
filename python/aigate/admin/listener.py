"""The admin listener's own server, in a thread of the process above the workers.

It keeps answering when every worker is busy or gone, because it shares nothing with them: what it shows comes from the
steward, which reads what they wrote.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, Protocol

import msgspec
import orjson
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

_Message = MutableMapping[str, Any]
_Answer = tuple[int, bytes, bytes]

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"


class Health(Protocol):
    """What the listener shows."""

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether traffic should come, and the reasons."""

    def metrics(self) -> bytes:
        """Prometheus text, up to date."""


class AdminSettings(msgspec.Struct, frozen=True):
    """Where to listen."""

    host: str
    port: int


class AdminListener:
    """Serves health and metrics."""

    def __init__(self, settings: AdminSettings, health: Health) -> None:
        self._settings = settings
        self._health = health
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._run, name="aigate-admin", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(timeout=5)

    def _stop(self) -> None:
        if self._server is not None:
            self._server.stop()  # type: ignore[no-untyped-call] # granian is not annotated

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._server = Server(
            self._app,
            address=self._settings.host,
            port=self._settings.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
        )
        await self._server.serve()

    async def _app(
        self,
        scope: _Message,
        _receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        answer = partial(self._answer, scope["method"], scope["path"])
        status, content_type, body = await self._loop.run_in_executor(None, answer)  # a scrape waits for the ledger
        headers = [(b"content-type", content_type), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _answer(self, method: str, path: str) -> _Answer:
        if method not in {"GET", "HEAD"}:
            return 405, JSON, orjson.dumps({"error": "GET only"})
        if path == "/healthz":
            return 200, TEXT, b"ok\n"
        if path == "/readyz":
            ready, reasons = self._health.ready()
            return 200 if ready else 503, JSON, orjson.dumps({"ready": ready, **reasons})
        if path == "/metrics":
            return 200, b"text/plain; version=0.0.4; charset=utf-8", self._health.metrics()
        return 404, JSON, orjson.dumps({"error": "not found", "paths": ["/healthz", "/readyz", "/metrics"]})
