from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from aigate.cli.check import check

ECHO = "version: 1\nproviders:\n  echo: {type: echo}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("AIGATE_CONFIG", "AIGATE_DATA", "OPENAI_API_KEY", "KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(check)
    return CliRunner().invoke(app, list(arguments))


def test_a_policy_that_holds(folder: Path) -> None:
    (folder / "p.yaml").write_text(ECHO + "models: {m: {targets: [echo/echo]}, n: {targets: [echo/echo]}}\n")
    result = run("p.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: 1 provider, 2 models, policy ")
    assert len(result.stdout.split()[-1]) == 12


def test_every_fault_is_a_line_with_its_place(folder: Path) -> None:
    (folder / "p.yaml").write_text(ECHO + "modles: {}\nmodels: {m: {targets: [nope/x]}}\n")
    result = run("p.yaml")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "p.yaml:4: modles: unknown field 'modles', did you mean 'models'?",
        "p.yaml:5: models.m.targets[0]: unknown provider 'nope'",
    ]


def test_data_for_programs(folder: Path) -> None:
    (folder / "p.yaml").write_text(ECHO)
    facts = json.loads(run("p.yaml", "--json").stdout)
    assert facts.pop("policy")
    assert facts == {"ok": True, "faults": [], "warnings": [], "providers": 1, "models": 0}
    (folder / "p.yaml").write_text("version: 1\n")
    result = run("p.yaml", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"ok": False, "faults": ["p.yaml:1: providers: names no provider"]}


def test_warnings_do_not_stand_among_the_faults(folder: Path) -> None:
    (folder / "p.yaml").write_text("version: 1\nproviders: {p: {type: vllm}}\nmodels: {m: {targets: [p/x]}}\n")
    result = run("p.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: ")
    assert "p.yaml:3: models.m.targets[0]: p/x has no price" in result.stderr


def test_where_the_policy_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run().stdout.startswith("ok: 1 provider, 0 models")
    (folder / "aigate.yaml").write_text("version: 2\n")
    assert run().stdout.startswith("aigate.yaml:1: version: expected 1")
    monkeypatch.setenv("AIGATE_CONFIG", "missing.yaml")
    assert run().stdout == "missing.yaml:1: policy: does not exist or is not a file\n"
    assert run("--config", "aigate.yaml").stdout.startswith("aigate.yaml:1: ")
    assert run("aigate.yaml", "--config", "other.yaml").exit_code == 2


def test_secrets_are_followed_unless_told_otherwise(folder: Path) -> None:
    (folder / "p.yaml").write_text("version: 1\nproviders: {p: {type: vllm, api_key: 'env:KEY'}}\n")
    assert run("p.yaml").stdout == "p.yaml:2: providers.p.api_key: environment variable 'KEY' is not set\n"
    assert run("p.yaml", "--skip-secrets").exit_code == 0
