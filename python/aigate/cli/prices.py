"""`aigate prices`: what models cost, and taking over a price map."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from aigate.prices import OVERRIDES, Known, PriceBook, Rates, load_book, read_price_file
from aigate.prices.keeping import news, updated, write_price_file
from aigate.prices.litellm_map import convert, read_map

from .places import ConfigOption, DataOption, data_path

prices = typer.Typer(help="What models cost.", no_args_is_help=True)

MAX_MAP_BYTES = 64 * 1024 * 1024
PIPE_WIDTH = 160

JsonOption = Annotated[bool, typer.Option("--json", help="Print data instead of a table.")]


@prices.command()
def show(
    model: Annotated[str, typer.Argument(help="Model, alone or as TYPE/MODEL.")],
    day: Annotated[str, typer.Option("--on", help="Date for which the price holds. Default: today.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a model costs at each provider type that has it, in US dollars per million tokens.

    Example: aigate prices show gpt-4o
    """
    book = _book(data)
    found = _find(book, model, _day(day, "--on"))
    if not found:
        near = get_close_matches(model, [name for kind in book.providers for name in book.names(kind)], n=3)
        hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
        typer.echo(f"no price for {model}{hint}", err=True)
        raise typer.Exit(1)
    if as_json:
        print(orjson.dumps([_facts(provider, known) for provider, known in found]).decode())
        return
    table = Table(box=None, pad_edge=False)
    for column in ("type", "model", "input", "output", "cached", "to cache", "context", "answer", "since"):
        table.add_column(column, justify="left" if column in {"type", "model"} else "right", no_wrap=column != "model")
    for provider, known in found:
        for row in _rows(provider, known):
            table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


@prices.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="LiteLLM's model_prices_and_context_window.json, as it is.")],
    start: Annotated[str, typer.Option("--from", help="Date from which the prices hold. Default: today.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over a price map. What differs from the prices in force is kept in the data folder; running gateways see it.

    Names each entry that could not be carried over, with the reason.

    Example: aigate prices import model_prices_and_context_window.json
    """
    day, folder = _day(start, "--from"), data_path(data)
    book, path = _book(data), folder / OVERRIDES
    try:
        imported = convert(read_map(_read(file)), day, book)
        fresh = news(imported.entries, book)
        if fresh:
            kept = read_price_file(path) if path.exists() else None
            write_price_file(path, updated(kept, fresh, day, file.name))
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from None
    carried = len(imported.entries)
    if as_json:
        refused = [{"name": name, "reason": reason} for name, reason in imported.refused]
        partial = [{"name": name, "left_out": fields} for name, fields in imported.partial]
        counts = {"from": day, "carried_over": carried, "changed": len(fresh), "file": str(path)}
        print(orjson.dumps({**counts, "refused": refused, "partial": partial}).decode())
        return
    for name, reason in imported.refused:
        print(f"not carried over: {name}: {reason}")
    for name, fields in imported.partial:
        print(f"carried over without {', '.join(fields)}: {name}")
    print(f"{carried} prices carried over, {len(imported.refused)} not; {len(fresh)} differ from the prices in force")
    if fresh:
        print(f"written to {path}, in force from {day}")


def _read(file: Path) -> bytes:
    with file.open("rb") as source:
        data = source.read(MAX_MAP_BYTES + 1)
    if len(data) > MAX_MAP_BYTES:
        raise ValueError(f"larger than {MAX_MAP_BYTES // 1024 // 1024} MiB")
    return data


def _book(data: Path | None) -> PriceBook:
    folder = data_path(data)
    try:
        return load_book(folder)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(f"{folder / OVERRIDES}: {error}", param_hint="--data") from None


def _day(text: str, option: str) -> str:
    if not text:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter("write a date such as 2027-01-31", param_hint=option) from None


def _find(book: PriceBook, name: str, day: str) -> list[tuple[str, Known]]:
    kind, slash, model = name.partition("/")
    types, wanted = ((kind,), model) if slash and kind in book.providers else (book.providers, name)
    looked_up = ((provider, book.lookup(provider, wanted, day)) for provider in types)
    return [(provider, known) for provider, known in looked_up if known is not None]


def _facts(provider: str, known: Known) -> dict[str, object]:
    entry = known.entry
    return {
        "type": provider,
        "model": entry.model,
        "usd_per_million_tokens": {name: getattr(entry.rates, name) for name in entry.rates.__struct_fields__},
        "above_input_tokens": entry.long_above,
        "usd_per_million_tokens_above": (
            {name: getattr(entry.long_rates, name) for name in entry.long_rates.__struct_fields__}
            if entry.long_rates
            else None
        ),
        "usd_per_request": entry.per_request,
        "context": entry.context,
        "max_output": entry.max_output,
        "encoding": entry.encoding,
        "kind": entry.kind,
        "modalities": entry.modalities,
        "aliases": entry.aliases,
        "version": known.price.version,
    }


def _rows(provider: str, known: Known) -> list[tuple[str, ...]]:
    """One line for the plain price and one for long prompts."""
    entry = known.entry
    sizes = tuple(_short(size) for size in (entry.context, entry.max_output))
    rows = [(provider, entry.model, *_cells(entry.rates), *sizes, entry.start)]
    if entry.long_rates:
        above = f"  over {_short(entry.long_above)} tokens in"
        rows.append(("", above, *_cells(entry.long_rates), "", "", ""))
    return rows


def _short(tokens: int) -> str:
    return f"{tokens // 1000}k" if tokens and tokens % 1000 == 0 else str(tokens or "")


def _cells(rates: Rates) -> tuple[str, ...]:
    return (rates.input, rates.output, rates.cache_read or "", rates.cache_write or "")
