"""One connection of the fake upstream: strict HTTP/1.1 in, a Play out, and a note of when the peer let go."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .play import Play

MAX_HEAD_BYTES = 256 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Seen:
    """One request as it came, and what became of it. Times are time.monotonic(), comparable across processes.

    Attributes:
        connection: 1, 2, …: which connection of this upstream it came over.
        sent: body bytes of the answer handed to the kernel.
        answered: when the whole answer had been sent; None = it never was.
        client_gone: when the peer closed or reset the connection; None = it has not.
        refused: the status of a strict refusal; 0 = it was taken.
    """

    connection: int
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    arrived: float
    sent: int = 0
    answered: float | None = None
    client_gone: float | None = None
    refused: int = 0

    def header(self, name: str) -> str | None:
        """The value of a header that must not be repeated."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WatchedReader(asyncio.StreamReader):
    """Notes the moment at which the peer is gone, whether anybody is reading or not."""

    def __init__(self) -> None:
        super().__init__(limit=MAX_HEAD_BYTES)
        self.gone = asyncio.Event()
        self.gone_at: float | None = None

    def feed_eof(self) -> None:
        self._note()
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        self._note()
        super().set_exception(exc)

    def _note(self) -> None:
        if self.gone_at is None:
            self.gone_at = time.monotonic()
        self.gone.set()


@dataclass
class Connection:
    """Serves one peer until it or a Play closes the connection."""

    number: int
    reader: WatchedReader
    writer: asyncio.StreamWriter
    answer: Callable[[Seen], Play]
    gate: Callable[[str], Awaitable[None]]
    changed: Callable[[], None]
    current: Seen | None = field(default=None)

    async def serve(self) -> None:
        """Requests one after the other."""
        watch = asyncio.create_task(self._note_gone())
        try:
            while (seen := await self._request()) is not None:
                self.current = seen
                if not await self._play(self.answer(seen), seen):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the peer's way of leaving; what it left is in `seen`
        finally:
            watch.cancel()
            if self.reader.gone.is_set():
                self._mark_gone()
            self.writer.close()

    async def _note_gone(self) -> None:
        await self.reader.gone.wait()
        self._mark_gone()

    def _mark_gone(self) -> None:
        if self.current is not None and self.current.client_gone is None:
            self.current.client_gone = self.reader.gone_at
            self.changed()

    async def _request(self) -> Seen | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        request_line, *lines = head.decode("latin-1")[:-4].split("\r\n")
        method, path, version = request_line.split(" ")
        assert version == "HTTP/1.1", version
        pairs = [line.partition(":") for line in lines]
        headers = [(name.lower(), value.strip()) for name, _, value in pairs]
        body = await self._body(dict(headers))
        return Seen(self.number, method, path, headers, body, time.monotonic())

    async def _body(self, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding") == "chunked":
            return await self._chunks()
        length = int(fields.get("content-length", "0"))
        assert length <= MAX_BODY_BYTES
        return await self.reader.readexactly(length)

    async def _chunks(self) -> bytes:
        pieces: list[bytes] = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            pieces.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readuntil(b"\r\n")
        return b"".join(pieces)

    async def _play(self, play: Play, seen: Seen) -> bool:
        """Answer; says whether the connection goes on."""
        if play.wait_s is None:
            await self.reader.gone.wait()
            return False
        if play.wait_s:
            await asyncio.sleep(play.wait_s)
        if play.raw is not None:
            await self._write(play.raw)
            self._answered(seen)
            if play.ending == "stall":
                await self.reader.gone.wait()
            return False
        await self._write(_head(play))
        await self._send_body(play, seen)
        if play.ending == "stall":
            await self.reader.gone.wait()
            return False
        if play.ending != "complete":
            self._break(play.ending == "rst")
            return False
        if play.framing == "chunked":
            await self._write(b"0\r\n\r\n")
        self._answered(seen)
        return play.framing != "close" and seen.header("connection") != "close"

    def _answered(self, seen: Seen) -> None:
        seen.answered = time.monotonic()
        self.changed()

    async def _send_body(self, play: Play, seen: Seen) -> None:
        limit = len(play.body) if play.ending == "complete" else play.ending_at
        held = play.hold != ""
        for piece in (*play.pieces, b""):
            if held and seen.sent >= play.hold_at:
                await self._wait_at_gate(play.hold)
                held = False
            if data := piece[: limit - seen.sent]:
                await self._write(b"%x\r\n%b\r\n" % (len(data), data) if play.framing == "chunked" else data)
                seen.sent += len(data)
                self.changed()
                await asyncio.sleep(play.pace_s)

    async def _wait_at_gate(self, name: str) -> None:
        """Until the test opens the gate, or the peer leaves."""
        waits = [asyncio.ensure_future(self.gate(name)), asyncio.ensure_future(self.reader.gone.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self.reader.gone.is_set():
            raise ConnectionResetError

    async def _write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def _break(self, reset: bool) -> None:
        if reset:
            with contextlib.suppress(OSError):
                self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.writer.transport.abort()
        else:
            self.writer.close()


def _head(play: Play) -> bytes:
    lines = [f"HTTP/1.1 {play.status} {play.reason}", *(f"{name}: {value}" for name, value in play.headers)]
    match play.framing:
        case "length":
            lines.append(f"content-length: {len(play.body)}")
        case "chunked":
            lines.append("transfer-encoding: chunked")
        case _:
            lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
