"""Following a folder: across rolls, deaths and restarts, each record once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigate.ledger import SpoolOptions, SpoolWriter
from aigate.ledger.format import ALIVE_FILE, HEADER_SIZE, MAGIC
from aigate.ledger.tail import FolderTail
from tests.ledger.receipts import PARKED, SMALL, FailingDisk, ids, intent, only_folder, outcome, read_all, written_spool

TINY = SpoolOptions(segment_bytes=4096, interval_s=PARKED)


def test_a_live_writer_is_followed_and_its_death_is_seen(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    tail = FolderTail(only_folder(tmp_path), {})
    draw = ids()
    first, second = intent(next(draw)), outcome(next(draw))
    writer.append(first)
    assert read_all(tail) == [first]
    assert read_all(tail) == []
    writer.append(second)
    assert (tail.alive, tail.finished) == (True, False)
    writer.close()
    assert read_all(tail) == [second]
    assert (tail.alive, tail.finished) == (False, True)
    tail.close()


def test_a_dead_writer_is_held_against_other_readers(tmp_path: Path) -> None:
    folder = written_spool(tmp_path, [intent(next(ids()))])
    first, second = FolderTail(folder, {}), FolderTail(folder, {})
    read_all(first)
    read_all(second)
    assert (first.alive, second.alive) == (False, True)
    first.close()
    second.close()


@pytest.mark.parametrize("count", [0, 1, 17, 40, 79])
def test_it_goes_on_from_positions(tmp_path: Path, count: int) -> None:
    draw = ids()
    written = [outcome(next(draw)) for _ in range(80)]
    writer = SpoolWriter.open(tmp_path, TINY)
    for receipt in written[:count]:
        writer.append(receipt)
    first = FolderTail(only_folder(tmp_path), {})
    assert read_all(first) == written[:count]
    positions = first.positions
    first.close()
    for receipt in written[count:]:
        writer.append(receipt)
    writer.close()
    second = FolderTail(only_folder(tmp_path), positions)
    assert read_all(second) == written[count:]
    second.close()


def test_sealed_segments_are_spent_and_the_open_one_is_not(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, TINY)
    tail = FolderTail(only_folder(tmp_path), {})
    draw = ids()
    for _ in range(30):
        writer.append(outcome(next(draw)))
    read_all(tail)
    assert not tail.spent, "not sealed yet, so it may still be written again elsewhere"
    writer._sync()
    read_all(tail)
    spent = tail.spent
    assert spent
    tail.delete(spent)
    assert not tail.spent
    assert sorted(tail.positions) == [spent[-1] + 1]
    last = outcome(next(draw))
    writer.append(last)
    assert read_all(tail) == [last]
    writer.close()
    tail.close()


def test_a_replaced_segment_is_spent_once_its_replacement_is_known(tmp_path: Path) -> None:
    disk = FailingDisk()
    writer = SpoolWriter.open(tmp_path, SMALL, disk=disk.disk())
    tail = FolderTail(only_folder(tmp_path), {})
    draw = ids()
    written = [outcome(next(draw)) for _ in range(6)]
    for receipt in written[:4]:
        writer.append(receipt)
    found = read_all(tail)
    disk.fail_sync = 1
    writer._sync()
    for receipt in written[4:]:
        writer.append(receipt)
    found += read_all(tail)
    assert found == written
    assert tail.spent == [1]
    writer.close()
    tail.close()


def test_a_finished_folder_can_be_deleted(tmp_path: Path) -> None:
    folder = written_spool(tmp_path, [intent(next(ids()))])
    (folder / "spare-9").touch()
    tail = FolderTail(folder, {})
    read_all(tail)
    tail.delete_folder()
    assert not folder.exists()


def test_damage_is_counted(tmp_path: Path) -> None:
    draw = ids()
    written = [outcome(next(draw)) for _ in range(5)]
    folder = written_spool(tmp_path, written)
    (segment,) = folder.glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(HEADER_SIZE + 20)
        file.write(b"?")
    tail = FolderTail(folder, {})
    assert read_all(tail) == written[1:]
    assert tail.skipped_stretches == 1
    assert tail.skipped_bytes > 100
    tail.close()


def test_a_damaged_header_does_not_cost_the_records(tmp_path: Path) -> None:
    written = [outcome(next(ids()))]
    folder = written_spool(tmp_path, written)
    (segment,) = folder.glob("*.seg")
    with segment.open("r+b") as file:
        file.write(bytes(HEADER_SIZE))
    tail = FolderTail(folder, {})
    assert read_all(tail) == written
    tail.close()


def test_a_folder_of_another_version_is_left_alone(tmp_path: Path) -> None:
    folder = written_spool(tmp_path, [outcome(next(ids()))])
    (segment,) = folder.glob("*.seg")
    with segment.open("r+b") as file:
        file.seek(len(MAGIC))
        file.write(b"\x63")
    tail = FolderTail(folder, {})
    assert read_all(tail) == []
    assert (tail.foreign, tail.finished, tail.spent) == (True, False, [])
    tail.close()


def test_a_folder_without_a_lock_has_not_begun(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderTail(tmp_path, {})


def test_no_file_stays_open(tmp_path: Path) -> None:
    folder = written_spool(tmp_path, [outcome(next(ids(n))) for n in range(50)], TINY)
    before = len(list(Path("/proc/self/fd").iterdir()))
    tail = FolderTail(folder, {})
    read_all(tail)
    tail.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert (folder / ALIVE_FILE).exists()
