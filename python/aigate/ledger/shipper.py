"""Takes receipts from all spools to the sink, then to the views, then forgets what it need not remember.

No thread, no clock of its own, no locks: `steward` and the command line drive it. Invariants: the checkpoint never gets
ahead of what the sink has for good, so whatever dies is delivered again and nothing is lost; the sink says which ids
were new, and only those reach the views, so nothing is counted or logged twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from aigate.domain import Receipt
from aigate.store import Inserted

from .attempts import Finished, OpenAttempts, Unreadable
from .checkpoint import Checkpoint, Mark, load_checkpoint, save_checkpoint
from .format import SPOOL_FOLDER, is_folder_name
from .heartbeat import Heartbeat
from .segment import FILE_MODE
from .tail import FolderTail

DEAD_LETTERS_FILE = "dead-letters.jsonl"
PASS_BYTES = 1 << 20
BATCH = 5_000


class Sink(Protocol):
    """Where receipts are kept. Raises StoreUnavailable when it cannot be reached."""

    def insert(self, receipts: Sequence[Receipt]) -> Inserted:
        """Keep those that are not kept yet, all or nothing."""

    def harden(self) -> None:
        """Make everything kept so far survive a power failure."""

    def close(self) -> None:
        """Let go."""


class Views(Protocol):
    """What else is made of receipts."""

    def observe(self, receipts: Sequence[Receipt]) -> None:
        """Receipts that were not seen before."""

    def log(self, lines: Sequence[bytes]) -> None:
        """The same as JSON, one object each."""


class NoViews:
    """Makes nothing."""

    def observe(self, receipts: Sequence[Receipt]) -> None:
        """Let them pass."""

    def log(self, lines: Sequence[bytes]) -> None:
        """Let them pass."""


class Shipped(msgspec.Struct, frozen=True):
    """What was shipped since the start.

    Attributes:
        receipts: new rows; unfinished: of these, attempts whose worker died.
        dead_letters: records set aside because nobody can read or store them.
        skipped_bytes, skipped_stretches: damage in segments.
        foreign_folders: left alone because another version of aigate wrote them.
    """

    receipts: int = 0
    unfinished: int = 0
    dead_letters: int = 0
    skipped_bytes: int = 0
    skipped_stretches: int = 0
    foreign_folders: int = 0


class _DeadLetter(msgspec.Struct):
    reason: str
    record: bytes


class _Writer(NamedTuple):
    tail: FolderTail
    attempts: OpenAttempts


class Shipper:
    """The single reader of a data folder's spools. For one thread at a time."""

    def __init__(self, data: Path, sink: Sink, views: Views) -> None:
        self._data = data
        self._spool = data / SPOOL_FOLDER
        self._sink = sink
        self._views = views
        self._writers: dict[str, _Writer] = {}
        self._marks = load_checkpoint(self._spool).writers
        self._gathered = Finished([], [], [])
        self._unsaved = False
        self._shipped = Shipped()

    def ship(self) -> bool:
        """One pass over all spools; True = everything written before the call has been shipped.

        Raises StoreUnavailable, OSError. What was read stays here and goes first in the next pass.
        """
        self._deliver()
        self._discover()
        at_end = True
        broken: OSError | None = None
        for writer in [writer for writer in self._writers.values() if not writer.tail.finished]:
            try:
                at_end = self._gather(writer) and at_end
            except OSError as error:
                broken = error  # the others' receipts do not wait for it
            if len(self._gathered.receipts) >= BATCH:
                self._deliver()
        self._deliver()
        if broken is not None:
            raise broken
        return at_end

    @property
    def wants_saving(self) -> bool:
        """Whether `save` has something to do."""
        return self._unsaved

    @property
    def has_spent(self) -> bool:
        """Whether `save` would free disk space."""
        return any(writer.tail.finished or writer.tail.spent for writer in self._writers.values())

    def save(self) -> None:
        """Write the checkpoint and delete what it makes superfluous. Raises StoreUnavailable, OSError."""
        if self._gathered.receipts or self._gathered.unreadable:
            return
        self._sink.harden()
        marks = {
            name: Mark(writer.tail.positions, writer.attempts.intents)
            for name, writer in self._writers.items()
            if not writer.tail.finished
        }
        if self._spool.exists():
            save_checkpoint(self._spool, Checkpoint(writers=marks))
        self._unsaved = False
        for name, writer in list(self._writers.items()):
            if writer.tail.finished:
                del self._writers[name]
                writer.tail.delete_folder()
            else:
                writer.tail.delete(writer.tail.spent)

    def close(self) -> None:
        """Let go of spools and sink."""
        for writer in self._writers.values():
            writer.tail.close()
        self._writers.clear()
        self._sink.close()

    # --- reading ---

    def _gather(self, writer: _Writer) -> bool:
        tail = writer.tail
        skipped = tail.skipped_bytes, tail.skipped_stretches
        records, at_end = tail.read(PASS_BYTES)
        self._keep(writer.attempts.fold(records))
        if tail.finished:
            self._keep(writer.attempts.abandon())
        self._unsaved = self._unsaved or bool(records) or tail.finished
        self._count(
            skipped_bytes=tail.skipped_bytes - skipped[0], skipped_stretches=tail.skipped_stretches - skipped[1]
        )
        return at_end

    def _discover(self) -> None:
        try:
            folders = list(self._spool.iterdir())
        except FileNotFoundError:
            return
        for folder in folders:
            name = folder.name
            if name in self._writers or not is_folder_name(name):
                continue
            mark = self._marks.get(name, Mark())
            try:
                tail = FolderTail(folder, mark.positions)
            except FileNotFoundError:
                continue  # not quite begun
            self._writers[name] = _Writer(tail, OpenAttempts(mark.intents))

    def _keep(self, more: Finished) -> None:
        self._gathered.receipts.extend(more.receipts)
        self._gathered.lines.extend(more.lines)
        self._gathered.unreadable.extend(more.unreadable)

    # --- delivering ---

    def _deliver(self) -> None:
        receipts, lines, unreadable = self._gathered
        if receipts:
            inserted = self._sink.insert(receipts)
            self._gathered = Finished([], [], unreadable)
            unreadable += self._show(receipts, lines, inserted)
        if unreadable:
            _set_aside(self._data / DEAD_LETTERS_FILE, unreadable)
            self._count(dead_letters=len(unreadable))
            unreadable.clear()

    def _show(self, receipts: list[Receipt], lines: list[bytes], inserted: Inserted) -> list[Unreadable]:
        """Give the views what the sink took, and give back what it rejected."""
        self._count(
            receipts=len(inserted.new),
            unfinished=sum(receipt.outcome == "unfinished" for receipt in inserted.new),
        )
        self._views.observe(inserted.new)
        if len(inserted.new) == len(receipts):
            self._views.log(lines)
            return []
        line_of = {id(receipt): line for receipt, line in zip(receipts, lines, strict=True)}
        self._views.log([line_of[id(receipt)] for receipt in (*inserted.new, *inserted.replaced)])
        return [Unreadable(line_of[id(bad.receipt)], bad.reason) for bad in inserted.rejected]

    def _count(self, **more: int) -> None:
        if any(more.values()):
            counts = msgspec.structs.asdict(self._shipped)
            self._shipped = msgspec.structs.replace(
                self._shipped, **{name: counts[name] + number for name, number in more.items()}
            )

    # --- what others see ---

    @property
    def shipped(self) -> Shipped:
        """What was shipped since the start."""
        foreign = sum(writer.tail.foreign for writer in list(self._writers.values()))
        return msgspec.structs.replace(self._shipped, foreign_folders=foreign)

    def heartbeats(self) -> dict[str, Heartbeat]:
        """The last word of each writer that is alive, by folder; from any thread. Raises OSError."""
        return self._words(alive=True)

    def last_words(self) -> dict[str, Heartbeat]:
        """The last word of each writer that has died and not been forgotten. Raises OSError."""
        return self._words(alive=False)

    def _words(self, *, alive: bool) -> dict[str, Heartbeat]:
        writers = list(self._writers.items())  # at once: another thread may be shipping
        beats = ((name, writer.tail.heartbeat()) for name, writer in writers if writer.tail.alive == alive)
        return {name: beat for name, beat in beats if beat is not None}


def _set_aside(file: Path, letters: list[Unreadable]) -> None:
    """Append records that nobody can use, with the reason; the record itself as base64."""
    lines = b"".join(msgspec.json.encode(_DeadLetter(reason, body)) + b"\n" for body, reason in letters)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        os.write(fd, lines)
    finally:
        os.close(fd)
