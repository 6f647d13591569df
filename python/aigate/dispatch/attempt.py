"""One attempt at one target: from the first byte sent to the last byte read.

Owns the exchange and what is learned from it. `commit` goes as far as the commit point - the whole of a plain answer,
the first content of a stream with the content-free frames before it - so that whoever asks for it can still go
elsewhere when it fails; after it the attempt is the answer. Invariant: after `close` the upstream is shut and the tally
knows every token that was seen.
"""

from __future__ import annotations

import msgspec

from aigate.domain import Answer, Event, Exchange, Relay, Request, Tally, Target, Usage
from aigate.errors import StreamInterrupted, UpstreamError, UpstreamFailed, UpstreamInvalid

from .adapter import Adapter, StreamReader

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 1024 * 1024
MAX_HELD_BYTES = 1024 * 1024


class Attempt(msgspec.Struct):
    """Drives one exchange; a committed one is `domain.Events`."""

    adapter: Adapter
    exchange: Exchange
    request: Request
    target: Target
    tally: Tally
    _reader: StreamReader | None = None
    _first: bytes | None = None

    async def commit(self) -> None:
        """Go as far as the first content. Raises UpstreamFailed, whose message names the target."""
        try:
            self._first = await (self._opening() if self.request.stream else self._whole())
        except StreamInterrupted as error:
            # Nothing of it was handed on, so it is no stream of the caller's that broke.
            raise self._told(UpstreamInvalid(error.message)) from error
        except UpstreamFailed as error:
            raise self._told(error) from error.__cause__
        self.tally.content()

    async def next(self) -> Event | None:
        """The next event, None when the answer is complete. Raises StreamInterrupted."""
        if self._first is not None:
            first, self._first = self._first, None
            return Relay(first)
        if self._reader is None:
            return None
        try:
            data = await self._frames(self._reader)
        except UpstreamFailed as error:
            raise StreamInterrupted(self._told(error).message) from error
        return Relay(data) if data else None

    def close(self) -> None:
        """Shut the upstream and note what was seen."""
        self.exchange.cancel()
        if self._reader is not None:
            self.tally.upstream_done()
            self._note(self._reader.facts())

    async def _opening(self) -> bytes:
        """The frames of a stream up to and with the first content."""
        status, headers = await self.exchange.head()
        if status != 200 or not _is_event_stream(headers):
            raise self.adapter.failure(status, headers, await self.exchange.body(MAX_ERROR_BYTES))
        self._reader = reader = self.adapter.reader(self.request, self.target.encoding)
        held = b""
        while not reader.has_content and (frames := await self._frames(reader)):
            held += frames
            if len(held) > MAX_HELD_BYTES:
                raise UpstreamInvalid(f"{len(held)} bytes of a stream, and no content yet")
        return held

    async def _whole(self) -> bytes:
        body = await self.exchange.body(MAX_ANSWER_BYTES)
        self.tally.upstream_done()
        if self.exchange.status != 200:
            raise self.adapter.failure(*await self.exchange.head(), body)
        answer = self.adapter.decode(body, self.target.encoding)
        self._note(answer)
        return answer.data

    async def _frames(self, reader: StreamReader) -> bytes:
        """The next frames that can be handed on; empty when the stream has ended as it should."""
        reader.check()
        while data := await self.exchange.read():
            if frames := reader.feed(data):
                return frames
        return reader.finish()

    def _told(self, error: UpstreamFailed) -> UpstreamFailed:
        """The same error with the target's name, and without what an upstream may have quoted of our credentials."""
        provider = self.target.provider
        message, secrets = error.message, [value.reveal() for _, value in provider.headers]
        if provider.api_key is not None:
            secrets.append(provider.api_key.reveal())
        for secret in filter(None, secrets):
            message = message.replace(secret, "***")
            if isinstance(error, UpstreamError):
                error.body = error.body.replace(secret.encode(), b"***")
        error.message = f"target {self.target.name}: {message}"
        return error

    def _note(self, answer: Answer) -> None:
        tally = self.tally
        tally.served_model = answer.served_model
        tally.raw_usage = answer.raw_usage
        tally.usage = answer.usage or Usage(fresh=tally.input_tokens, output=answer.counted_output, counted=True)


def _is_event_stream(headers: list[tuple[str, str]]) -> bool:
    return any(name == "content-type" and value.lower().startswith("text/event-stream") for name, value in headers)
