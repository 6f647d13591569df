"""Chat request bytes → Request."""

from __future__ import annotations

from aigate._native import Body, inspect
from aigate.domain import Principal, Request, Wishes
from aigate.errors import InvalidRequest

MAX_TAGS = 32


def read_chat(body: bytes, wishes: Wishes, principal: Principal) -> Request:
    """Inspect a chat body. Raises InvalidRequest with the path of what is wrong."""
    seen = inspect(body)
    if seen.model is None:
        raise InvalidRequest("model: required", param="model")
    if not seen.model.isprintable():
        raise InvalidRequest("model: has characters that no name has", param="model")
    return Request(
        dialect="chat",
        model=seen.model,
        stream=seen.stream,
        body=seen,
        usage_wanted=seen.include_usage,
        tags=_tags(seen, wishes, principal),
        user=seen.user or "",
        fallback=wishes.fallback,
        timeout_ms=wishes.timeout_ms,
        traceparent=wishes.traceparent,
    )


def _tags(body: Body, wishes: Wishes, principal: Principal) -> dict[str, str]:
    """The body's metadata, then the header's tags, then the key's own, a later one winning."""
    tags = dict(body.metadata)
    tags.update(wishes.tags)
    for name in principal.forbid_tags:
        if name in tags:
            raise InvalidRequest(f"tags.{name}: this key may not set it", param=f"tags.{name}")
    tags.update(principal.tags)
    for name in principal.require_tags:
        if name not in tags:
            raise InvalidRequest(f"tags.{name}: this key requires it", param=f"tags.{name}")
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(f"tags: {len(tags)} given, at most {MAX_TAGS} are kept", param="tags")
    return tags
