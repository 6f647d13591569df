"""`aigate usage`: three forms of one answer, and a refusal that names the option."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aigate.cli.usage import usage
from aigate.ledger import IdSource, SpoolWriter, uuid7
from tests.ledger.receipts import SMALL, outcome, refusal

app = typer.Typer()
app.command()(usage)


def now_ms() -> int:
    return int(uuid7().replace("-", "")[:12], 16)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Receipts that are in the spool and nowhere else."""
    writer = SpoolWriter.open(tmp_path, SMALL)
    at = now_ms() - 60_000
    source = IdSource(lambda: at * 1_000_000)
    for team, feature, cost in [
        ("search", "checkout", 2_060_000),
        ("search", "checkout", 1),
        ("ads", "=1+1", 3 * 10**9),
    ]:
        writer.append(outcome(source.uuid7(), team=team, tags={"feature": feature}, cost_nano_usd=cost, time_ms=at))
    writer.append(refusal(source.uuid7(), team="ads", tags={"feature": "\x1b[31m"}, time_ms=at))
    writer.close()
    return tmp_path


def run(data: Path, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["--data", str(data), *arguments], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    return done.exit_code, done.stdout, done.stderr


def test_json_has_exact_figures(data: Path) -> None:
    code, out, _ = run(data, "--by", "team", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["by"] == ["team"]
    assert answer["rows"] == [
        {
            "team": "ads", "requests": 2, "attempts": 1, "input_tokens": 12, "output_tokens": 5,
            "cost_nano_usd": 3_000_000_000, "errors": 1, "cost_usd": "3.00",
        },
        {
            "team": "search", "requests": 2, "attempts": 2, "input_tokens": 24, "output_tokens": 10,
            "cost_nano_usd": 2_060_001, "errors": 0, "cost_usd": "0.002060001",
        },
    ]  # fmt: skip
    assert answer["totals"]["cost_usd"] == "3.002060001"
    assert run(data, "--by", "team", "--format", "json")[1] == out


def test_csv_has_a_header_and_no_formulas(data: Path) -> None:
    code, out, _ = run(data, "--by", "team,feature,day", "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["feature"] for row in rows} == {"checkout", "'=1+1", "\x1b[31m"}
    assert sum(int(row["cost_nano_usd"]) for row in rows) == 3_002_060_001


def test_the_table_fits_and_is_harmless(data: Path) -> None:
    code, out, _ = run(data, "--by", "team,feature,model,day")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert out.splitlines()[-1].split()[0] == "total"
    assert "3.002060001" in out.splitlines()[-1]


def test_without_dimensions_there_is_one_line_of_totals(data: Path) -> None:
    code, out, _ = run(data, "--by", "")
    assert code == 0
    assert out.splitlines()[-1].split() == ["4", "3", "36", "15", "3.002060001", "1"]


def test_where_and_since(data: Path) -> None:
    _, out, _ = run(data, "--by", "team", "--where", "feature=checkout", "--where", "team=search", "--json")
    assert [row["team"] for row in json.loads(out)["rows"]] == ["search"]
    _, out, _ = run(data, "--by", "team", "--since", "30s".replace("s", "m"), "--where", "team=nobody", "--json")
    assert json.loads(out)["rows"] == []


def test_an_empty_folder_is_an_empty_answer(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "--json")
    assert code == 0
    assert json.loads(out)["totals"]["requests"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "parquet"], "parquet is not supported yet"),
        (["--format", "xml"], "xml"),
        (["--by", "a b"], "--by"),
        (["--since", "soon"], "--since"),
        (["--where", "team"], "--where"),
    ],
)
def test_a_wrong_option_is_named(data: Path, arguments: list[str], said: str) -> None:
    code, _, err = run(data, *arguments)
    assert code == 2
    assert said in err
