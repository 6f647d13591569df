"""The key that a fresh checkout is used with: minted once, kept in a file that only its user can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from aigate.domain import Principal

from .credential import digest, mint

DEVELOPMENT_KEY_ID = "development"


class KeyWriter(Protocol):
    """Where keys are kept."""

    def put(self, principal: Principal, key_digest: bytes) -> None:
        """Keep a key, replacing one of the same id."""


def development_key(file: Path, keys: KeyWriter) -> str:
    """The development key, made when there is none yet."""
    if file.exists():
        key = file.read_text().strip()
    else:
        key = mint()
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(key + "\n")
    keys.put(Principal(DEVELOPMENT_KEY_ID, team="development"), digest(key.encode()))
    return key
