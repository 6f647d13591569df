"""`aigate check`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from aigate.config import load_policy
from aigate.errors import PolicyInvalid

from .places import ConfigOption, policy_path


def check(
    policy: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="Policy file or folder.")] = None,
    config: ConfigOption = None,
    skip_secrets: Annotated[
        bool, typer.Option("--skip-secrets", help="Check the form of secret references without following them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of lines.")] = False,
) -> None:
    """Say everything that is wrong with a policy, as FILE:LINE: path: message. Exit code 1 when something is.

    Example: aigate check aigate.yaml
    """
    if policy is not None and config is not None:
        raise typer.BadParameter("name the policy once", param_hint="--config")
    try:
        loaded = load_policy(policy_path(policy or config), os.environ, follow_secrets=not skip_secrets)
    except PolicyInvalid as error:
        print(orjson.dumps({"ok": False, "faults": error.faults}).decode() if as_json else "\n".join(error.faults))
        raise typer.Exit(1) from None
    snapshot = loaded.snapshot
    providers, models = len(snapshot.providers), len(snapshot.models)
    if as_json:
        outcome = {"ok": True, "faults": [], "warnings": loaded.notices, "policy": snapshot.hash}
        print(orjson.dumps({**outcome, "providers": providers, "models": models}).decode())
        return
    for notice in loaded.notices:
        print(f"warning: {notice}", file=sys.stderr)
    print(f"ok: {_counted(providers, 'provider')}, {_counted(models, 'model')}, policy {snapshot.hash}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
