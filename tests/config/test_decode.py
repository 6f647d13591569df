"""Reading values by their types; each fault with its line."""

from __future__ import annotations

import pytest

from tests.config.policies import ECHO, HEAD, OPENAI, faults, load

DOLLARS = "expected US dollars per million tokens such as 2.50"

OPENAI_AT = "p.yaml:3: providers.openai"


def provider(fields: str) -> str:
    return HEAD + f"  p: {{type: vllm, {fields}}}\n"


def test_unknown_fields_suggest_the_near_name() -> None:
    assert faults(ECHO + "modles: {}\n") == ["p.yaml:4: modles: unknown field 'modles', did you mean 'models'?"]
    assert faults(ECHO + "zzz: {}\n") == ["p.yaml:4: zzz: unknown field 'zzz'"]
    assert faults(ECHO + "models:\n  m:\n    target: [a/b]\n") == [
        "p.yaml:6: models.m.target: unknown field 'target', did you mean 'targets'?"
    ]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("base_url: 5", "base_url: expected a text, got '5'; put it in quotes"),
        ("base_url: true", "base_url: expected a text, got 'true'; put it in quotes"),
        ("base_url: [a]", "base_url: expected a text, got a list"),
        ("headers: [a]", "headers: expected a mapping, got a list"),
        ("headers: {a: ~}", "headers.a: expected text or secret reference, got nothing"),
        ("prices: {input: 1}", "prices: output missing"),
        ("prices: {input: cheap, output: 1}", f"prices.input: {DOLLARS}, got 'cheap'"),
        ("prices: {input: 1e3, output: 1}", f"prices.input: {DOLLARS}, got '1e3'"),
        ("prices: {input: -1, output: 1}", f"prices.input: {DOLLARS}, got '-1'"),
        (
            "prices: {input: 0.0000000001, output: 1}",
            f"prices.input: is finer than can be held; {DOLLARS}, got '0.0000000001'",
        ),
        ("timeouts: {total: 30}", "timeouts.total: expected a duration such as 30s, 5m, 24h, 3d or 500ms, got '30'"),
        ("timeouts: 30s", "timeouts: expected a mapping, got a single value"),
        ("api_key: {a: b}", "api_key: expected secret reference, got a mapping"),
    ],
)
def test_wrong_values(fields: str, fault: str) -> None:
    assert faults(provider(fields)) == [f"p.yaml:3: providers.p.{fault}"]


def test_wrong_choices() -> None:
    (fault,) = faults(HEAD + "  p: {type: openia}\n")
    assert fault.startswith("p.yaml:3: providers.p.type: expected one of ")
    assert fault.endswith("got 'openia', did you mean 'openai'?")
    assert faults(ECHO.replace("version: 1", "version: 2")) == ["p.yaml:1: version: expected 1, got '2'"]


def test_numbers_and_switches_are_strict() -> None:
    echo = "p.yaml:3: providers.echo"
    for fields, fault in (
        ("seed: five", "seed: expected a whole number, got 'five'"),
        ("seed: 1.5", "seed: expected a whole number, got '1.5'"),
        ("fail: 200", "fail: expected a whole number from 400 to 599, got 200"),
        ("garbage: yes", "garbage: expected true or false, got 'yes'"),
        ("garbage: 1", "garbage: expected true or false, got '1'"),
    ):
        assert faults(HEAD + f"  echo: {{type: echo, {fields}}}\n") == [f"{echo}.{fault}"]


def test_a_word_that_yaml_takes_for_a_switch_stays_a_word() -> None:
    text = ECHO + f"keys: [{{sha256: {'a' * 64}, team: no, user: on}}]\n"
    principal = load(text).snapshot.keys[0].principal
    assert (principal.team, principal.user) == ("no", "on")


def test_nothing_is_the_default() -> None:
    assert load(ECHO + "models:\nkeys: ~\nledger: null\n").snapshot.keys == ()


def test_every_fault_of_a_file_is_told_in_its_order() -> None:
    text = """\
providers:
  a: {type: openia, bas_url: x}
  b: [1]
  c:
    type: openai
    api_key: env:KEY
    timeouts: {total: 5x}
models:
  x: {targets: [1, {us: 3}, c/m, dd/m]}
keys:
  - {team: 5, expires: tomorrow}
"""
    lines = [fault.split(": ")[:2] for fault in faults(text)]
    assert lines == [
        ["p.yaml:1", "policy"],
        ["p.yaml:2", "providers.a.type"],
        ["p.yaml:2", "providers.a.bas_url"],
        ["p.yaml:3", "providers.b"],
        ["p.yaml:7", "providers.c.timeouts.total"],
        ["p.yaml:9", "models.x.targets[0]"],
        ["p.yaml:9", "models.x.targets[1].us"],
        ["p.yaml:9", "models.x.targets[1]"],
        ["p.yaml:9", "models.x.targets[3]"],
        ["p.yaml:11", "keys[0].team"],
        ["p.yaml:11", "keys[0].expires"],
        ["p.yaml:11", "keys[0]"],
    ]


def test_a_provider_with_a_fault_is_still_known_to_its_targets() -> None:
    assert faults(HEAD + "  a: {type: nope}\nmodels: {m: {targets: [a/x]}}\n")[1:] == []


def test_long_texts_are_refused() -> None:
    assert faults(OPENAI.replace("env:KEY", "env:" + "x" * 5000)) == [
        f"{OPENAI_AT}.api_key: longer than 4096 characters"
    ]
