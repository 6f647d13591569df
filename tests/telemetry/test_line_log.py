"""The log gives whole lines to whoever reads, and waits for nobody who does not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aigate.telemetry import LineLog

LINES = [b'{"n":%d,"text":"%s"}' % (n, b"x" * (n % 90)) for n in range(3_000)]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            continue


def emptied(fd: int) -> bytes:
    os.set_blocking(fd, False)
    data = b""
    try:
        while piece := os.read(fd, 1 << 20):
            data += piece
    except BlockingIOError:
        pass
    return data


def test_a_file_gets_all_of_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        log = LineLog(file.fileno())
        log.write(LINES[:1_000])
        log.write([])
        log.write(LINES[1_000:])
    assert (tmp_path / "log").read_bytes().splitlines() == LINES
    assert log.dropped == 0


def test_a_reader_that_does_not_read_loses_lines_and_they_are_counted(pipe: tuple[int, int]) -> None:
    log = LineLog(pipe[1], patience_ms=0)
    log.write(LINES)
    lost = log.dropped
    assert lost > 0
    first = emptied(pipe[0])
    log.write([b'{"after":1}', b'{"after":2}'])
    read = (first + emptied(pipe[0])).splitlines()
    assert read[-2:] == [b'{"after":1}', b'{"after":2}']
    whole = [line for line in read[:-2] if line in LINES]
    assert whole == LINES[: len(whole)]
    assert len(LINES) - lost - 1 <= len(whole) <= len(LINES) - lost
    assert len(read) - 2 - len(whole) <= 1, "at most the torn one, on a line of its own"


def test_a_stuck_reader_is_not_waited_for_twice(pipe: tuple[int, int]) -> None:
    log = LineLog(pipe[1], patience_ms=1)
    waits: list[int] = []

    class Poll:
        def poll(self, timeout: int) -> list[object]:
            waits.append(timeout)
            return [] if len(waits) < 4 else [1]

    log._poll = Poll()  # type: ignore[assignment]
    for line in (b"1", b"2", b"3", b"4", b"5"):
        log.write([line])
    assert waits == [1, 0, 0, 0, 1]
    assert emptied(pipe[0]) == b"4\n5\n"
    assert log.dropped == 3


def test_a_reader_that_has_gone_is_no_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    log = LineLog(pipe[1])
    log.write([b"{}", b"{}"])
    assert log.dropped == 2
