"""The text is what Prometheus reads: checked with Prometheus' own parser."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from aigate.telemetry.exposition import Buckets, counter, gauge, geometric, histogram

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LABELS = st.tuples(TEXT, TEXT)


@given(st.dictionaries(LABELS, st.integers(0, 2**70), max_size=8), TEXT)
def test_counters_come_back_with_any_label_values(counts: dict[tuple[str, str], int], text: str) -> None:
    (family,) = text_string_to_metric_families("".join(counter("aigate_x_total", text, ("a", "b"), counts.items())))
    assert (family.name, family.type) == ("aigate_x", "counter")
    found = {(sample.labels["a"], sample.labels["b"]): sample.value for sample in family.samples}
    assert found == counts, "not rounded"


def test_escapes_are_the_formats_own() -> None:
    assert "".join(counter("x_total", "back\\slash\nline", ("l",), [(('q"b\\n\nend',), 1)])) == (
        "# HELP x_total back\\\\slash\\nline\n# TYPE x_total counter\n" + 'x_total{l="q\\"b\\\\n\\nend"} 1\n'
    )


def test_a_family_without_labels_and_one_without_samples() -> None:
    assert "".join(gauge("g", "help", (), [((), 0.25)])) == "# HELP g help\n# TYPE g gauge\ng 0.25\n"
    assert "".join(counter("x_total", "help", ("l",), [])) == "# HELP x_total help\n# TYPE x_total counter\n"


BOUNDS = (0.1, 0.5, 2.0)


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.floats(0, 10)), min_size=1, max_size=30))
def test_histograms_are_cumulative_and_a_bound_includes_itself(values: list[float]) -> None:
    buckets = Buckets(BOUNDS)
    for value in values:
        buckets.observe(value)
    written = "".join(histogram("h_seconds", "help", ("l",), [(("x",), buckets)]))
    (family,) = text_string_to_metric_families(written)
    found = {s.labels.get("le", s.name): s.value for s in family.samples}
    assert all(s.labels["l"] == "x" for s in family.samples)
    for bound in BOUNDS:
        assert found[str(bound)] == sum(value <= bound for value in values)
    assert found["+Inf"] == found["h_seconds_count"] == len(values)
    assert math.isclose(found["h_seconds_sum"], sum(values))


@given(st.floats(1e-6, 1), st.floats(1.05, 5))
def test_geometric_bounds_grow_evenly_and_reach_the_end(first: float, ratio: float) -> None:
    bounds = geometric(first, first * 1_000, ratio)
    assert bounds[0] == first
    assert bounds[-1] >= first * 1_000 > bounds[-2]
    steps = [b / a for a, b in pairwise(bounds)]
    assert steps == pytest.approx([ratio] * len(steps), rel=0.02)
    assert bisect_left(bounds, bounds[-1]) == len(bounds) - 1
