from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.budgets import Budget, Standing, judge, read_load_budgets, read_micro_budgets

parts = st.floats(0, 0.9)
limits = st.floats(0.001, 1e6)


def standing(budget: Budget, value: float) -> Standing:
    (verdict,) = judge({"x": budget}, {"x": value})
    return verdict.standing


@given(limit=limits, noise=parts, factor=st.floats(0, 3))
def test_at_most_breaks_only_beyond_its_noise(limit: float, noise: float, factor: float) -> None:
    found = standing(Budget("w", "u", noise, at_most=limit), limit * factor)
    if factor <= 0.999:
        assert found is Standing.HELD
    elif 1.001 < factor < 0.999 + noise:
        assert found is Standing.WITHIN_NOISE
    elif factor > 1.001 + noise:
        assert found is Standing.BROKEN


@given(limit=limits, noise=parts, factor=st.floats(0, 3))
def test_at_least_is_the_mirror_image(limit: float, noise: float, factor: float) -> None:
    found = standing(Budget("w", "u", noise, at_least=limit), limit * factor)
    if factor >= 1.001:
        assert found is Standing.HELD
    elif 1.001 - noise < factor < 0.999:
        assert found is Standing.WITHIN_NOISE
    elif factor < 0.999 - noise:
        assert found is Standing.BROKEN


def test_a_budget_nobody_measured_is_not_one_that_holds() -> None:
    (verdict,) = judge({"x": Budget("w", "u", 0.1, at_most=1.0)}, {"y": 0.5})
    assert verdict.standing is Standing.NOT_MEASURED


@pytest.mark.parametrize("limits", [{}, {"at_most": 1.0, "at_least": 1.0}])
def test_a_budget_has_one_limit(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Budget("w", "u", 0.1, **limits)


def test_a_misspelt_field_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text('[micro]\n[load."a.b"]\nwhat = "w"\nunit = "u"\nnoise = 0.1\nat_mots = 3\n')
    with pytest.raises(msgspec.ValidationError, match="at_mots"):
        read_load_budgets(file)


def test_the_file_itself_is_sound() -> None:
    assert "plain.distinct.cpu_us" in read_load_budgets()
    assert "sse.vs_openai_sdk" in read_micro_budgets()
