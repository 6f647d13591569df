"""An upstream made of raw sockets, one thread a connection, that does exactly what a test's handler says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import NamedTuple, Self

PATIENCE_S = 10.0


class Received(NamedTuple):
    """One request as it stood on the wire."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        (value,) = [value for key, value in self.headers if key == name]
        return value


class Wire:
    """One accepted connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""

    def request(self) -> Received | None:
        """The next request; None when the client has closed instead."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        line, *lines = head.decode().split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines if line)]
        length = int(dict(headers).get("content-length", "0"))
        while len(self._rest) < length:
            self._rest += self.sock.recv(65536)
        body, self._rest = self._rest[:length], self._rest[length:]
        return Received(line, headers, body)

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.sock.sendall(part)

    def answer(self, body: bytes = b"ok", head: str = "HTTP/1.1 200 OK\r\n") -> None:
        self.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def wait_closed(self) -> bool:
        """Whether the client closes or resets while nothing is sent to it."""
        self.sock.settimeout(PATIENCE_S)
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._rest:
            data = self.sock.recv(65536)
            if not data:
                return None
            self._rest += data
        found, self._rest = self._rest.split(end, 1)
        return found


class Peer:
    """Listens while the `with` block runs; a connection is closed when the handler returns."""

    def __init__(self, handler: Callable[[Wire], object], tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._failures: list[Exception] = []
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.port}/v1"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a handler hangs"
        assert not self._failures, self._failures

    def _start(self, work: Callable[..., object], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            sock.settimeout(PATIENCE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        raw = sock
        self._open.add(raw)
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
            self._handler(Wire(sock))
        except OSError:
            pass  # the client went away, or the test is over
        except Exception as error:  # noqa: BLE001 - told to the test when the block ends
            self._failures.append(error)
        finally:
            self._open.discard(raw)
            sock.close()


def in_turn(*handlers: Callable[[Wire], object]) -> Callable[[Wire], object]:
    """Each connection has its own handler."""
    left = iter(handlers)

    def handler(wire: Wire) -> object:
        return next(left)(wire)

    return handler


def always(*parts: bytes) -> Callable[[Wire], None]:
    """Answers the first request with these bytes, then closes."""

    def handler(wire: Wire) -> None:
        if wire.request() is not None:
            wire.send(*parts)

    return handler


def keep_alive(wire: Wire) -> None:
    """Answers every request with its own body."""
    while (request := wire.request()) is not None:
        wire.answer(request.body)
