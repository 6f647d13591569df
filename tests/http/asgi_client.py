"""One ASGI exchange by hand: what the caller sends and when it leaves, and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


def scope(
    path: str = "/v1/chat/completions", method: str = "POST", headers: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    given = [("host", "gateway.test"), *headers]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given],
    }


class Caller:
    """`pieces` are the body's messages as the server hands them over; `gone` is set when the caller hangs up."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.gone = asyncio.Event()
        self.received = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        if self._pieces:
            return {"type": "http.request", "body": self._pieces.pop(0), "more_body": True}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def ended(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False
