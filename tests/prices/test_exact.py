from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.prices import nano_usd, usd_text


@pytest.mark.parametrize(
    ("text", "nano"),
    [("2.5", 2_500_000_000), ("0", 0), ("0.0375", 37_500_000), ("0.000000001", 1), ("600", 6 * 10**11)],
)
def test_figures_are_exact(text: str, nano: int) -> None:
    assert nano_usd(text) == nano


@pytest.mark.parametrize("text", ["", "-1", "1e3", ".5", "5.", "0.0000000001", "1,5", "1_000", " 1", "inf", "\uff11"])
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="US dollars"):
        nano_usd(text)


@given(st.integers(0, 10**18 - 1))
def test_what_is_written_is_read_back(nano: int) -> None:
    assert nano_usd(usd_text(nano)) == nano
