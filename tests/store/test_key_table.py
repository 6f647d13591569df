"""Keys: what was put comes back, revoked is for good, and every change can be noticed cheaply."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aigate.domain import Principal, StaticKey
from aigate.errors import StoreUnavailable
from aigate.store import KeyTable

NOW = 1_795_000_000_000


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


@pytest.fixture
def table(tmp_path: Path) -> Iterator[KeyTable]:
    with KeyTable.open(tmp_path, lambda: NOW) as opened:
        yield opened


TEXT = st.text(max_size=12)
NAMES = st.lists(TEXT, max_size=3).map(tuple)
PRINCIPALS = st.builds(
    Principal,
    key=st.text(min_size=1, max_size=12),
    org=TEXT,
    team=TEXT,
    service=TEXT,
    user=TEXT,
    models=NAMES,
    tags=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    require_tags=NAMES,
    forbid_tags=NAMES,
    expires_ms=st.integers(0, 2**53),
)


@settings(deadline=None, max_examples=40)
@given(principal=PRINCIPALS)
def test_any_principal_comes_back(tmp_path_factory: pytest.TempPathFactory, principal: Principal) -> None:
    with KeyTable.open(tmp_path_factory.mktemp("data"), lambda: NOW) as table:
        table.put(principal, digest("a"))
        assert table.active() == [StaticKey(digest("a"), principal)]
        (row,) = table.list_keys()
        assert (row.principal, row.created_ms, row.revoked_ms) == (principal, NOW, 0)


def test_putting_again_replaces(table: KeyTable) -> None:
    table.put(Principal("k", team="a"), digest("1"))
    table.put(Principal("k", team="b"), digest("2"))
    assert table.active() == [StaticKey(digest("2"), Principal("k", team="b"))]


def test_revoked_is_for_good(table: KeyTable) -> None:
    table.put(Principal("k"), digest("1"))
    assert table.revoke("k")
    assert not table.revoke("k")
    assert not table.rotate("k", digest("2"))
    table.put(Principal("k"), digest("3"))
    assert table.active() == []
    assert table.list_keys()[0].state(NOW) == "revoked"


def test_rotating_changes_the_secret_alone(table: KeyTable) -> None:
    principal = Principal("k", team="a", expires_ms=5)
    table.put(principal, digest("1"))
    assert table.rotate("k", digest("2"))
    assert table.active() == [StaticKey(digest("2"), principal)]
    assert not table.rotate("nobody", digest("3"))
    assert not table.revoke("nobody")


def test_one_digest_is_one_key(table: KeyTable) -> None:
    table.put(Principal("k"), digest("1"))
    with pytest.raises(StoreUnavailable, match="UNIQUE"):
        table.put(Principal("other"), digest("1"))
    with pytest.raises(StoreUnavailable, match="CHECK"):
        table.put(Principal("third"), b"the key itself?")


def test_the_version_moves_with_every_change_by_anybody(tmp_path: Path, table: KeyTable) -> None:
    with KeyTable.open(tmp_path) as other:
        versions = [table.version()]
        changes = [
            lambda: table.put(Principal("k"), digest("1")),
            lambda: other.put(Principal("l"), digest("2")),
            lambda: table.revoke("k"),
            lambda: other.rotate("l", digest("3")),
        ]
        for change in changes:
            change()
            versions.append(table.version())
            assert table.version() == versions[-1]
        assert versions == sorted(set(versions))


def test_states_and_json(table: KeyTable) -> None:
    table.put(Principal("k", team="a", tags=(("env", "prod"),), expires_ms=NOW), digest("1"))
    (row,) = table.list_keys()
    assert [row.state(NOW - 1), row.state(NOW)] == ["active", "expired"]
    shown = row.as_dict()
    assert (shown["id"], shown["team"], shown["tags"], shown["models"]) == ("k", "a", {"env": "prod"}, ("*",))
    assert "digest" not in shown
    assert "key" not in shown


def test_a_row_that_somebody_spoiled_is_said(table: KeyTable) -> None:
    table.put(Principal("k"), digest("1"))
    with table._database.transaction() as connection:
        connection.execute("UPDATE keys SET models = '[1'")
    with pytest.raises(StoreUnavailable, match="key 'k'"):
        table.active()


class KeyLife(RuleBasedStateMachine):
    """Against a plain dict: the table after any calls holds what the dict holds."""

    names = st.sampled_from(["a", "b", "c"])

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.table = KeyTable.open(Path(self.folder.name), lambda: NOW)
        self.keys: dict[str, bytes] = {}
        self.revoked: set[str] = set()
        self.count = 0

    def fresh(self) -> bytes:
        self.count += 1
        return digest(str(self.count))

    @rule(name=names)
    def put(self, name: str) -> None:
        secret = self.fresh()
        self.table.put(Principal(name), secret)
        if name not in self.revoked:
            self.keys[name] = secret

    @rule(name=names)
    def revoke(self, name: str) -> None:
        assert self.table.revoke(name) is (name in self.keys)
        if self.keys.pop(name, None):
            self.revoked.add(name)

    @rule(name=names)
    def rotate(self, name: str) -> None:
        secret = self.fresh()
        assert self.table.rotate(name, secret) is (name in self.keys)
        if name in self.keys:
            self.keys[name] = secret

    @invariant()
    def holds_the_same(self) -> None:
        assert {key.principal.key: key.digest for key in self.table.active()} == self.keys

    def teardown(self) -> None:
        if hasattr(self, "table"):
            self.table.close()
            self.folder.cleanup()


TestKeyLife = KeyLife.TestCase
KeyLife.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
