"""Writing the response. Knows the commit point: once the head is out, an error can only be told in the stream."""

from __future__ import annotations

from aigate.dialects import chat
from aigate.domain import Receipt, Tally
from aigate.errors import GatewayError, UpstreamError

from .asgi import Headers, Send


class Reply:
    """One response."""

    __slots__ = ("_send", "_tally", "started")

    def __init__(self, send: Send, tally: Tally) -> None:
        self._send = send
        self._tally = tally
        self.started = False

    async def whole(
        self, status: int, body: bytes, headers: Headers, content_type: bytes = b"application/json"
    ) -> None:
        """A complete response."""
        self.started = True
        headers.append((b"content-type", content_type))
        headers.append((b"x-request-id", self._tally.request_id.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def stream(self, headers: Headers) -> None:
        """The head of an event stream."""
        self.started = True
        headers.append((b"content-type", b"text/event-stream; charset=utf-8"))
        headers.append((b"cache-control", b"no-cache"))
        headers.append((b"x-request-id", self._tally.request_id.encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def more(self, data: bytes) -> None:
        """The next bytes of the stream."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """The last bytes of the stream."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def refuse(self, error: GatewayError) -> None:
        """Tell the caller: as a response while that is possible, as an event of the stream after that."""
        if self.started:
            await self.end(chat.stream_error(error))
            return
        headers: Headers = [(b"x-aigate-error-source", error.source.encode())]
        headers += place_headers(self._tally)
        if error.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % error.retry_after_s))
        if isinstance(error, UpstreamError) and error.status == error.upstream_status and error.body:
            await self.whole(error.status, error.body, headers, error.content_type.encode("latin-1", "replace"))
        else:
            await self.whole(error.status, chat.error_body(error), headers)


def place_headers(tally: Tally) -> Headers:
    """Which policy and which target this response comes from."""
    headers: Headers = [(b"x-aigate-policy", tally.policy.encode()), (b"x-aigate-cache", b"off")]
    if tally.target is not None:
        headers.append((b"x-aigate-target", tally.target.name.encode()))
        headers.append((b"x-aigate-attempts", b"%d" % tally.attempt))
    return headers


def cost_headers(receipt: Receipt) -> Headers:
    """What a whole answer cost, and where its time went."""
    timing = f"gateway;dur={receipt.gateway_us / 1000:.3f}, upstream;dur={receipt.upstream_ms:.3f}"
    headers: Headers = [(b"server-timing", timing.encode())]
    if receipt.price_version:
        headers.append((b"x-aigate-cost", chat.usd(receipt.cost_nano_usd).encode() + b"usd"))
    return headers
