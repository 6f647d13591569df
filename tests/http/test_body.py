"""Bodies: whole, bounded, and without an extra round trip when their length is known."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.errors import ClientGone, InvalidRequest, RequestTooLarge
from aigate.http.body import read_body
from aigate.http.inflight import Course


class Pieces:
    def __init__(self, *pieces: bytes, gone: bool = False) -> None:
        self._messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        self._messages.append(
            {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False}
        )
        self.calls = 0

    async def receive(self) -> dict[str, object]:
        self.calls += 1
        return self._messages.pop(0)


def read(pieces: Pieces, length: int | None, limit: int = 1000) -> bytes:
    async def main() -> bytes:
        task = asyncio.current_task()
        assert task is not None
        return await read_body(Course(pieces.receive, task, 0.0, lambda: 1.0), length, limit)

    return asyncio.run(main())


def test_a_body_in_one_piece_is_received_once() -> None:
    pieces = Pieces(b"hello")
    assert read(pieces, 5) == b"hello"
    assert pieces.calls == 1


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.booleans())
def test_every_way_of_cutting_gives_the_same_body(parts: list[bytes], chunked: bool) -> None:
    whole = b"".join(parts)
    pieces = Pieces(*parts)
    assert read(pieces, None if chunked else len(whole)) == whole
    assert pieces.calls <= len(parts) + chunked


def test_a_body_is_bounded_by_its_length_before_and_by_its_size_while_it_arrives() -> None:
    announced = Pieces(b"x")
    with pytest.raises(RequestTooLarge):
        read(announced, 1001)
    assert announced.calls == 0
    with pytest.raises(RequestTooLarge):
        read(Pieces(b"x" * 600, b"x" * 600), None)


def test_a_short_body_and_a_caller_that_left_are_told_apart() -> None:
    with pytest.raises(InvalidRequest, match="3 of 5"):
        read(Pieces(b"abc"), 5)
    with pytest.raises(ClientGone):
        read(Pieces(b"abc", gone=True), 5)
