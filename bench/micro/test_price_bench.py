"""Pricing an answer in integer nano-dollars, against the same sum in exact decimals."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aigate.domain import Price, Usage
from bench.micro.many import many

PRICE = Price(input=150_000_000, output=600_000_000, cache_read=75_000_000)
USAGE = Usage(fresh=120, cache_read=51, output=47)
NANO_PER_USD = Decimal(10) ** 9
PER_MILLION = Decimal(10) ** 6
INPUT, CACHE_READ, OUTPUT = Decimal("0.15"), Decimal("0.075"), Decimal("0.6")
pytestmark = pytest.mark.benchmark(group="price")


def cost_in_decimals(usage: Usage) -> int:
    dollars = (usage.fresh * INPUT + usage.cache_read * CACHE_READ + usage.output * OUTPUT) / PER_MILLION
    return int((dollars * NANO_PER_USD).to_integral_value(ROUND_CEILING))


def test_aigate(benchmark: BenchmarkFixture) -> None:
    assert many(benchmark, PRICE.cost, USAGE) == cost_in_decimals(USAGE)


def test_decimal(benchmark: BenchmarkFixture) -> None:
    assert many(benchmark, cost_in_decimals, USAGE) > 0
