"""Keeping the receipt of an attempt: an append to the spool, against a row straight into SQLite's write-ahead log.
Both survive the death of the process and leave the disk to a later sync; neither is on the path of the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aigate.domain import Receipt
from aigate.ledger import SpoolWriter

RECEIPT = Receipt(
    kind="outcome",
    id="01932c07-8a3e-7cc0-98f7-0c7f2f1e4a10",
    request_id="req_01932c078a3e7cc098f7",
    time_ms=1_760_000_000_000,
    key="key_bench",
    team="bench",
    tags={"feature": "checkout", "segment": "beta"},
    route="bench-plain",
    provider="plain",
    model="gpt-4o-mini",
    served_model="gpt-4o-mini-2024-07-18",
    outcome="ok",
    status=200,
    attempt=1,
    input_tokens=171,
    output_tokens=47,
    usage_source="provider",
    raw_usage='{"prompt_tokens":171,"completion_tokens":47,"total_tokens":218}',
    cost_nano_usd=53_850,
    latency_ms=812.5,
    upstream_ms=811.9,
    gateway_us=410,
)
FIELDS = msgspec.structs.fields(Receipt)
pytestmark = pytest.mark.benchmark(group="spool", warmup=True, warmup_iterations=100)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolWriter]:
    with closing(SpoolWriter.open(tmp_path)) as writer:
        yield writer


@pytest.fixture
def table(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as link:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute("PRAGMA synchronous=NORMAL")
        link.execute(f"CREATE TABLE receipts ({', '.join(field.name for field in FIELDS)})")
        yield link


def test_aigate(benchmark: BenchmarkFixture, spool: SpoolWriter) -> None:
    benchmark(spool.append, RECEIPT)
    state = spool.state()
    assert state.writable
    assert state.records > 0


def test_sqlite(benchmark: BenchmarkFixture, table: sqlite3.Connection) -> None:
    places = ", ".join("?" for _ in FIELDS)
    insert = f"INSERT INTO receipts VALUES ({places})"

    def keep(receipt: Receipt) -> None:
        row = msgspec.structs.astuple(receipt)
        table.execute(insert, [str(value) if isinstance(value, dict) else value for value in row])

    benchmark(keep, RECEIPT)
    assert table.execute("SELECT count(*) FROM receipts").fetchone()[0] > 0
