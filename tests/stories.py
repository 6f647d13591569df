"""Ready-made nouns for tests of the rooms between the door and the wire."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec

from aigate.domain import Price, Principal, Provider, Receipt, Request, Route, Snapshot, Tally, Target

PRICE = Price(input=2_500_000_000, output=10_000_000_000, version="test/1")


def provider(name: str = "alpha", kind: str = "openai") -> Provider:
    return Provider(name=name, type=kind, base_url=f"http://{name}.test/v1")


def target(name: str = "alpha", model: str = "m-1", price: Price | None = PRICE) -> Target:
    return Target(provider(name), model, price=price)


def route(*names: str) -> Route:
    return Route("assistant", tuple(target(name) for name in names or ("alpha",)))


def request(*, stream: bool = False, **fields: Any) -> Request:
    body = SimpleNamespace(count_tokens=lambda encoding: 7, model="assistant", edited=lambda model, usage: b"{}")
    asked: dict[str, Any] = {
        "dialect": "chat",
        "model": "assistant",
        "stream": stream,
        "body": body,
        "usage_wanted": False,
        "tags": {"feature": "checkout"},
    }
    return Request(**(asked | fields))


def principal(**fields: Any) -> Principal:
    return Principal(**({"key": "key_1", "team": "search"} | fields))


def snapshot(**fields: Any) -> Snapshot:
    providers = {name: provider(name) for name in ("alpha", "beta")}
    return Snapshot(**({"hash": "abc", "providers": providers, "models": {"assistant": route()}} | fields))


class Clock:
    """A nanosecond clock that moves only when told to."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000

    def __call__(self) -> int:
        return self.ns

    def pass_ms(self, ms: float) -> None:
        self.ns += int(ms * 1_000_000)


def counter(prefix: str) -> Callable[[], str]:
    numbers: Iterator[int] = itertools.count(1)
    return lambda: f"{prefix}-{next(numbers)}"


def tally(clock: Clock | None = None) -> Tally:
    clock = clock or Clock()
    return Tally("req-1", 1_795_000_000_000, clock(), clock, counter("attempt"))


class Journal:
    """Keeps receipts in a list; `full` makes it refuse intents as a full disk would."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.receipts: list[Receipt] = []
        self._refuse = refuse

    def append(self, receipt: Receipt) -> None:
        if self._refuse is not None and receipt.kind == "intent":
            raise self._refuse
        self.receipts.append(msgspec.structs.replace(receipt))  # as it is now: a receipt is drawn twice from one object

    def kinds(self) -> list[tuple[str, str]]:
        return [(receipt.kind, receipt.outcome) for receipt in self.receipts]
