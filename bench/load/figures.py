"""The shape of a result: rows of samples, one per target, and the figures that come of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from .window import Window


class Row(msgspec.Struct, frozen=True):
    """One target in one scenario.

    Attributes:
        target: its name.
        samples: the quantity the scenario is about, one per round, in `unit`.
        windows: everything else about each round; empty for scenarios without load.
    """

    target: str
    unit: str
    samples: list[float]
    windows: list[Window] = []

    @property
    def median(self) -> float:
        """The row's value."""
        return statistics.median(self.samples)


class Table(msgspec.Struct, frozen=True):
    """One scenario: its rows were measured in turn, round by round."""

    name: str
    title: str
    rows: list[Row]


class Result(msgspec.Struct, frozen=True):
    """What a scenario gives: tables to read, figures to hold against budgets."""

    tables: list[Table]
    figures: dict[str, float]


def ratio(row: Row, to: Row) -> float:
    """Of the medians, so that a reader of the table finds the same."""
    return row.median / to.median


def spread(samples: Sequence[float]) -> float:
    """Half the range, as a part of the median."""
    middle = statistics.median(samples)
    return (max(samples) - min(samples)) / 2 / middle if middle else 0.0
