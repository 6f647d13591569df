"""Where commands find the policy and the data: option, then environment, then the usual place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_POLICY = Path("aigate.yaml")
DEFAULT_DATA = Path(".aigate")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Policy file or folder. Default: $AIGATE_CONFIG, ./aigate.yaml, built-in."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder. Default: $AIGATE_DATA, ./.aigate."),
]


def policy_path(option: Path | None) -> Path | None:
    """The policy to use; None = the embedded default."""
    if option is not None:
        return option
    if written := os.environ.get("AIGATE_CONFIG"):
        return Path(written)
    return DEFAULT_POLICY if DEFAULT_POLICY.exists() else None


def data_path(option: Path | None) -> Path:
    """The data folder."""
    return option or Path(os.environ.get("AIGATE_DATA") or DEFAULT_DATA)
