"""A provider that lies, stalls, cuts and drips: an HTTP/1.1 server of raw sockets on its own thread.

It refuses what OpenAI would refuse (see `strict`), plays what the test scripted, and remembers every request with the
moment at which the peer let go. Scripted plays are used up one a request; then the default answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .connection import Connection, Seen, WatchedReader
from .play import Play, completion, completion_stream
from .strict import refuse

START_S = 5.0


def usual_answer(seen: Seen) -> Play:
    """A good answer of the kind that was asked for."""
    return completion_stream() if seen.json.get("stream") else completion()


class FakeUpstream:
    """Use as a context manager; every method may be called from the test's thread."""

    def __init__(self, api_key: str = "sk-upstream", *, strict: bool = True) -> None:
        self.api_key = api_key
        self.strict = strict
        self.seen: list[Seen] = []
        self.connections = 0
        self._plays: deque[Play] = deque()
        self._default: Callable[[Seen], Play] = usual_answer
        self._gates: dict[str, asyncio.Event] = {}
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="fake-upstream", daemon=True)
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    # --- what a test says ---

    def script(self, *plays: Play) -> None:
        """Play these, one a request, before anything else."""
        self._plays.extend(plays)

    def always(self, answer: Play | Callable[[Seen], Play]) -> None:
        """What to do with requests that no script is left for."""
        self._default = answer if callable(answer) else lambda _: answer

    def open(self, gate: str) -> None:
        """Let every answer held at this gate go on."""
        self._loop.call_soon_threadsafe(self._gate(gate).set)

    def reset(self) -> None:
        """Forget what was scripted and seen, be strict again; what is still held is let go."""
        for gate in list(self._gates):
            self.open(gate)
        self._plays.clear()
        self._gates = {}
        self._default = usual_answer
        self.seen = []
        self.strict = True

    def wait(self, condition: Callable[[], object], deadline_s: float = 5.0) -> None:
        """Wait until `condition`, looked at after each change here, holds."""
        with self._changed:
            assert self._changed.wait_for(condition, deadline_s), f"not within {deadline_s} s; seen: {self.seen}"

    def wait_for_requests(self, count: int, deadline_s: float = 5.0) -> list[Seen]:
        """The requests, once there are `count` of them."""
        self.wait(lambda: len(self.seen) >= count, deadline_s)
        return self.seen

    # --- the server ---

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait(lambda: self.port, START_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._listen())
        self.port = server.sockets[0].getsockname()[1]
        self._notify()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # transports closed above are let go of
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(self._protocol, "127.0.0.1", 0, backlog=1024)

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        reader = WatchedReader()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            connection = Connection(self.connections, reader, writer, self._answer, self._pass, self._notify)
            task = self._loop.create_task(connection.serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return asyncio.StreamReaderProtocol(reader, connected)

    def _answer(self, seen: Seen) -> Play:
        refusal = refuse(seen.path, seen.headers, seen.body, self.api_key) if self.strict else None
        if refusal is not None:
            seen.refused = refusal.status
        play = refusal or (self._plays.popleft() if self._plays else self._default(seen))
        with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()
        return play

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def _pass(self, gate: str) -> None:
        await self._gate(gate).wait()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
