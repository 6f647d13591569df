"""`aigate usage`: the ledger summed over teams, features, models, days."""

from __future__ import annotations

import csv
import io
import sys
import time
from enum import StrEnum
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aigate.errors import InvalidRequest
from aigate.ledger import Totals, Usage, bring_up_to_date, exact_usd, parse_query, read_usage
from aigate.store import LedgerTable

from .places import ConfigOption, DataOption, data_path

_NANOS_PER_MILLI = 1_000_000
_TIMES = frozenset({"month", "day", "hour"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def usage(
    by: Annotated[str, typer.Option(help="Dimensions or tag names: team,feature,model,day.")] = "team,model",
    since: Annotated[str, typer.Option(help="24h, 30d, 8w, or a UTC day such as 2026-11-01.")] = "30d",
    where: Annotated[list[str] | None, typer.Option(help="name=value, repeatable: team=search.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show requests, tokens, cost and errors.

    Example: aigate usage --by team,feature,day --since 7d --where model=gpt-4o --format csv
    """
    if format_ is Format.PARQUET:
        raise typer.BadParameter("parquet is not supported yet; use csv or json", param_hint="--format")
    folder = data_path(data)
    try:
        query = parse_query(by, since, where or (), time.time_ns() // _NANOS_PER_MILLI)
        fresh = bring_up_to_date(folder)
        with LedgerTable.open(folder) as ledger:
            found = read_usage(ledger, query)
    except InvalidRequest as error:
        raise typer.BadParameter(error.message, param_hint=error.param) from error
    if not fresh:
        print("aigate: the gateway has not shipped its latest receipts yet; figures may be behind", file=sys.stderr)
    if as_json or format_ is Format.JSON:
        print(_as_json(found))
    elif format_ is Format.CSV:
        print(_as_csv(found), end="")
    else:
        Console().print(_as_table(found))


def _as_json(found: Usage) -> str:
    rows = [{**dict(zip(found.by, group, strict=True)), **_figures(sums)} for group, sums in found.rows]
    answer = {"by": found.by, "rows": rows, "totals": _figures(found.totals)}
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


def _figures(sums: Totals) -> dict[str, int | str]:
    return {**sums._asdict(), "cost_usd": exact_usd(sums.cost_nano_usd)}


def _as_csv(found: Usage) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*found.by, *Totals._fields, "cost_usd"))
    for group, sums in found.rows:
        writer.writerow((*map(_cell, group), *sums, exact_usd(sums.cost_nano_usd)))
    return out.getvalue()


def _cell(text: str) -> str:
    """A tag is written by a caller, and a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _as_table(found: Usage) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_footer=bool(found.by))
    totals = _shown(found.totals)
    for place, name in enumerate(found.by):
        footer = "total" if place == 0 else ""
        table.add_column(name, footer=footer, overflow="fold", min_width=len(name), no_wrap=name in _TIMES)
    for name, total in zip(("requests", "attempts", "input", "output", "USD", "errors"), totals, strict=True):
        table.add_column(name, footer=total, justify="right", no_wrap=True)
    for group, sums in found.rows:
        table.add_row(*(Text(_visible(value) or "-") for value in group), *_shown(sums))
    if not found.by:
        table.add_row(*totals)
    return table


def _visible(text: str) -> str:
    """Callers name users and tags, and a terminal obeys what it is sent."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _shown(sums: Totals) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in (sums.requests, sums.attempts, sums.input_tokens, sums.output_tokens))
    return (*counts, exact_usd(sums.cost_nano_usd), f"{sums.errors:,}")
