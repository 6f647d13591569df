from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aigate.prices import PriceBook, PriceEntry, PriceFile, Rates, read_price_file
from aigate.prices.keeping import folded, news, price_file_text, unfolded, updated, write_price_file

DAY = "2026-11-23"
MODELS = st.sampled_from(["m", "m-latest", "m-2026-01-01", "m-2512", "n", "us.n", "eu.n", "n-v1:0"])
ENTRIES = st.lists(
    st.builds(
        PriceEntry,
        provider=st.sampled_from(["openai", "bedrock"]),
        model=MODELS,
        start=st.sampled_from([DAY, "2026-12-01"]),
        rates=st.builds(Rates, input=st.sampled_from(["1", "2"])),
    ),
    max_size=12,
    unique_by=lambda entry: (entry.provider, entry.model, entry.start),
)


def key(entry: PriceEntry) -> tuple[str, str, str]:
    return entry.provider, entry.model, entry.start


@given(ENTRIES)
def test_folding_keeps_every_name_and_its_price(entries: list[PriceEntry]) -> None:
    """Invariant: folding and unfolding give back the same entries."""
    assert sorted(unfolded(folded(entries)), key=key) == sorted(entries, key=key)


@given(ENTRIES)
def test_a_file_is_read_back_and_has_one_form(entries: list[PriceEntry]) -> None:
    one, other = (PriceFile(1, DAY, "test", folded(order)) for order in (entries, entries[::-1]))
    assert price_file_text(one) == price_file_text(other)


@given(ENTRIES, ENTRIES)
def test_of_a_model_and_day_the_later_import_stays(first: list[PriceEntry], second: list[PriceEntry]) -> None:
    file = updated(updated(None, first, DAY, "a"), second, DAY, "b")
    expected = {key(entry): entry for entry in (*first, *second)}
    assert sorted(unfolded(file.entries), key=key) == sorted(expected.values(), key=key)


@given(ENTRIES)
def test_what_is_kept_is_no_news(entries: list[PriceEntry]) -> None:
    book = PriceBook(updated(None, entries, DAY, "test"))
    again = [entry for entry in entries if entry.start == DAY]
    assert news(again, book) == []


def test_dated_names_that_say_the_same_are_folded() -> None:
    names = ["gpt-5", "gpt-5-2025-08-07", "gpt-5-latest", "gpt-5-mini"]
    entries = [PriceEntry("openai", name, DAY, Rates("1")) for name in names]
    other = PriceEntry("openai", "gpt-5-2024-01-01", DAY, Rates("2"))
    assert [entry.names for entry in folded([*entries, other])] == [
        ("gpt-5", "gpt-5-latest", "gpt-5-2025-08-07"),
        ("gpt-5-mini",),
        ("gpt-5-2024-01-01",),
    ]


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "new" / "prices.json"
    file = updated(None, [PriceEntry("openai", "m", DAY, Rates("1"))], DAY, "test")
    write_price_file(path, file)
    write_price_file(path, file)
    assert read_price_file(path) == file
    assert [entry.name for entry in path.parent.iterdir()] == ["prices.json"]
