"""The ledger's table: each id once, an outcome over `unfinished`, and one bad row costs nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigate.domain import Receipt
from aigate.errors import StoreUnavailable
from aigate.store import LedgerTable
from aigate.store.ledger_table import COLUMNS
from tests.ledger.receipts import ids, intent, outcome, refusal

IDS = [next(ids(n)) for n in range(5)]
UNSTORABLE = [
    outcome("no-uuid"),
    outcome("01a1ee56-5e00-7000-8000"),
    outcome(IDS[4], input_tokens=2**63),
    outcome(IDS[4], user="\ud800"),
]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[LedgerTable]:
    with LedgerTable.open(tmp_path) as opened:
        yield opened


def rows(table: LedgerTable) -> dict[str, str]:
    return {str(key): str(result) for key, result in table.read("SELECT lower(hex(id)), outcome FROM ledger")}


def key(attempt_id: str) -> str:
    return attempt_id.replace("-", "")


def test_the_columns_are_the_receipts_fields(table: LedgerTable) -> None:
    columns = [name for (name,) in table.read("SELECT name FROM pragma_table_info('ledger')")]
    assert columns == list(COLUMNS) == [name for name in Receipt.__struct_fields__ if name != "kind"]


def test_every_field_comes_back(table: LedgerTable) -> None:
    texts = {name: f"text of {name}" for name in COLUMNS if isinstance(getattr(refusal(""), name), str)}
    receipt = outcome(IDS[0], **texts | {"id": IDS[0], "outcome": "cancelled", "error": "x", "stream": True})
    table.insert([receipt])
    (row,) = table.read(f"SELECT {', '.join(COLUMNS)} FROM ledger")
    found = dict(zip(COLUMNS, row, strict=True))
    found["id"] = IDS[0] if found["id"] == bytes.fromhex(key(IDS[0])) else found["id"]
    assert json.loads(str(found.pop("tags"))) == receipt.tags
    assert found == {name: getattr(receipt, name) for name in COLUMNS if name != "tags"}


def test_a_second_delivery_changes_nothing(table: LedgerTable) -> None:
    batch = [outcome(IDS[0]), refusal(IDS[1])]
    assert table.insert(batch) == (batch, (), ())
    assert table.insert(batch) == ([], [], [])
    third = outcome(IDS[2])
    assert table.insert([*batch, third, third]) == ([third], [], [])
    assert len(rows(table)) == 3


def test_an_outcome_wins_over_unfinished_and_never_the_other_way(table: LedgerTable) -> None:
    unfinished, ended = intent(IDS[0]), outcome(IDS[0])
    assert table.insert([unfinished]).new == [unfinished]
    assert table.insert([unfinished]) == ([], [], [])
    assert table.insert([ended]) == ([], [ended], [])
    assert table.insert([unfinished]) == ([], [], [])
    assert table.insert([outcome(IDS[0], outcome="failed")]) == ([], [], [])
    assert rows(table) == {key(IDS[0]): "ok"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["unfinished", "ok"])), max_size=6), max_size=6))
def test_any_deliveries_leave_one_row_an_id(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, str]]]
) -> None:
    with LedgerTable.open(tmp_path_factory.mktemp("data")) as table:
        new: list[str] = []
        for batch in batches:
            receipts = [outcome(IDS[n], outcome=result) for n, result in batch]
            new += [receipt.id for receipt in table.insert(receipts).new]
        said = [pair for batch in batches for pair in batch]
        expected = {key(IDS[n]): "ok" if (n, "ok") in said else "unfinished" for n, _ in said}
        assert rows(table) == expected
        assert sorted(map(key, new)) == sorted(expected), "each was new exactly once"


@pytest.mark.parametrize("bad", UNSTORABLE, ids=lambda receipt: receipt.id)
def test_a_row_that_cannot_be_stored_is_rejected_alone(table: LedgerTable, bad: Receipt) -> None:
    good = [outcome(IDS[0]), outcome(IDS[1])]
    inserted = table.insert([good[0], bad, good[1]])
    assert list(inserted.new) == good
    ((rejected, reason),) = inserted.rejected
    assert rejected is bad
    assert reason.isidentifier()
    assert set(rows(table)) == {key(IDS[0]), key(IDS[1])}


def test_a_locked_database_takes_nothing_and_later_all(tmp_path: Path, table: LedgerTable) -> None:
    batch = [outcome(IDS[0]), outcome(IDS[1])]
    with LedgerTable.open(tmp_path, busy_ms=0) as other:
        with table._database.transaction(), pytest.raises(StoreUnavailable, match="locked"):
            other.insert(batch)
        assert not rows(table)
        assert len(other.insert(batch).new) == 2


def test_a_closed_database_rejects_nobody(tmp_path: Path) -> None:
    table = LedgerTable.open(tmp_path)
    table.close()
    with pytest.raises(StoreUnavailable):
        table.insert([outcome(IDS[0])])


def test_an_empty_batch_is_fine(table: LedgerTable) -> None:
    assert table.insert([]).new == []
    table.harden()


def test_reading_while_another_process_writes(tmp_path: Path, table: LedgerTable) -> None:
    with LedgerTable.open(tmp_path) as reader:
        table.insert([outcome(IDS[0])])
        with table._database.transaction() as connection:
            connection.execute("DELETE FROM ledger")
            assert len(rows(reader)) == 1
        assert not rows(reader)
