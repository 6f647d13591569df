"""The smallest values of a JSON Schema: a text or a number that satisfies its bounds, always the same one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

from .pattern import PatternUnsupported, matching
from .rules import Rules, SchemaUnsupported, size

MAX_CHARS = 10_000
MAX_BITS = 1_024

_FORMATS = (
    ("date-time", "2026-01-02T03:04:05Z"),
    ("date", "2026-01-02"),
    ("time", "03:04:05Z"),
    ("duration", "PT1H"),
    ("email", "echo@example.com"),
    ("hostname", "example.com"),
    ("ipv4", "192.0.2.1"),
    ("ipv6", "2001:db8::1"),
    ("uri", "https://example.com/echo"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
)
_BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")


def text(rules: Rules, name: str) -> str:
    """A text; a free one is `name`. Raises SchemaUnsupported."""
    least = size(rules, "minLength", name, MAX_CHARS)
    most = rules.get("maxLength", MAX_CHARS)
    limit = most if isinstance(most, int) else MAX_CHARS
    made = _fixed(rules, name)
    if made is None:
        made = name[: max(limit, 0)].ljust(least, ".")
    if not least <= len(made) <= limit:
        raise SchemaUnsupported(f"{name}: the lengths leave no text")
    return made


def _fixed(rules: Rules, name: str) -> str | None:
    """What the pattern or the format leaves; None when there is neither."""
    pattern = rules.get("pattern")
    if not isinstance(pattern, str):
        return next((sample for label, sample in _FORMATS if label == rules.get("format")), None)
    try:
        return matching(pattern)
    except PatternUnsupported as fault:
        raise SchemaUnsupported(f"{name}: the pattern is not supported: {fault}") from None


def number(rules: Rules, name: str, *, whole: bool) -> int | float:
    """A number, `whole` for an integer. Raises SchemaUnsupported."""
    bounds = {key: _fraction(rules[key], name) for key in _BOUNDS if key in rules}
    step = bounds.pop("multipleOf", None)
    if whole:
        step = Fraction(1) if step is None else step * step.denominator
    if step is not None and step <= 0:
        raise SchemaUnsupported(f"{name}: 'multipleOf' is not above zero")
    for candidate in _candidates(bounds, step):
        if _fits(candidate, bounds):
            return int(candidate) if candidate.denominator == 1 else float(candidate)
    raise SchemaUnsupported(f"{name}: the bounds leave no number")


def _candidates(bounds: Mapping[str, Fraction], step: Fraction | None) -> Iterator[Fraction]:
    lows = [bounds[key] for key in ("minimum", "exclusiveMinimum") if key in bounds]
    highs = [bounds[key] for key in ("maximum", "exclusiveMaximum") if key in bounds]
    places = [Fraction(1), Fraction(0), *lows, *highs, *(low + 1 for low in lows), *(high - 1 for high in highs)]
    places.extend((low + high) / 2 for low in lows for high in highs)
    for place in places:
        if step is None:
            yield place
        else:
            yield from ((math.floor(place / step) + shift) * step for shift in (0, 1, -1))


def _fits(value: Fraction, bounds: Mapping[str, Fraction]) -> bool:
    return (
        ("minimum" not in bounds or value >= bounds["minimum"])
        and ("exclusiveMinimum" not in bounds or value > bounds["exclusiveMinimum"])
        and ("maximum" not in bounds or value <= bounds["maximum"])
        and ("exclusiveMaximum" not in bounds or value < bounds["exclusiveMaximum"])
    )


def _fraction(value: object, name: str) -> Fraction:
    """The decimal that was written: 0.1 is a tenth."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= MAX_BITS:
        return Fraction(value)
    if isinstance(value, float) and math.isfinite(value):
        return Fraction(str(value))
    raise SchemaUnsupported(f"{name}: a bound is not a number of everyday size")
