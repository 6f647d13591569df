"""Ids: valid UUIDv7, growing and distinct whatever the clock does, distinct across a fork."""

from __future__ import annotations

import subprocess
import sys
import uuid

from hypothesis import given
from hypothesis import strategies as st

from aigate.ledger import IdSource, uuid7
from aigate.ledger.ids import NANOS_PER_MILLI, uuid7_floor


def test_an_id_is_a_uuid_of_version_7() -> None:
    written = uuid7()
    found = uuid.UUID(written)
    assert (found.version, found.variant, str(found)) == (7, uuid.RFC_4122, written)


def test_an_id_carries_the_time() -> None:
    source = IdSource(lambda: 1_795_000_000_123 * NANOS_PER_MILLI)
    assert int(source.uuid7().replace("-", "")[:12], 16) == 1_795_000_000_123


@given(st.lists(st.integers(min_value=-5, max_value=5), min_size=1, max_size=50))
def test_ids_grow_even_when_the_clock_steps_back(steps: list[int]) -> None:
    clock = iter([sum(steps[:n], 1_000) * NANOS_PER_MILLI for n in range(len(steps))])
    source = IdSource(lambda: next(clock))
    drawn = [source.uuid7() for _ in steps]
    assert drawn == sorted(set(drawn))


def test_ids_grow_when_a_millisecond_has_more_than_its_counter_holds() -> None:
    source = IdSource(lambda: 1_000 * NANOS_PER_MILLI)
    drawn = [source.uuid7() for _ in range(10_000)]
    assert drawn == sorted(set(drawn))
    assert all(uuid.UUID(each).version == 7 for each in drawn)


@given(st.integers(min_value=0, max_value=2**47))
def test_the_floor_of_a_time_is_below_every_id_from_then_on(ms: int) -> None:
    at = bytes.fromhex(IdSource(lambda: ms * NANOS_PER_MILLI).uuid7().replace("-", ""))
    assert uuid7_floor(ms) <= at < uuid7_floor(ms + 1)


FORKING = """
import os
from aigate.ledger import IdSource
source = IdSource(lambda: 1_000_000_000)
source.uuid7()
child = os.fork()
os.write(1, "".join(source.uuid7() + "\\n" for _ in range(100)).encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_child_draws_other_ids() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 200
