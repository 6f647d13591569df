"""Mounts the commands. `serve` is started without the others, so that a gateway does not carry a command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aigate import __version__
from aigate.errors import GatewayError, PolicyInvalid

from .check import check
from .keys import keys
from .prices import prices
from .serve import serve
from .usage import usage

app = typer.Typer(
    name="aigate",
    help="One endpoint in front of every LLM call of a company.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serve)
app.command()(check)
app.command()(usage)
app.add_typer(keys, name="keys")
app.add_typer(prices, name="prices")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"aigate {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """One endpoint in front of every LLM call of a company."""


def main() -> None:
    """Entry point. Exit code 0 = done, 1 = the answer is no or something is wrong, 2 = wrong usage."""
    try:
        app()
    except PolicyInvalid as error:
        sys.exit("\n".join(error.faults))
    except GatewayError as error:
        sys.exit(f"aigate: {error.message}")
    except OSError as error:
        sys.exit(f"aigate: {error}")
