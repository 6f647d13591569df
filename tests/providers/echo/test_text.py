"""Cutting a text loses nothing, and a cap holds for any counter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aigate.providers.echo.text import capped, digest, filler, pieces, stopped


@given(st.text())
def test_the_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


@given(st.text(max_size=80), st.integers(0, 20), st.sampled_from([1, 2, 3]))
def test_a_cap_holds_and_keeps_a_beginning(text: str, cap: int, per_token: int) -> None:
    def count(piece: str) -> int:
        return -(-len(piece.encode()) // per_token)

    cut = capped(text, cap, count)
    assert count(cut) <= cap
    assert text.startswith(cut)


@given(st.text("ab ", max_size=20), st.lists(st.text("ab ", max_size=3), max_size=3))
def test_no_stop_sequence_is_left(text: str, stops: list[str]) -> None:
    cut = stopped(text, stops)
    assert text.startswith(cut)
    assert not any(stop and stop in cut for stop in stops)


def test_the_digest_depends_on_every_part_and_its_limits() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(b"ab") == digest("ab") != digest("ba")


def test_filler_has_the_words_asked_for() -> None:
    assert len(filler(200, 3).split()) == 200
