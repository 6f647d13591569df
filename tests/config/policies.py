"""Shared by the tests of this room: reading a policy from a text, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from aigate.config import Loaded, load_policy
from aigate.errors import PolicyInvalid

HEAD = "version: 1\nproviders:\n"
ECHO = HEAD + "  echo: {type: echo}\n"
OPENAI = HEAD + "  openai: {type: openai, api_key: 'env:KEY'}\n"
ENV: Mapping[str, str] = {"KEY": "sk-canary-0123456789", "AIGATE_DATA": "/nonexistent"}
DAY = "2026-11-23"


def load(text: str | bytes, env: Mapping[str, str] = ENV) -> Loaded:
    """The policy in `text`, loaded from a file called p.yaml. Raises PolicyInvalid."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            return load_policy(path, env, today=DAY)
        except PolicyInvalid as error:
            raise PolicyInvalid(tuple(fault.replace(str(path), "p.yaml") for fault in error.faults)) from None


def faults(text: str | bytes, env: Mapping[str, str] = ENV) -> list[str]:
    """The faults of the policy in `text`."""
    try:
        load(text, env)
    except PolicyInvalid as error:
        return list(error.faults)
    return []
