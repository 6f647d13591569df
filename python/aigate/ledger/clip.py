"""Receipts that would not fit into a record: figures always survive, text that somebody made huge is cut."""

from __future__ import annotations

import msgspec

from aigate.domain import Receipt

TEXT = 1_024
TAGS = 64


def clipped(receipt: Receipt) -> Receipt:
    """The receipt with every text cut to 1,024 characters, 64 tags, and no raw usage, which is JSON or nothing."""
    fields = msgspec.structs.asdict(receipt)
    cut = {name: value[:TEXT] for name, value in fields.items() if isinstance(value, str)}
    tags = {name[:TEXT]: value[:TEXT] for name, value in list(receipt.tags.items())[:TAGS]}
    return msgspec.structs.replace(receipt, **cut | {"tags": tags, "raw_usage": ""})
