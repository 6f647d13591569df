"""The format: what is packed is unpacked, what is damaged is seen, and no record hides in another one's body."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.ledger.format import (
    CANDIDATE,
    HEADER_SIZE,
    INTENT,
    MAGIC,
    OUTCOME,
    REFUSAL,
    SegmentHeader,
    decode_header,
    folder_name,
    is_folder_name,
    is_foreign,
    pack,
    segment_name,
    segment_seq,
    unpack,
)
from tests.ledger.receipts import outcome

U32 = st.integers(min_value=0, max_value=2**32 - 1)
HEADER = SegmentHeader(3, bytes(range(16)), 4711, 9, replaces=8, replaces_from=1234)


@given(st.lists(U32, min_size=6, max_size=6), st.binary(min_size=16, max_size=16))
def test_a_header_comes_back(numbers: list[int], incarnation: bytes) -> None:
    header = SegmentHeader(numbers[0], incarnation, *numbers[1:])
    written = header.encode()
    assert len(written) == HEADER_SIZE
    assert decode_header(written) == header


@pytest.mark.parametrize("at", range(HEADER_SIZE))
def test_a_damaged_header_is_none(at: int) -> None:
    written = bytearray(HEADER.encode())
    written[at] ^= 0x10
    assert decode_header(bytes(written)) is None
    assert decode_header(bytes(written[:at])) is None


def test_a_header_of_another_version_is_foreign() -> None:
    written = bytearray(HEADER.encode())
    assert not is_foreign(bytes(written))
    written[len(MAGIC)] += 1
    assert is_foreign(bytes(written))
    assert not is_foreign(bytes(HEADER_SIZE))


@given(st.sampled_from([INTENT, OUTCOME, REFUSAL]), st.binary(min_size=1, max_size=300), st.binary(max_size=20))
def test_a_record_comes_back_whatever_follows(kind: int, body: bytes, rest: bytes) -> None:
    assert unpack(pack(kind, body) + rest) == (kind, body)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_damaged_record_is_none(body: bytes, data: st.DataObject) -> None:
    record = bytearray(pack(OUTCOME, body))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    assert unpack(bytes(record)) is None


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=4), st.text(max_size=200))
def test_no_record_can_begin_inside_a_body(tags: dict[str, str], model: str) -> None:
    body = msgspec.json.encode(outcome("x", tags=tags, model=model))
    assert not CANDIDATE.search(body)


def test_names() -> None:
    assert segment_seq(segment_name(12)) == 12
    assert segment_seq("spare-1") is None
    assert is_folder_name(folder_name(7, bytes(16)))
    assert not is_folder_name("." + folder_name(7, bytes(16)))
    assert not is_folder_name("checkpoint")
