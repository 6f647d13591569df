"""A caller of raw sockets: says exactly these bytes, hears exactly what comes back."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from typing import Any

from tests.gateway import Gateway

TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Heard:
    """One response."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, which must be in OpenAI's dialect."""
        found: dict[str, Any] = self.json["error"]
        assert set(found) == {"message", "type", "param", "code"}
        return found

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


def chat_body(model: str = "fake-1", text: str = "Hi", **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


def chat_request(gateway: Gateway, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole, correct request; `headers` replace or (when empty) remove the usual ones."""
    fields = {
        "host": "gateway.test",
        "authorization": f"Bearer {gateway.key}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


@contextmanager
def connected(gateway: Gateway) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=TIMEOUT_S) as connection:
        yield connection


def hear(connection: socket.socket, after_each: Callable[[bytes], object] = len) -> Heard:
    """The next response on this connection; `after_each` is shown what has come of the body after each piece."""
    response = HTTPResponse(connection)
    response.begin()
    body = b""
    while piece := response.read1(65_536):
        body += piece
        after_each(body)
    return Heard(response.status, response.msg, body)


def say(gateway: Gateway, request: bytes) -> Heard:
    """One request over a connection of its own."""
    with connected(gateway) as connection:
        connection.sendall(request)
        return hear(connection)


def ask(gateway: Gateway, body: bytes, headers: Mapping[str, str] | None = None) -> Heard:
    """One correct chat request."""
    return say(gateway, chat_request(gateway, body, headers))


def events(body: bytes) -> list[Any]:
    """The data of each event of a stream: JSON, or the text that is none."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    data = [line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")]
    return [piece.decode() if piece == b"[DONE]" else json.loads(piece) for piece in data]
