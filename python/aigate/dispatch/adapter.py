"""What dispatch needs of a provider's adapter and of the transport, as protocols.

The adapters under `providers/` are pure: bytes in, bytes and facts out. Dispatch drives them and owns the time.
"""

from __future__ import annotations

from typing import Protocol

from aigate.domain import Answer, Exchange, Outbound, Request, Target
from aigate.errors import UpstreamError


class StreamReader(Protocol):
    """Reads one streamed answer; see `providers` for the adapters' own."""

    def feed(self, data: bytes) -> bytes:
        """Take what the network gave, give what can be handed on. Raises UpstreamError for an in-band error."""

    def check(self) -> None:
        """Raise UpstreamError when an in-band error came with what was given last."""

    def finish(self) -> bytes:
        """The upstream ended: the tail. Raises StreamInterrupted when the answer is not complete."""

    @property
    def has_content(self) -> bool:
        """Whether content has been among what was given."""

    def facts(self) -> Answer:
        """What is known of the answer so far (`data` is empty)."""


class Adapter(Protocol):
    """What dispatch asks of a provider's module; `account_headers` beside it is the composition root's to ask."""

    def encode(self, request: Request, target: Target) -> Outbound:
        """The provider's request."""

    def decode(self, body: bytes, encoding: str) -> Answer:
        """A whole answer. Raises UpstreamError for an error inside a success, UpstreamInvalid for anything else."""

    def reader(self, request: Request, encoding: str) -> StreamReader:
        """A reader for one streamed answer; `encoding` is for counting what the provider does not."""

    def failure(self, status: int, headers: list[tuple[str, str]], body: bytes) -> UpstreamError:
        """The provider's error response, understood."""


class Connect(Protocol):
    """Opens an exchange with the target's provider."""

    def __call__(self, target: Target, outbound: Outbound, deadlines_ms: tuple[int, int, int, int]) -> Exchange:
        """Start the request; deadlines are connect, first byte, idle, total, in milliseconds."""
