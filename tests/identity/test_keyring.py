"""Keys: found by hash, refreshed on change, refused when unknown, revoked or expired."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigate.domain import Principal, StaticKey
from aigate.errors import InvalidApiKey, KeyExpired
from aigate.identity import Keyring, development_key, digest, mint


class Source:
    def __init__(self) -> None:
        self.keys: list[StaticKey] = []
        self.changes = 0
        self.loads = 0

    def put(self, principal: Principal, key_digest: bytes) -> None:
        self.keys.append(StaticKey(key_digest, principal))
        self.changes += 1

    def version(self) -> int:
        return self.changes

    def active(self) -> list[StaticKey]:
        self.loads += 1
        return list(self.keys)


def ring(source: Source, now_ms: int = 1000) -> Keyring:
    keyring = Keyring(source, lambda: now_ms)
    keyring.refresh()
    return keyring


def test_a_key_is_found_by_its_hash() -> None:
    source = Source()
    source.put(Principal("key_1"), digest(b"aig_secret"))
    assert ring(source).identify(b"aig_secret").key == "key_1"


@pytest.mark.parametrize("shown", [b"", b"aig_other", b"aig_secre", b"aig_secret ", "aig_s\u00e9cret".encode()])
def test_anything_else_is_refused(shown: bytes) -> None:
    source = Source()
    source.put(Principal("key_1"), digest(b"aig_secret"))
    with pytest.raises(InvalidApiKey) as caught:
        ring(source).identify(shown)
    assert not shown or shown.decode() not in caught.value.message


def test_an_expired_key_is_told_so() -> None:
    source = Source()
    source.put(Principal("key_1", expires_ms=1000), digest(b"aig_secret"))
    with pytest.raises(KeyExpired):
        ring(source, now_ms=1000).identify(b"aig_secret")
    assert ring(source, now_ms=999).identify(b"aig_secret").key == "key_1"


def test_a_revoked_key_is_gone_after_the_next_refresh_and_the_store_is_read_only_on_change() -> None:
    source = Source()
    source.put(Principal("key_1"), digest(b"aig_secret"))
    keyring = ring(source)
    assert not keyring.refresh()
    assert source.loads == 1
    source.keys.clear()
    source.changes += 1
    assert keyring.refresh()
    with pytest.raises(InvalidApiKey):
        keyring.identify(b"aig_secret")


def test_the_policys_own_keys_are_replaced_with_the_policy() -> None:
    keyring = ring(Source())
    keyring.use_written((StaticKey(digest(b"one"), Principal("written")),))
    assert keyring.identify(b"one").key == "written"
    keyring.use_written(())
    with pytest.raises(InvalidApiKey):
        keyring.identify(b"one")


def test_minted_keys_differ_and_have_256_bits() -> None:
    keys = {mint() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("aig_") and len(key) == len("aig_") + 43 for key in keys)


def test_the_development_key_is_made_once_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    source = Source()
    file = tmp_path / "development.key"
    key = development_key(file, source)
    assert file.stat().st_mode & 0o777 == 0o600
    assert development_key(file, source) == key
    assert ring(source).identify(key.encode()).team == "development"
