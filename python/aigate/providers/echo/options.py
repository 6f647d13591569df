"""What echo can be told to do, and how it is told.

The same settings are taken, later ones winning, from the provider's options in the policy, from the model name
(`echo?latency=50ms&fail=503`) and from a line of the last user message (`/echo cut_after=3`):

    latency=50ms      wait before the answer begins
    pace=10ms         wait between the events of a stream
    tokens=200        answer with about this many tokens instead of an echo
    seed=7            another wording, other ids, other failures
    fail=503          answer with this error status
    fail_rate=0.5     … only this share of the requests, drawn by a hash of seed, time and body
    retry_after=2     … with this `retry-after`, in seconds
    error_after=3     an error inside a 200: after 3 events of a stream, or instead of a whole answer
    cut_after=3       break the connection after 3 events of a stream, or 3 bytes of a whole answer
    stall_after=3     send nothing more after as many, and keep the connection
    garbage=1         bytes that are neither JSON nor a well-formed event
    usage=none        leave the usage out, or `lie` about it

Knows nothing of requests; every value is bounded and a wrong one is a ValueError that names the setting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Literal, Self
from urllib.parse import parse_qsl

import msgspec

MAX_SETTINGS = 16
MAX_WAIT_S = 600.0
MAX_EVENTS = 1_000_000
MAX_TOKENS = 10_000


def estimated_tokens(text: str) -> int:
    """Tokens of a text without a tokenizer: four UTF-8 bytes each, rounded up."""
    return -(-len(text.encode()) // 4)


class EchoOptions(msgspec.Struct, frozen=True):
    """Everything an answer depends on but the request.

    Attributes:
        latency_s, pace_s: seconds.
        tokens: None = echo the message.
        fail: None = succeed; fail_rate: share of the requests that `fail` applies to.
        error_after, cut_after, stall_after: None = never.
        now: Unix seconds, for `created` and for drawing failures.
        count: tokens of a text.
    """

    latency_s: float = 0.0
    pace_s: float = 0.0
    tokens: int | None = None
    seed: int = 0
    fail: int | None = None
    fail_rate: float = 1.0
    retry_after: int | None = None
    error_after: int | None = None
    cut_after: int | None = None
    stall_after: int | None = None
    garbage: bool = False
    usage: Literal["honest", "none", "lie"] = "honest"
    now: Callable[[], float] = time.time
    count: Callable[[str], int] = estimated_tokens

    def amended(self, settings: Iterable[tuple[str, str]]) -> Self:
        """These options with `settings` (name and value as written) laid over. Raises ValueError."""
        changes: dict[str, float | str | None] = {}
        for name, text in settings:
            if name not in _SETTINGS:
                raise ValueError(f"not a setting of echo; there are {', '.join(_SETTINGS)}")
            attribute, read = _SETTINGS[name]
            try:
                changes[attribute] = read(text)
            except ValueError as error:
                raise ValueError(f"echo setting {name}: {error}") from None
        if "fail_rate" in changes and self.fail is None:
            changes.setdefault("fail", 503)
        return msgspec.structs.replace(self, **changes)

    def amended_by(self, query: str) -> Self:
        """The same from `name=value&name=value`."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=MAX_SETTINGS)
        except ValueError:
            raise ValueError(f"echo settings are name=value, joined by &, at most {MAX_SETTINGS}") from None
        return self.amended(pairs)


def _seconds(text: str) -> float:
    for unit, factor in (("ms", 0.001), ("s", 1.0)):
        if text.endswith(unit):
            return _number(text.removesuffix(unit), MAX_WAIT_S / factor) * factor
    raise ValueError("wants a duration such as 50ms or 2s")


def _number(text: str, most: float) -> float:
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        raise ValueError("wants a number")
    value = float(text)
    if value > most:
        raise ValueError(f"wants at most {most:g}")
    return value


def _whole(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ValueError("wants a whole number")
    value = int(text)
    if not least <= value <= most:
        raise ValueError(f"wants {least} to {most}")
    return value


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("wants 0 or 1")
    return text == "1"


def _usage(text: str) -> str:
    if text not in {"honest", "none", "lie"}:
        raise ValueError("wants honest, none or lie")
    return text


def _events(text: str) -> int:
    return _whole(text, 0, MAX_EVENTS)


_SETTINGS: Mapping[str, tuple[str, Callable[[str], float | str]]] = MappingProxyType(
    {
        "latency": ("latency_s", _seconds),
        "pace": ("pace_s", _seconds),
        "tokens": ("tokens", lambda text: _whole(text, 1, MAX_TOKENS)),
        "seed": ("seed", lambda text: _whole(text, 0, 2**63 - 1)),
        "fail": ("fail", lambda text: _whole(text, 400, 599)),
        "fail_rate": ("fail_rate", lambda text: _number(text, 1.0)),
        "retry_after": ("retry_after", lambda text: _whole(text, 0, 86_400)),
        "error_after": ("error_after", _events),
        "cut_after": ("cut_after", _events),
        "stall_after": ("stall_after", _events),
        "garbage": ("garbage", _flag),
        "usage": ("usage", _usage),
    }
)
