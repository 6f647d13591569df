"""The request head: checked strictly, because the server underneath is lenient, and read once.

Granian lets pass a missing or malformed Host, Content-Length next to Transfer-Encoding, and very large heads; each is
refused here. Invariant: a `Head` names one caller, one body framing and one host, or it does not exist.
"""

from __future__ import annotations

import re

import msgspec

from aigate.errors import HeadTooLarge, HostInvalid, InvalidRequest, MediaTypeUnsupported

from .asgi import Headers, Scope

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
MAX_REQUEST_ID_CHARS = 128

# RFC 3986 host: a name, an IPv4 address or a bracketed IPv6 address, with an optional port. No user, path or query.
_HOST = re.compile(rb"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_REQUEST_ID = re.compile(rb"[!-~]{1,%d}" % MAX_REQUEST_ID_CHARS)
_BARE_CREDENTIALS = frozenset({b"x-api-key", b"api-key", b"x-goog-api-key"})
_SINGLE = _BARE_CREDENTIALS | {b"authorization", b"content-length", b"content-type", b"host", b"transfer-encoding"}


class Head(msgspec.Struct, frozen=True):
    """What the head says.

    Attributes:
        fields: all headers by lower-case name; of repeated harmless ones the last.
        credential: the key as shown, empty when none was.
        request_id: the caller's own, empty when there is none or it is not printable.
        content_length: None when the body is chunked or absent.
    """

    fields: dict[bytes, bytes]
    credential: bytes
    request_id: str
    content_length: int | None


def read_head(scope: Scope) -> Head:
    """Check and read. Raises HeadTooLarge, HostInvalid, InvalidRequest."""
    headers: Headers = scope["headers"]
    fields = dict(headers)
    _bounded(scope, headers, fields)
    if len(fields) != len(headers):
        _no_repeats(headers)
    host = fields.get(b"host")
    if host is None or not _HOST.fullmatch(host):
        raise HostInvalid("Host: missing, or not a host name with an optional port", param="host")
    if b"transfer-encoding" in fields and b"content-length" in fields:
        raise InvalidRequest(
            "Content-Length and Transfer-Encoding: only one may frame the body", param="content-length"
        )
    return Head(fields, _credential(fields), _request_id(fields), _content_length(fields))


def require_json(fields: dict[bytes, bytes]) -> None:
    """Refuse bodies that are not plain UTF-8 JSON. Raises MediaTypeUnsupported."""
    written = fields.get(b"content-type", b"")
    if written not in {b"application/json", b""}:
        kind, _, parameters = written.lower().partition(b";")
        if kind.strip() != b"application/json":
            raise MediaTypeUnsupported("Content-Type: send application/json", param="content-type")
        if b"charset" in parameters and b"utf-8" not in parameters and b"utf8" not in parameters:
            raise MediaTypeUnsupported("Content-Type: the charset must be UTF-8", param="content-type")
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise MediaTypeUnsupported("Content-Encoding: bodies are taken uncompressed", param="content-encoding")


def _bounded(scope: Scope, headers: Headers, fields: dict[bytes, bytes]) -> None:
    if len(headers) > MAX_HEADERS:
        raise HeadTooLarge(f"{len(headers)} headers, at most {MAX_HEADERS} are taken")
    size = len(scope["path"]) + len(scope["query_string"]) + sum(map(len, fields)) + sum(map(len, fields.values()))
    if size > MAX_HEAD_BYTES:
        raise HeadTooLarge(f"a head of {size} bytes, at most {MAX_HEAD_BYTES} are taken")


def _no_repeats(headers: Headers) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in _SINGLE:
            raise InvalidRequest(f"{name.decode('latin-1')}: given more than once", param=name.decode("latin-1"))
        seen.add(name)


def _credential(fields: dict[bytes, bytes]) -> bytes:
    bearer = fields.get(b"authorization")
    if bearer is not None and _BARE_CREDENTIALS.isdisjoint(fields):
        scheme, _, token = bearer.partition(b" ")
        return token.strip() if scheme.lower() == b"bearer" else b""
    shown = [fields[name] for name in _BARE_CREDENTIALS if name in fields]
    if bearer is not None or len(shown) > 1:
        raise InvalidRequest("two credentials: send exactly one of Authorization, x-api-key, api-key, x-goog-api-key")
    return shown[0].strip() if shown else b""


def _request_id(fields: dict[bytes, bytes]) -> str:
    shown = fields.get(b"x-request-id")
    return shown.decode("ascii") if shown is not None and _REQUEST_ID.fullmatch(shown) else ""


def _content_length(fields: dict[bytes, bytes]) -> int | None:
    value = fields.get(b"content-length")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 18:
        raise InvalidRequest("Content-Length: not a number", param="content-length")
    return int(value)
