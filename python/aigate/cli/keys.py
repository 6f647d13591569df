"""`aigate keys`: mint, list, revoke and rotate."""

from __future__ import annotations

import re
import secrets
import time
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from aigate.domain import ANY_MODEL, Principal
from aigate.identity import digest, mint
from aigate.store import KeyTable

from .places import ConfigOption, DataOption, data_path

keys = typer.Typer(help="The keys that callers use.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print data instead of a table.")]

_DURATION = re.compile(r"([0-9]{1,6})(m|h|d)")
_MILLIS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TAG = re.compile(r"([A-Za-z0-9_.-]{1,64})=([^\x00-\x1f\x7f,=]{1,256})")


@keys.command()
def create(
    team: Annotated[str, typer.Option(help="Team that pays.")] = "",
    service: Annotated[str, typer.Option(help="Service that calls.")] = "",
    user: Annotated[str, typer.Option(help="Person that calls.")] = "",
    org: Annotated[str, typer.Option(help="Organisation.")] = "",
    model: Annotated[list[str] | None, typer.Option(help="Model name or pattern it may use; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="name=value fixed by the key; repeatable.")] = None,
    require_tag: Annotated[list[str] | None, typer.Option(help="Tag a request must carry; repeatable.")] = None,
    forbid_tag: Annotated[list[str] | None, typer.Option(help="Tag a request may not set; repeatable.")] = None,
    expires: Annotated[str, typer.Option(help="Life of the key, such as 90d.")] = "",
    budget: Annotated[str, typer.Option(help="Not supported yet.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mint a key. It is shown once and kept as a hash.

    Example: aigate keys create --team search --service api --expires 90d
    """
    if budget:
        raise typer.BadParameter("not supported yet", param_hint="--budget")
    now_ms = time.time_ns() // 1_000_000
    principal = Principal(
        key="key_" + secrets.token_hex(8),
        org=org,
        team=team,
        service=service,
        user=user,
        models=tuple(model or (ANY_MODEL,)),
        tags=tuple(_tag(text) for text in tag or ()),
        require_tags=tuple(require_tag or ()),
        forbid_tags=tuple(forbid_tag or ()),
        expires_ms=now_ms + _lifetime_ms(expires) if expires else 0,
    )
    key = mint()
    with KeyTable.open(data_path(data)) as table:
        table.put(principal, digest(key.encode()))
    if as_json:
        print(
            orjson.dumps(
                {
                    "id": principal.key,
                    "key": key,
                    "team": team,
                    "service": service,
                    "user": user,
                    "expires_ms": principal.expires_ms,
                }
            ).decode()
        )
    else:
        print(f"{principal.key}\n{key}\n\nThis is the only time the key is shown.")


@keys.command("list")
def list_(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the keys, without the secrets.

    Example: aigate keys list
    """
    with KeyTable.open(data_path(data)) as table:
        rows = table.list_keys()
    if as_json:
        print(orjson.dumps([row.as_dict() for row in rows]).decode())
        return
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "org", "team", "service", "user", "models", "state"):
        shown.add_column(column, overflow="fold")
    now_ms = time.time_ns() // 1_000_000
    for row in rows:
        who = row.principal
        shown.add_row(who.key, who.org, who.team, who.service, who.user, " ".join(who.models), row.state(now_ms))
    Console().print(shown)


@keys.command()
def revoke(key_id: str, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make a key invalid, in every worker within a second.

    Example: aigate keys revoke key_3f9a1c0b7d2e4f58
    """
    with KeyTable.open(data_path(data)) as table:
        found = table.revoke(key_id)
    if not found:
        raise typer.BadParameter(f"no active key {key_id}", param_hint="KEY_ID")
    print(orjson.dumps({"id": key_id, "revoked": True}).decode() if as_json else f"{key_id} revoked")


@keys.command()
def rotate(key_id: str, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Give a key a new secret under the same id; the old secret stops working.

    Example: aigate keys rotate key_3f9a1c0b7d2e4f58 --json
    """
    key = mint()
    with KeyTable.open(data_path(data)) as table:
        found = table.rotate(key_id, digest(key.encode()))
    if not found:
        raise typer.BadParameter(f"no active key {key_id}", param_hint="KEY_ID")
    print(orjson.dumps({"id": key_id, "key": key}).decode() if as_json else f"{key_id}\n{key}")


def _tag(text: str) -> tuple[str, str]:
    found = _TAG.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write name=value", param_hint="--tag")
    return found[1], found[2]


def _lifetime_ms(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write a duration such as 90d, 12h or 30m", param_hint="--expires")
    return int(found[1]) * _MILLIS[found[2]]
