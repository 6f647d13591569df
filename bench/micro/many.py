"""Timing of calls that are shorter than the clock's own cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pytest_benchmark.fixture import BenchmarkFixture

A = TypeVar("A")
R = TypeVar("R")
ROUNDS, CALLS = 200, 1_000


def many(benchmark: BenchmarkFixture, function: Callable[[A], R], argument: A) -> R:
    """Time `CALLS` calls a round, so that reading the clock is no part of the figure; the result of the last call."""
    timed: Callable[..., R] = benchmark.pedantic
    return timed(function, args=(argument,), rounds=ROUNDS, iterations=CALLS, warmup_rounds=3)
