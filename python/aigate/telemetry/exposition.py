"""Prometheus' exposition format 0.0.4: families of counters, gauges and histograms as text.

Own code because the usual client keeps a lock and an object a series, and costs more a receipt than the row in the
database. Owns the format; which numbers there are is said in `metrics`. Invariant: integers stay integers, so a cost
counter is exact to the nano-dollar.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Sequence[str]
"""Label values, in the order of the family's label names."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Buckets:
    """The counts of one histogram. Not locked.

    Attributes:
        bounds: upper bounds, growing; counts: of values up to each and above the last; total: sum of the values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value; one that equals a bound is in that bound's bucket."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def counter(name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Labels, int]]) -> Iterator[str]:
    """A family of counters; `text` is its help, `names` its labels."""
    yield from _head(name, "counter", text)
    yield from (_sample(name, names, labels, value) for labels, value in samples)


def gauge(name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """A family of gauges."""
    yield from _head(name, "gauge", text)
    yield from (_sample(name, names, labels, value) for labels, value in samples)


def histogram(name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Labels, Buckets]]) -> Iterator[str]:
    """A family of histograms."""
    yield from _head(name, "histogram", text)
    bucket_names = (*names, "le")
    for labels, buckets in samples:
        bounds = (*map(str, buckets.bounds), "+Inf")
        for bound, count in zip(bounds, accumulate(buckets.counts), strict=True):
            yield _sample(f"{name}_bucket", bucket_names, (*labels, bound), count)
        yield _sample(f"{name}_sum", names, labels, buckets.total)
        yield _sample(f"{name}_count", names, labels, sum(buckets.counts))


def geometric(first: float, last: float, ratio: float) -> tuple[float, ...]:
    """Bounds from `first` to at least `last`, each `ratio` times the one before, to three digits."""
    bounds = [first]
    while bounds[-1] < last:
        bounds.append(float(f"{first * ratio ** len(bounds):.3g}"))
    return tuple(bounds)


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text.translate(_HELP_ESCAPES)}\n"
    yield f"# TYPE {name} {kind}\n"


def _sample(name: str, names: Sequence[str], values: Labels, value: float) -> str:
    pairs = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in zip(names, values, strict=True))
    return f"{name}{{{pairs}}} {value}\n" if pairs else f"{name} {value}\n"
