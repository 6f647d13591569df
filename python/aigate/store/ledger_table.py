"""The ledger in SQLite: one row an attempt or refusal, inserted in batches, each id once.

Decides nothing about receipts. Invariant: whatever is delivered, however often, there is one row an id; a real outcome
takes the place of an `unfinished` one, and nothing else is ever replaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec
from msgspec.structs import astuple

from aigate.domain import Receipt

from .migrations import LEDGER
from .sqlite import BUSY_MS, Database, Value

LEDGER_FILE = "ledger.db"

_FIELDS: Final = Receipt.__struct_fields__
COLUMNS: Final = _FIELDS[1:]
_ID, _TAGS, _STREAM = (_FIELDS.index(name) for name in ("id", "tags", "stream"))
_PUT: Final = f"INSERT INTO ledger ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - constants
_ADD: Final = f"{_PUT} ON CONFLICT (id) DO NOTHING"
_REPLACE: Final = _PUT.replace("INSERT", "INSERT OR REPLACE", 1)

_POISON = (ValueError, OverflowError, sqlite3.IntegrityError, sqlite3.DataError)
"""What a row that cannot be stored raises, as opposed to a database that cannot be written."""

_Cell = Value | bytearray


class Rejected(NamedTuple):
    """A receipt that no database row can hold, and why."""

    receipt: Receipt
    reason: str


class Inserted(NamedTuple):
    """What became of a batch. Receipts in none of the three were there before.

    Attributes:
        new: had no row.
        replaced: took the place of an `unfinished` row.
        rejected: cannot be stored.
    """

    new: Sequence[Receipt]
    replaced: Sequence[Receipt]
    rejected: Sequence[Rejected]


class LedgerTable:
    """The ledger's database. For one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, data: Path, *, busy_ms: int = BUSY_MS) -> Self:
        """The ledger of a data folder, made when missing. Raises StoreUnavailable."""
        return cls(Database(data / LEDGER_FILE, LEDGER, synchronous="NORMAL", busy_ms=busy_ms))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def insert(self, receipts: Sequence[Receipt]) -> Inserted:
        """Insert a batch in one transaction. Raises StoreUnavailable; then none of it is in."""
        with self._database.translated():
            if self._insert_new(receipts):
                return Inserted(receipts, (), ())
            return self._insert_singly(receipts)

    def _insert_new(self, receipts: Sequence[Receipt]) -> bool:
        """The common case: all are new and well formed. Otherwise nothing has happened."""
        try:
            rows = [_row(receipt) for receipt in receipts]
            with self._database.transaction() as connection:
                added = connection.executemany(_ADD, rows).rowcount
                if added < len(rows):
                    connection.rollback()
        except _POISON:
            return False
        return added == len(rows)

    def _insert_singly(self, receipts: Sequence[Receipt]) -> Inserted:
        new: list[Receipt] = []
        replaced: list[Receipt] = []
        rejected: list[Rejected] = []
        with self._database.transaction() as connection:
            for receipt in receipts:
                try:
                    had = _insert_one(connection, receipt)
                except _POISON as error:
                    rejected.append(Rejected(receipt, type(error).__name__))
                    continue
                if had is None:
                    new.append(receipt)
                elif had == "unfinished" != receipt.outcome:
                    replaced.append(receipt)
        return Inserted(new, replaced, rejected)

    def read(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """All rows of a query over the table `ledger`. Raises StoreUnavailable."""
        return self._database.read(sql, values)

    def harden(self) -> None:
        """Make everything inserted survive a power failure. Raises StoreUnavailable."""
        self._database.harden()

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()


def _insert_one(connection: sqlite3.Connection, receipt: Receipt) -> str | None:
    """Insert or replace, whatever is due; the outcome that the row had before, None when there was none."""
    row = _row(receipt)
    found = connection.execute("SELECT outcome FROM ledger WHERE id = ?", row[:1]).fetchone()
    if found is None:
        connection.execute(_PUT, row)
        return None
    had: str = found[0]
    if had == "unfinished" != receipt.outcome:
        connection.execute(_REPLACE, row)
    return had


def _row(receipt: Receipt) -> list[_Cell]:
    """Cells in the order of COLUMNS. Raises ValueError when the id is none.

    The types are chosen for sqlite3's short way: it takes int, float, str and bytearray as they are, and asks its
    registry of adapters for everything else, bytes, bool and None included, which costs more than the rest of the row.
    """
    row: list[_Cell] = list(astuple(receipt))
    row[_ID] = bytearray.fromhex(receipt.id.replace("-", ""))
    row[_TAGS] = msgspec.json.encode(receipt.tags).decode() if receipt.tags else "{}"
    row[_STREAM] = int(receipt.stream)
    del row[0]
    return row
