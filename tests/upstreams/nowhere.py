"""Upstreams that cannot be reached: one refuses, one never lets a connection be made."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def refusing_url() -> str:
    """A base URL where connections are refused."""
    return f"http://127.0.0.1:{free_port()}/v1"


@contextmanager
def never_accepting() -> Iterator[str]:
    """The base URL of a listener whose queue is full, so that connecting hangs."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
