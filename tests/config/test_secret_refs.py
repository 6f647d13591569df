from __future__ import annotations

from pathlib import Path

import pytest

from aigate.config import load_policy
from aigate.config.secret_refs import MAX_SECRET_BYTES, SecretReader, reference
from aigate.errors import PolicyInvalid
from tests.config.policies import HEAD, OPENAI, faults, load

CANARY = "sk-canary-0123456789"
PLAIN_CANARY = "hunter2correcthorse"


@pytest.mark.parametrize("text", [CANARY, PLAIN_CANARY, "x env:", ":x", "ENV:KEY", "keyring:x", "${KEY}"])
def test_a_value_where_a_reference_belongs_is_refused_unseen(text: str) -> None:
    with pytest.raises(ValueError, match="secrets are references") as caught:
        reference(text)
    assert text not in str(caught.value)


def test_an_environment_variable() -> None:
    assert SecretReader({"KEY": f" {CANARY}\n"}).read("env:KEY").reveal() == CANARY


def test_a_file_is_read_without_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CANARY + "\n")
    reader = SecretReader({})
    assert reader.read(f"file:{tmp_path}/key").reveal() == CANARY
    assert reader.files == [tmp_path / "key"]


def test_what_cannot_be_followed_names_the_reference(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text(f"{CANARY}\n{CANARY}\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    reader = SecretReader({"EMPTY": ""})
    for ref, message in (
        ("env:NOPE", "environment variable 'NOPE' is not set"),
        ("env:EMPTY", "'env:EMPTY' is empty"),
        (f"file:{tmp_path}/nope", "does not exist"),
        (f"file:{tmp_path}", "does not exist"),
        (f"file:{tmp_path}/empty", "is empty"),
        (f"file:{tmp_path}/two", "holds a line break"),
        (f"file:{tmp_path}/bytes", "holds a line break or another character"),
        (f"file:{tmp_path}/large", "is larger than 64 KiB"),
        ("file:a\0b", "does not exist"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            reader.read(ref)
        assert CANARY not in str(caught.value)


def test_a_missing_secret_is_a_fault_on_its_line() -> None:
    assert faults(OPENAI, {}) == ["p.yaml:3: providers.openai.api_key: environment variable 'KEY' is not set"]
    text = HEAD + "  p:\n    type: vllm\n    headers:\n      x-key: env:NOPE\n"
    assert faults(text) == ["p.yaml:6: providers.p.headers.x-key: environment variable 'NOPE' is not set"]


def test_every_missing_secret_is_told_with_the_other_faults() -> None:
    found = faults(HEAD + "  p: {type: vllm, api_key: 'env:A', base_url: x, headers: {x-a: 'env:B'}}\n")
    assert [fault.split(": ")[1] for fault in found] == [
        "providers.p.base_url",
        "providers.p.api_key",
        "providers.p.headers.x-a",
    ]


def test_secrets_need_not_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(OPENAI)
    assert load_policy(path, {}, follow_secrets=False).snapshot.providers["openai"].api_key is not None
    path.write_text(OPENAI.replace("env:", "vault:"))
    with pytest.raises(PolicyInvalid, match="not supported yet"):
        load_policy(path, {}, follow_secrets=False)


@pytest.mark.parametrize("canary", [CANARY, PLAIN_CANARY])
@pytest.mark.parametrize(
    "text",
    [
        "  p: {type: vllm, api_key: CANARY}\n",
        "  p: {type: vllm, api_key: [CANARY]}\n",
        "  p: {type: azure, credentials: CANARY, secret_access_key: CANARY}\n",
        "  p: {type: vllm, api_keys: [{key: CANARY}, CANARY]}\n",
        "  p: {type: vllm, headers: {x-a: 'Bearer CANARY'}}\n",
        "  p: {type: vllm, base_url: 'https://user:CANARY@h/v1'}\n",
        "  p: {type: vllm, base_url: 'https://h/v1?key=CANARY'}\n",
        '  p: {type: vllm, api_key: "CANARY\n',
        "  p: {type: vllm, api_key: 'env:KEY'\n  q: CANARY\n",
    ],
)
def test_a_secret_in_the_file_is_in_no_message(text: str, canary: str) -> None:
    found = faults(HEAD + text.replace("CANARY", canary))
    assert found
    assert not any(canary in fault for fault in found)


@pytest.mark.parametrize(
    "text",
    [
        "  p: {type: CANARY}\n",
        "  p: {CANARY: 1, type: vllm}\n",
        "  CANARY: {type: 5}\n",
        "  p: {type: vllm, timeouts: {total: CANARY}}\n",
        "  p: {type: !!CANARY x}\n",
        "  p: *CANARY\n",
        "  p: {type: echo, seed: CANARY}\nmodels: {m: {targets: [CANARY, p/x, p/x]}}\n",
        f"  p: {{type: echo}}\nmodels: {{m: {{targets: [p/x]}}}}\nkeys: [{{sha256: {'a' * 64}, models: [CANARY]}}]\n",
    ],
)
def test_a_key_in_a_place_where_none_belongs_is_masked(text: str) -> None:
    found = faults(HEAD + text.replace("CANARY", CANARY))
    assert found
    assert not any(CANARY in fault for fault in found)


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PLAIN_CANARY)
    text = HEAD + f"  p: {{type: vllm, api_key: 'env:KEY', headers: {{x-a: 'file:{tmp_path}/key'}}}}\n"
    loaded = load(text)
    secret = loaded.snapshot.providers["p"].api_key
    assert secret is not None
    assert secret.reveal() == CANARY
    assert CANARY not in repr(loaded)
    assert PLAIN_CANARY not in repr(loaded)
