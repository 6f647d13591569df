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
        known: by `provider/model`, what the price book knows of the configured providers' models.
        keys: keys written in the policy.
    """

    hash: str
    providers: Mapping[str, Provider]
    models: Mapping[str, Route]
    direct: Mapping[str, Target] = {}
    known: Mapping[str, Target] = {}
    keys: tuple[StaticKey, ...] = ()

    def target(self, name: str) -> Target | None:
        """The place a name calls directly: a bare name of the price book, or `provider/model`; None = nowhere."""
        if (target := self.direct.get(name) or self.known.get(name)) is not None:
            return target
        provider, _, model = name.partition("/")
        if not model or provider not in self.providers:
            return None
        account = self.providers[provider]
        return Target(account, model, price=account.price)
