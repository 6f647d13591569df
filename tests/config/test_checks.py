"""What must hold beyond types; each fault with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.config.checks import normal_base_url
from tests.config.policies import ECHO, HEAD, faults, load

KEY = "a" * 64


def models(text: str) -> list[str]:
    return [fault.removeprefix("p.yaml:4: models.") for fault in faults(ECHO + f"models: {{{text}}}\n")]


def key(fields: str, more: str = "") -> list[str]:
    text = ECHO + f"models: {{m: {{targets: [echo/echo]}}}}\nkeys: [{{{fields}}}{more}]\n"
    return [fault.removeprefix("p.yaml:5: ") for fault in faults(text)]


def provider(fields: str) -> list[str]:
    return [fault.removeprefix("p.yaml:3: providers.p") for fault in faults(HEAD + f"  p: {{{fields}}}\n")]


def test_what_every_policy_says() -> None:
    assert faults("providers: {echo: {type: echo}}") == ["p.yaml:1: policy: version missing; expected `version: 1`"]
    assert faults("version: 1\n") == ["p.yaml:1: providers: names no provider"]
    assert faults("version: 1\nproviders: {}\n") == ["p.yaml:2: providers: names no provider"]
    assert faults(ECHO) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("m: {targets: [nope/x]}", "m.targets[0]: unknown provider 'nope'"),
        ("m: {targets: [ecko/x]}", "m.targets[0]: unknown provider 'ecko', did you mean 'echo'?"),
        ("m: {targets: [{use: nope/x}]}", "m.targets[0]: unknown provider 'nope'"),
        ("m: {targets: [echo]}", "m.targets[0]: expected provider/model, got 'echo'"),
        ("m: {targets: [/echo]}", "m.targets[0]: expected provider/model, got '/echo'"),
        ("m: {targets: [echo/]}", "m.targets[0]: expected provider/model, got 'echo/'"),
        ("m: {targets: [echo/a b]}", "m.targets[0]: expected provider/model, got 'echo/a b'"),
        ("m: {targets: [echo/x, echo/y, echo/x]}", "m.targets[2]: is the same target as targets[0]"),
        ("m: {}", "m: has no targets"),
        ("m: {targets: []}", "m: has no targets"),
        ("a b: {targets: [echo/x]}", "a b: a model's name is 1 to 200 characters without spaces"),
    ],
)
def test_models(text: str, fault: str) -> None:
    assert models(text) == [fault]


def test_rules_that_can_never_match_are_named() -> None:
    found = models("m: {rules: [{when: a, targets: [echo/x]}, {targets: [echo/y]}, {targets: [echo/z]}]}")
    assert "m.rules[2]: can never match: rule 1 has no `when` and takes every request" in found
    found = models("m: {targets: [echo/x], rules: [{targets: [echo/y]}]}")
    assert "m.rules: can never match: targets apply to every request; use one of the two" in found


def test_models_may_have_slashes_and_colons() -> None:
    assert models("openai/gpt-4o: {targets: [echo/x/y]}, 'ft:gpt-4o:acme::1': {targets: [echo/z]}") == []


@pytest.mark.parametrize("name", ["a/b", "a b", "", "-a", "a" * 65, "ä"])
def test_provider_names(name: str) -> None:
    found = faults(f"version: 1\nproviders:\n  {name!r}: {{type: echo}}\n")
    assert found[0].startswith("p.yaml:3: ")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://h/v1", "expected a URL such as https://host/v1, got 'ftp://h/v1'"),
        ("h/v1", "expected a URL such as https://host/v1, got 'h/v1'"),
        ("http:///v1", "expected a URL such as https://host/v1, got 'http:///v1'"),
        ("http://h:99999/v1", "expected a URL such as https://host/v1"),
        ("http://[::1/v1", "expected a URL such as https://host/v1"),
        ("http://user:hunter2@h/v1", "holds a credential; put it into api_key"),
        ("http://h/v1?api-version=1", "has a query or a fragment; expected a URL such as https://host/v1"),
        ("http://h/v1#x", "has a query or a fragment; expected a URL such as https://host/v1"),
        ("http://h /v1", "has a space or another character that no URL may have"),
        ("http://hä/v1", "has a space or another character that no URL may have"),
        ("http://h\\x/v1", "expected a URL such as https://host/v1, got 'http://h\\x/v1'"),
    ],
)
def test_base_urls(url: str, fault: str) -> None:
    assert provider(f"type: vllm, base_url: '{url}'") == [f".base_url: {fault}"]


def test_base_urls_are_made_one_form() -> None:
    assert normal_base_url("HTTP://h:8000/v1//") == "http://h:8000/v1"
    assert normal_base_url("https://[::1]:8/") == "https://[::1]:8"


@given(st.text(max_size=60) | st.text(alphabet="htps:/@[]?#.:%a1 \\\n", max_size=40))
def test_any_base_url_is_taken_or_refused(text: str) -> None:
    """Invariant: what is taken is a URL without credential, query or control character, and stays as it is."""
    try:
        url = normal_base_url(text)
    except ValueError:
        return
    assert normal_base_url(url) == url
    assert url.isprintable()
    assert not set("@?# ") & set(url.partition("://")[2].partition("/")[0] + url[-1:])


def test_types_without_a_usual_place_need_a_base_url() -> None:
    for kind in ("openai_compatible", "tgi", "llamacpp"):
        assert provider(f"type: {kind}") == [f": type {kind} needs a base_url such as http://127.0.0.1:9000/v1"]
    for kind in ("openai", "vllm", "ollama"):
        assert provider(f"type: {kind}") == []


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("Authorization: x", "Authorization: is written from api_key"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: is the gateway's own to write"),
        ("host: x", "host: is the gateway's own to write"),
        ("'a b': x", "a b: is not a header name"),
        ("x-a: ok, X-A: ok", "X-A: is there already, in other letters"),
        (r'x-a: "a\r\nb: c"', "x-a: has a line break or another character that no header may have"),
        ("x-a: sk-proj-abcdefghijklmnop", "x-a: secrets are references, never values; write env:NAME or file:/path"),
        ("x-a: 'Bearer hunter2'", "x-a: secrets are references, never values; write env:NAME or file:/path"),
    ],
)
def test_headers(header: str, fault: str) -> None:
    assert provider(f"type: vllm, headers: {{{header}}}") == [f".headers.{fault}"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("total: 0s", "total: expected more than 0s and at most 24h, got 0s"),
        ("total: 25h", "total: expected more than 0s and at most 24h, got 25h"),
        ("connect: 2m, total: 1m", "connect: longer than total, which is 1m"),
    ],
)
def test_timeouts(fields: str, fault: str) -> None:
    assert f".timeouts.{fault}" in provider(f"type: vllm, timeouts: {{{fields}}}")


def test_a_short_total_shortens_the_defaults_without_a_fault() -> None:
    assert provider("type: vllm, timeouts: {total: 10s}") == []


def test_settings_of_echo_belong_to_echo() -> None:
    assert provider("type: vllm, pace: 1s") == [".pace: is a setting of type echo"]
    assert provider("type: vllm, base_url: 'http://h/v1', cut_after: 0") == [".cut_after: is a setting of type echo"]
    assert provider("type: echo, latency: 11m") == [".latency: longer than 10m"]
    assert (
        load(HEAD + "  p: {type: echo, base_url: 'http://h'}\n")
        .notices[0]
        .endswith("providers.p.base_url: type echo is offline and has no use for it")
    )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("team: a", "keys[0]: needs either sha256 or hash"),
        (f"sha256: {KEY}, hash: 'sha256:{KEY}'", "keys[0]: needs either sha256 or hash"),
        (f"hash: 'md5:{KEY}'", "keys[0]: expected the SHA-256 of the key"),
        ("sha256: abc", "keys[0]: expected the SHA-256 of the key"),
        (f"sha256: {KEY}, id: 'a b'", "keys[0].id: a key's id is up to 64"),
        (f"sha256: {KEY}, models: []", "keys[0].models: names no model"),
        (f"sha256: {KEY}, models: [nope]", "keys[0].models[0]: 'nope' matches no model"),
        (f"sha256: {KEY}, models: ['other/*']", "keys[0].models[0]: 'other/*' matches no model"),
        (f"sha256: {KEY}, tags: {{'a b': c}}", "keys[0].tags.a b: a tag's name is up to 64"),
        (f"sha256: {KEY}, require_tags: [x], forbid_tags: [x]", "keys[0].require_tags[0]: is required and forbidden"),
    ],
)
def test_keys(fields: str, fault: str) -> None:
    found = key(fields)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_keys_are_told_apart() -> None:
    assert key(f"sha256: {KEY}", f", {{hash: 'sha256:{KEY.upper()}', id: other}}") == [
        "keys[1]: is the same key as keys[0]"
    ]
    assert key(f"sha256: {KEY}, id: x", f", {{sha256: {'b' * 64}, id: x}}") == ["keys[1]: has the same id as keys[0]"]


@pytest.mark.parametrize("pattern", ["m", "?", "*", "echo/*", "echo/echo", "e*", "[m]"])
def test_patterns_that_can_match(pattern: str) -> None:
    assert key(f"sha256: {KEY}, models: ['{pattern}']") == []
