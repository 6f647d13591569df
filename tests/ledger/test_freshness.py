"""Before a question is asked of the ledger: it has what was written, shipped here or by the gateway that runs."""

from __future__ import annotations

from pathlib import Path

from aigate.ledger import Shipper, SpoolWriter, StewardLock, bring_up_to_date
from aigate.store import LedgerTable
from tests.ledger.receipts import SMALL, SeenViews, ids, intent, outcome, written_spool


class Time:
    """Passes only when somebody sleeps; `meanwhile` happens then."""

    def __init__(self, meanwhile: object = None) -> None:
        self.seconds = 0.0
        self._meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if callable(self._meanwhile):
            self._meanwhile()

    def now(self) -> float:
        return self.seconds


def count(data: Path) -> int:
    with LedgerTable.open(data) as ledger:
        return len(ledger.read("SELECT 1 FROM ledger"))


def test_without_a_gateway_it_ships_itself(tmp_path: Path) -> None:
    draw = ids()
    written_spool(tmp_path, [intent(next(draw)), outcome(next(draw))])
    assert bring_up_to_date(tmp_path)
    assert count(tmp_path) == 2
    lock = StewardLock.take(tmp_path)
    assert lock is not None, "the lock is given back"
    lock.release()


def test_in_an_empty_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert bring_up_to_date(tmp_path / "new")


def test_with_a_gateway_it_waits_for_the_checkpoint_to_pass(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    draw = ids()
    for _ in range(60):
        writer.append(outcome(next(draw)))
    lock = StewardLock.take(tmp_path)
    assert lock is not None
    shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), SeenViews())
    turns = iter([shipper.ship, shipper.save])

    def take_a_turn() -> None:
        next(turns)()

    time = Time(take_a_turn)
    assert bring_up_to_date(tmp_path, 2.0, time.sleep, time.now)
    assert count(tmp_path) == 60
    assert bring_up_to_date(tmp_path, 2.0, time.sleep, time.now), "nothing new: no more turns are taken"
    writer.close()
    shipper.ship()
    shipper.save()
    assert bring_up_to_date(tmp_path, 2.0, time.sleep, time.now), "the folder is gone"
    shipper.close()
    lock.release()


def test_a_gateway_that_does_not_ship_is_not_waited_for_long(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    writer.append(outcome(next(ids())))
    lock = StewardLock.take(tmp_path)
    assert lock is not None
    time = Time()
    assert not bring_up_to_date(tmp_path, 2.0, time.sleep, time.now)
    assert 2.0 <= time.seconds < 2.2
    writer.close()
    lock.release()
