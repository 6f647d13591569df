"""The writer: what it accepted is in the files or in its memory, and an intent it cannot keep is refused."""

from __future__ import annotations

import fcntl
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from aigate.domain import Receipt
from aigate.errors import SpoolUnavailable
from aigate.ledger import SpoolOptions, SpoolWriter
from aigate.ledger.format import ALIVE_FILE, MAX_BODY
from aigate.ledger.heartbeat import read_heartbeat
from aigate.ledger.tail import FolderTail
from tests.ledger.receipts import (
    NOW_MS,
    PARKED,
    SMALL,
    FailingDisk,
    fill,
    ids,
    intent,
    only_folder,
    outcome,
    read_all,
    refusal,
)


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def writer(tmp_path: Path, disk: FailingDisk) -> Iterator[SpoolWriter]:
    opened = SpoolWriter.open(tmp_path, SMALL, worker=7, disk=disk.disk())
    yield opened
    opened.close()


def kept(data: Path) -> list[Receipt]:
    tail = FolderTail(only_folder(data), {})
    try:
        return read_all(tail)
    finally:
        tail.close()


def segments(data: Path) -> list[str]:
    return sorted(path.name for path in only_folder(data).glob("*.seg"))


def test_what_is_appended_can_be_read_at_once(tmp_path: Path, writer: SpoolWriter) -> None:
    draw = ids()
    written = [intent(next(draw)), outcome(next(draw)), refusal(next(draw))]
    for receipt in written:
        writer.append(receipt)
    assert kept(tmp_path) == written


def test_a_log_of_many_segments_comes_back_in_order(tmp_path: Path, writer: SpoolWriter) -> None:
    draw = ids()
    written = [make(next(draw)) for _ in range(100) for make in (intent, outcome)]
    for receipt in written:
        writer.append(receipt)
    assert len(segments(tmp_path)) > 3
    assert kept(tmp_path) == written


@pytest.mark.parametrize("policy", ["always", "interval", "off"])
def test_the_fsync_policy_is_kept(tmp_path: Path, disk: FailingDisk, policy: str) -> None:
    options = msgspec.structs.replace(SMALL, fsync=policy)
    writer = SpoolWriter.open(tmp_path, options, disk=disk.disk())
    (segment,) = only_folder(tmp_path).glob("*.seg")
    writer.append(intent(next(ids())))
    assert (segment.stat().st_ino in disk.synced) is (policy == "always")
    writer.close()
    assert bool(disk.synced) is (policy != "off")


def test_a_new_segments_name_is_synced_before_its_records_count_as_kept(
    tmp_path: Path, disk: FailingDisk, writer: SpoolWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: order.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    sync = disk.sync
    monkeypatch.setattr(disk, "sync", lambda fd: (order.append("records"), sync(fd)))
    writer._chain._disk = disk.disk()
    writer._chain._current._disk = disk.disk()  # type: ignore[union-attr]
    draw = ids()
    for _ in range(2):
        writer.append(intent(next(draw)))
        writer._sync()
    assert order == [only_folder(tmp_path).name, "records", "records"]


def test_the_keeper_syncs_soon_after_a_record_and_then_rests(tmp_path: Path, disk: FailingDisk) -> None:
    writer = SpoolWriter.open(tmp_path, SpoolOptions(segment_bytes=1 << 16, interval_s=0.001), disk=disk.disk())
    for receipt_id in (next(ids(n)) for n in range(3)):
        before = len(disk.synced)
        writer.append(intent(receipt_id))
        while len(disk.synced) == before:  # bounded by the test's own timeout
            os.sched_yield()
    while writer._dirty or writer._work.is_set():
        os.sched_yield()
    writer._chain.sync()
    before = len(disk.synced)
    writer._chain.sync()
    assert len(disk.synced) == before, "a sync without anything new"
    writer.close()


def test_closing_seals_the_last_segment_and_frees_its_space(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    receipt = intent(next(ids()))
    writer.append(receipt)
    writer.close()
    writer.close()
    (segment,) = only_folder(tmp_path).glob("*.seg")
    assert segment.stat().st_size < 1_000
    assert kept(tmp_path) == [receipt]


def test_files_are_the_users_own(tmp_path: Path, writer: SpoolWriter) -> None:
    writer.append(intent(next(ids())))
    folder = only_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_lock_says_whether_the_writer_lives(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    with (only_folder(tmp_path) / ALIVE_FILE).open("rb") as alive:
        with pytest.raises(BlockingIOError):
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        writer.close()
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_heartbeat_overwrites_the_last_one(tmp_path: Path, writer: SpoolWriter) -> None:
    alive = only_folder(tmp_path) / ALIVE_FILE
    writer.heartbeat(in_flight=3, policy="abc", turned_away={"invalid_api_key": 2})
    size = alive.stat().st_size
    writer.heartbeat(draining=True)
    beat = read_heartbeat(alive)
    assert beat is not None
    assert (beat.worker, beat.pid, beat.in_flight, beat.draining, beat.turned_away) == (7, os.getpid(), 0, True, {})
    assert beat.spool.writable
    assert alive.stat().st_size == size


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b"x" * 400])
def test_a_torn_heartbeat_is_none(tmp_path: Path, damage: bytes) -> None:
    alive = tmp_path / ALIVE_FILE
    assert read_heartbeat(alive) is None
    alive.write_bytes(damage)
    assert read_heartbeat(alive) is None


def test_a_receipt_with_huge_texts_is_cut_and_keeps_its_figures(tmp_path: Path) -> None:
    with_all = SpoolOptions(segment_bytes=8 << 20, interval_s=PARKED)
    writer = SpoolWriter.open(tmp_path, with_all)
    huge = "\x01" * MAX_BODY
    receipt = outcome(next(ids()), user=huge, raw_usage=huge, tags={str(n): huge[:30_000] for n in range(99)})
    writer.append(receipt)
    (found,) = kept(tmp_path)
    assert (found.id, found.cost_nano_usd, found.raw_usage) == (receipt.id, receipt.cost_nano_usd, "")
    assert huge.startswith(found.user)
    writer.close()


# --- a disk that fails ---


def test_a_failed_write_refuses_an_intent(tmp_path: Path, writer: SpoolWriter, disk: FailingDisk) -> None:
    draw = ids()
    first, refused, later = intent(next(draw)), intent(next(draw)), intent(next(draw))
    writer.append(first)
    disk.fail_write = 1
    with pytest.raises(SpoolUnavailable, match="Input/output error"):
        writer.append(refused)
    assert not writer.state().writable
    writer._sync()
    writer.append(later)
    assert kept(tmp_path) == [first, later]
    assert writer.state().writable
    assert writer.state().write_errors == 1


def test_a_refused_intent_does_not_count_even_when_it_reached_the_file(
    tmp_path: Path, writer: SpoolWriter, disk: FailingDisk
) -> None:
    draw = ids()
    disk.fail_late = 1
    with pytest.raises(SpoolUnavailable):
        writer.append(intent(next(draw)))
    writer._repair()
    accepted = intent(next(draw))
    writer.append(accepted)
    assert kept(tmp_path) == [accepted]


@pytest.mark.parametrize("how", ["fail_write", "short_write"])
def test_a_failed_write_of_an_outcome_is_made_good(
    tmp_path: Path, writer: SpoolWriter, disk: FailingDisk, how: str
) -> None:
    draw = ids()
    before, late, after = outcome(next(draw)), outcome(next(draw)), outcome(next(draw))
    writer.append(before)
    setattr(disk, how, 1)
    writer.append(late)
    assert writer.state().waiting == 1
    assert kept(tmp_path) == [before]
    writer._sync()
    writer.append(after)
    assert kept(tmp_path) == [before, late, after]
    assert writer.state().waiting == 0


def test_a_full_disk_refuses_intents_and_keeps_every_outcome(
    tmp_path: Path, writer: SpoolWriter, disk: FailingDisk
) -> None:
    draw = ids()
    disk.fail_allocate = 1_000_000
    accepted = fill(writer, draw)
    for _ in range(60):  # more than the reserve takes
        accepted.append(outcome(next(draw)))
        writer.append(accepted[-1])
    writer._sync()
    assert len(segments(tmp_path)) == 1
    assert writer.state().waiting
    assert not writer.state().writable
    assert len(kept(tmp_path)) == len(accepted) - writer.state().waiting
    assert 0 < writer.state().waiting < 60, "the reserve takes outcomes, and outcomes alone"
    disk.fail_allocate = 0
    writer._sync()
    accepted.append(intent(next(draw)))
    writer.append(accepted[-1])
    assert kept(tmp_path) == accepted


def test_refusals_alone_are_dropped_when_too_many_wait(tmp_path: Path, disk: FailingDisk) -> None:
    options = msgspec.structs.replace(SMALL, waiting_bytes=2_000)
    writer = SpoolWriter.open(tmp_path, options, disk=disk.disk())
    draw = ids()
    disk.fail_allocate = disk.fail_write = 1_000_000
    for _ in range(30):
        writer.append(refusal(next(draw)))
    dropped = writer.state().dropped
    assert dropped
    closing = outcome(next(draw))
    writer.append(closing)
    assert writer.state().dropped == dropped
    disk.fail_allocate = disk.fail_write = 0
    writer._sync()
    found = kept(tmp_path)
    assert found[-1] == closing
    assert len(found) == 31 - dropped
    writer.close()


def test_a_failed_sync_is_never_tried_again_on_the_same_file(
    tmp_path: Path, writer: SpoolWriter, disk: FailingDisk
) -> None:
    draw = ids()
    written = [intent(next(draw)), outcome(next(draw))]
    writer.append(written[0])
    writer._sync()
    writer.append(written[1])
    disk.fail_sync = 1
    writer._sync()
    (failed,) = disk.failed_syncs
    assert disk.synced.count(failed) == 1
    assert disk.synced[-1] != failed
    written.append(outcome(next(draw)))
    writer.append(written[-1])
    writer._sync()
    assert disk.synced.count(failed) == 1
    assert kept(tmp_path) == written
    assert (writer.state().sync_errors, writer.state().writable) == (1, True)


def test_always_survives_a_failing_sync_within_the_append(tmp_path: Path, disk: FailingDisk) -> None:
    writer = SpoolWriter.open(tmp_path, msgspec.structs.replace(SMALL, fsync="always"), disk=disk.disk())
    disk.fail_sync = 1
    receipt = intent(next(ids()))
    writer.append(receipt)
    assert len(disk.synced) == 1, "the second segment is synced before append returns"
    assert kept(tmp_path) == [receipt]
    writer.close()


def test_a_disk_that_does_not_keep_up_refuses_intents_only(tmp_path: Path, disk: FailingDisk) -> None:
    writer = SpoolWriter.open(tmp_path, msgspec.structs.replace(SMALL, unsynced_bytes=500), disk=disk.disk())
    draw = ids()
    fill(writer, draw)
    with pytest.raises(SpoolUnavailable, match="keep up"):
        writer.append(intent(next(draw)))
    writer.append(outcome(next(draw)))
    writer._sync()
    writer.append(intent(next(draw)))
    writer.close()


def test_the_bound_on_the_whole_spool_is_kept(tmp_path: Path) -> None:
    options = msgspec.structs.replace(SMALL, spool_bytes=3 * SMALL.segment_bytes)
    first, second = (SpoolWriter.open(tmp_path, options, worker=n) for n in (1, 2))
    draw = ids()
    fill(first, draw)
    with pytest.raises(SpoolUnavailable, match="bound of 49152 bytes"):
        first.append(intent(next(draw)))
    held = sum(path.stat().st_size for path in (tmp_path / "spool").glob("*/*.seg"))
    assert held <= options.spool_bytes
    with pytest.raises(SpoolUnavailable, match="bound"):
        SpoolWriter.open(tmp_path, options, worker=3)
    first.close()
    second.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(SpoolUnavailable, match="spool"):
        SpoolWriter.open(tmp_path, SMALL)


def test_after_close_intents_are_refused(tmp_path: Path) -> None:
    writer = SpoolWriter.open(tmp_path, SMALL)
    writer.close()
    with pytest.raises(SpoolUnavailable):
        writer.append(intent(next(ids())))


CHILD = """
import resource, signal, sys
from pathlib import Path
from aigate.errors import SpoolUnavailable
from aigate.ledger import SpoolOptions, SpoolWriter
from tests.ledger.receipts import ids, intent, outcome
writer = SpoolWriter.open(Path(sys.argv[1]), SpoolOptions(segment_bytes=1 << 16, interval_s=0.001, retry_s=0.001))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
draw, accepted = ids(), 0
try:
    while True:
        writer.append(intent(next(draw)))
        accepted += 1
except SpoolUnavailable:
    writer.append(outcome(next(draw)))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
writer.close()
print(accepted + 1)
"""


def test_a_real_limit_of_the_system_is_survived(tmp_path: Path) -> None:
    """The kernel itself refuses the write (RLIMIT_FSIZE), inside a preallocated segment."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] in {resource.RLIM_INFINITY, 2**63 - 1, -1}
    done = subprocess.run([sys.executable, "-c", CHILD, tmp_path], capture_output=True, text=True, check=True)
    found = kept(tmp_path)
    assert len(found) == int(done.stdout)
    assert found[-1].kind == "outcome"
    assert found[0].time_ms == NOW_MS
