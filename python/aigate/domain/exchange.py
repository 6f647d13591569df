"""One request on its way to a provider, as dispatch sees it, whatever carries it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from .usage import Usage


class Outbound(msgspec.Struct, frozen=True, gc=False):
    """What an adapter wants sent: a path under the provider's base URL, headers of this one request, and the body."""

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """An answer, read.

    Attributes:
        data: the body to hand on; empty for a stream, whose frames went before.
        served_model: the model name the provider says it used.
        usage: None when the provider gave none.
        raw_usage: the provider's usage object as it came, JSON text.
        counted_output: our own count of the answer's tokens when the provider gave no usage.
    """

    data: bytes
    served_model: str = ""
    usage: Usage | None = None
    raw_usage: str = ""
    counted_output: int = 0


class Exchange(Protocol):
    """One attempt under way. Cancelling a coroutine that waits on it cancels the exchange.

    Every method may raise UpstreamTimeout, UpstreamUnreachable or UpstreamInvalid.
    """

    async def head(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers, names in lower case."""

    @property
    def status(self) -> int:
        """The answer's status; known once its head or body has been awaited."""

    async def read(self) -> bytes:
        """The next bytes of the body; empty at its end."""

    async def body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes."""

    @property
    def sent(self) -> bool:
        """Whether any byte of the request has left, so that it may have been processed."""

    def cancel(self) -> None:
        """Close the upstream now. Idempotent."""
