"""Every key that is good now, in memory, so that a request is identified without I/O.

The whole table is replaced when the store says that it changed; `refresh` asks, at a pace the app sets (twice a
second), which bounds how long a revoked key still works. Only digests are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from aigate.domain import Principal, StaticKey
from aigate.errors import InvalidApiKey, KeyExpired

from .credential import digest


class KeySource(Protocol):
    """Where keys are kept."""

    def version(self) -> int:
        """Changes whenever a key was added, changed or revoked."""

    def active(self) -> Iterable[StaticKey]:
        """All keys that are not revoked."""


class Keyring:
    """Digest → Principal. `now_ms` is Unix milliseconds."""

    def __init__(self, source: KeySource, now_ms: Callable[[], int]) -> None:
        self._source = source
        self._now_ms = now_ms
        self._version: int | None = None
        self._stored: dict[bytes, Principal] = {}
        self._written: dict[bytes, Principal] = {}

    def use_written(self, keys: tuple[StaticKey, ...]) -> None:
        """Take the keys of a new policy in place of the former one's."""
        self._written = {key.digest: key.principal for key in keys}

    def refresh(self) -> bool:
        """Reload when the store has changed; says whether it had."""
        version = self._source.version()
        if version == self._version:
            return False
        self._stored = {key.digest: key.principal for key in self._source.active()}
        self._version = version
        return True

    def identify(self, credential: bytes) -> Principal:
        """Whose key this is. Raises InvalidApiKey or KeyExpired."""
        if not credential:
            raise InvalidApiKey("no API key given: send `Authorization: Bearer aig_…`")
        key = digest(credential)
        principal = self._stored.get(key) or self._written.get(key)
        if principal is None:
            raise InvalidApiKey("the API key is not known or was revoked")
        if principal.expires_ms and principal.expires_ms <= self._now_ms():
            raise KeyExpired(f"key {principal.key}: expired")
        return principal
