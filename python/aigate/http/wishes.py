"""The `x-aigate-*` request headers, as values. What is not built yet is refused by name, never ignored."""

from __future__ import annotations

import re

from aigate.domain import Wishes
from aigate.errors import InvalidRequest

MAX_TAGS = 32
MAX_TIMEOUT_MS = 24 * 3_600_000

_TAG = re.compile(r"\s*([A-Za-z0-9_.-]{1,64})\s*=\s*([^\x00-\x1f\x7f,=]{1,256}?)\s*")
_DURATION = re.compile(rb"([0-9]{1,9})(ms|s|m|h)")
_MILLIS = {b"ms": 1, b"s": 1000, b"m": 60_000, b"h": 3_600_000}
_NOT_YET = (b"x-aigate-max-cost", b"x-aigate-run")
_NAMES = frozenset(
    {*_NOT_YET, b"x-aigate-cache", b"x-aigate-fallback", b"x-aigate-strict", b"x-aigate-tags", b"x-aigate-timeout"}
)


def read_wishes(fields: dict[bytes, bytes], traceparent: str) -> Wishes:
    """What the head asks for. Raises InvalidRequest, naming the header."""
    if b"\0x-aigate-" not in b"\0" + b"\0".join(fields):
        return Wishes(traceparent=traceparent)
    for name in fields:
        if name.startswith(b"x-aigate-") and name not in _NAMES:
            raise InvalidRequest("an x-aigate- header that nobody knows", param=name.decode("latin-1"))
    for name in _NOT_YET:
        if name in fields:
            raise InvalidRequest(f"{name.decode()}: not supported yet", param=name.decode())
    if fields.get(b"x-aigate-cache", b"off") not in {b"off", b"refresh"}:
        raise InvalidRequest("x-aigate-cache: only off and refresh are supported yet", param="x-aigate-cache")
    if fields.get(b"x-aigate-strict", b"false") not in {b"true", b"false"}:
        raise InvalidRequest("x-aigate-strict: true or false", param="x-aigate-strict")
    fallback = fields.get(b"x-aigate-fallback", b"on")
    if fallback not in {b"on", b"off"}:
        raise InvalidRequest("x-aigate-fallback: on or off", param="x-aigate-fallback")
    return Wishes(
        tags=_tags(fields.get(b"x-aigate-tags", b"")),
        fallback=fallback == b"on",
        timeout_ms=_timeout_ms(fields.get(b"x-aigate-timeout")),
        traceparent=traceparent,
    )


def _tags(value: bytes) -> tuple[tuple[str, str], ...]:
    """`name=value,name=value`."""
    if not value:
        return ()
    pairs = value.split(b",")
    if len(pairs) > MAX_TAGS:
        raise InvalidRequest(f"x-aigate-tags: {len(pairs)} given, at most {MAX_TAGS} are kept", param="x-aigate-tags")
    return tuple(_tag(pair) for pair in pairs)


def _tag(pair: bytes) -> tuple[str, str]:
    try:
        found = _TAG.fullmatch(pair.decode("utf-8"))
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise InvalidRequest("x-aigate-tags: write name=value,name=value", param="x-aigate-tags")
    return found[1], found[2]


def _timeout_ms(value: bytes | None) -> int:
    if value is None:
        return 0
    found = _DURATION.fullmatch(value)
    timeout_ms = int(found[1]) * _MILLIS[found[2]] if found else 0
    if not 0 < timeout_ms <= MAX_TIMEOUT_MS:
        raise InvalidRequest("x-aigate-timeout: write a duration up to 24h such as 30s", param="x-aigate-timeout")
    return timeout_ms
