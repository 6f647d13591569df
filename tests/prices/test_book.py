from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.domain import Usage
from aigate.prices import PriceBook, PriceEntry, PriceFile, Rates, encoding_of, load_book, read_price_file

DAY = "2026-11-23"


def entry(model: str, start: str, price: str, provider: str = "openai", aliases: tuple[str, ...] = ()) -> PriceEntry:
    return PriceEntry(provider, model, start, Rates(price, price), aliases)


def file(*entries: PriceEntry) -> PriceFile:
    return PriceFile(1, DAY, "test", entries)


def cost(book: PriceBook, model: str, day: str, provider: str = "openai") -> str | None:
    known = book.lookup(provider, model, day)
    return known and known.entry.rates.input


OLD, NEW = entry("m", "2026-01-01", "1"), entry("m", "2026-06-01", "2")


def test_the_price_of_a_day() -> None:
    book = PriceBook(file(OLD, NEW))
    assert cost(book, "m", "2026-05-31") == "1"
    assert cost(book, "m", "2026-06-01") == "2"
    assert cost(book, "m", "2030-01-01") == "2"
    assert cost(book, "m", "2020-01-01") == "1", "before its first day the first price is the best that is known"
    assert cost(book, "nope", DAY) is None
    assert cost(book, "m", DAY, "anthropic") is None


def test_the_next_day_on_which_a_price_changes() -> None:
    book = PriceBook(file(OLD, NEW))
    assert book.next_change("2025-01-01") == "2026-01-01"
    assert book.next_change("2026-01-01") == "2026-06-01"
    assert book.next_change("2026-06-01") == ""


def test_an_import_wins_from_its_own_day_on() -> None:
    book = PriceBook(file(OLD, NEW), file(entry("m", "2026-03-01", "9"), entry("n", "2027-01-01", "5")))
    assert [cost(book, "m", day) for day in ("2026-02-01", "2026-03-01", "2026-07-01")] == ["1", "9", "9"]
    assert cost(book, "n", DAY) == "5"
    known = book.lookup("openai", "m", DAY)
    assert known is not None
    assert known.price.version == "imported@2026-03-01"


def test_other_names_of_a_model() -> None:
    book = PriceBook(file(entry("m", DAY, "1", aliases=("m-2026", "m-latest"))))
    assert cost(book, "m-latest", DAY) == "1"
    assert book.names("openai") == ("m", "m-2026", "m-latest")


def test_who_is_billed_like_whom() -> None:
    book = PriceBook(
        file(
            entry("m", DAY, "1"),
            entry("m", DAY, "2", "gemini"),
            entry("c-4-20260101", DAY, "3", "anthropic"),
            entry("e", DAY, "4", "azure"),
            entry("e", DAY, "5"),
            entry("ft:m", DAY, "6"),
        )
    )
    assert cost(book, "m", DAY, "azure") == "1"
    assert cost(book, "e", DAY, "azure") == "4"
    assert cost(book, "m", DAY, "vertex") == "2"
    assert cost(book, "c-4@20260101", DAY, "vertex") == "3"
    assert cost(book, "ft:m:acme::9", DAY) == "6"
    assert cost(book, "m", DAY, "vllm") is None
    assert book.providers == ("anthropic", "azure", "gemini", "openai")


@given(st.permutations(range(5)), st.dates().map(str))
def test_the_order_of_the_entries_does_not_matter(order: list[int], day: str) -> None:
    """Invariant: a look-up depends on what the files say and not on the order in which they say it."""
    entries = [entry("m", f"2026-0{month}-01", str(month)) for month in range(1, 6)]
    assert cost(PriceBook(file(*[entries[index] for index in order])), "m", day) == cost(
        PriceBook(file(*entries)), "m", day
    )


def test_long_prompts_have_their_own_price() -> None:
    long = PriceEntry(
        "openai",
        "m",
        DAY,
        Rates("1", "2", cache_read="0.5"),
        long_above=1000,
        long_rates=Rates("4", "8"),
        per_request="1",
    )
    price = PriceBook(file(long)).lookup("openai", "m", DAY).price  # type: ignore[union-attr]
    assert price.cost(Usage(fresh=1000)) == 1_000_000_000 + 1_000_000
    assert price.cost(Usage(fresh=1001)) == 1_000_000_000 + 4_004_000
    assert price.cost(Usage(fresh=500, cache_read=501)) == 1_000_000_000 + 4_004_000


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("ft:gpt-3.5-turbo-0125", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-4o", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("gpt-4.5-preview", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-5", "o200k_base"),
        ("claude-opus-5", "o200k_base"),
        ("llama-70b", "o200k_base"),
    ],
)
def test_tokenizers(model: str, encoding: str) -> None:
    assert encoding_of(model) == encoding


# --- files ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"from": "soon"}, "openai/m: Invalid isoformat"),
        ({"rates": {"input": "1e-6"}}, "openai/m: expected US dollars"),
        ({"rates": {"input": 5}}, "not a price file"),
        ({"long_rates": {"input": "-5"}, "long_above": 9}, "openai/m: expected US dollars"),
        ({"per_request": "free"}, "openai/m: expected US dollars"),
        ({"surprise": 1}, "not a price file"),
    ],
)
def test_a_file_that_does_not_hold_says_where(tmp_path: Path, change: dict[str, object], message: str) -> None:
    good = {"provider": "openai", "model": "m", "from": DAY, "rates": {"input": "1"}}
    path = tmp_path / "prices.json"
    path.write_bytes(msgspec.json.encode({"format": 1, "date": DAY, "source": "", "entries": [good | change]}))
    with pytest.raises(ValueError, match=message):
        read_price_file(path)


def test_a_book_over_a_folder(tmp_path: Path) -> None:
    assert cost(load_book(tmp_path), "gpt-4o", DAY) == "2.5"
    (tmp_path / "prices.json").write_bytes(msgspec.json.encode(file(entry("gpt-4o", DAY, "3"))))
    assert cost(load_book(tmp_path), "gpt-4o", DAY) == "3"
