from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigate.config import data_folder, default_path, load_policy
from aigate.errors import PolicyInvalid
from aigate.prices import PriceEntry, PriceFile, Rates
from aigate.prices.keeping import write_price_file
from tests.config.policies import DAY, ECHO, ENV, OPENAI, faults

CANARY = ENV["KEY"]


def entry(model: str, start: str, price: str) -> PriceEntry:
    return PriceEntry("openai", model, start, Rates(price, price))


# --- the embedded default ---


def test_with_no_policy_there_is_the_offline_model(tmp_path: Path) -> None:
    loaded = load_policy(None, {"AIGATE_DATA": str(tmp_path)}, today=DAY)
    assert list(loaded.snapshot.providers) == ["echo"]
    assert list(loaded.snapshot.direct) == ["echo"]
    assert loaded.notices == ()
    assert loaded.sources == (tmp_path / "prices.json",)


def test_with_no_policy_the_usual_variables_decide() -> None:
    env = {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": "http://h/v1/", "ANTHROPIC_API_KEY": "x", "GEMINI_API_KEY": ""}
    loaded = load_policy(None, env, today=DAY)
    openai = loaded.snapshot.providers["openai"]
    assert openai.base_url == "http://h/v1"
    assert openai.api_key is not None
    assert openai.api_key.reveal() == CANARY
    assert loaded.snapshot.direct["gpt-4o"].name == "openai/gpt-4o"
    assert loaded.notices == ("ANTHROPIC_API_KEY is set, but providers of type anthropic are not supported yet",)
    assert CANARY not in repr(loaded)


def test_a_wrong_variable_is_a_fault_that_names_it() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(None, {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "nowhere"}, today=DAY)
    (fault,) = caught.value.faults
    assert fault.startswith("embedded-default:1: providers.openai.base_url: OPENAI_BASE_URL: expected a URL")


def test_where_the_policy_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_path({}) is None
    assert default_path({"AIGATE_CONFIG": "x/y.yaml"}) == Path("x/y.yaml")
    (tmp_path / "aigate.yaml").write_text(ECHO)
    assert default_path({}) == Path("aigate.yaml")
    assert data_folder({}) == Path(".aigate")
    assert data_folder({"AIGATE_DATA": "/d"}) == Path("/d")


# --- prices ---


def test_imported_prices_are_in_force_from_their_day(tmp_path: Path) -> None:
    write_price_file(
        tmp_path / "prices.json",
        PriceFile(1, DAY, "test", (entry("gpt-4o", "2026-12-01", "7"), entry("nope", "2026-01-01", "3"))),
    )
    path = tmp_path / "p.yaml"
    path.write_text(OPENAI + "models: {m: {targets: [openai/gpt-4o, openai/nope]}}\n")
    env = {"KEY": "x", "AIGATE_DATA": str(tmp_path)}

    def versions(day: str) -> list[str]:
        loaded = load_policy(path, env, today=day)
        return [target.price.version for target in loaded.snapshot.models["m"].targets if target.price]

    assert versions("2026-11-30") == ["shipped@2026-11-23", "imported@2026-01-01"]
    assert versions("2026-12-01") == ["imported@2026-12-01", "imported@2026-01-01"]
    assert load_policy(path, env, today="2026-11-30").next_price_day == "2026-12-01"
    assert load_policy(path, env, today="2026-12-01").next_price_day == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 2, "date": "", "source": "", "entries": []}',
        '{"format":1,"date":"","source":"","x":1}',
    ],
)
def test_broken_imported_prices_are_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.json").write_text(text)
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(None, {"AIGATE_DATA": str(tmp_path)}, today=DAY)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{tmp_path}/prices.json:1: policy: imported prices: not a price file")


# --- anything ---

YAML_WORDS = [
    *(
        "version: 1",
        "providers:",
        "models:",
        "keys:",
        "ledger:",
        "echo: {type: echo}",
        "type: openai",
        "targets: [a/b]",
    ),
    *(
        "- a",
        "&a",
        "*a",
        "<<: *a",
        "{",
        "}",
        "[",
        "]",
        "? x",
        "!!int 5",
        "|",
        ">",
        "'",
        '"',
        "#",
        "---",
        "...",
        "%YAML 1.1",
    ),
    *(
        "\t",
        "  ",
        "    ",
        "\n",
        "\n",
        "\n",
        ": ",
        "~",
        "null",
        "true",
        "1e9",
        "env:KEY",
        "file:/dev/zero",
        "\ufeff",
        "\x00",
    ),
]


@given(st.lists(st.sampled_from(YAML_WORDS), max_size=24).map("".join))
@settings(max_examples=150, deadline=None)
def test_any_yaml_is_loaded_or_refused(text: str) -> None:
    """Invariant: whatever a policy file holds, loading gives a policy or raises PolicyInvalid with its lines."""
    assert all(fault.startswith("p.yaml:") and fault.isprintable() for fault in faults(text))


@given(st.binary(max_size=120))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_loaded_or_refused(data: bytes) -> None:
    """The same for bytes that need not be text."""
    assert faults(data)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["echo", "openai", "env:KEY", "echo/echo", "5m", "5%", "a" * 64, CANARY])
)
FIELDS = st.sampled_from(
    [
        "version",
        "providers",
        "models",
        "keys",
        "ledger",
        "limits",
        "budgets",
        "cache",
        "guards",
        "state",
        "echo",
        "type",
        "targets",
        "rules",
        "base_url",
        "api_key",
        "headers",
        "prices",
        "timeouts",
        "total",
        "use",
        "weight",
        "sha256",
        "team",
        "expires",
        "url",
        "exact",
        "ttl",
        "input",
        "output",
    ]
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(FIELDS, TREES, max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_tree_with_our_names_is_loaded_or_refused(tree: dict[str, object]) -> None:
    """The same for well-formed YAML with the schema's own words in any place; and no fault shows a key."""
    yaml = pytest.importorskip("yaml")
    found = faults(yaml.safe_dump(tree, allow_unicode=True))
    assert not any(CANARY in fault for fault in found)
