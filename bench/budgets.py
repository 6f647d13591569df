"""The budgets of `budgets.toml` and what a run makes of them.

Owns when a budget is broken: a figure over its limit by more than the noise the budget allows. Does not own how a
figure is measured. Invariant: a budget nobody measured is told apart from one that holds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

BUDGETS_FILE = Path(__file__).parent / "budgets.toml"


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One promise.

    Attributes:
        what: the promise in words.
        unit: of `limit`.
        noise: part of the limit by which one run may miss it on a shared machine.
        at_most, at_least: the limit; exactly one is set.
    """

    what: str
    unit: str
    noise: float
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"budget {self.what!r}: exactly one of at_most and at_least")
        if not 0 <= self.noise < 1:
            raise ValueError(f"budget {self.what!r}: noise is a part of the limit, 0 <= noise < 1")

    @property
    def limit(self) -> str:
        """The limit as it is printed."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}"


class Standing(StrEnum):
    """How a figure stands to its budget."""

    HELD = "held"
    WITHIN_NOISE = "within noise"
    BROKEN = "BROKEN"
    NOT_MEASURED = "not measured"


class Verdict(msgspec.Struct, frozen=True):
    """One budget and the figure it was held against; `value` is None when there was none."""

    figure: str
    budget: Budget
    value: float | None
    standing: Standing


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    load: dict[str, Budget]
    micro: dict[str, Budget]


def read_load_budgets(path: Path = BUDGETS_FILE) -> dict[str, Budget]:
    """Budgets of the load benchmark by figure. Raises ValidationError with the path of what is wrong."""
    return _read(path).load


def read_micro_budgets(path: Path = BUDGETS_FILE) -> dict[str, Budget]:
    """Budgets of the micro benchmarks by figure. Raises ValidationError with the path of what is wrong."""
    return _read(path).micro


def judge(budgets: Mapping[str, Budget], figures: Mapping[str, float]) -> list[Verdict]:
    """Hold every budget against its figure, in the order of the file."""
    return [
        Verdict(name, budget, figures.get(name), _standing(budget, figures.get(name)))
        for name, budget in budgets.items()
    ]


def _read(path: Path) -> _File:
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)


def _standing(budget: Budget, value: float | None) -> Standing:
    if value is None:
        return Standing.NOT_MEASURED
    if budget.at_most is not None:
        excess = value - budget.at_most
        allowed = budget.at_most * budget.noise
    else:
        floor = budget.at_least or 0.0
        excess = floor - value
        allowed = floor * budget.noise
    if excess <= 0:
        return Standing.HELD
    return Standing.WITHIN_NOISE if excess <= allowed else Standing.BROKEN
