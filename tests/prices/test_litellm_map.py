"""Taking over LiteLLM's price map. The sample is from LiteLLM 1.109.1 (MIT), with some entries and fields of it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.domain import Price
from aigate.prices import PriceBook, PriceEntry, PriceFile, Rates, nano_usd
from aigate.prices.litellm_map import Imported, convert, read_map

DAY = "2026-11-23"
SAMPLE = (Path(__file__).parent / "litellm_sample.json").read_bytes()


def imported(**models: dict[str, Any]) -> Imported:
    plain = {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
    }
    facts = {name: plain | change for name, change in models.items()}
    return convert(read_map(json.dumps(facts).encode()), DAY, None)


def reason(**change: Any) -> str:
    ((_, text),) = imported(m=change).refused
    return text


def rates(**change: Any) -> Rates:
    (entry,) = imported(m=change).entries
    return entry.rates


@pytest.fixture(scope="module")
def sample() -> Imported:
    return convert(read_map(SAMPLE), DAY, None)


@pytest.fixture(scope="module")
def entries(sample: Imported) -> dict[str, PriceEntry]:
    return {f"{entry.provider}/{entry.model}": entry for entry in sample.entries}


def test_every_name_is_carried_over_or_refused(sample: Imported) -> None:
    names = set(json.loads(SAMPLE))
    refused = {name for name, _ in sample.refused}
    assert len(sample.entries) + len(refused) == len(names)
    assert refused == {
        "sample_spec",
        "azure/eu/gpt-4.1",
        "embed-multilingual-light-v3.0",
        "gemini/gemma-3-27b-it",
        "gpt-image-1",
        "openai/container",
        "rerank-v3.5",
    }


def test_figures_of_real_models(entries: dict[str, PriceEntry]) -> None:
    assert entries["openai/gpt-4o"].rates == Rates("2.5", "10", cache_read="1.25")
    assert entries["openai/gpt-4o"].modalities == ("image", "file")
    assert entries["openai/gpt-4o-2024-05-13"].rates == Rates("5", "15")
    assert entries["anthropic/claude-opus-4-5"].rates == Rates("5", "25", cache_read="0.5", cache_write="6.25")
    assert entries["cohere/command-r7b-12-2024"].rates == Rates("0.0375", "0.15")
    assert entries["openai/gpt-audio"].rates == Rates("2.5", "10", audio_input="32", audio_output="64")
    assert entries["mistral/mistral-embed"].rates == Rates("0.1")
    assert entries["openai/omni-moderation-latest"].kind == "moderation"
    pro = entries["gemini/gemini-2.5-pro"]
    assert (pro.long_above, pro.long_rates) == (200_000, Rates("2.5", "15", cache_read="0.25"))
    assert entries["openai/gpt-4"].encoding == "cl100k_base"
    assert (entries["openai/gpt-4o"].context, entries["openai/gpt-4o"].max_output) == (128_000, 16_384)


def test_exact_nano_dollars_per_million(entries: dict[str, PriceEntry]) -> None:
    price = entries["cohere/command-r7b-12-2024"].price("x")
    assert price == Price(37_500_000, 150_000_000, version=f"x@{DAY}")


def test_the_thousandfold_mistake_in_the_map_is_found(sample: Imported) -> None:
    assert dict(sample.refused)["embed-multilingual-light-v3.0"] == (
        "costs 100, far from other embedding models; is it in another unit?"
    )


def test_figures_without_a_place_are_named(sample: Imported) -> None:
    left = dict(sample.partial)
    assert left["claude-opus-4-5"] == ("cache_creation_input_token_cost_above_1hr",)
    assert left["cohere/embed-v4.0"] == ("input_cost_per_image_token",)
    assert "gpt-4o" not in left


# --- one entry at a time ---


def test_what_floats_did_to_a_figure_is_undone() -> None:
    assert rates(input_cost_per_token=2.0000000000000002e-07).input == "0.2"
    assert rates(input_cost_per_token=3.0001999999999996e-07).input == "0.30002"
    assert rates(output_cost_per_token=0.1 * 3 / 1_000_000).output == "0.3"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"input_cost_per_token": 1e-06 / 3}, "input_cost_per_token is not a whole number of nano-dollars"),
        ({"input_cost_per_token": -1e-06}, "input_cost_per_token is not a price"),
        ({"input_cost_per_token": "1e-06"}, "input_cost_per_token is not a number"),
        ({"input_cost_per_token": True}, "input_cost_per_token is not a number"),
        ({"input_cost_per_token": None}, "has no price per input token"),
        ({"output_cost_per_token": None}, "has no price per output token"),
        ({"input_cost_per_token": 0, "output_cost_per_token": 0}, "is listed at 0: free or not known"),
        ({"output_cost_per_reasoning_token": 3e-06}, "reasoning tokens have a price of their own"),
        ({"input_cost_per_token": 2.5}, "costs more than 2000 US dollars per million tokens; is it in another unit?"),
        ({"input_cost_per_token": 1e9}, "input_cost_per_token is not a price"),
        ({"litellm_provider": "groq"}, "there is no provider type for groq"),
        ({"litellm_provider": None}, "there is no provider type for None"),
        ({"mode": "image_generation"}, "mode image_generation is not served"),
        (
            {"input_cost_per_token_above_128k_tokens": 1e-06, "input_cost_per_token_above_256k_tokens": 2e-06},
            "has more than one price for long prompts",
        ),
    ],
)
def test_reasons(change: dict[str, Any], text: str) -> None:
    assert reason(**change).startswith(text)


def test_a_rate_that_long_prompts_do_not_change() -> None:
    (entry,) = imported(m={"input_cost_per_token_above_200k_tokens": 4e-06}).entries
    assert (entry.long_above, entry.long_rates) == (200_000, Rates("4", "2"))


def test_a_request_price() -> None:
    (entry,) = imported(m={"input_cost_per_request": 0.005}).entries
    assert entry.per_request == "0.005"


def test_two_names_for_one_model() -> None:
    gemini = {"litellm_provider": "gemini"}
    same = imported(**{"gemini/m": gemini, "m": gemini})
    assert (len(same.entries), same.refused) == (1, ())
    other = imported(**{"gemini/m": gemini, "m": gemini | {"input_cost_per_token": 2e-06}})
    assert other.refused == (("m", "gemini/m is listed before, with different figures"),)


def test_two_names_for_one_suspect_are_both_refused() -> None:
    gemini = {"litellm_provider": "gemini", "input_cost_per_token": 2.5}
    assert [name for name, _ in imported(**{"gemini/m": gemini, "m": gemini}).refused] == ["gemini/m", "m"]


def test_a_price_far_from_the_one_in_force() -> None:
    book = PriceBook(PriceFile(1, DAY, "", (PriceEntry("openai", "m", DAY, Rates("2", "8")),)))
    facts = {"litellm_provider": "openai", "mode": "chat", "output_cost_per_token": 8e-06}
    for price, count in ((2e-06, 1), (2e-04, 0), (2e-08, 0), (1e-05, 1)):
        prices = read_map(json.dumps({"m": facts | {"input_cost_per_token": price}}).encode())
        assert len(convert(prices, DAY, book).entries) == count


# --- any map ---


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"a": 1}',
        b"\xff",
        b"[" * 100_000,
        b'{"a": {"b": NaN}}',
        b'{"a": {"b": 1e1000}}',
        b'{"a": {"b": 1e999999999999999999999}}',
    ],
)
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not a price map"):
        read_map(data)


FIELDS = st.sampled_from(
    [
        "litellm_provider",
        "mode",
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "input_cost_per_token_above_200k_tokens",
        "input_cost_per_request",
        "max_input_tokens",
        "supports_vision",
    ]
)
VALUES = (
    st.sampled_from(["openai", "chat", "embedding", "bedrock", None, True])
    | st.floats(0, 1e-3)
    | st.integers(-5, 10**6)
    | st.text(max_size=5)
)
MAPS = st.dictionaries(
    st.text(max_size=8), st.dictionaries(FIELDS, VALUES, max_size=9) | st.none() | st.integers(), min_size=1, max_size=6
)


@given(MAPS)
def test_any_map_is_converted_or_refused_name_by_name(facts: dict[str, Any]) -> None:
    """Invariant: each name is carried over exactly, or refused with a reason."""
    try:
        prices = read_map(json.dumps(facts).encode())
    except ValueError:
        return
    outcome = convert(prices, DAY, None)
    assert len(outcome.entries) + len(outcome.refused) <= len(prices)
    for entry in outcome.entries:
        assert nano_usd(entry.rates.input) >= 0


@given(st.integers(1, 10**9))
def test_every_exact_price_is_carried_over_exactly(nano: int) -> None:
    """A price of whole nano-dollars per million tokens survives the map's floats, up to 15 digits."""
    per_token = float(Decimal(nano) / 10**15)
    assert nano_usd(rates(input_cost_per_token=per_token).input) == nano
