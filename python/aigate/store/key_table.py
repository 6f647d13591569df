"""The callers' keys in SQLite: digests and what they are allowed, never a key.

Decides nothing; ids and digests come from outside. Invariant: a key that was revoked stays revoked, under any sequence
of the calls here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

import msgspec

from aigate.domain import Principal, StaticKey
from aigate.errors import StoreUnavailable

from .migrations import KEYS
from .sqlite import BUSY_MS, Database, Value

KEYS_FILE = "aigate.db"
NANOS_PER_MILLI = 1_000_000

_COLUMNS = "id, digest, org, team, service, user, models, tags, require_tags, forbid_tags, expires_ms"
_PUT = f"""
INSERT INTO keys ({_COLUMNS}, created_ms, revoked_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (id) DO UPDATE SET
    digest = excluded.digest, org = excluded.org, team = excluded.team, service = excluded.service,
    user = excluded.user, models = excluded.models, tags = excluded.tags, require_tags = excluded.require_tags,
    forbid_tags = excluded.forbid_tags, expires_ms = excluded.expires_ms
WHERE revoked_ms = 0
"""  # noqa: S608 - constants

_LISTS = ("models", "tags", "require_tags", "forbid_tags")

_Names = tuple[str, ...]
_Pairs = tuple[tuple[str, str], ...]


class KeyRow(msgspec.Struct, frozen=True):
    """One key, as it can be shown.

    Attributes:
        principal: who it stands for.
        created_ms, revoked_ms: Unix milliseconds; revoked_ms 0 = not revoked.
    """

    principal: Principal
    created_ms: int
    revoked_ms: int

    def state(self, now_ms: int) -> Literal["active", "expired", "revoked"]:
        """What a caller with this key would meet."""
        if self.revoked_ms:
            return "revoked"
        expires_ms = self.principal.expires_ms
        return "expired" if expires_ms and expires_ms <= now_ms else "active"

    def as_dict(self) -> dict[str, object]:
        """For JSON: the principal's fields, its key id as `id`."""
        fields = msgspec.structs.asdict(self.principal)
        return {
            "id": fields.pop("key"),
            **fields,
            "tags": dict(self.principal.tags),
            "created_ms": self.created_ms,
            "revoked_ms": self.revoked_ms,
        }


class KeyTable:
    """The keys' database. For one thread at a time."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._writes = 0

    @classmethod
    def open(cls, data: Path, now_ms: Callable[[], int] | None = None, *, busy_ms: int = BUSY_MS) -> Self:
        """The keys of a data folder, made when missing. Raises StoreUnavailable."""
        database = Database(data / KEYS_FILE, KEYS, synchronous="FULL", busy_ms=busy_ms)
        return cls(database, now_ms or _wall_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, principal: Principal, key_digest: bytes) -> None:
        """Keep a key, replacing one of the same id unless that is revoked. Raises StoreUnavailable."""
        values: list[Value] = [
            principal.key,
            key_digest,
            principal.org,
            principal.team,
            principal.service,
            principal.user,
            _json(principal.models),
            _json(principal.tags),
            _json(principal.require_tags),
            _json(principal.forbid_tags),
            principal.expires_ms,
            self._now_ms(),
        ]
        self._write(_PUT, *values)

    def revoke(self, key_id: str) -> bool:
        """End a key for good; False when there is no active one of this id. Raises StoreUnavailable."""
        return self._write("UPDATE keys SET revoked_ms = ? WHERE id = ? AND revoked_ms = 0", self._now_ms(), key_id)

    def rotate(self, key_id: str, key_digest: bytes) -> bool:
        """Give a key a new secret; False when there is no active one of this id. Raises StoreUnavailable."""
        return self._write("UPDATE keys SET digest = ? WHERE id = ? AND revoked_ms = 0", key_digest, key_id)

    def list_keys(self) -> list[KeyRow]:
        """All keys ever kept, oldest first. Raises StoreUnavailable."""
        sql = f"SELECT {_COLUMNS}, created_ms, revoked_ms FROM keys ORDER BY created_ms, id"  # noqa: S608 - constants
        return [KeyRow(_key(row).principal, *row[-2:]) for row in self._database.read(sql)]  # type: ignore[arg-type] # two integers

    def active(self) -> list[StaticKey]:
        """All keys that are not revoked, expired ones included. Raises StoreUnavailable."""
        return [_key(row) for row in self._database.read(f"SELECT {_COLUMNS} FROM keys WHERE revoked_ms = 0")]  # noqa: S608 - constants

    def version(self) -> int:
        """Grows with every change, by whomever; cheap enough to ask several times a second. Raises StoreUnavailable."""
        return self._database.data_version() + self._writes

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()

    def _write(self, sql: str, *values: Value) -> bool:
        with self._database.translated(), self._database.transaction() as connection:
            changed = connection.execute(sql, values).rowcount
        self._writes += 1  # data_version tells only of other connections
        return changed > 0


def _key(row: tuple[Value, ...]) -> StaticKey:
    """A row of _COLUMNS, checked. Raises StoreUnavailable when somebody else has written it and got it wrong."""
    names = ("key", "digest", "org", "team", "service", "user", *_LISTS, "expires_ms")
    fields: dict[str, object] = dict(zip(names, row, strict=False))
    try:
        for name in _LISTS:
            fields[name] = msgspec.json.decode(str(fields[name]))
        principal = msgspec.convert(fields, Principal)
    except msgspec.DecodeError as error:
        raise StoreUnavailable(f"database {KEYS_FILE}: key {row[0]!r}: {error}") from error
    return StaticKey(msgspec.convert(row[1], bytes), principal)


def _json(value: _Names | _Pairs) -> str:
    return msgspec.json.encode(value).decode()


def _wall_ms() -> int:
    return time.time_ns() // NANOS_PER_MILLI
