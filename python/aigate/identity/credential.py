"""What a key looks like and how it is kept: shown once, stored as its SHA-256.

A key has 256 bits from the operating system, so a plain hash cannot be reversed by guessing; no slow password hash is
needed, and a look-up costs half a microsecond.
"""

from __future__ import annotations

import hashlib
import secrets

KEY_PREFIX = "aig_"


def mint() -> str:
    """A new key."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest(key: bytes) -> bytes:
    """The 32 bytes under which a key is kept and found."""
    return hashlib.sha256(key).digest()
