from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aigate.cli.prices import prices

SAMPLE = Path(__file__).parents[1] / "prices" / "litellm_sample.json"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIGATE_DATA", str(tmp_path / "data"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(prices, list(arguments))


def test_the_price_of_a_model_wherever_it_is() -> None:
    lines = run("show", "gpt-5.6").stdout.splitlines()
    assert lines[0].split()[:4] == ["type", "model", "input", "output"]
    assert lines[1].split()[:5] == ["azure", "gpt-5.6", "4", "20", "0.4"]
    assert lines[2].split()[:6] == ["over", "272k", "tokens", "in", "8", "30"]
    assert lines[3].split()[0] == "openai"


def test_the_price_at_one_provider_as_data() -> None:
    (facts,) = json.loads(run("show", "openai/gpt-4o-2024-08-06", "--json").stdout)
    assert (facts["type"], facts["model"]) == ("openai", "gpt-4o")
    assert facts["usd_per_million_tokens"]["input"] == "2.5"
    assert facts["version"].startswith("shipped@")


def test_a_model_nobody_knows() -> None:
    result = run("show", "gpt-4p")
    assert result.exit_code == 1
    assert "no price for gpt-4p; did you mean gpt-4" in result.stderr


def test_taking_over_a_map(folder: Path) -> None:
    result = run("import", str(SAMPLE), "--from", "2026-12-01")
    assert result.exit_code == 0
    assert "not carried over: rerank-v3.5: mode rerank is not served" in result.stdout
    assert "carried over without cache_creation_input_token_cost_above_1hr: claude-opus-4-5" in result.stdout
    assert "25 prices carried over, 7 not; 0 differ from the prices in force" in result.stdout
    assert not (folder / "data").exists()


def test_what_differs_is_in_force_from_its_day(folder: Path) -> None:
    prices_map = json.loads(SAMPLE.read_text())
    changed = {"gpt-4o": prices_map["gpt-4o"] | {"input_cost_per_token": 3e-06}}
    (folder / "map.json").write_text(json.dumps(changed))
    assert "1 differ from" in run("import", "map.json", "--from", "2027-01-01").stdout

    def price(day: str) -> str:
        return str(json.loads(run("show", "openai/gpt-4o", "--on", day, "--json").stdout)[0]["version"])

    assert price("2026-12-31").startswith("shipped@")
    assert price("2027-01-01") == "imported@2027-01-01"
    again = json.loads(run("import", "map.json", "--from", "2027-01-02", "--json").stdout)
    assert (again["carried_over"], again["changed"], again["refused"]) == (1, 0, [])
    assert run("import", "map.json", "--data", "elsewhere", "--from", "2027-01-01").exit_code == 0
    assert (folder / "elsewhere" / "prices.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ("[]", "not a price map"), (None, "No such file")],
)
def test_what_is_no_map(folder: Path, text: str | None, message: str) -> None:
    if text is not None:
        (folder / "map.json").write_text(text)
    result = run("import", "map.json")
    assert result.exit_code == 2
    assert message in result.stderr


def test_wrong_days_and_broken_imports(folder: Path) -> None:
    assert run("show", "gpt-4o", "--on", "soon").exit_code == 2
    (folder / "data").mkdir()
    (folder / "data" / "prices.json").write_text("{}")
    result = run("show", "gpt-4o")
    assert result.exit_code == 2
    assert "not a price file" in result.stderr
