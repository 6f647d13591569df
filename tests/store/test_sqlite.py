"""A database: private, migrated once, and never speaking sqlite3 to other rooms."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigate.errors import StoreUnavailable
from aigate.store.sqlite import Database, Migration

ONE = Migration("one", ("CREATE TABLE a (x INTEGER) STRICT", "INSERT INTO a VALUES (1)"))
TWO = Migration("two", ("ALTER TABLE a ADD COLUMN y TEXT",))


def opened(path: Path, *steps: Migration, busy_ms: int = 1_000) -> Database:
    return Database(path, steps, synchronous="NORMAL", busy_ms=busy_ms)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "x.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    made = opened(path, ONE)
    yield made
    made.close()


def test_files_and_folder_are_the_users_own(path: Path, database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (2)")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("x.db", "x.db-wal", "x.db-shm"), 0o600)


def test_each_step_is_applied_once(path: Path, database: Database) -> None:
    opened(path, ONE).close()
    later = opened(path, ONE, TWO)
    assert later.read("SELECT x, y FROM a") == [(1, None)]
    assert later.read("SELECT number, name FROM migration") == [(1, "one"), (2, "two")]
    later.close()


def test_a_step_that_fails_leaves_nothing(path: Path, database: Database) -> None:
    with pytest.raises(StoreUnavailable, match=r"x\.db: .*nowhere"):
        opened(path, ONE, Migration("bad", ("CREATE TABLE b (x)", "INSERT INTO nowhere VALUES (1)")))
    assert database.read("SELECT count(*) FROM sqlite_schema WHERE name = 'b'") == [(0,)]
    assert database.read("SELECT name FROM migration") == [("one",)]


@pytest.mark.parametrize("known", [(), (TWO,), (TWO, ONE)])
def test_a_database_of_a_newer_version_is_left_alone(
    path: Path, database: Database, known: tuple[Migration, ...]
) -> None:
    with pytest.raises(StoreUnavailable, match="newer aigate"):
        opened(path, *known)


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO a VALUES (2)")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (3)")
        connection.rollback()
    assert database.read("SELECT x FROM a") == [(1,)]


def test_a_locked_database_is_said_in_our_words(path: Path, database: Database) -> None:
    other = opened(path, ONE, busy_ms=0)

    def write() -> None:
        with other.translated(), other.transaction():
            raise AssertionError

    with database.transaction(), pytest.raises(StoreUnavailable, match=r"x\.db: database is locked"):
        write()
    other.close()


def test_bad_sql_and_bad_files_are_said_in_our_words(path: Path, database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"):
        database.read("SELECT * FROM nowhere")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        opened(damaged, ONE)
    with pytest.raises(StoreUnavailable, match=r"y\.db"):
        opened(damaged / "y.db", ONE)


def test_the_data_version_tells_of_others(path: Path, database: Database) -> None:
    other = opened(path, ONE)
    before = database.data_version()
    assert database.data_version() == before
    with other.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (2)")
    assert database.data_version() != before
    other.close()


def test_hardening_syncs_the_log(path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    with database.transaction() as connection:
        connection.execute("INSERT INTO a VALUES (2)")
    database.harden()
    assert synced == ["x.db-wal"]


def test_hardening_keeps_the_locks(path: Path, database: Database) -> None:
    """Closing a file that SQLite has locked would drop the locks of the whole process."""
    try_write = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    with database.transaction():
        database.harden()
        opened(path, ONE).close()
        done = subprocess.run([sys.executable, "-c", try_write], capture_output=True, text=True, check=False)
    assert "database is locked" in done.stderr


def test_many_may_open_a_new_one_at_once(path: Path) -> None:
    faults: list[BaseException] = []
    start = threading.Barrier(8)

    def open_one() -> None:
        start.wait()
        try:
            opened(path, ONE, TWO, busy_ms=5_000).close()
        except StoreUnavailable as error:
            faults.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    rows = sqlite3.connect(path)
    assert rows.execute("SELECT x FROM a").fetchall() == [(1,)]
    rows.close()
