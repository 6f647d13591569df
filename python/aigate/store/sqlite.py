"""One SQLite database: opened safely, migrated, and with its errors in our words.

Owns files, modes, locks and transactions; tables are described next door. Invariants: files are readable by their user
only; a migration and the note that it was applied are one transaction; no exception of sqlite3 leaves this room.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from aigate.errors import StoreUnavailable

FOLDER_MODE = 0o700
FILE_MODE = 0o600
BUSY_MS = 5_000
WAL_TRIES = 100
WAL_PAUSE_S = 0.02

Value = str | int | float | bytes | None
"""What a cell can hold."""


class Migration(NamedTuple):
    """One step of a schema; steps are only ever added at the end."""

    name: str
    statements: tuple[str, ...]


class Database:
    """An open database in WAL mode. For one thread at a time; which one may change.

    `synchronous` FULL makes each commit survive a power failure; with NORMAL the last ones may be lost, in order.
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, synchronous: Literal["FULL", "NORMAL"], busy_ms: int
    ) -> None:
        """Open, make what is missing, migrate. Raises StoreUnavailable."""
        self._path = path
        with self.translated():
            _create(path)
            self._connection = sqlite3.connect(
                path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False
            )
            try:
                _enter_wal(self._connection)
                self._connection.execute(f"PRAGMA synchronous={synchronous}")
                self._connection.execute("PRAGMA trusted_schema=OFF")
                self._connection.execute("PRAGMA journal_size_limit=67108864")
                self._migrate(migrations)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of SQLite and of the file system become StoreUnavailable."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"database {self._path.name}: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and nobody else writes meanwhile; a rollback within ends it. Errors: see `translated`."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()  # does nothing when it was rolled back

    def read(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """All rows of a query. Raises StoreUnavailable."""
        with self.translated():
            return self._connection.execute(sql, values).fetchall()

    def data_version(self) -> int:
        """Changes when another connection has committed; costs no I/O."""
        with self.translated():
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
            return version

    def harden(self) -> None:
        """Make every commit so far survive a power failure. Raises StoreUnavailable.

        Commits are in the write-ahead log, whose frames carry checksums, until SQLite has moved them into the database,
        which it syncs itself. So to sync the log is enough. (SQLite keeps no locks on that file, which closing it here
        would drop.)
        """
        with self.translated():
            try:
                fd = os.open(f"{self._path}-wal", os.O_RDONLY)
            except FileNotFoundError:
                return
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        if self._applied() == [step.name for step in migrations]:
            return
        with self.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"
            )
            applied = self._applied()  # another process may have been quicker
            if applied != [step.name for step in migrations[: len(applied)]]:
                raise StoreUnavailable(f"database {self._path.name}: was made by a newer aigate")
            for number, step in list(enumerate(migrations, 1))[len(applied) :]:
                for statement in step.statements:
                    connection.execute(statement)
                connection.execute("INSERT INTO migration VALUES (?, ?)", (number, step.name))

    def _applied(self) -> list[str]:
        known = self._connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migration'").fetchone()
        if known is None:
            return []
        return [name for (name,) in self._connection.execute("SELECT name FROM migration ORDER BY number")]


def _create(path: Path) -> None:
    """Make the file with its mode before SQLite does; its side files copy the mode.

    An existing file is not opened here: closing it would drop the locks of this process's other connections.
    """
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        return


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; SQLite does not wait for others who do the same, so this does."""
    for attempt in range(1, WAL_TRIES + 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if attempt == WAL_TRIES:
                raise
            time.sleep(WAL_PAUSE_S)
        else:
            return
