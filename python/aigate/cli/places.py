"""Where commands find the policy and the data: the option, else what `config` says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from aigate.config import data_folder, default_path

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
    return option or default_path(os.environ)


def data_path(option: Path | None) -> Path:
    """The data folder."""
    return option or data_folder(os.environ)
