from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.config.units import (
    MAX_INTEGER,
    PPM,
    UNITS,
    duration,
    instant,
    price,
    rate,
    share,
    size,
    usd,
    written_duration,
    written_share,
)
from aigate.prices import usd_text


@pytest.mark.parametrize(
    ("text", "ms"),
    [("30s", 30_000), ("5m", 300_000), ("24h", 86_400_000), ("3d", 259_200_000), ("500ms", 500), ("1.5s", 1_500)],
)
def test_durations(text: str, ms: int) -> None:
    assert duration(text) == ms


@pytest.mark.parametrize(
    "text", ["30", "30 s", "s", "-5s", "5x", "1e3s", "0.0001ms", "5S", "\uff11s", "99999999999999999d"]
)
def test_wrong_durations_say_what_is_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="duration such as 30s"):
        duration(text)


@pytest.mark.parametrize(("text", "count"), [("2M", 2_000_000), ("100k", 100_000), ("1500", 1500), ("1.5k", 1500)])
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["2m", "2 M", "-1", "2MB", "1.5", "k", ""])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="size such as"):
        size(text)


def test_money_is_exact_or_refused() -> None:
    assert usd("5000") == usd("5000usd") == 5_000_000_000_000
    assert usd("0.000000001") == 1
    assert price("0.0375") == 37_500_000
    for text in ("0.0000000001", "5eur", "$5", "5 usd", "1e3", "9999999999999999999"):
        with pytest.raises(ValueError, match="US dollars"):
            usd(text)


def test_shares() -> None:
    assert share("5%") == share("0.05") == 50_000
    assert share("100%") == share("1") == PPM
    for text in ("101%", "1.5", "-5%", "0.00001%"):
        with pytest.raises(ValueError, match="share such as"):
            share(text)


def test_rates() -> None:
    assert rate("30M/minute") == "30000000/minute"
    for text in ("30M", "30M/fortnight", "/minute", "1.2.3/minute", "5/Minute"):
        with pytest.raises(ValueError, match=r"rate such as|size such as"):
            rate(text)


def test_instants() -> None:
    assert instant("2027-01-31") == instant("2027-01-31T00:00:00Z") == instant("2027-01-31T02:00:00+02:00")
    assert instant("1970-01-02") == 86_400_000
    for text in ("2027-13-01", "tomorrow", "2027-01-31T00:00:00", "1969-01-01", "0001-01-01T00:00:00+14:00", ""):
        with pytest.raises(ValueError, match="expected a date"):
            instant(text)


@given(st.integers(0, MAX_INTEGER))
def test_durations_are_read_back(ms: int) -> None:
    assert duration(written_duration(ms)) == ms


@given(st.integers(0, PPM))
def test_shares_are_read_back(ppm: int) -> None:
    assert share(written_share(ppm)) == ppm


@given(st.integers(0, 10**18))
def test_money_is_read_back(nano: int) -> None:
    assert usd(usd_text(nano)) == nano


@given(st.sampled_from(sorted(UNITS)), st.text(max_size=40))
def test_any_text_is_read_or_refused_without_being_repeated(unit: str, text: str) -> None:
    """Invariant: a unit reads a text, or raises ValueError whose message does not hold the text."""
    try:
        value = UNITS[unit](text)
    except ValueError as error:
        message = str(error)
    else:
        message = ""
        assert isinstance(value, str) or 0 <= value <= MAX_INTEGER
    assert len(text) < 6 or text not in message
