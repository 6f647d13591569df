"""The price file that is shipped: exact, in its one form, small, and with the models people ask for."""

from __future__ import annotations

from datetime import date

import pytest

from aigate.prices import PriceBook, load_shipped, nano_usd, read_price_file
from aigate.prices.book import SHIPPED
from aigate.prices.curate import curate
from aigate.prices.keeping import price_file_text, unfolded
from aigate.prices.litellm_map import DEAREST, read_map
from tests.prices.test_litellm_map import SAMPLE

FILE = load_shipped()
BOOK = PriceBook(FILE)


def test_every_figure_is_exact_and_sane() -> None:
    assert read_price_file(SHIPPED) == FILE
    for entry in FILE.entries:
        for rates in (entry.rates, entry.long_rates):
            assert rates is None or nano_usd(rates.input) < DEAREST * 10**9
        assert (entry.long_above > 0) == (entry.long_rates is not None)


def test_the_file_is_in_its_one_form() -> None:
    assert SHIPPED.read_bytes() == price_file_text(FILE)
    names = [(entry.provider, entry.model, entry.start) for entry in unfolded(FILE.entries)]
    assert len(set(names)) == len(names)


def test_the_file_says_when_and_where_from() -> None:
    date.fromisoformat(FILE.date)
    assert "LiteLLM" in FILE.source
    assert "MIT" in FILE.source
    assert {entry.start for entry in FILE.entries} == {FILE.date}


def test_the_file_is_small() -> None:
    assert len(FILE.entries) < 500
    assert SHIPPED.stat().st_size < 100_000


@pytest.mark.parametrize(
    ("provider", "model", "price"),
    [
        ("openai", "gpt-4o", ("2.5", "10")),
        ("openai", "gpt-4o-2024-05-13", ("5", "15")),
        ("openai", "gpt-5", ("1.25", "10")),
        ("openai", "text-embedding-3-small", ("0.02", "0")),
        ("azure", "gpt-4o", ("2.5", "10")),
        ("azure", "text-embedding-3-small", ("0.022", "0")),
        ("anthropic", "claude-opus-4-5-20251101", ("5", "25")),
        ("gemini", "gemini-2.5-pro", ("1.25", "10")),
        ("vertex", "gemini-2.5-flash", ("0.3", "2.5")),
        ("vertex", "claude-haiku-4-5@20251001", ("1", "5")),
        ("mistral", "mistral-large-latest", ("0.5", "1.5")),
        ("cohere", "command-a-03-2025", ("2.5", "10")),
        ("bedrock", "anthropic.claude-opus-5", ("5", "25")),
        ("bedrock", "eu.anthropic.claude-opus-5", ("5.5", "27.5")),
        ("bedrock", "amazon.nova-pro-v1:0", ("0.8", "3.2")),
    ],
)
def test_models_people_ask_for(provider: str, model: str, price: tuple[str, str]) -> None:
    known = BOOK.lookup(provider, model, FILE.date)
    assert known is not None
    assert (known.entry.rates.input, known.entry.rates.output) == price


def test_it_is_made_by_the_import() -> None:
    made = curate(read_map(SAMPLE), FILE.date, FILE.source)
    shipped = {(entry.provider, name): entry.rates for entry in FILE.entries for name in entry.names}
    carried = {(entry.provider, name): entry.rates for entry in made.entries for name in entry.names}
    assert len(carried) > 15
    assert carried.items() <= shipped.items()


def test_what_is_past_or_only_resold_is_left_out() -> None:
    made = curate(read_map(SAMPLE), "2027-11-01", "test")
    names = {(entry.provider, entry.model) for entry in made.entries}
    assert ("openai", "gpt-4") not in names
    assert ("openai", "gpt-4o") in names
    assert ("azure", "gpt-4o") not in names
    assert ("azure", "text-embedding-3-small") in names
