"""`aigate serve`."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from .places import ConfigOption, DataOption, data_path, policy_path

_ENTRY = "import sys; from aigate.serve import main; main(sys.argv[1])"


def serve(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="Address of the data listener.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the data listener.")] = 8080,
    admin_host: Annotated[str, typer.Option(help="Address of the admin listener.")] = "127.0.0.1",
    admin_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the admin listener.")] = 8081,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Worker processes.")] = 1,
    data: DataOption = None,
    drain: Annotated[float, typer.Option(min=0, help="Seconds that streams may go on after SIGTERM.")] = 300.0,
    pre_stop: Annotated[float, typer.Option(min=0, help="Seconds between readiness off and the drain.")] = 0.0,
) -> None:
    """Run the gateway.

    Example: aigate serve --config aigate.yaml --host 0.0.0.0 --workers 4
    """
    path = policy_path(config)
    settings = {
        "host": host,
        "port": port,
        "admin_host": admin_host,
        "admin_port": admin_port,
        "workers": workers,
        "config": str(path.resolve()) if path is not None else None,
        "data": str(data_path(data).resolve()),
        "drain_s": drain,
        "pre_stop_s": pre_stop,
    }
    sys.stdout.flush()
    # A fresh interpreter in the same process: the command line's own libraries are not carried for months.
    os.execv(sys.executable, [sys.executable, "-c", _ENTRY, json.dumps(settings)])  # noqa: S606 - our own interpreter, no shell wanted
