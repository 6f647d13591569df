"""What the gateway itself adds to a chat stream: one comment, which SSE clients skip."""

from __future__ import annotations

from aigate.domain import NANO_PER_USD


def cost_comment(nano_usd: int) -> bytes:
    """`: aigate cost=0.000123usd`, closing a stream."""
    return f": aigate cost={usd(nano_usd)}usd\n\n".encode()


def usd(nano_usd: int) -> str:
    """Exact decimal dollars of nano-dollars, without trailing zeros."""
    whole, nanos = divmod(nano_usd, NANO_PER_USD)
    return f"{whole}.{nanos:09d}".rstrip("0").rstrip(".")
