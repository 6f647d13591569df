"""What was used, by whom: the ledger summed over dimensions, for chargeback.

Owns the closed table of dimensions and the one query built from it; nothing that a user writes becomes SQL. Invariant:
the totals are the sums of the rows, to the nano-dollar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from aigate.domain import NANO_PER_USD
from aigate.errors import InvalidRequest
from aigate.store import LedgerTable, Value

from .ids import uuid7_floor

MAX_DIMENSIONS = 8
MAX_GROUPS = 100_000

_TIME = "strftime('{}', time_ms / 1000, 'unixepoch')"
DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        name: name
        for name in (
            *("key", "org", "team", "service", "user"),
            *("route", "provider", "model", "served_model", "dialect"),
            *("outcome", "status", "error", "error_source", "cache", "usage_source", "price_version", "policy"),
        )
    }
    | {
        "stream": "CASE stream WHEN 1 THEN 'true' ELSE 'false' END",
        "month": _TIME.format("%Y-%m"),
        "day": _TIME.format("%Y-%m-%d"),
        "hour": _TIME.format("%Y-%m-%dT%H:00Z"),
    }
)
"""Name → SQL. Every other name is that of a tag."""

_TAG = "coalesce(json_extract(tags, ?), '')"
_TAG_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_WHERE = re.compile(r"([^=]*)=(.{0,256})", re.DOTALL)
_AGO = re.compile(r"([0-9]{1,6})([mhdw])", re.ASCII)
_AGO_MS: Mapping[str, int] = MappingProxyType({"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000})


class Totals(NamedTuple):
    """Sums over receipts.

    Attributes:
        requests: counted where they began, so that they add up: a fallback is another attempt, not another request.
        attempts: calls of a provider.
        input_tokens: cached ones included.
        cost_nano_usd: nano-dollars.
        errors: receipts that did not end well, refusals included.
    """

    requests: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    errors: int


_SUMS = """
    coalesce(sum(attempt <= 1), 0), coalesce(sum(attempt > 0), 0), coalesce(sum(input_tokens), 0),
    coalesce(sum(output_tokens), 0), coalesce(sum(cost_nano_usd), 0), coalesce(sum(error <> ''), 0)
"""


class UsageQuery(msgspec.Struct, frozen=True):
    """What to sum.

    Attributes:
        by: dimensions and tag names, in the order of the columns.
        since_ms: Unix milliseconds; receipts of requests that came in before do not count.
        where: dimension or tag name and the value that it must have.
    """

    by: tuple[str, ...]
    since_ms: int
    where: tuple[tuple[str, str], ...] = ()


class Usage(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        by: as asked.
        rows: one a group: its values in the order of `by`, and its sums; dearest first, or by time if that was asked.
        totals: of all rows.
    """

    by: tuple[str, ...]
    rows: Sequence[tuple[tuple[str, ...], Totals]]
    totals: Totals


def parse_query(by: str, since: str, where: Sequence[str], now_ms: int) -> UsageQuery:
    """A query as it is typed: `team,feature,model,day`, `30d` or `2026-11-01`, `team=search`.

    Raises InvalidRequest, with the option as `param`.
    """
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    if len(names) > MAX_DIMENSIONS or len(set(names)) < len(names):
        raise InvalidRequest(f"--by: at most {MAX_DIMENSIONS} dimensions, each once", param="--by")
    return UsageQuery(
        by=tuple(_dimension(name, "--by") for name in names),
        since_ms=_since_ms(since, now_ms),
        where=tuple(_condition(text) for text in where),
    )


def read_usage(ledger: LedgerTable, query: UsageQuery) -> Usage:
    """Sum the ledger. Raises StoreUnavailable, and InvalidRequest when there are too many groups to be of use."""
    values: list[Value] = []
    selected = [_sql(name, values) for name in query.by]
    # The id carries the time at which the attempt began, never before the request came in: a range of the primary key.
    conditions = ["id >= ?", "time_ms >= ?"]
    values += [uuid7_floor(query.since_ms), query.since_ms]
    for name, value in query.where:
        conditions.append(f"{_sql(name, values)} = ?")
        values.append(value)
    groups = ", ".join(str(number) for number in range(1, len(selected) + 1))
    sql = (
        f"SELECT {''.join(f'{column}, ' for column in selected)}{_SUMS}"
        f"FROM ledger WHERE {' AND '.join(conditions)}"
        + (f" GROUP BY {groups} ORDER BY {_order(query.by)} LIMIT {MAX_GROUPS + 1}" if groups else "")
    )
    found = ledger.read(sql, values)
    if len(found) > MAX_GROUPS:
        raise InvalidRequest(f"--by: more than {MAX_GROUPS} groups; narrow it with --where or --since", param="--by")
    width = len(query.by)
    rows = [(tuple(str(value) for value in row[:width]), Totals(*map(_int, row[width:]))) for row in found]
    totals = Totals(*(sum(column) for column in zip(*(sums for _, sums in rows), strict=True))) if rows else _NONE
    return Usage(query.by, rows, totals)


def exact_usd(nano: int) -> str:
    """Dollars as a decimal, every digit there is and at least two: `0.00206`, `5.00`."""
    whole, fraction = divmod(abs(nano), NANO_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}{whole}.{digits}"


_NONE = Totals(0, 0, 0, 0, 0, 0)


def _sql(name: str, values: list[Value]) -> str:
    """The expression of a dimension; a tag's path becomes a bound value."""
    if name in DIMENSIONS:
        return f"CAST({DIMENSIONS[name]} AS TEXT)"
    values.append(f'$."{name}"')
    return _TAG


def _order(by: tuple[str, ...]) -> str:
    times = [str(place) for place, name in enumerate(by, 1) if name in {"month", "day", "hour"}]
    cost = len(by) + 1 + Totals._fields.index("cost_nano_usd")
    return ", ".join([*times, f"{cost} DESC", *(str(place) for place in range(1, len(by) + 1))])


def _int(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError("a sum over the ledger is an integer")
    return value


def _dimension(name: str, option: str) -> str:
    if name not in DIMENSIONS and not _TAG_NAME.fullmatch(name):
        known = ", ".join(sorted(DIMENSIONS))
        raise InvalidRequest(f"{option}: give names of {known}, or of a tag (letters, digits, _ . -)", param=option)
    return name


def _condition(text: str) -> tuple[str, str]:
    match = _WHERE.fullmatch(text)
    if match is None:
        raise InvalidRequest("--where: write name=value, the value of at most 256 characters", param="--where")
    return _dimension(match[1].strip(), "--where"), match[2]


def _since_ms(text: str, now_ms: int) -> int:
    if ago := _AGO.fullmatch(text):
        return max(now_ms - int(ago[1]) * _AGO_MS[ago[2]], 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            "--since: write a span such as 24h, 30d, 8w or a UTC day such as 2026-11-01", param="--since"
        ) from error
    return max(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000), 0)
