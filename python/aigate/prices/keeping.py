"""Keeping a price file: what is new in it, folding names that say the same, and writing it.

Entries come in two forms: one for each name (what imports and comparisons work on), and folded (what is stored).
Invariant: folding and unfolding give back the same entries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from .book import PriceBook, PriceEntry, PriceFile

_REGIONAL = re.compile(r"^(?:us|eu|apac|au|jp|global|us-gov)\.")
_DATED = re.compile(r"(?:-latest|[-@]\d{4}-?\d{2}-?\d{2}|-\d{4}|-v\d+(?::\d+)?)+$")


def same(one: PriceEntry, other: PriceEntry) -> bool:
    """Whether both say the same of a model, from whichever day on; of another type's model only prices are compared."""
    if one.provider != other.provider:
        return (one.rates, one.long_rates, one.per_request) == (other.rates, other.long_rates, other.per_request)
    other = msgspec.structs.replace(other, model=one.model, aliases=one.aliases, start=one.start)
    return one == other


def news(entries: Iterable[PriceEntry], book: PriceBook) -> list[PriceEntry]:
    """Those of `entries` (one for each name) that `book` does not say already."""
    fresh = []
    for entry in entries:
        known = book.lookup(entry.provider, entry.model, entry.start)
        if known is None or not same(entry, known.entry):
            fresh.append(entry)
    return fresh


def folded(entries: Iterable[PriceEntry]) -> tuple[PriceEntry, ...]:
    """`entries` (one for each name) with dated, regional and `-latest` names as aliases where they say the same."""
    groups: dict[PriceEntry, list[str]] = {}
    for entry in entries:
        stem = _REGIONAL.sub("", _DATED.sub("", entry.model))
        groups.setdefault(msgspec.structs.replace(entry, model=stem), []).append(entry.model)
    whole = []
    for entry, names in groups.items():
        model, *aliases = sorted(names, key=lambda name: (len(name), name))
        whole.append(msgspec.structs.replace(entry, model=model, aliases=tuple(aliases)))
    return tuple(whole)


def unfolded(entries: Iterable[PriceEntry]) -> Iterator[PriceEntry]:
    """`entries` with one for each name."""
    for entry in entries:
        for name in entry.names:
            yield msgspec.structs.replace(entry, model=name, aliases=())


def updated(file: PriceFile | None, entries: Iterable[PriceEntry], day: str, source: str) -> PriceFile:
    """`file` with `entries` (one for each name) added; of the same model and day the new one stays."""
    old = unfolded(file.entries) if file else ()
    merged = {(entry.provider, entry.model, entry.start): entry for entry in (*old, *entries)}
    return PriceFile(1, day, source, folded(merged.values()))


def write_price_file(path: Path, file: PriceFile) -> None:
    """Put `file` at `path` in one step, so that no reader sees half of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(price_file_text(file))
    draft.replace(path)


def price_file_text(file: PriceFile) -> bytes:
    """`file` as it is stored: one line for each entry, in a fixed order, so that a change is a readable diff."""
    entries = sorted(file.entries, key=lambda entry: (entry.provider, entry.model, entry.start))
    head = {"format": file.format, "date": file.date, "source": file.source}
    lines = b",\n".join(msgspec.json.encode(entry) for entry in entries)
    return msgspec.json.encode(head)[:-1] + b',"entries":[\n' + lines + b"\n]}\n"
