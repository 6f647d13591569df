"""Tests of the benchmark itself: a harness that miscounts is worse than none."""
