"""What is asked, once it has been read and found sound."""

from __future__ import annotations

import msgspec

from aigate._native import Body


class Wishes(msgspec.Struct, frozen=True, gc=False):
    """What the head of a request asks for besides its body; see `Request` for the meaning of each."""

    tags: tuple[tuple[str, str], ...] = ()
    fallback: bool = True
    timeout_ms: int = 0
    traceparent: str = ""


class Request(msgspec.Struct, frozen=True):
    """One request in the caller's dialect.

    Attributes:
        dialect: which surface it came in by (`chat`).
        model: the model name the caller used.
        stream: whether the answer is wanted as server-sent events.
        body: the inspected bytes; adapters make the upstream's bytes from it.
        usage_wanted: whether a streaming caller asked for the usage chunk itself.
        tags: chargeback tags of the request, the key's fixed ones not yet applied.
        user: the caller's end user (`user` in the body), empty when not given.
        fallback: False = one attempt, no other target.
        timeout_ms: the caller's own bound on the whole call, 0 = none.
        traceparent: the header for the upstream, continuing the caller's trace.
    """

    dialect: str
    model: str
    stream: bool
    body: Body
    usage_wanted: bool
    tags: dict[str, str]
    user: str = ""
    fallback: bool = True
    timeout_ms: int = 0
    traceparent: str = ""
