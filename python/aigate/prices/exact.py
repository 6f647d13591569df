"""US dollars as decimal texts ↔ integer nano-dollars, with nothing rounded."""

from __future__ import annotations

import re

from aigate.domain import NANO_PER_USD

MAX_USD_DIGITS = 9
_DECIMAL = re.compile(rf"([0-9]{{1,{MAX_USD_DIGITS}}})(?:\.([0-9]{{1,9}}))?", re.ASCII)


def nano_usd(text: str) -> int:
    """Nano-dollars of `2.50`. Raises ValueError for anything but a plain decimal of up to nine places."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError("expected US dollars such as 2.50, with nine places at most")
    return int(match[1]) * NANO_PER_USD + int((match[2] or "").ljust(9, "0"))


def usd_text(nano: int) -> str:
    """The shortest text that `nano_usd` reads back as `nano`."""
    whole, rest = divmod(nano, NANO_PER_USD)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
