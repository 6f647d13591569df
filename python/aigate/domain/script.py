"""An answer made on this machine: what would have come over the wire, and when.

Owns the shape that a provider without a server (`echo`) writes and `transport` plays. Knows neither sockets nor clocks.
"""

from __future__ import annotations

import msgspec


class Cut(msgspec.Struct, frozen=True, gc=False):
    """The connection breaks here: no end of the body, nothing after."""


class Stall(msgspec.Struct, frozen=True, gc=False):
    """Nothing comes any more, but the connection stays."""


Step = tuple[float, bytes | Cut | Stall]
"""Seconds to wait, then what happens."""


class Script(msgspec.Struct, frozen=True):
    """One whole exchange as the upstream would play it.

    Attributes:
        status: HTTP status of the answer.
        headers: names in lower case.
        steps: the body in order, never empty. Status and headers go out with the first step, after its delay; a `Cut`
            or `Stall` there means that they never do. Without one at the end the body is complete.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
