"""Makes the price file that is shipped: `python -m aigate.prices.curate MAP DATE SOURCE`.

The same conversion as `aigate prices import`, then only what is current: models that were not retired a year before
DATE, and of Azure and Vertex only what differs from OpenAI, Gemini and Anthropic.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from .book import SHIPPED, PriceBook, PriceEntry, PriceFile
from .keeping import news, updated, write_price_file
from .litellm_map import convert, read_map

_RESOLD = ("azure", "vertex")
_BEDROCK = re.compile(r"(?:[a-z-]+\.)?(?:anthropic\.claude-(?:3-[57]|[a-z]+-\d)|amazon\.nova).*")
_PAST = re.compile(
    r".*(?:-exp-|experimental|preview-0\d-20\d\d|-vision-preview|@\d{3}$).*"
    r"|gpt-35-.*|gpt-4-32k.*|gpt-4-\d+-preview|gpt-4\.5-preview|ada|claude-3-(?:opus|sonnet|haiku).*|mistral-large-2402"
    r"|gemini-gemma-.*|text-embedding-preview-.*"
)


def curate(prices: Mapping[str, object], day: str, source: str) -> PriceFile:
    """The shipped file as of `day` (ISO date)."""
    past = (date.fromisoformat(day) - timedelta(days=365)).isoformat()
    current = {name: facts for name, facts in prices.items() if not _retired(facts, past)}
    entries = [entry for entry in convert(current, day, None).entries if _wanted(entry)]
    own = [entry for entry in entries if entry.provider not in _RESOLD]
    book = PriceBook(updated(None, own, day, source))
    return updated(None, own + news((entry for entry in entries if entry.provider in _RESOLD), book), day, source)


def _retired(facts: object, past: str) -> bool:
    return isinstance(facts, Mapping) and str(facts.get("deprecation_date", "9999")) < past


def _wanted(entry: PriceEntry) -> bool:
    if entry.provider == "bedrock":
        return _BEDROCK.fullmatch(entry.model) is not None
    return _PAST.fullmatch(entry.model) is None


def main(arguments: list[str]) -> None:
    """Write the shipped file from LiteLLM's map."""
    path, day, source = arguments
    write_price_file(SHIPPED, curate(read_map(Path(path).read_bytes()), day, source))


if __name__ == "__main__":
    main(sys.argv[1:])
