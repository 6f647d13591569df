"""Model name → Route.

A name is looked up among the policy's models, then among the bare names that may be called directly, then as
`provider/model`. Permission is checked on the name as the caller wrote it, before it is said whether it exists, so
that a key cannot list what it may not use.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase

from aigate.domain import ANY_MODEL, Principal, Request, Route, Snapshot
from aigate.errors import ForbiddenModel, ModelNotFound


def plan(snapshot: Snapshot, request: Request, principal: Principal) -> Route:
    """The ordered targets for `request`. Raises ForbiddenModel or ModelNotFound."""
    name = request.model
    if not _may_use(principal, name):
        raise ForbiddenModel(f"model {name}: this key may not use it", param="model")
    if (route := snapshot.models.get(name)) is not None:
        return route
    if (target := snapshot.target(name)) is not None:
        return Route(name, (target,))
    near = get_close_matches(name, visible_models(snapshot, principal), n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ModelNotFound(f"model {name}: not found{hint}", param="model")


def visible_models(snapshot: Snapshot, principal: Principal) -> list[str]:
    """The names this caller may use, sorted."""
    names = {*snapshot.models, *snapshot.direct}
    return sorted(name for name in names if _may_use(principal, name))


def _may_use(principal: Principal, name: str) -> bool:
    patterns = principal.models
    return ANY_MODEL in patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
