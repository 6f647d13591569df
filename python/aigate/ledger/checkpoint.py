"""How far the spool has been shipped, and what was open at that point: one small file, replaced as a whole.

Written only after the sink has every receipt before it for good. Losing it loses nothing as long as the segments are
there: they are shipped again, and sinks know their ids. It is therefore synced before a segment is deleted on its word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from .segment import FILE_MODE, sync_folder

CHECKPOINT_FILE = "checkpoint"
VERSION = 1


class Mark(msgspec.Struct, frozen=True):
    """One writer.

    Attributes:
        positions: by segment, the offset up to which its records are shipped.
        intents: attempts open at these positions, their records' bodies.
    """

    positions: dict[int, int] = {}
    intents: Sequence[bytes] = ()


class Checkpoint(msgspec.Struct, frozen=True):
    """All writers, by folder name."""

    version: int = VERSION
    writers: dict[str, Mark] = {}


def load_checkpoint(spool: Path) -> Checkpoint:
    """The last checkpoint; an empty one when there is none, or it is damaged or of another version."""
    try:
        written = (spool / CHECKPOINT_FILE).read_bytes()
        found = msgspec.json.decode(written, type=Checkpoint)
    except (FileNotFoundError, msgspec.DecodeError):
        return Checkpoint()
    return found if found.version == VERSION else Checkpoint()


def save_checkpoint(spool: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint, durably. Raises OSError; then the former one stands."""
    draft = spool / f"{CHECKPOINT_FILE}.new"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(checkpoint))
        file.flush()
        os.fsync(fd)
    draft.rename(spool / CHECKPOINT_FILE)
    sync_folder(spool)
