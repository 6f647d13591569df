"""Folds one writer's records into finished receipts: an intent opens an attempt, an outcome closes it, death ends it.

Does no I/O and keeps no receipts, only what is still open. Invariant: every intent leaves either by its outcome or,
when its writer has died, as `unfinished`; nothing else closes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from aigate.domain import Receipt

from .format import INTENT, OUTCOME
from .reader import Record

GATEWAY_DIED = "gateway_died"

_ID_CHARS = 36
_INTENT_HEAD = b'{"kind":"intent","id":"'
_OUTCOME_HEAD = b'{"kind":"outcome","id":"'


class Unreadable(NamedTuple):
    """A record that is whole and still not a receipt."""

    body: bytes
    reason: str


class Finished(NamedTuple):
    """What came out of folding: columns rather than pairs, because that is how sinks and views take them.

    Attributes:
        receipts: finished ones, in their order; lines: their JSON, as the worker wrote it.
        unreadable: records to set aside.
    """

    receipts: list[Receipt]
    lines: list[bytes]
    unreadable: list[Unreadable]


class _Named(msgspec.Struct):
    id: str


class OpenAttempts:
    """The attempts of one writer that have begun and not ended, each with its intent's JSON."""

    def __init__(self, intents: Iterable[bytes] = ()) -> None:
        """Go on with the open intents that were set aside earlier."""
        self._decode = msgspec.json.Decoder(Receipt).decode
        self._name = msgspec.json.Decoder(_Named).decode
        self._open = {self._id_of(body, _INTENT_HEAD): body for body in intents}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def intents(self) -> list[bytes]:
        """What is open, to be set aside."""
        return list(self._open.values())

    def fold(self, records: Iterable[Record]) -> Finished:
        """The receipts that these records finish, in their order."""
        finished = Finished([], [], [])
        receipts, lines = finished.receipts, finished.lines
        for kind, body in records:
            try:
                if kind == INTENT:
                    self._open[self._id_of(body, _INTENT_HEAD)] = body
                    continue
                receipts.append(self._decode(body))
                lines.append(body)
                if kind == OUTCOME:
                    self._open.pop(self._id_of(body, _OUTCOME_HEAD), None)
            except msgspec.DecodeError as error:
                finished.unreadable.append(_unreadable(body, error))
        return finished

    def abandon(self) -> Finished:
        """The writer is dead and has been read to its end: what is open will never be closed by it.

        The tokens and the cost are the intent's own: what was counted of the prompt, and the price of that. The caller
        may have been answered or not, and the provider may bill more; `unfinished` says that nobody here can know.
        """
        finished = Finished([], [], [])
        for body in self._open.values():
            try:
                receipt = self._decode(body)
            except msgspec.DecodeError as error:
                finished.unreadable.append(_unreadable(body, error))
                continue
            receipt.kind = "outcome"
            receipt.outcome = "unfinished"
            receipt.error = GATEWAY_DIED
            receipt.error_source = "gateway"
            receipt.usage_source = "counted"
            receipt.output_tokens = 0
            finished.receipts.append(receipt)
            finished.lines.append(msgspec.json.encode(receipt))
        self._open.clear()
        return finished

    def _id_of(self, body: bytes, head: bytes) -> bytes:
        """The id, from where our own encoder puts it; by a decoder when the record was written by another version."""
        if body.startswith(head):
            return body[len(head) : len(head) + _ID_CHARS]
        return self._name(body).id.encode()


def _unreadable(body: bytes, error: msgspec.DecodeError) -> Unreadable:
    """With the place in the record, and without what stands there."""
    path = str(error).rpartition("`")[0].rpartition("`")[2]
    return Unreadable(body, f"{type(error).__name__} at {path or 'a byte that is not JSON'}")
