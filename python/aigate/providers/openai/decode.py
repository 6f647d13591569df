"""Reading OpenAI's answers: the bytes are handed on, the facts are noted."""

from __future__ import annotations

import re

from aigate._native import ChatRelay, read_reply
from aigate.domain import Answer, Request, Usage
from aigate.errors import StreamInterrupted, UpstreamError, UpstreamInvalid

# Figures under plain names: what a ledger keeps of a provider's usage. Free text in it would be somebody's prompt.
_FIGURES = re.compile(r'(?:[\s{}:,0-9.-]++|"[a-z][a-z0-9_]{0,47}+"(?=\s*:)|null|true|false)*+')


def kept_usage(raw: str) -> str:
    """A provider's usage as the ledger keeps it: as it came when it is figures, nothing otherwise."""
    return raw if _FIGURES.fullmatch(raw) else ""


def decode(body: bytes, encoding: str) -> Answer:
    """A whole `chat.completion`. Raises UpstreamInvalid when it is none, UpstreamError for an error inside a 200."""
    reply = read_reply(body)
    if reply.error is not None:
        raise UpstreamError(f"error in a 200: {reply.error}", upstream_status=200, body=body)
    if not reply.has_choices:
        raise UpstreamInvalid("the answer has no choices")
    figures = reply.usage
    if figures is None:
        return Answer(body, reply.model or "", None, "", reply.count_output_tokens(encoding))
    return Answer(body, reply.model or "", Usage(*figures), kept_usage(reply.raw_usage))


class StreamReader:
    """Reads one chat stream through the native relay; `encoding` is for counting what the provider does not."""

    __slots__ = ("_encoding", "_relay")

    def __init__(self, strip_usage: bool, encoding: str) -> None:
        self._encoding = encoding
        self._relay = ChatRelay(strip_usage, None, encoding)

    def feed(self, data: bytes) -> bytes:
        """Whole frames to hand on. Raises UpstreamError for the provider's error, once all before it is handed on."""
        frames = self._relay.feed(data)
        if not frames:
            self.check()
        return frames

    def finish(self) -> bytes:
        """The tail. Raises StreamInterrupted when no choice has finished: the answer is cut, not complete."""
        self.check()
        tail = self._relay.finish()
        if not self._relay.finished:
            raise StreamInterrupted(f"the stream ended after {self._relay.events} events without a finish_reason")
        return tail

    @property
    def has_content(self) -> bool:
        """Whether content has been among the frames."""
        return self._relay.has_content

    def facts(self) -> Answer:
        """Model and usage as far as they have been seen."""
        relay = self._relay
        if (figures := relay.usage) is None:
            return Answer(b"", relay.model or "", None, "", relay.count_output_tokens(self._encoding))
        return Answer(b"", relay.model or "", Usage(*figures), kept_usage(relay.raw_usage))

    def check(self) -> None:
        """Raise UpstreamError for an error that came in the stream."""
        if self._relay.error is not None:
            raise UpstreamError(f"error in the stream: {self._relay.error}", upstream_status=200)


def reader(request: Request, encoding: str) -> StreamReader:
    """A reader for the answer to `request`."""
    return StreamReader(not request.usage_wanted, encoding)
