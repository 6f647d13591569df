"""What the schema has and this build does not do is refused by name, and only that."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import inspect as types

from aigate.config.notyet import NOT_YET, NOT_YET_SECRETS
from aigate.config.written import Written
from tests.config.policies import ECHO, HEAD, faults

RATE = "expected a rate such as 600/minute or 2M/minute (second, minute, hour, day)"
USES = {
    "limits": ECHO + "limits: [{name: a, per: [team], tokens: 2M/minute, match: {team: [x, y]}}]\n",
    "budgets": ECHO + "budgets: [{name: a, usd: 5000, period: month, hard: true, alert_at: [80%]}]\n",
    "cache": ECHO + "cache: {exact: {ttl: 24h}, semantic: {mode: verified, max_wrong: 1%, index: {m: 16}}}\n",
    "guards": ECHO + "guards: {input: [{pii: mask, types: [email]}], output: [{secrets: redact, on_fail: retry}]}\n",
    "state": ECHO + "state: {url: 'redis://h'}\n",
    "ledger": ECHO + "ledger: {url: 'clickhouse://h'}\n",
    "models.m.rules": ECHO + "models: {m: {rules: [{when: a, targets: [echo/echo]}]}}\n",
    "models.m.strategy": ECHO + "models: {m: {targets: [echo/echo], strategy: weighted}}\n",
    "models.m.shadow": ECHO + "models: {m: {targets: [echo/echo], shadow: {target: echo/x, share: 5%}}}\n",
    "models.m.targets[0].weight": ECHO + "models: {m: {targets: [{use: echo/echo, weight: 9}]}}\n",
    "providers.p.api_keys": HEAD + "  p: {type: vllm, api_keys: [{key: 'env:KEY', weight: 2}]}\n",
    "providers.p.type": HEAD + "  p: {type: azure, base_url: 'https://h'}\n",
}


@pytest.mark.parametrize("path", USES)
def test_a_use_is_refused_by_name(path: str) -> None:
    found = faults(USES[path])
    assert len(found) == 1
    assert f": {path}: " in found[0]
    assert found[0].endswith("not supported yet")


@pytest.mark.parametrize("kind", [value for row in NOT_YET if row.path == "providers.*.type" for value in row.values])
def test_types_that_are_not_built(kind: str) -> None:
    assert faults(HEAD + f"  p: {{type: {kind}}}\n") == [f"p.yaml:3: providers.p.type: {kind}: not supported yet"]


@pytest.mark.parametrize("field", ["api_version", "project", "location", "region", "profile"])
def test_fields_of_types_that_are_not_built(field: str) -> None:
    (fault,) = faults(HEAD + f"  p: {{type: vllm, {field}: x}}\n")
    assert fault.startswith(f"p.yaml:3: providers.p.{field}: ")
    assert fault.endswith("is not supported yet")


@pytest.mark.parametrize("scheme", NOT_YET_SECRETS)
def test_secret_schemes_that_are_not_built(scheme: str) -> None:
    assert faults(HEAD + f"  p: {{type: vllm, api_key: '{scheme}:x'}}\n") == [
        f"p.yaml:3: providers.p.api_key: secrets from {scheme}: are not supported yet"
    ]


def test_what_asks_for_nothing_is_let_through() -> None:
    assert faults(ECHO + "limits: []\nbudgets:\ncache: {}\nkeys: []\nguards: ~\n") == []


def test_what_is_built_is_let_through() -> None:
    assert faults(ECHO + "models: {m: {targets: [{use: echo/echo}], strategy: ordered}}\n") == []


def test_what_is_malformed_is_told_as_well() -> None:
    assert faults(ECHO + "limits: [{name: a, tokens: 5/fortnight}]\n") == [
        f"p.yaml:4: limits[0].tokens: {RATE}, got '5/fortnight'",
        "p.yaml:4: limits: not supported yet",
    ]


def test_every_row_is_a_place_of_the_schema() -> None:
    for row in NOT_YET:
        assert _leads_somewhere(types.type_info(Written), row.steps), row.path


def _leads_somewhere(kind: types.Type, steps: tuple[str, ...]) -> bool:
    if not steps:
        return True
    match kind:
        case types.UnionType(types=members):
            return any(_leads_somewhere(member, steps) for member in members)
        case types.StructType(fields=fields):
            return any(_leads_somewhere(f.type, steps[1:]) for f in fields if f.encode_name == steps[0])
        case types.ListType(item_type=of) | types.DictType(value_type=of):
            return steps[0] == "*" and _leads_somewhere(of, steps[1:])
        case _:
            return False


def test_rows_about_values_name_values_of_the_schema() -> None:
    choices = msgspec.json.schema(Written)
    text = str(choices)
    for row in NOT_YET:
        assert all(f"'{value}'" in text for value in row.values if not row.path.endswith("url")), row.path
