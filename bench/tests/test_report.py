from pathlib import Path

import msgspec

from bench.budgets import Budget, Standing, judge
from bench.load.figures import Row, Table, ratio, spread
from bench.load.machine import Machine, commit, machine
from bench.load.report import Run, broken, markdown, save
from bench.load.rig import Outcome, Percentiles
from bench.load.scenarios import Effort
from bench.load.window import Window

SEEN = Percentiles(samples=9, mean=1.0, p50=500.0, p90=1.0, p99=2000.0, p999=9000.0, max=9.0)
OUTCOME = Outcome(
    ok=9, failed=0, events=0, body_bytes=1, reconnects=0, errors={}, elapsed_s=1.0, per_second=12_345.0,
    latency_us=SEEN, first_byte_us=SEEN, lag_us=SEEN,
)  # fmt: skip
WINDOW = Window(OUTCOME, 50.0, 0.0, 1.0, 0.25, {"main": 30.0, "io": 20.0})
TABLE = Table(
    "plain.same",
    "Non-stream chat",
    [
        Row("aigate", "CPU-µs/request", [50.0, 70.0, 60.0], [WINDOW] * 3),
        Row("nginx", "CPU-µs/request", [15.0, 14.0, 16.0], [WINDOW] * 3),
    ],
)
BUDGETS = {
    "held": Budget("one", "µs", 0.1, at_most=65),
    "broken": Budget("two", "x", 0.1, at_most=3),
    "missing": Budget("three", "s", 0.1, at_most=1),
}


def a_run() -> Run:
    figures = {"held": 60.0, "broken": 4.0}
    where = Machine("a cpu", 2, 1000, "6.1", (0.1, 0.2, 0.3))
    return Run(
        "2026-11-23T12:00:00+00:00", "abc123", where, {"python": "3.11"}, Effort(), True, [TABLE], figures,
        judge(BUDGETS, figures),
    )  # fmt: skip


def test_a_ratio_is_that_of_the_printed_medians() -> None:
    assert ratio(TABLE.rows[0], TABLE.rows[1]) == 4.0
    assert spread(TABLE.rows[0].samples) == 1 / 6


def test_the_page_has_every_promise_figure_and_row() -> None:
    page = markdown(a_run())
    assert "| one | 60 | ≤ 65 | µs | 10% | held |" in page
    assert "| two | 4 | ≤ 3 | x | 10% | BROKEN |" in page
    assert "| three | - | ≤ 1 | s | 10% | not measured |" in page
    assert "| aigate | 60 | CPU-µs/request | 50 70 60 | 17% | 12,345 | 0.50 / 2.00 / 9.00 | 25% |" in page
    assert "raised priority" in page


def test_what_is_broken_or_not_measured_fails_the_run() -> None:
    assert [verdict.standing for verdict in broken(a_run().verdicts)] == [Standing.BROKEN, Standing.NOT_MEASURED]


def test_a_kept_run_can_be_read_back(tmp_path: Path) -> None:
    page = save(a_run(), tmp_path)
    assert page.name == "2026-11-23-abc123.md"
    assert msgspec.json.decode(page.with_suffix(".json").read_bytes(), type=Run) == a_run()


def test_this_machine_and_commit_have_names() -> None:
    assert machine().cores >= 1
    assert commit()
