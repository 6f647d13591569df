"""LiteLLM's price map (`model_prices_and_context_window.json`) → entries of the price book.

Owns what is carried over and what is not, and says the latter by name with the reason: a figure that cannot be held
exactly, a unit that is not a token, a price that looks a thousand times off. Reads nothing but its argument.
Invariant: every name of the map is among the entries or among the refusals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from types import MappingProxyType

import msgspec

from aigate.domain import NANO_PER_USD

from .book import Kind, PriceBook, PriceEntry, Rates, encoding_of
from .exact import nano_usd, usd_text

Facts = Mapping[str, object]

_AS_MEANT = Context(prec=15)  # the map was computed with floats: 2.0000000000000002e-07 means 2e-07
_PER_MILLION = NANO_PER_USD * 1_000_000

_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "openai": "openai",
        "text-completion-openai": "openai",
        "azure": "azure",
        "azure_text": "azure",
        "anthropic": "anthropic",
        "gemini": "gemini",
        "vertex_ai-language-models": "vertex",
        "vertex_ai-anthropic_models": "vertex",
        "vertex_ai-embedding-models": "vertex",
        "bedrock": "bedrock",
        "bedrock_converse": "bedrock",
        "mistral": "mistral",
        "cohere": "cohere",
        "cohere_chat": "cohere",
    }
)
_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "chat": "chat",
        "completion": "chat",
        "responses": "chat",
        "embedding": "embedding",
        "moderation": "moderation",
    }
)
_RATES: Mapping[str, str] = MappingProxyType(
    {
        "input": "input_cost_per_token",
        "output": "output_cost_per_token",
        "cache_read": "cache_read_input_token_cost",
        "cache_write": "cache_creation_input_token_cost",
        "audio_input": "input_cost_per_audio_token",
        "audio_output": "output_cost_per_audio_token",
    }
)
_LONG = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_LONG_SUFFIX = re.compile(r"_above_\d+k_tokens$")
_OTHER_SERVICE = re.compile(
    r"_(?:batches|priority|flex|ultrafast|balanced|decisions)$|grounding|search|session|code_interpreter|computer_use"
)
_MODALITIES: Mapping[str, str] = MappingProxyType(
    {
        "supports_vision": "image",
        "supports_audio_input": "audio",
        "supports_video_input": "video",
        "supports_pdf_input": "file",
    }
)

DEAREST = 2_000
"""US dollars per million tokens; the dearest model ever listed cost 600."""
OFF_BY_KNOWN = 100
"""A model that is in the book already has not changed its price by more."""
OFF_BY = 300
"""The models of one kind at one provider do not differ from their median by more."""
FEWEST = 5
"""A median of fewer says nothing."""


class Imported(msgspec.Struct, frozen=True):
    """The outcome of an import.

    Attributes:
        entries: what was carried over, one for each name.
        refused: each name that was not, with the reason.
        partial: each name that was, with the figures that an entry has no place for. Those of other service tiers
            (batch, flex, priority) and of tools (searches) are left out everywhere and not listed.
    """

    entries: tuple[PriceEntry, ...]
    refused: tuple[tuple[str, str], ...]
    partial: tuple[tuple[str, tuple[str, ...]], ...]


class _Refused(Exception):
    """This entry is not carried over; the text says why."""


def read_map(data: bytes) -> Mapping[str, object]:
    """A price map's JSON with its figures as they are written. Raises ValueError when it is not one."""
    try:
        prices = json.loads(data, parse_float=_figure, parse_constant=_figure)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("not a price map: nested too deep") from None
    if not isinstance(prices, dict) or not any(isinstance(facts, dict) for facts in prices.values()):
        raise ValueError("not a price map: expected an object with an object for each model")
    return prices


def _figure(text: str) -> Decimal:
    try:
        figure = Decimal(text)
    except ArithmeticError:
        raise ValueError(f"not a price map: {text[:40]} is not a number") from None
    if not figure.is_finite() or not -400 < figure.adjusted() < 400:
        raise ValueError(f"not a price map: {text[:40]} is not a price")
    return figure


def convert(prices: Mapping[str, object], start: str, book: PriceBook | None) -> Imported:
    """The map's entries, one for each name, priced from `start` (ISO date) on.

    `prices` comes from `read_map`; `book` is what the figures are compared with to find wrong units.
    """
    entries: dict[tuple[str, str], PriceEntry] = {}
    names: dict[tuple[str, str], list[str]] = {}
    refused: list[tuple[str, str]] = []
    for name, facts in prices.items():
        try:
            entry = _entry(name, facts, start)
        except _Refused as reason:
            refused.append((name, str(reason)))
            continue
        key = entry.provider, entry.model
        if entries.setdefault(key, entry) == entry:
            names.setdefault(key, []).append(name)
        else:
            refused.append((name, f"{entry.provider}/{entry.model} is listed before, with different figures"))
    suspects = _suspects(entries, book)
    refused += [(name, reason) for key, reason in suspects.items() for name in names[key]]
    kept = {key: entry for key, entry in entries.items() if key not in suspects}
    left = ((name, _left_out(prices[name], entry)) for key, entry in kept.items() for name in names[key])
    return Imported(tuple(kept.values()), tuple(refused), tuple((name, fields) for name, fields in left if fields))


# --- one entry ---


def _entry(name: str, facts: object, start: str) -> PriceEntry:
    if name == "sample_spec" or not isinstance(facts, Mapping):
        raise _Refused("is not a model")
    provider = _PROVIDERS.get(str(facts.get("litellm_provider")))
    if provider is None:
        raise _Refused(f"there is no provider type for {facts.get('litellm_provider')}")
    kind = _KINDS.get(str(facts.get("mode")))
    if kind is None:
        raise _Refused(f"mode {facts.get('mode')} is not served")
    model = name.removeprefix(f"{provider}/").removeprefix("vertex_ai/")
    if "/" in model or not model:
        raise _Refused("the price of a region or a commitment, which targets have no name for")
    rates = _rates(facts, kind, _figures(facts, ""))
    long_above, long_rates = _long_context(facts, kind)
    return PriceEntry(
        provider=provider,
        model=model,
        start=start,
        rates=rates,
        long_above=long_above,
        long_rates=long_rates,
        per_request=usd_text(_nano(facts, "input_cost_per_request", NANO_PER_USD) or 0),
        context=_tokens(facts, "max_input_tokens"),
        max_output=_tokens(facts, "max_output_tokens") if kind == "chat" else 0,
        encoding=encoding_of(model),
        kind=kind,
        modalities=tuple(modality for fact, modality in _MODALITIES.items() if facts.get(fact) is True),
    )


def _figures(facts: Facts, suffix: str) -> dict[str, int | None]:
    """Nano-dollars per million tokens, by rate."""
    return {rate: _nano(facts, field + suffix, _PER_MILLION) for rate, field in _RATES.items()}


def _rates(facts: Facts, kind: Kind, figures: dict[str, int | None]) -> Rates:
    if figures["input"] is None:
        raise _Refused("has no price per input token")
    if figures["output"] is None and kind == "chat":
        raise _Refused("has no price per output token")
    if not any(figures.values()) and kind != "moderation":
        raise _Refused("is listed at 0: free or not known; if it is free, say so with `prices` in the policy")
    thought = _nano(facts, "output_cost_per_reasoning_token", _PER_MILLION)
    if thought is not None and thought != figures["output"]:
        raise _Refused("reasoning tokens have a price of their own")
    texts = {rate: usd_text(figure) for rate, figure in figures.items() if figure is not None}
    return msgspec.convert(texts, Rates)


def _long_context(facts: Facts, kind: Kind) -> tuple[int, Rates | None]:
    """The threshold in tokens and the prices above it; a rate that has none there keeps the plain one."""
    thresholds = {match[1] for field in facts if (match := _LONG.fullmatch(field))}
    if not thresholds:
        return 0, None
    if len(thresholds) > 1:
        raise _Refused("has more than one price for long prompts")
    above = thresholds.pop()
    plain, long = _figures(facts, ""), _figures(facts, f"_above_{above}k_tokens")
    both = {rate: plain[rate] if figure is None else figure for rate, figure in long.items()}
    return int(above) * 1000, _rates({}, kind, both)


def _nano(facts: Facts, field: str, scale: int) -> int | None:
    """The figure of `field` times `scale`, exactly; None = not given."""
    value = facts.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _Refused(f"{field} is not a number")
    meant = _AS_MEANT.create_decimal(value)
    if not meant.is_finite() or meant < 0 or meant > DEAREST:
        raise _Refused(f"{field} is not a price")
    scaled = meant * scale
    if scaled != int(scaled):
        raise _Refused(f"{field} is not a whole number of nano-dollars per million tokens")
    return int(scaled)


def _left_out(facts: object, entry: PriceEntry) -> tuple[str, ...]:
    """The fields with a price that is neither carried over nor that of a plain token."""
    carried = {*_RATES.values(), "input_cost_per_request", "output_cost_per_reasoning_token"}
    plain = {nano_usd(entry.rates.input), nano_usd(entry.rates.output), 0}
    return tuple(
        field
        for field, value in (facts.items() if isinstance(facts, Mapping) else ())
        if isinstance(value, int | Decimal)
        and "cost" in field
        and _LONG_SUFFIX.sub("", field) not in carried
        and not _OTHER_SERVICE.search(field)
        and value * _PER_MILLION not in plain
    )


def _tokens(facts: Facts, field: str) -> int:
    value = facts.get(field)
    return value if isinstance(value, int) and 0 < value < 2**31 else 0


# --- wrong units ---


def _suspects(entries: Mapping[tuple[str, str], PriceEntry], book: PriceBook | None) -> dict[tuple[str, str], str]:
    """Entries whose price is far from its neighbours', with the reason: most likely per 1,000 or per million."""
    middles = _middles(entries.values())
    suspects = {}
    for key, entry in entries.items():
        known = book.lookup(*key, entry.start) if book else None
        figure = Decimal(entry.rates.input)
        if Decimal(max(entry.rates.input, entry.rates.output, key=Decimal)) > DEAREST:
            suspects[key] = f"costs more than {DEAREST} US dollars per million tokens; is it in another unit?"
        elif known and _far(figure, Decimal(known.entry.rates.input), OFF_BY_KNOWN):
            suspects[key] = f"costs {entry.rates.input} after {known.entry.rates.input}; is it in another unit?"
        elif _far(figure, middles.get((entry.provider, entry.kind), figure), OFF_BY):
            suspects[key] = f"costs {entry.rates.input}, far from other {entry.kind} models; is it in another unit?"
    return suspects


def _middles(entries: Iterable[PriceEntry]) -> dict[tuple[str, Kind], Decimal]:
    """The median input price of each provider and kind that has enough of them."""
    prices: dict[tuple[str, Kind], list[Decimal]] = {}
    for entry in entries:
        prices.setdefault((entry.provider, entry.kind), []).append(Decimal(entry.rates.input))
    return {group: sorted(figures)[len(figures) // 2] for group, figures in prices.items() if len(figures) >= FEWEST}


def _far(one: Decimal, other: Decimal, factor: int) -> bool:
    low, high = sorted((one, other))
    return low > 0 and high / low >= factor
