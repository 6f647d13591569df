"""Ports that are ours. Granian sets SO_REUSEPORT: a stale worker on a port silently takes a share of the connections
and of the figures with it. So a port is taken only when nobody listens there, and once a server is up every listening
socket on its port must belong to that server's own processes.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LISTENING = "0A"
# Below the usual range of ephemeral ports, so that no outgoing connection can be in the way.
RANGE = range(20_000, 32_000)


class PortTaken(Exception):
    """Somebody else listens on a port of this run."""


def take(count: int) -> list[int]:
    """Ports of loopback on which nobody listens now."""
    candidates = random.sample(RANGE, k=len(RANGE))
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise PortTaken(f"fewer than {count} free ports in {RANGE}")


def is_free(port: int) -> bool:
    """Whether a plain bind succeeds: it does not beside a listener, whatever options that one has set."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return not listeners(port)


def listeners(port: int) -> set[int]:
    """Inodes of the sockets that listen on `port`, IPv4 and IPv6."""
    found: set[int] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(int(fields[9]))
    return found


def check_owned(port: int, pids: Iterable[int]) -> None:
    """Raise PortTaken unless every listener on `port` is a socket of one of `pids`."""
    ours = {inode for pid in pids for inode in _sockets(pid)}
    foreign = listeners(port) - ours
    if foreign:
        raise PortTaken(f"port {port} has {len(foreign)} listener(s) of another process: stop it and run again")


def get(port: int, path: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    """Status and body of one GET on loopback. Raises OSError or HTTPException."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)) as link:
        link.request("GET", path)
        answer = link.getresponse()
        return answer.status, answer.read()


def wait_for(port: int, path: str, within_s: float, check: Callable[[], None]) -> float:
    """Ask every millisecond until the answer is 200; seconds it took. Raises TimeoutError, or what `check` raises."""
    started = time.perf_counter()
    while True:
        try:
            status, _ = get(port, path)
        except (OSError, http.client.HTTPException):
            status = 0
        took = time.perf_counter() - started
        if status == 200:
            return took
        check()
        if took > within_s:
            raise TimeoutError(f"port {port}: no 200 on {path} within {within_s:g} s (last status {status})")
        time.sleep(0.001)


def _sockets(pid: int) -> set[int]:
    found: set[int] = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return found
