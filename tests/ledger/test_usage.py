"""Usage: exact sums over any dimensions, and nothing that a user writes becomes SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigate.domain import Receipt
from aigate.errors import InvalidRequest
from aigate.ledger import DIMENSIONS, IdSource, Totals, UsageQuery, exact_usd, parse_query, read_usage
from aigate.ledger.usage import MAX_DIMENSIONS
from aigate.store import LedgerTable
from tests.ledger.receipts import NOW_MS, outcome, refusal

HOUR = 3_600_000
DAY = 24 * HOUR


def at(time_ms: int) -> str:
    return IdSource(lambda: time_ms * 1_000_000).uuid7()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerTable]:
    with LedgerTable.open(tmp_path) as table:
        yield table


def put(ledger: LedgerTable, *receipts: Receipt) -> None:
    assert len(ledger.insert(receipts).new) == len(receipts)


def some(**fields: object) -> Receipt:
    time_ms = fields.setdefault("time_ms", NOW_MS)
    assert isinstance(time_ms, int)
    return outcome(at(time_ms), **fields)


def ask(ledger: LedgerTable, by: str = "", since: str = "90d", where: tuple[str, ...] = ()) -> dict[object, Totals]:
    return dict(read_usage(ledger, parse_query(by, since, where, NOW_MS + HOUR)).rows)


def test_sums_by_dimension_tag_and_day(ledger: LedgerTable) -> None:
    put(
        ledger,
        some(team="search", tags={"feature": "a"}),
        some(team="search", tags={"feature": "a"}),
        some(team="search", tags={"feature": "b"}, time_ms=NOW_MS - DAY),
        some(team="ads", tags={}),
    )
    days = [datetime.fromtimestamp(ms / 1000, UTC).date().isoformat() for ms in (NOW_MS - DAY, NOW_MS)]
    found = ask(ledger, "team,feature,day")
    assert {group: sums.requests for group, sums in found.items()} == {
        ("search", "a", days[1]): 2,
        ("search", "b", days[0]): 1,
        ("ads", "", days[1]): 1,
    }
    assert [group[2] for group in found] == sorted(group[2] for group in found), "by time"  # type: ignore[index]
    (totals,) = ask(ledger).values()
    assert totals == Totals(4, 4, 48, 20, 320_000, 0)


def test_a_fallback_is_one_request_and_two_attempts(ledger: LedgerTable) -> None:
    failed = some(provider="azure", outcome="failed", error="upstream_timeout", status=504, cost_nano_usd=0)
    put(ledger, failed, some(provider="openai", attempt=2), refusal(at(NOW_MS)))
    found = ask(ledger, "provider")
    assert found["azure",][:2] == (1, 1)
    assert found["openai",][:2] == (1, 1)  # the refusal began there, the fallback did not
    (totals,) = ask(ledger).values()
    assert (totals.requests, totals.attempts, totals.errors) == (2, 2, 2)


def test_the_dearest_comes_first(ledger: LedgerTable) -> None:
    put(ledger, *(some(team=name, cost_nano_usd=cost) for name, cost in [("a", 5), ("b", 9), ("c", 7)]))
    assert list(ask(ledger, "team")) == [("b",), ("c",), ("a",)]


def test_where_and_since_narrow(ledger: LedgerTable) -> None:
    put(ledger, some(team="a"), some(team="b", tags={"x": "1"}), some(team="b", time_ms=NOW_MS - 8 * DAY))
    assert ask(ledger, "team", "7d", ("team=b",))["b",].requests == 1
    assert ask(ledger, "team", "9d", ("team=b",))["b",].requests == 2
    assert list(ask(ledger, "team", where=("x=1",))) == [("b",)]
    assert ask(ledger, "team", where=("status=200", "stream=false", "x=2")) == {}
    day = datetime.fromtimestamp(NOW_MS / 1000, UTC).date().isoformat()
    assert sum(sums.requests for sums in ask(ledger, "team", day).values()) == 2


def test_no_rows_are_zero(ledger: LedgerTable) -> None:
    found = read_usage(ledger, UsageQuery(("team",), 0))
    assert (found.rows, found.totals) == ([], Totals(0, 0, 0, 0, 0, 0))
    assert read_usage(ledger, UsageQuery((), 0)).totals == Totals(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("name", sorted(DIMENSIONS))
def test_every_dimension_can_be_asked_and_narrowed_by(ledger: LedgerTable, name: str) -> None:
    put(ledger, some(), some(stream=True))
    for (value,) in ask(ledger, name):
        narrowed = ask(ledger, name, where=(f"{name}={value}",))
        assert list(narrowed) == [(value,)]


NAMES = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789_.-", min_size=1, max_size=12)
HOSTILE = ["'; DROP TABLE ledger; --", '"', "$.a", "a\nb", "%s", "\\", "\u2028", ""]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(NAMES, st.one_of(st.text(max_size=30).filter(lambda text: "\x00" not in text), st.sampled_from(HOSTILE)))
def test_a_tag_with_any_name_and_value_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: str
) -> None:
    name = f"t{name}"
    with LedgerTable.open(tmp_path_factory.mktemp("data")) as ledger:
        put(ledger, some(tags={name: value, "other": "x"}), some(tags={}))
        assert dict.fromkeys(ask(ledger, name)) == dict.fromkeys([(value,), ("",)])
        assert ask(ledger, name, where=(f"{name}={value}",))[value,].requests == (1 if value else 2)


TEAMS = st.sampled_from(["a", "b", "c"])
ROWS = st.lists(
    st.tuples(TEAMS, TEAMS, st.integers(0, 3), st.integers(0, 10**6), st.integers(0, 10**15), st.booleans()),
    max_size=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(ROWS)
def test_rows_and_totals_are_what_a_plain_sum_says(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]) -> None:  # type: ignore[type-arg]
    with LedgerTable.open(tmp_path_factory.mktemp("data")) as ledger:
        expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 6)
        source = IdSource()
        for team, feature, attempt, tokens, cost, wrong in rows:
            fields = {"attempt": attempt, "input_tokens": tokens, "output_tokens": tokens * 2, "cost_nano_usd": cost}
            failed = {"error": "upstream_error"} if wrong else {}
            put(ledger, outcome(source.uuid7(), team=team, tags={"f": feature}, time_ms=NOW_MS, **fields, **failed))
            sums = (attempt <= 1, attempt > 0, tokens, tokens * 2, cost, wrong)
            expected[team, feature] = [a + b for a, b in zip(expected[team, feature], sums, strict=True)]
        found = read_usage(ledger, UsageQuery(("team", "f"), 0))
        assert {group: list(sums) for group, sums in found.rows} == expected
        assert list(found.totals) == [sum(column) for column in zip(*expected.values(), strict=True)] or not rows


@given(st.integers(-(10**20), 10**20))
def test_dollars_are_exact(nano: int) -> None:
    written = exact_usd(nano)
    assert Fraction(written) == Fraction(nano, 10**9)
    assert len(written.split(".")[1]) >= 2


@pytest.mark.parametrize(
    ("nano", "written"), [(0, "0.00"), (5 * 10**9, "5.00"), (2_060_000, "0.00206"), (1, "0.000000001")]
)
def test_dollars_read_well(nano: int, written: str) -> None:
    assert exact_usd(nano) == written


@pytest.mark.parametrize(
    ("option", "by", "since", "where"),
    [
        ("--by", "team;drop", "1d", ""),
        ("--by", "té", "1d", ""),
        ("--by", "team,team", "1d", ""),
        ("--by", ",".join(f"t{n}" for n in range(MAX_DIMENSIONS + 1)), "1d", ""),
        ("--by", "x" * 65, "1d", ""),
        ("--since", "team", "yesterday", ""),
        ("--since", "team", "1y", ""),
        ("--since", "team", "-1d", ""),
        ("--since", "team", "", ""),
        ("--since", "team", "9999999d", ""),
        ("--where", "team", "1d", "team"),
        ("--where", "team", "1d", "a b=c"),
        ("--where", "team", "1d", "team=" + "x" * 257),
    ],
)
def test_a_bad_question_names_the_option(option: str, by: str, since: str, where: str) -> None:
    with pytest.raises(InvalidRequest, match=option) as caught:
        parse_query(by, since, [where] if where else [], NOW_MS)
    assert caught.value.param == option


@pytest.mark.parametrize(
    ("since", "ms"),
    [
        ("30m", NOW_MS - 30 * 60_000),
        ("24h", NOW_MS - DAY),
        ("2w", NOW_MS - 14 * DAY),
        ("999999w", 0),
        ("1970-01-02", DAY),
        ("1970-01-02T01:00", DAY + HOUR),
        ("1970-01-02T01:00+01:00", DAY),
    ],
)
def test_since(since: str, ms: int) -> None:
    assert parse_query("team", since, (), NOW_MS).since_ms == ms
