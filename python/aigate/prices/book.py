"""The price book: what models cost, from which day on, and what is known of their size.

Owns the format of `prices.json`, looking a model up by provider type, name and day, and exactness: figures are decimal
texts in US dollars per million tokens and become integer nano-dollars or are refused. Does not know where figures come
from. Invariant: what a look-up gives does not depend on the order of the entries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from aigate.domain import Price

from .exact import nano_usd

SHIPPED = Path(__file__).parent / "prices.json"
OVERRIDES = "prices.json"
MAX_BOOK_BYTES = 8 * 1024 * 1024

# A type whose models are billed at another's prices unless it has its own, and how it writes their names.
_SAME_AS: Mapping[str, tuple[str, ...]] = MappingProxyType({"azure": ("openai",), "vertex": ("gemini", "anthropic")})
_CL100K = re.compile(r"(?:ft:)?gpt-(?:4|4-.*|35-.*|3\.5-.*|4-turbo.*)|text-embedding-.*")

Kind = Literal["chat", "embedding", "moderation"]


class Rates(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """US dollars per million tokens, as decimal texts.

    Attributes:
        input, output: plain prices.
        cache_read, cache_write, audio_input: None = as `input`.
        audio_output: None = as `output`.
    """

    input: str
    output: str = "0"
    cache_read: str | None = None
    cache_write: str | None = None
    audio_input: str | None = None
    audio_output: str | None = None

    def price(self, version: str, per_request: int = 0) -> Price:
        """The same in nano-dollars. Raises ValueError when a figure is not exact."""
        return Price(
            input=nano_usd(self.input),
            output=nano_usd(self.output),
            cache_read=_optional(self.cache_read),
            cache_write=_optional(self.cache_write),
            audio_input=_optional(self.audio_input),
            audio_output=_optional(self.audio_output),
            per_request=per_request,
            version=version,
        )


class PriceEntry(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """One model at one provider, from one day on.

    Attributes:
        provider: a provider type of the policy.
        model: the name the provider knows it by; aliases: others with the same price.
        start: ISO date (`from` in the file); the price holds from that day (UTC) until a later entry's.
        rates: the prices.
        long_above, long_rates: the prices of a whole request with more input tokens than that.
        per_request: US dollars added to each request.
        context, max_output: input and output limits in tokens; 0 = not known.
        encoding: tokenizer whose count is exact or nearest.
        kind: what the model does.
        modalities: what it reads beyond text.
    """

    provider: str
    model: str
    start: str
    rates: Rates
    aliases: tuple[str, ...] = ()
    long_above: int = 0
    long_rates: Rates | None = None
    per_request: str = "0"
    context: int = 0
    max_output: int = 0
    encoding: str = "o200k_base"
    kind: Kind = "chat"
    modalities: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the model."""
        return (self.model, *self.aliases)

    def price(self, layer: str) -> Price:
        """The exact price; its version names the layer and the day. Raises ValueError when a figure is not exact."""
        version, per_request = f"{layer}@{self.start}", nano_usd(self.per_request)
        price = self.rates.price(version, per_request)
        if self.long_rates is None:
            return price
        long = self.long_rates.price(version, per_request)
        return msgspec.structs.replace(price, long_context_above=self.long_above, long_context=long)


class PriceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole `prices.json`.

    Attributes:
        format: of this file; always 1.
        date: ISO date on which the figures were taken.
        source: where they were taken from.
    """

    format: Literal[1]
    date: str
    source: str
    entries: tuple[PriceEntry, ...]


class Known(msgspec.Struct, frozen=True):
    """What the book says of a model: the entry, and which file it is from (`shipped`, `imported`)."""

    entry: PriceEntry
    layer: str

    @property
    def price(self) -> Price:
        """The exact price."""
        return self.entry.price(self.layer)


class PriceBook:
    """Price files laid over each other; an imported price wins over a shipped one from its own day on."""

    def __init__(self, shipped: PriceFile, imported: PriceFile | None = None) -> None:
        self._models: dict[str, dict[str, list[Known]]] = {}
        self._starts: set[str] = set()
        self._add(shipped, "shipped")
        if imported is not None:
            self._add(imported, "imported")

    def _add(self, file: PriceFile, layer: str) -> None:
        latest_first = sorted(file.entries, key=lambda entry: entry.start, reverse=True)
        fresh: dict[tuple[str, str], list[Known]] = {}
        for entry in latest_first:
            self._starts.add(entry.start)
            for name in entry.names:
                fresh.setdefault((entry.provider, name), []).append(Known(entry, layer))
        for (provider, name), dated in fresh.items():
            models = self._models.setdefault(provider, {})
            models[name] = dated + models.get(name, [])

    def lookup(self, provider: str, model: str, day: str) -> Known | None:
        """What is known of `model` at a provider of type `provider` on `day` (ISO date); None = nothing.

        Before its first entry a model costs what that entry says: a price is known from the day on which it was taken
        down, which is later than the day on which it began to hold.
        """
        for source in (provider, *_SAME_AS.get(provider, ())):
            dated = self._models.get(source, {}).get(_canonical(model, source, provider))
            if dated:
                return next((known for known in dated if known.entry.start <= day), dated[-1])
        return None

    def names(self, provider: str) -> tuple[str, ...]:
        """Every model name known for a provider type, sorted."""
        sources = (provider, *_SAME_AS.get(provider, ()))
        return tuple(sorted({name for source in sources for name in self._models.get(source, {})}))

    @property
    def providers(self) -> tuple[str, ...]:
        """The provider types that have prices of their own, sorted."""
        return tuple(sorted(self._models))

    def next_change(self, day: str) -> str:
        """The first day after `day` on which some price changes; empty when none is known to."""
        return min((start for start in self._starts if start > day), default="")


def _canonical(model: str, source: str, asked: str) -> str:
    """`model` as the price book's `source` writes it."""
    if model.startswith("ft:"):
        return ":".join(model.split(":")[:2])  # ft:BASE:ORG:NAME:ID is billed as ft:BASE
    return model.removesuffix("@default").replace("@", "-") if asked == "vertex" and source != asked else model


def encoding_of(model: str) -> str:
    """The tokenizer of OpenAI's models by name; the newer one is the nearest for everybody else's."""
    return "cl100k_base" if _CL100K.fullmatch(model) else "o200k_base"


def _optional(text: str | None) -> int | None:
    return None if text is None else nano_usd(text)


def read_price_file(path: Path) -> PriceFile:
    """A `prices.json`, every figure of it checked. Raises ValueError that says what is wrong with it, or OSError."""
    with path.open("rb") as file:
        data = file.read(MAX_BOOK_BYTES + 1)
    if len(data) > MAX_BOOK_BYTES:
        raise ValueError(f"larger than {MAX_BOOK_BYTES // 1024 // 1024} MiB")
    try:
        book = msgspec.json.decode(data, type=PriceFile)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a price file: {error}") from None
    for entry in book.entries:
        try:
            date.fromisoformat(entry.start)
            entry.price("")
        except ValueError as error:
            raise ValueError(f"{entry.provider}/{entry.model}: {error}") from None
    return book


def load_book(data_dir: Path) -> PriceBook:
    """The shipped book with the imports of this installation. Raises ValueError or OSError for a broken import."""
    imported = data_dir / OVERRIDES
    return PriceBook(load_shipped(), read_price_file(imported) if imported.exists() else None)


def load_shipped() -> PriceFile:
    """The price file of this version; its figures were checked when it was made."""
    return msgspec.json.decode(SHIPPED.read_bytes(), type=PriceFile)
