from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.config.faults import (
    MAX_FAULTS,
    MAX_SUGGESTIONS,
    Findings,
    Mark,
    looks_like_key,
    masked,
    shown,
    written_path,
)

KEYS = [
    "sk-proj-abcdefghijklmnop",
    "sk-ant-api03-AAAABBBB",
    "aig_0123456789abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijk",
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "-----BEGIN PRIVATE KEY-----",
    "0123456789abcdef0123456789abcdef",
    "xoxb-1234567890-abcdefgh",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi",
]
NOT_KEYS = [
    "gpt-4o-mini-2024-07-18",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "/run/secrets/openai/production/api-key-2026",
    "https://my-resource.openai.azure.com/openai/v1",
    "text-embedding-3-large",
    "org-AbCdEf0123456789AbCdEf01",
]


@pytest.mark.parametrize("text", KEYS)
def test_keys_are_seen_and_masked(text: str) -> None:
    assert looks_like_key(text)
    assert text not in masked(f"before {text} after")
    assert masked(f"before {text} after").startswith("before ***")


@pytest.mark.parametrize("text", NOT_KEYS)
def test_names_and_paths_are_not_keys(text: str) -> None:
    assert masked(text) == text


def test_a_value_is_shown_short_and_on_one_line() -> None:
    assert shown("a\nb") == "'a�b'"
    assert len(shown("x" * 1000)) < 130


def test_paths_are_written_as_people_do() -> None:
    assert written_path(("models", "gpt-4.1", "targets", 0)) == "models.gpt-4.1.targets[0]"
    assert written_path(()) == "policy"
    assert "sk-" not in written_path(("models", "sk-proj-abcdefghijklmnop"))


def test_a_near_name_is_suggested() -> None:
    findings = Findings(Mark("a.yaml", 1))
    assert findings.near("modles", ["models", "keys"]) == ", did you mean 'models'?"
    assert findings.near("zzz", ["models"]) == ""
    assert [findings.near("modles", ["models"]) for _ in range(MAX_SUGGESTIONS)][-1] == "", "of many, the first ones"


def test_faults_come_in_the_order_of_the_file_with_the_nearest_line() -> None:
    findings = Findings(Mark("a.yaml", 1))
    findings.place(("models",), Mark("a.yaml", 4))
    findings.place(("models", "x"), Mark("a.yaml", 5))
    findings.fault(("models", "x", "targets", 3), "second")
    findings.fault(("nowhere",), "first")
    assert findings.faults() == ("a.yaml:1: nowhere: first", "a.yaml:5: models.x.targets[3]: second")
    assert findings.bad(("models", "x"))
    assert findings.bad(())
    assert not findings.bad(("models", "y"))


def test_the_number_of_faults_is_bounded() -> None:
    findings = Findings(Mark("a.yaml", 1))
    for index in range(MAX_FAULTS + 5):
        findings.fault((index,), "x")
    assert len(findings.faults()) == MAX_FAULTS + 1
    assert findings.faults()[-1] == "a.yaml:1: policy: and 5 more"


@given(st.text(max_size=200))
def test_a_fault_is_one_line(text: str) -> None:
    """Invariant: whatever is put into a message, a fault is one printable line."""
    findings = Findings(Mark("a.yaml", 1))
    findings.fault((text,), f"got {shown(text)}")
    assert findings.faults()[0].isprintable()
