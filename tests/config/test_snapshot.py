from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.config.snapshot import policy_hash
from aigate.config.written import Written, WrittenModel, WrittenProvider
from aigate.domain import ANY_MODEL, Price, Timeouts, Usage
from aigate.providers.echo.options import EchoOptions
from tests.config.policies import ECHO, ENV, HEAD, OPENAI, faults, load

MODEL = "models: {m: {targets: [openai/gpt-4o, {use: openai/nope}]}}\n"


def test_providers_have_their_usual_place() -> None:
    text = (
        HEAD + "  a: {type: openai}\n  b: {type: vllm}\n  c: {type: ollama}\n  d: {type: tgi, base_url: 'http://h/'}\n"
    )
    providers = load(text).snapshot.providers
    assert [provider.base_url for provider in providers.values()] == [
        "https://api.openai.com/v1",
        "http://127.0.0.1:8000/v1",
        "http://127.0.0.1:11434/v1",
        "http://h",
    ]


def test_a_provider_with_everything(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\n")
    text = f"""\
version: 1
providers:
  p:
    type: openai_compatible
    base_url: https://h/v1/
    api_key: env:KEY
    headers: {{x-org: acme, x-key: 'env:KEY'}}
    prices: {{input: 2, output: 8.5, cache_read: 0.25, per_request: 0.001}}
    timeouts: {{connect: 500ms, total: 10m}}
    ca_file: {authority}
"""
    loaded = load(text)
    provider = loaded.snapshot.providers["p"]
    assert provider.base_url == "https://h/v1"
    assert [(name, value.reveal()) for name, value in provider.headers] == [("x-org", "acme"), ("x-key", ENV["KEY"])]
    assert provider.price == Price(2_000_000_000, 8_500_000_000, 250_000_000, per_request=1_000_000, version="policy")
    assert provider.timeouts == Timeouts(connect_ms=500, total_ms=600_000)
    assert provider.ca_file == str(authority)
    assert authority in loaded.sources


@pytest.mark.parametrize("content", [None, b"not a certificate", b"-----BEGIN CERTIFICATE-----" + b"x" * 1024 * 1024])
def test_an_authority_that_cannot_be_taken(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    (fault,) = faults(HEAD + f"  p: {{type: vllm, ca_file: {path}}}\n")
    assert fault.startswith(f"p.yaml:3: providers.p.ca_file: file '{path}' ")


def test_settings_of_echo_are_read_by_echo() -> None:
    text = (
        HEAD
        + "  echo: {type: echo, latency: 50ms, pace: 1.5s, tokens: 9, seed: 0, fail: 503, fail_rate: 5%,"
        + " retry_after: 2, error_after: 1, cut_after: 0, stall_after: 3, garbage: true, usage: lie}\n"
    )
    options = EchoOptions().amended(load(text).snapshot.providers["echo"].options)
    assert (options.latency_s, options.pace_s) == (0.05, 1.5)
    assert (options.tokens, options.seed, options.fail, options.fail_rate) == (9, 0, 503, 0.05)
    assert (options.retry_after, options.error_after, options.cut_after, options.stall_after) == (2, 1, 0, 3)
    assert options.garbage
    assert options.usage == "lie"
    assert load(ECHO).snapshot.providers["echo"].options == ()


def test_targets_in_order_with_what_the_price_book_knows() -> None:
    loaded = load(OPENAI + MODEL)
    first, second = loaded.snapshot.models["m"].targets
    assert first.name == "openai/gpt-4o"
    assert first.price is not None
    assert first.price.cost(Usage(fresh=1_000_000, output=1_000_000)) == 12_500_000_000
    assert (first.encoding, first.context, first.max_output) == ("o200k_base", 128_000, 16_384)
    assert second.price is None
    unpriced = "openai/nope has no price, so its calls are recorded without a cost"
    assert loaded.notices == (f"{loaded.sources[0]}:4: models.m.targets[1]: {unpriced}",)


def test_a_providers_prices_are_for_models_that_have_none() -> None:
    text = OPENAI.replace("'env:KEY'", "'env:KEY', prices: {input: 1, output: 1}") + MODEL
    first, second = load(text).snapshot.models["m"].targets
    assert first.price is not None
    assert first.price.version.startswith("shipped@")
    assert second.price is not None
    assert second.price.version == "policy"


def test_direct_names() -> None:
    listed = load(OPENAI + MODEL).snapshot
    assert listed.direct == {}
    known = listed.target("openai/gpt-4o")
    assert known is not None
    assert known.price is not None
    unlisted = load(OPENAI + "  echo: {type: echo}\n").snapshot
    for name, place in (("gpt-4o", "openai/gpt-4o"), ("echo", "echo/echo"), ("openai/x", "openai/x")):
        target = unlisted.target(name)
        assert target is not None
        assert target.name == place
    assert unlisted.target("nope") is None
    free = unlisted.target("echo/echo?pace=1s")
    assert free is not None
    assert free.price is not None
    assert free.price.cost(Usage(fresh=5, output=5)) == 0


def test_the_first_provider_has_the_bare_name() -> None:
    text = HEAD + "  one: {type: openai}\n  two: {type: openai}\n"
    target = load(text).snapshot.target("gpt-4o")
    assert target is not None
    assert target.provider.name == "one"


def test_keys() -> None:
    text = (
        ECHO
        + f"keys:\n  - {{hash: 'sha256:{'AB' * 32}', org: o, team: t, service: s, user: u, models: ['e*'],"
        + " tags: {a: b}, require_tags: [c], forbid_tags: [d], expires: 2027-01-31}\n"
        + f"  - {{sha256: {'cd' * 32}, id: other}}\n"
    )
    first, second = load(text).snapshot.keys
    who = first.principal
    assert first.digest == bytes.fromhex("ab" * 32)
    assert (who.key, who.org, who.team, who.service, who.user) == ("ab" * 6, "o", "t", "s", "u")
    assert (who.models, who.tags, who.require_tags, who.forbid_tags) == (("e*",), (("a", "b"),), ("c",), ("d",))
    assert who.expires_ms == 1_801_353_600_000
    assert (second.principal.key, second.principal.models, second.principal.expires_ms) == ("other", (ANY_MODEL,), 0)


# --- the hash ---


def test_the_hash_is_of_what_is_said_and_not_how() -> None:
    one = load(OPENAI + MODEL).snapshot.hash
    other = load(
        "# a comment\nmodels:\n  m:\n    targets:\n    - openai/gpt-4o\n    - use: openai/nope\n"
        "providers: {openai: {api_key: env:KEY, type: openai, timeouts: ~}}\nversion: 1\n"
    ).snapshot.hash
    assert one == other
    assert len(one) == 12
    assert int(one, 16) >= 0


def test_the_hash_does_not_depend_on_secrets() -> None:
    assert load(OPENAI, {"KEY": "a"}).snapshot.hash == load(OPENAI, {"KEY": "b"}).snapshot.hash
    assert load(OPENAI).snapshot.hash != load(OPENAI.replace("KEY", "OTHER"), {"OTHER": "a"}).snapshot.hash


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=9)), min_size=1, max_size=6))
def test_the_hash_does_not_depend_on_the_order_of_mappings(pairs: list[tuple[str, str]]) -> None:
    def written(names: list[tuple[str, str]]) -> Written:
        models = {name: WrittenModel(targets=[f"p/{target}"]) for name, target in names}
        return Written(providers={"p": WrittenProvider(type="vllm")}, models=models)

    unique = list(dict(pairs).items())
    assert policy_hash(written(unique)) == policy_hash(written(unique[::-1]))
    changed = [(name, target + "x") for name, target in unique]
    assert policy_hash(written(unique)) != policy_hash(written(changed))
