from __future__ import annotations

import os
from pathlib import Path

import pytest

from aigate.config import load_policy
from aigate.config.files import MAX_FILE_BYTES, MAX_FILES
from aigate.errors import PolicyInvalid
from tests.config.policies import DAY, ECHO, ENV, faults


def faults_at(path: Path) -> list[str]:
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(path, ENV, today=DAY)
    return [fault.replace(f"{path}/", "").replace(str(path), "DIR") for fault in caught.value.faults]


def test_a_directory_is_merged_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "20-models.yml").write_text("version: 1\nmodels: {m: {targets: [echo/echo]}}\nkeys: []\n")
    (tmp_path / "10-providers.yaml").write_text(ECHO)
    (tmp_path / "30-more.yaml").write_text(
        f"providers: {{two: {{type: echo}}}}\nkeys: [{{sha256: {'a' * 64}}}]\nmodels: {{n: {{targets: [two/echo]}}}}\n"
    )
    (tmp_path / "40-keys.yaml").write_text(f"keys: [{{sha256: {'b' * 64}}}]\n")
    (tmp_path / "notes.txt").write_text("not read")
    (tmp_path / ".hidden.yaml").write_text("not: read")
    (tmp_path / "folder.yaml").mkdir()
    snapshot = load_policy(tmp_path, ENV, today=DAY).snapshot
    assert list(snapshot.providers) == ["echo", "two"]
    assert list(snapshot.models) == ["m", "n"]
    assert [key.principal.key for key in snapshot.keys] == ["a" * 12, "b" * 12]


def test_what_stands_twice_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ECHO)
    (tmp_path / "b.yaml").write_text("version: 1\nproviders:\n  echo: {type: echo, seed: 4}\n")
    (tmp_path / "c.yaml").write_text("version: 2\nkeys: {}\n")
    (tmp_path / "d.yaml").write_text("keys: []\n")
    assert faults_at(tmp_path) == [
        f"b.yaml:3: providers.echo: is already in {tmp_path}/a.yaml:3".replace(f"{tmp_path}/", ""),
        "c.yaml:1: version: is already in a.yaml:1",
        "c.yaml:2: keys: expected a list such as [{…}], got a mapping",
        "d.yaml:1: keys: is already in c.yaml:2",
    ]


def test_a_merged_value_keeps_the_line_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ECHO)
    (tmp_path / "b.yaml").write_text("\n\nmodels:\n  m: {targets: [nope/x]}\n")
    assert faults_at(tmp_path) == ["b.yaml:4: models.m.targets[0]: unknown provider 'nope'"]


def test_files_that_cannot_be_taken(tmp_path: Path) -> None:
    assert faults_at(tmp_path) == ["DIR:1: policy: no *.yaml or *.yml in this directory"]
    assert faults_at(tmp_path / "missing.yaml") == ["DIR:1: policy: does not exist or is not a file"]
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    assert faults_at(large) == [f"DIR:1: policy: larger than {MAX_FILE_BYTES // 1024} KiB"]
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert faults_at(pipe) == ["DIR:1: policy: does not exist or is not a file"]


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    for index in range(MAX_FILES + 1):
        (tmp_path / f"{index}.yaml").write_text("version: 1\n")
    assert faults_at(tmp_path) == [f"DIR:1: policy: more than {MAX_FILES} files"]


def test_bytes_that_are_no_policy() -> None:
    assert faults(b"version: 1\nname: \xff\n") == ["p.yaml:2: policy: not UTF-8 at byte 17"]
    assert faults(b"") == ["p.yaml:1: policy: is empty"]
    assert faults("# only a comment\n") == ["p.yaml:1: policy: is empty"]
    assert faults("- a\n- b\n") == ["p.yaml:1: policy: expected a mapping such as `version: 1`"]
    assert faults("\n\njust text\n") == ["p.yaml:3: policy: expected a mapping such as `version: 1`"]


def test_a_byte_order_mark_is_taken() -> None:
    assert faults(b"\xef\xbb\xbf" + ECHO.encode()) == []
