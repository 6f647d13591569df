"""The x-aigate-* headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.domain import Wishes
from aigate.errors import InvalidRequest
from aigate.http.wishes import read_wishes


def test_nothing_asked_is_the_default() -> None:
    assert read_wishes({}, "") == Wishes()


def test_everything_asked() -> None:
    asked = read_wishes(
        {
            b"x-aigate-tags": "feature=checkout, segment=bêta".encode(),
            b"x-aigate-fallback": b"off",
            b"x-aigate-timeout": b"1500ms",
            b"x-aigate-cache": b"off",
        },
        "00-trace",
    )
    assert asked == Wishes((("feature", "checkout"), ("segment", "bêta")), False, 1500, "00-trace")


@pytest.mark.parametrize(("text", "ms"), [(b"30s", 30_000), (b"2m", 120_000), (b"24h", 86_400_000), (b"1ms", 1)])
def test_timeouts(text: bytes, ms: int) -> None:
    assert read_wishes({b"x-aigate-timeout": text}, "").timeout_ms == ms


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-aigate-timeout", b"30"),
        (b"x-aigate-timeout", b"0s"),
        (b"x-aigate-timeout", b"25h"),
        (b"x-aigate-timeout", b"soon"),
        (b"x-aigate-fallback", b"maybe"),
        (b"x-aigate-cache", b"only"),
        (b"x-aigate-strict", b"1"),
        (b"x-aigate-max-cost", b"0.05usd"),
        (b"x-aigate-run", b"run-1"),
        (b"x-aigate-fallbak", b"off"),
        (b"x-aigate-tags", b"feature"),
        (b"x-aigate-tags", b"a=b,,c=d"),
        (b"x-aigate-tags", b"a b=c"),
        (b"x-aigate-tags", b"a=\xff"),
        (b"x-aigate-tags", b",".join(b"t%d=v" % number for number in range(40))),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(name: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_wishes({name: value}, "")
    assert caught.value.param == name.decode()


@given(st.binary(max_size=200))
def test_no_tags_raise_anything_but_a_refusal(value: bytes) -> None:
    """For all bytes: pairs of clean text, or InvalidRequest."""
    try:
        tags = read_wishes({b"x-aigate-tags": value}, "").tags
    except InvalidRequest:
        return
    assert all(name and text and "=" not in name + text for name, text in tags)
