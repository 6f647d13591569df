"""Settings are read strictly: a known name, a bounded value, or a ValueError that names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.providers.echo import EchoOptions
from tests.providers.echo.exchange import ask, error


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("latency=5", "latency"),
        ("latency=-1ms", "latency"),
        ("latency=11m", "latency"),
        ("latency=601s", "latency"),
        ("pace=1e3s", "pace"),
        ("fail=200", "fail"),
        ("fail=600", "fail"),
        ("fail_rate=1.1", "fail_rate"),
        ("tokens=0", "tokens"),
        ("tokens=10001", "tokens"),
        ("cut_after=-1", "cut_after"),
        ("garbage=yes", "garbage"),
        ("usage=maybe", "usage"),
        ("seed=٣", "seed"),
        ("unknown=1", "not a setting"),
        ("latency", "name=value"),
        ("&".join(["seed=1"] * 17), "at most 16"),
    ],
)
def test_a_wrong_setting_is_named(query: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        EchoOptions().amended_by(query)
    script = ask(model=f"echo?{query}")
    assert script.status == 400
    assert error(script)["code"] == "invalid_echo_setting"


def test_later_settings_win() -> None:
    options = EchoOptions().amended_by("fail=503&latency=2s").amended([("latency", "0.5ms")])
    assert (options.fail, options.latency_s) == (503, 0.0005)
    assert EchoOptions(fail=429).amended_by("fail_rate=0.1").fail == 429


@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    """No text raises anything but ValueError, and what is taken is within the bounds."""
    try:
        options = EchoOptions().amended_by(text)
    except ValueError:
        return
    assert 0 <= options.latency_s <= 600
    assert 0 <= options.fail_rate <= 1


def test_every_setting_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs/guide/echo.md").read_text()
    with pytest.raises(ValueError, match="there are") as caught:
        EchoOptions().amended([("no such", "1")])
    for name in str(caught.value).partition("there are ")[2].split(", "):
        assert f"| `{name}=" in guide
