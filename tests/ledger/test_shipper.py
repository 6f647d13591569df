"""Shipping: whatever fails or dies between spool, sink, views and checkpoint, each receipt arrives once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigate.domain import Receipt
from aigate.errors import StoreUnavailable
from aigate.ledger import SpoolOptions, SpoolWriter
from aigate.ledger.checkpoint import load_checkpoint
from aigate.ledger.format import HEADER_SIZE, OUTCOME, pack
from aigate.ledger.shipper import DEAD_LETTERS_FILE, Shipper
from aigate.store import LedgerTable
from tests.ledger.receipts import PARKED, SMALL, MemorySink, SeenViews, ids, intent, outcome, refusal, written_spool

TINY = SpoolOptions(segment_bytes=4096, interval_s=PARKED)


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def views() -> SeenViews:
    return SeenViews()


def ship_all(shipper: Shipper) -> None:
    while not shipper.ship():
        continue


def rows(data: Path) -> dict[str, tuple[str, int]]:
    with LedgerTable.open(data) as ledger:
        found = ledger.read("SELECT lower(hex(id)), outcome, cost_nano_usd FROM ledger")
    return {str(key): (str(result), int(str(cost))) for key, result, cost in found}


def key(receipt: Receipt) -> str:
    return receipt.id.replace("-", "")


def test_a_finished_folder_is_shipped_and_deleted(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    draw = ids()
    done, open_, refused = next(draw), next(draw), next(draw)
    folder = written_spool(tmp_path, [intent(done), intent(open_), outcome(done), refusal(refused)])
    shipper = Shipper(tmp_path, sink, views)
    ship_all(shipper)
    assert {receipt_id: row.outcome for receipt_id, row in sink.rows.items()} == {
        done: "ok",
        refused: "refused",
        open_: "unfinished",
    }
    assert [receipt.id for receipt in views.receipts] == [done, refused, open_]
    assert [json.loads(line)["id"] for line in views.lines] == [done, refused, open_]
    assert not any(b"\n" in line for line in views.lines)
    assert shipper.shipped.receipts == 3
    assert shipper.shipped.unfinished == 1
    assert folder.exists()
    shipper.save()
    assert not folder.exists()
    assert sink.hardened == 1
    assert load_checkpoint(tmp_path / "spool").writers == {}
    shipper.close()
    assert sink.closed


def test_a_live_writers_open_attempts_stay_open(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    receipt_id = next(ids())
    writer.append(intent(receipt_id))
    shipper = Shipper(tmp_path, sink, views)
    ship_all(shipper)
    assert not sink.rows
    writer.append(outcome(receipt_id))
    ship_all(shipper)
    assert sink.rows[receipt_id].outcome == "ok"
    writer.close()
    ship_all(shipper)
    assert len(views.receipts) == 1
    shipper.close()


def test_open_attempts_survive_the_shipper_and_the_segment(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    """The intent's segment is shipped and deleted, then the shipper dies, then the worker does."""
    writer = SpoolWriter.open(tmp_path, TINY)
    draw = ids()
    long_stream = next(draw)
    writer.append(intent(long_stream))
    for _ in range(30):
        writer.append(outcome(next(draw)))
    writer._sync()
    first = Shipper(tmp_path, sink, views)
    ship_all(first)
    first.save()
    assert not list((tmp_path / "spool").glob("*/00000001.seg"))
    first.close()
    writer.close()
    second = Shipper(tmp_path, sink, views)
    ship_all(second)
    assert sink.rows[long_stream].outcome == "unfinished"
    assert len(views.receipts) == len(sink.rows) == 31
    second.close()


def test_a_sink_that_fails_gets_the_same_receipts_again(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    draw = ids()
    written_spool(tmp_path, [outcome(next(draw)) for _ in range(5)])
    shipper = Shipper(tmp_path, sink, views)
    sink.failing = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            shipper.ship()
    shipper.save()
    assert not (tmp_path / "spool" / "checkpoint").exists(), "nothing may be forgotten yet"
    assert not views.receipts
    sink.failing = False
    ship_all(shipper)
    assert len(sink.rows) == len(views.receipts) == 5
    shipper.close()


def test_a_crash_between_commit_and_checkpoint_doubles_nothing(tmp_path: Path) -> None:
    draw = ids()
    attempts = [next(draw) for _ in range(6)]
    written_spool(tmp_path, [*map(intent, attempts), *map(outcome, attempts[:4])])
    seen = []
    for _ in range(3):  # dies twice before it could save
        views = SeenViews()
        shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), views)
        ship_all(shipper)
        seen += views.receipts
        shipper.close()
    assert Counter(receipt.id for receipt in seen) == Counter(attempts)
    assert Counter(result for result, _ in rows(tmp_path).values()) == {"ok": 4, "unfinished": 2}


def test_an_outcome_takes_the_place_of_an_unfinished_row(tmp_path: Path, views: SeenViews) -> None:
    receipt_id = next(ids())
    written_spool(tmp_path, [intent(receipt_id)])
    shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), views)
    ship_all(shipper)
    shipper.save()
    written_spool(tmp_path, [outcome(receipt_id)])
    ship_all(shipper)
    assert rows(tmp_path) == {key(outcome(receipt_id)): ("ok", outcome(receipt_id).cost_nano_usd)}
    assert len(views.receipts) == 1, "counted when it first became a row"
    assert len(views.lines) == 2, "and logged as what it turned out to be"
    shipper.close()


def test_folders_are_shipped_side_by_side(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    draw = ids()
    writers = [SpoolWriter.open(tmp_path, SMALL, worker=n) for n in (1, 2, 3)]
    for _ in range(20):
        for writer in writers:
            writer.append(outcome(next(draw)))
    shipper = Shipper(tmp_path, sink, views)
    ship_all(shipper)
    assert len(sink.rows) == 60
    for writer in writers:
        writer.close()
    shipper.close()


def test_a_folder_that_cannot_be_read_holds_up_nobody(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    bad = written_spool(tmp_path, [outcome(next(ids(1)))])
    (segment,) = bad.glob("*.seg")
    segment.unlink()
    segment.mkdir()
    good = SpoolWriter.open(tmp_path, SMALL)
    receipt = outcome(next(ids(2)))
    good.append(receipt)
    shipper = Shipper(tmp_path, sink, views)
    with pytest.raises(OSError, match="directory"):
        shipper.ship()
    assert list(sink.rows) == [receipt.id]
    good.close()
    shipper.close()


def test_records_that_nobody_can_use_are_set_aside(tmp_path: Path, views: SeenViews) -> None:
    draw = ids()
    good, unstorable = outcome(next(draw)), outcome("not-a-uuid")
    folder = written_spool(tmp_path, [good, unstorable])
    (segment,) = folder.glob("*.seg")
    content = segment.read_bytes()
    segment.write_bytes(content[:HEADER_SIZE] + pack(OUTCOME, b'{"kind":1}') + content[HEADER_SIZE:])
    shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), views)
    ship_all(shipper)
    shipper.save()
    assert list(rows(tmp_path)) == [key(good)]
    assert views.receipts == [good]
    letters = [json.loads(line) for line in (tmp_path / DEAD_LETTERS_FILE).read_text().splitlines()]
    assert [letter["reason"] for letter in letters] == ["ValidationError at $.kind", "ValueError"]
    assert shipper.shipped.dead_letters == 2
    assert not folder.exists()
    shipper.close()


def test_a_large_backlog_is_taken_in_bounded_batches(tmp_path: Path, sink: MemorySink, views: SeenViews) -> None:
    draw = ids()
    total = 12_000
    written_spool(tmp_path, [outcome(next(draw)) for _ in range(total)], SpoolOptions(interval_s=PARKED))
    sizes: list[int] = []
    insert = sink.insert
    sink.insert = lambda receipts: (sizes.append(len(receipts)), insert(receipts))[1]  # type: ignore[method-assign]
    shipper = Shipper(tmp_path, sink, views)
    ship_all(shipper)
    assert sum(sizes) == len(sink.rows) == total
    assert max(sizes) < 6_000
    shipper.close()


class Life:
    """A worker and the shippers that follow it, one dying after the other."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.writer = SpoolWriter.open(data, TINY)
        self.views = SeenViews()
        self.shipper = self.shipper_anew()
        self.expected: dict[str, str] = {}
        self._draw = ids()

    def shipper_anew(self) -> Shipper:
        return Shipper(self.data, LedgerTable.open(self.data, busy_ms=0), self.views)

    def ship(self) -> None:
        self.shipper.ship()

    def save(self) -> None:
        self.shipper.save()

    def append(self) -> None:
        """Four attempts, of which the third ends."""
        for number in range(4):
            receipt_id = next(self._draw)
            self.writer.append(intent(receipt_id))
            self.expected[receipt_id] = "unfinished"
            if number == 2:
                self.writer.append(outcome(receipt_id))
                self.expected[receipt_id] = "ok"

    def roll(self) -> None:
        self.writer._sync()

    def die(self) -> None:
        """The shipper's process dies, and another one begins from what is on the disk."""
        self.shipper.close()
        self.shipper = self.shipper_anew()

    def lock(self) -> None:
        """The database refuses a batch."""
        with LedgerTable.open(self.data) as other, other._database.transaction():
            self.append()
            with pytest.raises(StoreUnavailable):
                self.shipper.ship()

    def end(self) -> None:
        self.writer.close()
        ship_all(self.shipper)
        self.shipper.save()
        self.shipper.close()


STEPS = [Life.ship, Life.save, Life.append, Life.roll, Life.die, Life.lock]


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=25))
def test_any_order_of_work_and_deaths_gives_each_receipt_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Callable[[Life], None]]
) -> None:
    life = Life(tmp_path_factory.mktemp("data"))
    for step in steps:
        step(life)
    life.end()
    assert {receipt_id: result for receipt_id, (result, _) in rows(life.data).items()} == {
        receipt_id.replace("-", ""): result for receipt_id, result in life.expected.items()
    }
    assert Counter(receipt.id for receipt in life.views.receipts) == Counter(life.expected.keys())
    spool = life.data / "spool"
    assert [path.name for path in spool.iterdir()] in ([], ["checkpoint"])
    assert load_checkpoint(spool).writers == {}
