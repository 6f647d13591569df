"""The reader invents nothing and loses only what is damaged, wherever a byte is missing or wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigate.ledger.format import END_RECORD, HEADER_SIZE, INTENT, MAX_BODY, OUTCOME, SegmentHeader, pack
from aigate.ledger.reader import CHUNK, SegmentReader

HEADER = SegmentHeader(1, bytes(16), 1, 1).encode()
BODIES = [b'{"n":%d,"text":"%s"}' % (n, b"x" * (7 * n % 40)) for n in range(12)]
RECORDS = [pack(INTENT if n % 2 else OUTCOME, body) for n, body in enumerate(BODIES)]
ENDS = [HEADER_SIZE + sum(map(len, RECORDS[: n + 1])) for n in range(len(RECORDS))]
SEGMENT = HEADER + b"".join(RECORDS)
BIG = 1 << 30

tolerant = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def bodies_in(path: Path, *, final: bool = True, stop: int | None = None) -> tuple[list[bytes], SegmentReader]:
    reader = SegmentReader(path)
    records, at_end = reader.read(BIG, final=final, stop=stop)
    assert at_end
    reader.close()
    return [body for _, body in records], reader


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    return tmp_path / "00000001.seg"


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("zeros", [0, 100, 3 * CHUNK])
def test_every_record_comes_back(segment: Path, zeros: int, final: bool) -> None:
    segment.write_bytes(SEGMENT + bytes(zeros))
    found, reader = bodies_in(segment, final=final)
    assert found == BODIES
    assert (reader.skipped_bytes, reader.offset) == (0, len(SEGMENT))


@pytest.mark.parametrize("padded", [False, True])
def test_cut_at_every_byte_it_gives_the_whole_records_before(segment: Path, padded: bool) -> None:
    for cut in range(HEADER_SIZE, len(SEGMENT)):
        segment.write_bytes(SEGMENT[:cut] + bytes(64 if padded else 0))
        whole = [body for body, end in zip(BODIES, ENDS, strict=True) if end <= cut]
        for final in (False, True):
            assert bodies_in(segment, final=final)[0] == whole, cut


def test_damaged_at_any_byte_it_loses_that_record_alone(segment: Path) -> None:
    for at in range(HEADER_SIZE, len(SEGMENT)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(SEGMENT + bytes(64))
            damaged[at] ^= flip
            segment.write_bytes(damaged)
            hit = next(n for n, end in enumerate(ENDS) if at < end)
            found, reader = bodies_in(segment)
            assert found == BODIES[:hit] + BODIES[hit + 1 :], at
            assert reader.skipped_stretches == 1


@tolerant
@given(st.data())
def test_whatever_happens_to_the_bytes_nothing_is_invented(segment: Path, data: st.DataObject) -> None:
    damaged = bytearray(SEGMENT)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(HEADER_SIZE, len(damaged) - 1))
        piece = data.draw(st.one_of(st.binary(max_size=60), st.just(bytes(40)), st.sampled_from(RECORDS)))
        damaged[start : start + len(piece)] = piece
    segment.write_bytes(damaged)
    for final in (False, True):
        found, _ = bodies_in(segment, final=final)
        assert set(found) <= set(BODIES)


def test_a_hole_ends_a_live_segment_and_is_crossed_in_a_dead_one(segment: Path) -> None:
    hole = bytearray(SEGMENT)
    hole[ENDS[3] : ENDS[5]] = bytes(ENDS[5] - ENDS[3])
    segment.write_bytes(hole)
    assert bodies_in(segment, final=False)[0] == BODIES[:4]
    found, reader = bodies_in(segment, final=True)
    assert found == BODIES[:4] + BODIES[6:]
    assert reader.skipped_bytes == ENDS[5] - ENDS[3]


def test_damage_longer_than_a_window_is_crossed_in_a_dead_segment(segment: Path) -> None:
    segment.write_bytes(SEGMENT + os.urandom(100) + bytes(3 << 20) + os.urandom(100) + RECORDS[0] + bytes(1000))
    assert bodies_in(segment)[0] == [*BODIES, BODIES[0]]


def test_reading_follows_a_writer_byte_by_byte(segment: Path) -> None:
    """A half-written record is neither given nor passed over."""
    segment.write_bytes(HEADER + bytes(len(SEGMENT)))
    reader = SegmentReader(segment)
    found: list[bytes] = []
    with segment.open("r+b") as file:
        for at in range(HEADER_SIZE, len(SEGMENT)):
            file.seek(at)
            file.write(SEGMENT[at : at + 1])
            file.flush()
            found += [body for _, body in reader.read(BIG)[0]]
            assert found == [body for body, end in zip(BODIES, ENDS, strict=True) if end <= at + 1]
    assert reader.skipped_bytes == 0
    reader.close()


def test_a_record_of_the_largest_size(segment: Path) -> None:
    bodies = [b"a" * MAX_BODY, b"b" * (MAX_BODY - 1), b"c" * (CHUNK - 5), b"d"]
    segment.write_bytes(HEADER + b"".join(pack(OUTCOME, body) for body in bodies) + bytes(10))
    assert bodies_in(segment)[0] == bodies


def test_a_budget_brings_it_back_early_and_nothing_is_lost(segment: Path) -> None:
    segment.write_bytes(HEADER + RECORDS[1] * 20_000)
    reader = SegmentReader(segment)
    count, turns, at_end = 0, 0, False
    while not at_end:
        records, at_end = reader.read(10_000)
        count += len(records)
        turns += 1
    reader.close()
    assert count == 20_000
    assert turns > 3


def test_what_is_behind_the_stop_does_not_count(segment: Path) -> None:
    segment.write_bytes(SEGMENT)
    assert bodies_in(segment, stop=ENDS[4])[0] == BODIES[:5]
    assert bodies_in(segment, stop=ENDS[4] + 3)[0] == BODIES[:5]


def test_a_seal_is_seen_and_is_no_record(segment: Path) -> None:
    segment.write_bytes(SEGMENT)
    reader = SegmentReader(segment)
    assert not reader.is_sealed()
    segment.write_bytes(SEGMENT + END_RECORD)
    assert reader.is_sealed()
    reader.close()
    assert bodies_in(segment)[0] == BODIES


def test_an_empty_file_is_an_empty_segment(segment: Path) -> None:
    segment.write_bytes(b"")
    found, reader = bodies_in(segment)
    assert not found
    assert reader.header is None
