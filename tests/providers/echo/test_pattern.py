"""A made text matches its expression by Python's own engine, or the expression is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.providers.echo.pattern import MAX_LENGTH, PatternUnsupported, matching


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}-\d{4}$",
        r"^(?:\+?\d{1,3})?[ -]?\(?\d{3}\)?$",
        r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$",
        r"^(red|green|blue)$",
        r"^[^@\s]+@[^@]+$",
        r"^[^a-z]$",
        r"^#[0-9a-f]{6}$",
        r"^\$\d+(\.\d{2})?$",
        r"[]x]",
        r"^[\w-]+?$",
        "",
        r"^\S+\s\D\W$",
    ],
)
def test_everyday_patterns(pattern: str) -> None:
    assert re.search(pattern, matching(pattern))


ATOMS = st.sampled_from(["a", "Z", "7", r"\d", r"\w", r"\s", r"\.", ".", "[abc]", "[^abc]", "[0-9a-f]", r"[\d_-]", " "])
QUANTIFIERS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,}", "{0,3}", "+?"])
EXPRESSIONS = st.recursive(
    st.tuples(ATOMS, QUANTIFIERS).map("".join),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda branches: f"({'|'.join(branches)})")
        | st.tuples(inner, QUANTIFIERS).map(lambda pair: f"(?:{pair[0]}){pair[1]}")
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_the_text_matches_the_whole_expression(pattern: str) -> None:
    """For every expression of the subset, anchored at both ends."""
    assert re.fullmatch(pattern, matching(pattern))


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")  # Python's own doubts about [1||]
@given(st.text(r"ab(){}[]|*+?\^$.-1,:", max_size=20))
def test_any_text_is_understood_or_refused(pattern: str) -> None:
    """What is taken matches by Python's engine wherever Python takes it too."""
    try:
        text = matching(pattern)
    except PatternUnsupported:
        return
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    assert compiled.search(text)


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "(?P<x>a)", r"\1", r"\bx", "a**", "*", "(", ")", "[", "[b-a]", "a{x}", "a^b", "a$b", "(" * 50 + ")" * 50],
)
def test_the_rest_is_refused(pattern: str) -> None:
    with pytest.raises(PatternUnsupported):
        matching(pattern)


def test_repetition_is_bounded() -> None:
    with pytest.raises(PatternUnsupported, match="too long"):
        matching("(?:a{1000}){1000}")
    assert len(matching(f"a{{{MAX_LENGTH}}}")) == MAX_LENGTH
