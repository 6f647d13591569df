"""The steward: alone in its folder, up to date when asked, and not stopped by anything that fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigate.errors import StoreUnavailable
from aigate.ledger import SpoolWriter, Steward, StewardLock, StewardSettings
from tests.ledger.receipts import SMALL, MemorySink, SeenViews, ids, intent, outcome, written_spool

QUIET = StewardSettings(interval_s=3_600, backoff_s=3_600, lock_tries=1)
QUICK = StewardSettings(interval_s=0.001, backoff_s=0.002, checkpoint_s=0)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Scene:
    """A steward over a sink in memory, with its clock in hand."""

    def __init__(self, data: Path, settings: StewardSettings = QUIET) -> None:
        self.sink = MemorySink()
        self.views = SeenViews()
        self.clock = Clock()
        self.steward = Steward(
            data, self.views, workers=1, settings=settings, open_sink=lambda _: self.sink, now=self.clock
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.sink.failing = False
    made.steward.stop()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SpoolWriter]:
    opened = SpoolWriter.open(tmp_path, SMALL)
    yield opened
    opened.close()


def wait_until(happened: object) -> None:
    """Bounded by the test's own timeout."""
    while not happened():  # type: ignore[operator]
        os.sched_yield()


def test_a_folder_has_one_steward(tmp_path: Path, scene: Scene) -> None:
    scene.steward.start()
    with pytest.raises(StoreUnavailable, match="another gateway"):
        Scene(tmp_path).steward.start()
    assert StewardLock.take(tmp_path) is None
    scene.steward.stop()
    lock = StewardLock.take(tmp_path)
    assert lock is not None
    lock.release()
    assert scene.sink.closed


def test_a_drain_has_everything_written_before_it(scene: Scene, writer: SpoolWriter) -> None:
    scene.steward.start()
    draw = ids()
    for count in range(1, 6):
        writer.append(outcome(next(draw)))
        assert scene.steward.drain_now()
        assert len(scene.sink.rows) == count
    assert scene.steward.metrics() == b"5 receipts\n"


def test_its_own_thread_ships_without_being_asked(tmp_path: Path, writer: SpoolWriter) -> None:
    scene = Scene(tmp_path, QUICK)
    scene.steward.start()
    writer.append(outcome(next(ids())))
    wait_until(lambda: scene.sink.rows)
    scene.steward.stop()


def test_a_start_adopts_what_the_dead_left(tmp_path: Path, scene: Scene) -> None:
    draw = ids()
    folder = written_spool(tmp_path, [intent(next(draw)), outcome(next(draw))])
    scene.steward.start()
    assert scene.steward.drain_now()
    assert sorted(row.outcome for row in scene.sink.rows.values()) == ["ok", "unfinished"]
    assert not folder.exists()


def test_a_stop_ships_the_rest_and_saves(tmp_path: Path, scene: Scene, writer: SpoolWriter) -> None:
    scene.steward.start()
    writer.append(outcome(next(ids())))
    assert scene.steward.stop()
    assert scene.sink.rows
    assert (tmp_path / "spool" / "checkpoint").exists()
    assert not scene.steward.drain_now(), "there is nothing left that could"


def test_a_stop_without_a_start_is_harmless(tmp_path: Path) -> None:
    assert not Scene(tmp_path).steward.stop()


def test_the_checkpoint_waits_its_time(tmp_path: Path, scene: Scene, writer: SpoolWriter) -> None:
    scene.steward.start()
    scene.steward.drain_now()
    draw = ids()
    checkpoint = tmp_path / "spool" / "checkpoint"
    writer.append(outcome(next(draw)))
    scene.steward.drain_now()
    assert not checkpoint.exists()
    scene.clock.seconds += 1.0
    scene.steward.drain_now()
    written = checkpoint.read_bytes()
    scene.clock.seconds += 10.0
    scene.steward.drain_now()
    assert scene.sink.hardened == 1, "an idle gateway writes nothing"
    assert checkpoint.read_bytes() == written


def test_a_failing_sink_is_shown_and_got_over(scene: Scene, writer: SpoolWriter) -> None:
    scene.steward.start()
    writer.heartbeat(policy="abc")
    writer.append(outcome(next(ids())))
    scene.sink.failing = True
    scene.clock.seconds += 7
    assert not scene.steward.drain_now()
    ready, shown = scene.steward.ready()
    assert ready, "receipts are safe in the spool"
    assert shown["warnings"] == ["ledger: database is locked"]
    assert scene.steward.state().lag_s >= 7
    scene.sink.failing = False
    assert scene.steward.drain_now()
    assert scene.steward.ready()[1]["warnings"] == []
    assert scene.steward.state().lag_s == 0
    assert len(scene.sink.rows) == 1


def test_it_waits_longer_and_longer_for_a_failing_sink(tmp_path: Path, writer: SpoolWriter) -> None:
    scene = Scene(tmp_path, StewardSettings(interval_s=0.1, backoff_s=1.0))
    steward = scene.steward
    pauses = []
    for _ in range(6):
        pauses.append(steward._pause())
        steward._failures += 1
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    steward._failures = 10**9
    assert steward._pause() == 1.0


def test_a_bug_in_a_view_does_not_end_the_thread(tmp_path: Path, writer: SpoolWriter) -> None:
    scene = Scene(tmp_path, QUICK)
    broken = threading.Event()

    def observe(_: object) -> None:
        broken.set()
        raise ZeroDivisionError

    scene.views.observe = observe  # type: ignore[method-assign]
    scene.steward.start()
    draw = ids()
    writer.append(outcome(next(draw)))
    assert broken.wait(10)
    wait_until(lambda: scene.steward.state().fault)
    del scene.views.observe
    writer.append(outcome(next(draw)))
    wait_until(lambda: len(scene.sink.rows) == 2)
    wait_until(lambda: not scene.steward.state().fault)
    assert scene.steward.stop()


def test_readiness_follows_the_workers_word(scene: Scene, writer: SpoolWriter) -> None:
    scene.steward.start()
    scene.steward.drain_now()
    ready, shown = scene.steward.ready()
    assert not ready, "it has no policy yet"
    writer.heartbeat(policy="abc", in_flight=4)
    ready, shown = scene.steward.ready()
    assert ready
    (worker,) = shown["workers"]  # type: ignore[misc]
    assert (worker["pid"], worker["in_flight"], worker["ready"]) == (os.getpid(), 4, True)
    writer.heartbeat(policy="abc", policy_fault="aigate.yaml:1: bad")
    assert scene.steward.ready()[1]["warnings"] == ["policy: aigate.yaml:1: bad"]
    scene.steward.draining = True
    assert not scene.steward.ready()[0]
    scene.steward.draining = False
    writer.close()
    scene.steward.drain_now()
    assert scene.steward.ready()[1]["faults"] == ["0 of 1 workers are ready"]


def test_the_state_waits_for_nobody(scene: Scene, writer: SpoolWriter) -> None:
    scene.steward.start()
    wait_until(lambda: scene.steward.state().workers)
    inserting, go_on = threading.Event(), threading.Event()
    insert = scene.sink.insert

    def slow(receipts: list[object]) -> object:
        inserting.set()
        assert go_on.wait(20)
        return insert(receipts)  # type: ignore[arg-type]

    scene.sink.insert = slow  # type: ignore[assignment, method-assign]
    writer.append(outcome(next(ids())))
    drain = threading.Thread(target=scene.steward.drain_now)
    drain.start()
    assert inserting.wait(20)
    assert len(scene.steward.ready()[1]["workers"]) == 1  # type: ignore[arg-type]
    assert not scene.steward.drain_now(0.01)
    go_on.set()
    drain.join()


def test_a_sink_that_cannot_be_opened_leaves_the_folder_free(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StoreUnavailable, match=r"ledger\.db"):
        Steward(tmp_path, SeenViews()).start()
    lock = StewardLock.take(tmp_path)
    assert lock is not None
    lock.release()


def test_a_data_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="data folder"):
        Scene(tmp_path / "file").steward.start()
