"""Counters and histograms, and their text in Prometheus' exposition format 0.0.4.

Own code because the usual client keeps a lock and an object a series and costs more a receipt than the row in the
database. Owns numbers and text; which numbers there are is said in `metrics`. Invariant: integers stay integers, so a
cost counter is exact to the nano-dollar.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
"""Label values, in the order of the family's label names."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


def family(name: str, kind: str, text: str) -> Iterator[str]:
    """The two lines above a family's samples; `text` is its help."""
    yield f"# HELP {name} {text.translate(_HELP_ESCAPES)}\n"
    yield f"# TYPE {name} {kind}\n"


def sample(name: str, names: Sequence[str], values: Labels, value: float) -> str:
    """One line."""
    pairs = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in zip(names, values, strict=True))
    return f"{name}{{{pairs}}} {value}\n" if pairs else f"{name} {value}\n"


def gauge(name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """A whole family of gauges."""
    yield from family(name, "gauge", text)
    yield from (sample(name, names, labels, value) for labels, value in samples)


def counter(name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Labels, int]]) -> Iterator[str]:
    """A whole family of counters that are kept elsewhere."""
    yield from family(name, "counter", text)
    yield from (sample(name, names, labels, value) for labels, value in samples)


class Counter:
    """A family of counters. Not locked."""

    __slots__ = ("_name", "_names", "_text", "_values")

    def __init__(self, name: str, text: str, names: Sequence[str] = ()) -> None:
        self._name = name
        self._text = text
        self._names = tuple(names)
        self._values: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Count."""
        self._values[labels] = self._values.get(labels, 0) + amount

    @property
    def values(self) -> Mapping[Labels, int]:
        """What was counted, by label values."""
        return self._values

    def render(self) -> Iterator[str]:
        """The family's lines."""
        return counter(self._name, self._text, self._names, self._values.items())


class Histogram:
    """A family of histograms with the same bounds. Not locked."""

    __slots__ = ("_bounds", "_counts", "_name", "_names", "_sums", "_text")

    def __init__(self, name: str, text: str, names: Sequence[str], bounds: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._names = tuple(names)
        self._bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Put a value into its bucket; one that equals a bound is below it, as Prometheus' `le` says."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def render(self) -> Iterator[str]:
        """The family's lines."""
        yield from family(self._name, "histogram", self._text)
        bucket_names = (*self._names, "le")
        bounds = (*(str(bound) for bound in self._bounds), "+Inf")
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip(bounds, counts, strict=True):
                total += count
                yield sample(f"{self._name}_bucket", bucket_names, (*labels, bound), total)
            yield sample(f"{self._name}_sum", self._names, labels, self._sums[labels])
            yield sample(f"{self._name}_count", self._names, labels, total)


def geometric(first: float, last: float, ratio: float) -> tuple[float, ...]:
    """Bounds from `first` to at least `last`, each `ratio` times the one before, to three digits."""
    bounds = [first]
    while bounds[-1] < last:
        bounds.append(float(f"{first * ratio ** len(bounds):.3g}"))
    return tuple(bounds)
