"""The log of receipts: one JSON object a line, written as the worker wrote it.

Invariants: a reader that does not read cannot hold up the ledger, it loses lines, and they are counted; what is written
is whole lines.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Sequence

PATIENCE_MS = 1_000
WHOLE = 1 << 20


class LineLog:
    """Writes to a file, a terminal or a pipe. For one thread at a time.

    Attributes:
        dropped: lines given up because nobody took them.
    """

    def __init__(self, fd: int, patience_ms: int = PATIENCE_MS) -> None:
        """`patience_ms`: how long to wait for a reader before giving lines up; then not again until it has read."""
        self._fd = fd
        self._patience_ms = patience_ms
        # A pipe that is ready takes this much without blocking; its mode is not ours to change.
        self._piece = WHOLE if stat.S_ISREG(os.fstat(fd).st_mode) else select.PIPE_BUF
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._stuck = False
        self._within_line = False
        self.dropped = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, given without their ends."""
        if not lines:
            return
        data = memoryview((b"\n" if self._within_line else b"") + b"\n".join(lines) + b"\n")
        while data:
            written = self._write_piece(data[: self._piece])
            if not written:
                self.dropped += bytes(data).count(b"\n")
                return
            self._within_line = data[written - 1] != ord("\n")
            data = data[written:]

    def _write_piece(self, piece: memoryview) -> int:
        ready = self._poll.poll(0 if self._stuck else self._patience_ms)
        self._stuck = not ready
        if self._stuck:
            return 0
        try:
            return os.write(self._fd, piece)
        except OSError:
            self._stuck = True
            return 0
