"""What an answer is made of. An answer is always a stream of events: a plain JSON reply is a short one.

On the relay lane (the caller speaks the provider's dialect) `Relay` carries the provider's own bytes; the other
events carry meaning for lanes that translate, and for the ledger.
"""

from __future__ import annotations

import msgspec

from aigate.errors import GatewayError

from .receipt import Receipt
from .usage import Usage


class Relay(msgspec.Struct, frozen=True, gc=False):
    """Bytes in the caller's dialect, ready to be sent: whole SSE frames, or one whole JSON body."""

    data: bytes


class UsageReport(msgspec.Struct, frozen=True, gc=False):
    """The provider's figures; a later one replaces an earlier one."""

    usage: Usage


class Broken(msgspec.Struct, frozen=True, gc=False):
    """The answer ended badly after part of it was handed on. Nothing follows but `Closed`."""

    error: GatewayError


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The last event: the books are closed, this is what was written."""

    receipt: Receipt


Event = Relay | UsageReport | Broken | Closed
