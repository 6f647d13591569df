"""A machine that writes, reads, syncs and fails in any order: each accepted record is read once, and nothing else.

The disk is the worst one allowed: a write that fails leaves some or all of the record, and a sync that fails loses
every byte that was not confirmed before. Readers come at any moment, and may have seen what is lost and written again.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aigate.ledger.chain import SegmentChain
from aigate.ledger.format import ALIVE_FILE, OUTCOME, SegmentHeader, pack
from aigate.ledger.options import SpoolOptions
from aigate.ledger.segment import Segment
from aigate.ledger.tail import FolderTail
from tests.ledger.receipts import FailingDisk

OPTIONS = SpoolOptions(segment_bytes=2_048, spool_bytes=1 << 30)


class FailingChain(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.root = tempfile.TemporaryDirectory()
        self.folder = Path(self.root.name) / "spool" / f"1-{'0' * 32}"
        self.folder.mkdir(parents=True)
        (self.folder / ALIVE_FILE).touch()
        self.disk = FailingDisk()
        self.chain = SegmentChain(self.folder, SegmentHeader(1, bytes(16), 1, 0), OPTIONS, self.disk.disk())
        self.chain.open_first()
        self.numbers = itertools.count()
        self.accepted: list[bytes] = []
        self.doubtful: set[bytes] = set()
        self.read: list[bytes] = []
        self.tail = FolderTail(self.folder, {})
        self.tail._probe = lambda: None  # type: ignore[method-assign] # the test says when the writer dies
        self.positions: dict[int, int] = {}

    def put(self, size: int, into_reserve: bool) -> None:
        body = b"%d:%s" % (next(self.numbers), b"x" * size)
        with self.chain.lock:
            try:
                self.chain.put(pack(OUTCOME, body), into_reserve)
            except OSError:
                self.doubtful.add(body)
                return
        self.accepted.append(body)

    @rule(size=st.integers(1, 300), count=st.integers(1, 12), into_reserve=st.booleans())
    def write(self, size: int, count: int, into_reserve: bool) -> None:
        for _ in range(count):
            self.put(size, into_reserve)

    @rule(size=st.integers(1, 300), how=st.sampled_from(["fail_write", "short_write", "fail_late"]))
    def write_badly(self, size: int, how: str) -> None:
        setattr(self.disk, how, 1)
        self.put(size, True)
        setattr(self.disk, how, 0)

    @rule()
    def sync(self) -> None:
        self.chain.sync()

    @rule(which=st.integers(1, 3), losing=st.booleans())
    def sync_badly(self, which: int, losing: bool) -> None:
        before = {segment.seq: segment for segment in self.open_segments()}
        self.disk.fail_sync = which
        self.chain.sync()
        self.disk.fail_sync = 0
        if losing:
            for debt in self.chain._debts:
                if debt.seq in before and debt.records:
                    self.drop(debt.seq, debt.start)

    def open_segments(self) -> list[Segment]:
        current = [self.chain._current] if self.chain._current is not None else []
        return [*self.chain._retired, *current]

    def drop(self, seq: int, start: int) -> None:
        path = self.folder / f"{seq:08d}.seg"
        with path.open("r+b") as file:
            file.seek(start)
            file.write(bytes(path.stat().st_size - start))

    @rule(failing=st.sampled_from(["", "fail_write", "fail_allocate"]), after=st.integers(1, 3))
    def pay(self, failing: str, after: int) -> None:
        if failing:
            setattr(self.disk, failing, after)
        with self.chain.lock:
            try:
                self.chain.pay()
            except OSError:
                assert failing
        self.disk.fail_write = self.disk.fail_allocate = 0

    @rule()
    def prepare(self) -> None:
        self.chain.prepare_spare()

    @rule(budget=st.integers(1, 5_000))
    def read_on(self, budget: int) -> None:
        self.read += [body for _, body in self.tail.read(budget)[0]]

    @rule(delete=st.booleans())
    def read_to_the_end_and_begin_anew_from_the_positions(self, delete: bool) -> None:
        """A restart of the reader behind a checkpoint, which may have deleted what was spent."""
        at_end = False
        while not at_end:
            records, at_end = self.tail.read(1 << 20)
            self.read += [body for _, body in records]
        if delete:
            self.tail.delete(self.tail.spent)
        positions = self.tail.positions
        self.tail.close()
        self.tail = FolderTail(self.folder, positions)
        self.tail._probe = lambda: None  # type: ignore[method-assign]

    @precondition(lambda self: not self.chain._debts)
    @invariant()
    def nothing_is_read_twice_or_made_up(self) -> None:
        assert len(set(self.read)) == len(self.read)
        assert set(self.read) <= {*self.accepted, *self.doubtful}

    def teardown(self) -> None:
        if not hasattr(self, "chain"):
            return
        with self.chain.lock:
            self.chain.pay()
            self.chain.finish()
        self.chain.sync()
        self.tail.alive = False
        while not self.tail.finished:
            self.read += [body for _, body in self.tail.read(1 << 20)[0]]
        self.tail.close()
        assert sorted(body for body in self.read if body not in self.doubtful) == sorted(self.accepted)
        assert not list(self.folder.glob("spare*"))
        self.root.cleanup()


TestFailingChain = pytest.mark.timeout(120)(FailingChain.TestCase)
FailingChain.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
