"""What the schema has and this build does not read yet. A policy that uses it is refused by name, never half obeyed.

One table; a part that gets built deletes its rows. An empty list or mapping asks for nothing and is let through.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

NOT_YET_SECRETS = ("vault", "aws-sm", "gcp-sm")
"""Schemes of secret references that are not followed yet."""


class NotYet(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        path: dotted steps from the top; `*` stands for any name or index.
        reason: what a user is told.
        values: the row is only about these values of a choice, or these schemes of a URL; empty = any value.
    """

    path: str
    reason: str
    values: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """The path, step by step."""
        return tuple(self.path.split("."))


def _account_fields(names: Iterable[str], who: str) -> tuple[NotYet, ...]:
    return tuple(NotYet(f"providers.*.{name}", f"{who} is not supported yet") for name in names)


NOT_YET: tuple[NotYet, ...] = (
    NotYet("limits", "not supported yet"),
    NotYet("budgets", "not supported yet"),
    NotYet("cache", "not supported yet"),
    NotYet("guards", "not supported yet"),
    NotYet("state", "not supported yet"),
    NotYet("ledger", "receipts go to ledger.db in the data folder; another place is not supported yet"),
    NotYet("models.*.rules", "not supported yet"),
    NotYet("models.*.strategy", "not supported yet", ("weighted", "least_busy", "latency", "cost")),
    NotYet("models.*.shadow", "not supported yet"),
    NotYet("models.*.targets.*.weight", "not supported yet"),
    NotYet("providers.*.api_keys", "not supported yet"),
    NotYet(
        "providers.*.type",
        "not supported yet",
        ("azure", "anthropic", "gemini", "vertex", "bedrock", "mistral", "cohere"),
    ),
    *_account_fields(("api_version", "deployments"), "azure"),
    *_account_fields(("project", "location", "credentials"), "vertex"),
    *_account_fields(("region", "access_key_id", "secret_access_key", "session_token", "profile"), "bedrock"),
)
