"""Writing the response. Knows the commit point: once the head is out, an error can only be told in the stream."""

from __future__ import annotations

import msgspec

from aigate.dialects import chat
from aigate.domain import Tally
from aigate.errors import GatewayError, UpstreamError

from .asgi import Headers, Send

_JSON = (b"content-type", b"application/json")
_EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
_NO_CACHE = (b"cache-control", b"no-cache")
_CACHE_OFF = (b"x-aigate-cache", b"off")


class Reply(msgspec.Struct):
    """One response.

    Attributes:
        started: its head is out.
    """

    send: Send
    tally: Tally
    started: bool = False

    async def whole(self, status: int, body: bytes, headers: Headers) -> None:
        """A complete response."""
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def answer(self, body: bytes) -> None:
        """A whole answer with its place, its cost and its time."""
        headers = self._headers(_JSON)
        gateway_us, upstream_us = self.tally.times_us()
        timing = b"gateway;dur=%d.%03d, upstream;dur=%d.%03d" % (*divmod(gateway_us, 1000), *divmod(upstream_us, 1000))
        headers.append((b"server-timing", timing))
        if self.tally.priced:
            headers.append((b"x-aigate-cost", chat.usd(self.tally.spent_nano_usd).encode() + b"usd"))
        await self.whole(200, body, headers)

    async def document(self, body: bytes) -> None:
        """A JSON document that no provider was asked for."""
        await self.whole(200, body, self._headers(_JSON))

    async def more(self, data: bytes) -> None:
        """The next bytes of a stream, after its head."""
        if not self.started:
            self.started = True
            headers = self._headers(_EVENT_STREAM)
            headers.append(_NO_CACHE)
            await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """The last bytes of a stream."""
        await self.send({"type": "http.response.body", "body": data, "more_body": False})

    async def refuse(self, error: GatewayError) -> None:
        """Tell the caller: as a response while that is possible, as the last event of the stream after that."""
        if self.started:
            await self.end(chat.stream_error(error))
            return
        content_type, body = _JSON, b""
        if isinstance(error, UpstreamError) and 400 <= error.upstream_status < 500:
            content_type, body = (b"content-type", error.content_type.encode("latin-1", "replace")), error.body
        headers = self._headers(content_type if body else _JSON)
        headers.append((b"x-aigate-error-source", error.source.encode()))
        if error.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % error.retry_after_s))
        await self.whole(error.status, body or chat.error_body(error), headers)

    def _headers(self, content_type: tuple[bytes, bytes]) -> Headers:
        """Which request this answers, and by which policy and target."""
        tally = self.tally
        headers: Headers = [
            content_type,
            (b"x-request-id", tally.request_id.encode()),
            (b"x-aigate-policy", tally.policy.encode()),
            _CACHE_OFF,
        ]
        if tally.target is not None:
            headers.append((b"x-aigate-target", tally.target.name.encode()))
            headers.append((b"x-aigate-attempts", b"%d" % tally.attempt))
        return headers
