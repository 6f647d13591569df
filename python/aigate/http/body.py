"""Request bodies: bounded while they arrive, because the server underneath sets no bound.

Stops calling `receive` once Content-Length bytes are in: Granian announces the end of a body only in an extra message,
which costs a round trip between threads on every request.
"""

from __future__ import annotations

from aigate.errors import ClientGone, InvalidRequest, RequestTooLarge

from .inflight import Course


async def read_body(course: Course, content_length: int | None, limit: int) -> bytes:
    """The whole body, at most `limit` bytes. Raises RequestTooLarge, InvalidRequest, ClientGone."""
    if content_length is not None and content_length > limit:
        raise RequestTooLarge(f"a body of {content_length} bytes, at most {limit} are taken")
    if content_length == 0:
        return b""
    message = await course.receive()
    data: bytes = message.get("body", b"")
    if len(data) == content_length:
        return data
    pieces = [data]
    size = len(data)
    while message["type"] != "http.disconnect" and message.get("more_body", False) and size != content_length:
        course.progress()
        message = await course.receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise RequestTooLarge(f"a body of more than {limit} bytes")
    if message["type"] == "http.disconnect":
        raise ClientGone("the caller hung up while sending its body")
    if content_length is not None and size != content_length:
        raise InvalidRequest(f"the body ended after {size} of {content_length} bytes")
    return b"".join(pieces)
