"""The units a policy is written in: durations, sizes, money, prices, shares, rates, dates.

Text in, integers out, nothing rounded: what cannot be held exactly is refused. A `ValueError` says what is wanted with
an example and leaves the text itself out. Invariant: `read(written(value)) == value` for every unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

from aigate.domain import NANO_PER_USD

PPM = 1_000_000
"""Shares are parts per million: 5 % is 50,000."""
MAX_INTEGER = 2**63 - 1
"""What the ledger and the engine hold: in nano-dollars, nine billion dollars."""

_MS: Mapping[str, int] = MappingProxyType({"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000})
_SIZE: Mapping[str, int] = MappingProxyType({"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000})
_PERIODS = ("second", "minute", "hour", "day")

_QUANTITY = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,12}))?([A-Za-z%]*)", re.ASCII)
_RATE = re.compile(r"([0-9.]+[A-Za-z]?)/([a-z]+)", re.ASCII)


def _scaled(text: str, factors: Mapping[str, int], wanted: str) -> int:
    """`text` as number times the factor of its suffix, exactly. Raises ValueError with `wanted`."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[3] not in factors:
        raise ValueError(f"expected {wanted}")
    whole, fraction, factor = match[1], match[2] or "", factors[match[3]]
    scale: int = 10 ** len(fraction)
    value, rest = divmod(int(whole + fraction) * factor, scale)
    if rest:
        raise ValueError(f"is finer than can be held; expected {wanted}")
    if value > MAX_INTEGER:
        raise ValueError(f"is too large; expected {wanted}")
    return value


def duration(text: str) -> int:
    """Milliseconds of `30s`, `5m`, `24h`, `3d`, `500ms`."""
    return _scaled(text, _MS, "a duration such as 30s, 5m, 24h, 3d or 500ms")


def size(text: str) -> int:
    """The number in `2M`, `100k` or `1500`; k, M and G are powers of ten."""
    return _scaled(text, _SIZE, "a size such as 2M, 100k or 1500")


def usd(text: str) -> int:
    """Nano-dollars of `5000`, `0.05` or `5usd`."""
    return _scaled(text, {"": NANO_PER_USD, "usd": NANO_PER_USD}, "US dollars such as 5000, 0.05 or 5usd")


def price(text: str) -> int:
    """Nano-dollars per million tokens of a price in US dollars per million tokens, such as `2.50`."""
    return _scaled(text, {"": NANO_PER_USD}, "US dollars per million tokens such as 2.50")


def share(text: str) -> int:
    """Parts per million of `5%` or `0.05`."""
    value = _scaled(text, {"%": PPM // 100, "": PPM}, "a share such as 5% or 0.05")
    if value > PPM:
        raise ValueError("is more than all of it; expected a share such as 5% or 0.05")
    return value


def rate(text: str) -> str:
    """`30M/minute` as `30000000/minute`: how many in each second, minute, hour or day."""
    match = _RATE.fullmatch(text)
    if match is None or match[2] not in _PERIODS:
        raise ValueError("expected a rate such as 600/minute or 2M/minute (second, minute, hour, day)")
    return f"{size(match[1])}/{match[2]}"


def instant(text: str) -> int:
    """Unix milliseconds of a day (its start, UTC) or of a time with its zone."""
    try:
        when = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        when = _moment(text)
    if when.year < 1970:
        raise ValueError("is before 1970; expected a date such as 2027-01-31")
    return round(when.timestamp()) * 1_000


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date such as 2027-01-31 or 2027-01-31T12:00:00Z") from None
    if when.tzinfo is None:
        raise ValueError("has no time zone; expected a date such as 2027-01-31T12:00:00Z")
    return when


def written_duration(ms: int, units: tuple[str, ...] = ("d", "h", "m", "s", "ms")) -> str:
    """The text in the largest unit that `duration` reads back as `ms`."""
    unit = next(unit for unit in units if ms % _MS[unit] == 0)
    return f"{ms // _MS[unit]}{unit}" if ms else "0s"


def written_share(ppm: int) -> str:
    """A decimal fraction, as `share` reads it back."""
    return f"{ppm // PPM}.{ppm % PPM:06d}".rstrip("0").rstrip(".")


UNITS: Mapping[str, Callable[[str], int | str]] = MappingProxyType(
    {
        "duration": duration,
        "size": size,
        "usd": usd,
        "price": price,
        "share": share,
        "rate": rate,
        "instant": instant,
    }
)
"""By the name that the schema gives a unit."""

UNIT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "duration": "duration",
        "size": "size",
        "usd": "US dollars",
        "price": "US dollars per million tokens",
        "share": "share",
        "rate": "rate",
        "instant": "date",
        "secret": "secret reference",
        "header": "text or secret reference",
    }
)
"""What people call them; the last two are read by `decode`."""
