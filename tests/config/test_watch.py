"""A change on disk is seen once, whatever kind it is. No waiting: what is compared is set by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from aigate.config import PolicyWatch, load_policy
from aigate.errors import PolicyInvalid
from aigate.prices import PriceEntry, PriceFile, Rates
from aigate.prices.keeping import write_price_file
from tests.config.policies import ECHO, HEAD

DAY = "2026-11-23"


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    return {"AIGATE_DATA": str(tmp_path / "data")}


def write(path: Path, text: str) -> None:
    """Replace a file as editors and config maps do: a new file under the old name."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.replace(path)


def watching(path: Path, env: Mapping[str, str]) -> PolicyWatch:
    loaded = load_policy(path, env, today=DAY)
    watch = PolicyWatch(loaded.sources, loaded.next_price_day, today=lambda: DAY)
    assert not watch.changed()
    return watch


def test_a_written_file(tmp_path: Path, env: Mapping[str, str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(ECHO)
    watch = watching(path, env)
    write(path, ECHO + "# more\n")
    assert watch.changed()
    assert not watch.changed()
    os.utime(path, ns=(1, 1))
    assert watch.changed()
    path.unlink()
    assert watch.changed()
    assert not watch.changed()


def test_a_directory(tmp_path: Path, env: Mapping[str, str]) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "a.yaml").write_text(ECHO)
    watch = watching(folder, env)
    (folder / "b.yaml").write_text("keys: []\n")
    assert watch.changed()
    (folder / "notes.txt").write_text("x")
    assert not watch.changed()
    write(folder / "b.yaml", "keys: []\n\n")
    assert watch.changed()
    (folder / "b.yaml").unlink()
    assert watch.changed()
    assert not watch.changed()


def test_a_mounted_directory_that_is_swapped(tmp_path: Path, env: Mapping[str, str]) -> None:
    """Kubernetes: the files are links into `..data`, which is a link that is replaced."""
    for name, more in (("one", ""), ("two", "# changed\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yaml").write_text(ECHO + more)
    folder = tmp_path / "mount"
    folder.mkdir()
    (folder / "..data").symlink_to(tmp_path / "one")
    (folder / "p.yaml").symlink_to(Path("..data") / "p.yaml")
    watch = watching(folder, env)
    (folder / "..data_tmp").symlink_to(tmp_path / "two")
    (folder / "..data_tmp").replace(folder / "..data")
    assert watch.changed()
    assert not watch.changed()


def test_secrets_and_prices_are_watched_too(tmp_path: Path, env: Mapping[str, str]) -> None:
    path, secret = tmp_path / "p.yaml", tmp_path / "key"
    secret.write_text("one")
    path.write_text(HEAD + f"  p: {{type: vllm, api_key: 'file:{secret}'}}\n")
    watch = watching(path, env)
    write(secret, "two")
    assert watch.changed()
    loaded = watch.reload(path, env)
    key = loaded.snapshot.providers["p"].api_key
    assert key is not None
    assert key.reveal() == "two"
    assert not watch.changed()
    write_price_file(tmp_path / "data" / "prices.json", PriceFile(1, DAY, "test", ()))
    assert watch.changed()


def test_a_broken_policy_is_reported_once_and_its_secrets_are_waited_for(
    tmp_path: Path, env: Mapping[str, str]
) -> None:
    path, secret = tmp_path / "p.yaml", tmp_path / "key"
    path.write_text(ECHO)
    watch = watching(path, env)
    write(path, HEAD + f"  p: {{type: vllm, api_key: 'file:{secret}'}}\n")
    assert watch.changed()
    with pytest.raises(PolicyInvalid, match="does not exist"):
        watch.reload(path, env)
    assert not watch.changed()
    secret.write_text("here now")
    assert watch.changed()
    assert "p" in watch.reload(path, env).snapshot.providers
    assert not watch.changed()


def test_other_paths_stay_watched_over_a_reload(tmp_path: Path, env: Mapping[str, str]) -> None:
    path, bell = tmp_path / "p.yaml", tmp_path / "bell"
    path.write_text(ECHO)
    watch = PolicyWatch((path, bell), today=lambda: DAY)
    for _ in range(2):
        watch.reload(path, env)
        assert not watch.changed()
        write(bell, "rung")
        assert watch.changed()


def test_a_change_while_the_policy_is_read_is_not_lost(tmp_path: Path, env: Mapping[str, str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(ECHO)

    def today() -> str:
        write(path, ECHO + "# written after the look and before the reading\n")
        return DAY

    watch = PolicyWatch((path,), today=today)
    watch.reload(path, env)
    assert watch.changed()


def test_a_price_with_a_first_day(tmp_path: Path, env: Mapping[str, str]) -> None:
    entry = PriceEntry("openai", "gpt-4o", "2026-12-01", Rates("7", "7"))
    write_price_file(tmp_path / "data" / "prices.json", PriceFile(1, DAY, "test", (entry,)))
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + "  openai: {type: openai}\nmodels: {m: {targets: [openai/gpt-4o]}}\n")
    day = DAY
    loaded = load_policy(path, env, today=day)
    watch = PolicyWatch(loaded.sources, loaded.next_price_day, today=lambda: day)
    assert not watch.changed()
    day = "2026-12-02"
    assert watch.changed()
    price = watch.reload(path, env).snapshot.models["m"].targets[0].price
    assert price is not None
    assert price.version == "imported@2026-12-01"
    assert not watch.changed()
