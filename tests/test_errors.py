"""The tree of errors: three branches, and every leaf says what it means to the caller."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from aigate import errors
from aigate.errors import Fault, GatewayError, Refused, UpstreamFailed

BRANCHES = (Refused, UpstreamFailed, Fault)
LEAVES = sorted(
    (
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, GatewayError) and found not in {GatewayError, *BRANCHES}
    ),
    key=lambda leaf: leaf.__name__,
)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_leaf_is_of_one_branch_and_complete(leaf: type[GatewayError]) -> None:
    assert sum(issubclass(leaf, branch) for branch in BRANCHES) == 1
    assert re.fullmatch(r"[a-z_]+", leaf.code)
    assert leaf.__doc__


@pytest.mark.parametrize("branch", [GatewayError, *BRANCHES])
def test_a_branch_cannot_be_raised(branch: type[GatewayError]) -> None:
    with pytest.raises(TypeError, match="leaves"):
        branch("message")


def test_codes_are_unique() -> None:
    codes = [leaf.code for leaf in LEAVES]
    assert len(set(codes)) == len(codes)


def test_a_providers_4xx_is_the_callers_status_and_all_else_is_a_bad_gateway() -> None:
    for upstream, ours in [(400, 400), (429, 429), (499, 499), (500, 502), (529, 502), (200, 502), (302, 502)]:
        assert errors.UpstreamError("x", upstream_status=upstream).status == ours


def test_the_documented_table_is_the_tree() -> None:
    table = (Path(__file__).parents[1] / "docs/reference/errors.md").read_text()
    for leaf in LEAVES:
        if leaf is not errors.PolicyInvalid:
            assert f"`{leaf.code}`" in table, f"{leaf.code} is not in docs/reference/errors.md"
