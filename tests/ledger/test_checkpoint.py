"""The checkpoint comes back as it was, and a bad one reads as none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigate.ledger.checkpoint import CHECKPOINT_FILE, Checkpoint, Mark, load_checkpoint, save_checkpoint

MARKS = st.builds(
    Mark,
    positions=st.dictionaries(st.integers(1, 10**9), st.integers(0, 2**40), max_size=4),
    intents=st.lists(st.binary(max_size=50), max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.dictionaries(st.text("0123456789abcdef-", min_size=1), MARKS, max_size=3))
def test_it_comes_back(tmp_path: Path, writers: dict[str, Mark]) -> None:
    save_checkpoint(tmp_path, Checkpoint(writers=writers))
    assert load_checkpoint(tmp_path) == Checkpoint(writers=writers)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]


@pytest.mark.parametrize("written", [b"", b"\0" * 100, b"{", b'{"version":2,"writers":{}}', b'{"writers":[]}'])
def test_a_bad_one_is_none(tmp_path: Path, written: bytes) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(written)
    assert load_checkpoint(tmp_path) == Checkpoint()


def test_a_failure_leaves_the_former_one(tmp_path: Path) -> None:
    kept = Checkpoint(writers={"1-a": Mark({1: 64}, [])})
    save_checkpoint(tmp_path, kept)
    (tmp_path / f"{CHECKPOINT_FILE}.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        save_checkpoint(tmp_path, Checkpoint())
    assert load_checkpoint(tmp_path) == kept
