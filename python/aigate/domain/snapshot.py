"""One immutable, compiled policy. A request takes it once at the door and keeps it to the end."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .principal import Principal
from .route import Provider, Route, Target


class StaticKey(msgspec.Struct, frozen=True):
    """A key written in the policy: its SHA-256 and what it is allowed."""

    digest: bytes
    principal: Principal


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a request may consult.

    Attributes:
        hash: first 12 hex digits of the SHA-256 of the canonical policy; shown in `x-aigate-policy`.
        providers: by policy name.
        models: the names callers use, each with its ordered targets.
        direct: model names that may be called without being listed under `models` (bare names of the price book),
            each with its target; empty when the policy lists `models`.
        known: `provider/model` with price and limits, as the price book knows them, for direct calls.
        keys: keys written in the policy.
        ledger_url: where receipts go; empty = SQLite in the data folder.
    """

    hash: str
    providers: Mapping[str, Provider]
    models: Mapping[str, Route]
    direct: Mapping[str, Target] = {}
    keys: tuple[StaticKey, ...] = ()
    ledger_url: str = ""
