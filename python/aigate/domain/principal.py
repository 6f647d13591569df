"""Who is asking."""

from __future__ import annotations

import msgspec

ANY_MODEL = "*"


class Principal(msgspec.Struct, frozen=True):
    """One authenticated caller: the key and the chain of scopes it belongs to. Empty text = not set.

    Attributes:
        key: id of the key (never the key itself).
        org, team, service, user: the chargeback dimensions fixed by the key.
        models: patterns (`fnmatch`) of the model names it may call.
        tags: tags fixed by the key; they win over the request's.
        require_tags: tag names a request must carry.
        forbid_tags: tag names a request may not set.
        expires_ms: Unix milliseconds; 0 = never.
    """

    key: str
    org: str = ""
    team: str = ""
    service: str = ""
    user: str = ""
    models: tuple[str, ...] = (ANY_MODEL,)
    tags: tuple[tuple[str, str], ...] = ()
    require_tags: tuple[str, ...] = ()
    forbid_tags: tuple[str, ...] = ()
    expires_ms: int = 0
