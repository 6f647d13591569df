"""kill -9 of a real writer, again and again, while a shipper follows: no row is lost, doubled or made up."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from aigate.ledger import Shipper
from aigate.store import LedgerTable
from tests.ledger.receipts import SeenViews

# Says what it is about to write, writes it, says that `append` returned; forever, several attempts at a time.
WRITER = """
import os, sys
from pathlib import Path
from aigate.ledger import SpoolOptions, SpoolWriter, uuid7
from tests.ledger.receipts import intent, outcome
writer = SpoolWriter.open(Path(sys.argv[1]), SpoolOptions(segment_bytes=1 << 16, interval_s=0.002))
say = lambda text: os.write(1, text.encode())
while True:
    attempts = [uuid7() for _ in range(5)]
    for make, which in ((intent, attempts), (outcome, attempts[:4])):
        for attempt in which:
            receipt = make(attempt)
            say(f"{receipt.kind} {attempt} begun\\n")
            writer.append(receipt)
            say(f"{receipt.kind} {attempt} kept\\n")
"""

Said = dict[tuple[str, str], str]
"""(kind, id) → begun or kept."""


def run_and_kill(data: Path, lines: int, shipper: Shipper) -> Said:
    """Start a writer, kill it after it has said so many lines, return what it had said by then."""
    said: Said = {}
    with subprocess.Popen([sys.executable, "-c", WRITER, data], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for number, line in enumerate(itertools.islice(child.stdout, lines)):
            take(said, line)
            if number % 50 == 0:
                shipper.ship()
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            take(said, line)
    return said


def take(said: Said, line: bytes) -> None:
    if line.endswith(b"\n"):
        kind, attempt, word = line.decode().split()
        said[kind, attempt.replace("-", "")] = word


def ship_all(shipper: Shipper) -> None:
    while not shipper.ship():
        continue


def ledger_rows(data: Path) -> list[tuple[str, str]]:
    with LedgerTable.open(data) as ledger:
        return [(str(a), str(b)) for a, b in ledger.read("SELECT lower(hex(id)), outcome FROM ledger")]


def check(data: Path, said: Said, views: SeenViews) -> None:
    rows = ledger_rows(data)
    found = dict(rows)
    assert len(found) == len(rows)
    for (kind, attempt), word in said.items():
        if word == "kept":
            assert attempt in found, f"{kind} of {attempt} is lost"
        if kind == "outcome" and word == "kept":
            assert found[attempt] == "ok"
    assert set(found) <= {attempt for _, attempt in said}
    assert all(result == "ok" or said.get(("outcome", attempt)) != "kept" for attempt, result in rows)
    assert Counter(receipt.id.replace("-", "") for receipt in views.receipts) == Counter(found.keys())


def test_no_row_is_lost_or_doubled_over_many_kills(tmp_path: Path) -> None:
    views = SeenViews()
    said: Said = {}
    for lines in (1, 40, 333, 700, 1500):
        shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), views)
        said |= run_and_kill(tmp_path, lines, shipper)
        shipper.close()  # dies as well, without having saved
    shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), views)
    ship_all(shipper)
    shipper.save()
    shipper.close()
    assert len(said) > 1_000
    check(tmp_path, said, views)
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["checkpoint"]


DYING = """
import os, signal, sys
from pathlib import Path
from aigate.ledger import SpoolOptions, SpoolWriter
from tests.ledger.receipts import intent
writer = SpoolWriter.open(Path(sys.argv[1]), SpoolOptions(segment_bytes=1 << 16))
for number in range(20):
    writer.append(intent(f"01a1ee56-5e00-7000-8000-{number:012d}"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("cut", [1, 7, 60, 200])
def test_a_record_torn_by_the_kill_costs_itself_alone(tmp_path: Path, cut: int) -> None:
    """A kill in the middle of the write: the last `cut` bytes did not get there."""
    assert subprocess.run([sys.executable, "-c", DYING, tmp_path], check=False).returncode == -signal.SIGKILL
    (segment,) = (tmp_path / "spool").glob("*/*.seg")
    written = segment.read_bytes().rstrip(b"\0")
    with segment.open("r+b") as file:
        file.seek(len(written) - cut)
        file.write(bytes(cut))
    shipper = Shipper(tmp_path, LedgerTable.open(tmp_path), SeenViews())
    ship_all(shipper)
    assert sorted(ledger_rows(tmp_path)) == [(f"01a1ee565e0070008000{n:012d}", "unfinished") for n in range(19)]
    shipper.save()
    shipper.close()
