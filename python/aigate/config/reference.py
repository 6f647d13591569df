"""Writes `docs/reference/policy.md` from the schema: `python -m aigate.config.reference FILE`.

Every sentence about a field is its own docstring's; every unit, default and "not supported yet" is read from the code
that obeys it. `tests/config/test_reference.py` holds the committed page to this.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect as types

from aigate.prices import usd_text

from .files import MAX_FILE_BYTES, MAX_FILES
from .notyet import NOT_YET, NOT_YET_SECRETS
from .tree import MAX_DEPTH, MAX_NODES
from .units import UNIT_NAMES, written_duration, written_share
from .written import Written

_EXAMPLES = (
    ("duration", "`30s` `5m` `24h` `3d` `500ms`"),
    ("size", "`2M` `100k` `1500`; k, M and G are powers of ten"),
    ("usd", "`5000` `0.05` `5usd`, to the nano-dollar"),
    ("price", "`2.50`"),
    ("share", "`5%` `0.05`"),
    ("rate", "`30M/minute` `600/minute`; second, minute, hour or day"),
    ("instant", "`2027-01-31` (from its start, UTC) or `2027-01-31T12:00:00Z`"),
    ("secret", "`env:NAME` `file:/path`"),
    ("header", "`eu-west` `env:NAME`"),
)

_OPENING = f"""# The policy file

<!-- Written by `python -m aigate.config.reference docs/reference/policy.md`; edit the schema, not this page. -->

A policy is one YAML file, or a directory whose `*.yaml` and `*.yml` files are merged in the order of their names:
mappings of the top level by key, lists one after the other; anything else that stands in two files is a fault.
`aigate check CONFIG` prints every fault as `FILE:LINE: path: message`. A field that is not in the tables below is a
fault, and so is a part that is marked *not supported yet*: nothing is ever ignored.

- **Bounds:** {MAX_FILES} files of {MAX_FILE_BYTES // 1024} KiB, {MAX_DEPTH} levels, {MAX_NODES:,} values with aliases
  expanded. Anchors, aliases and `<<` may be used, tags may not.
- **Secrets** are references, never values: `env:NAME` or `file:/path`, followed when the policy is loaded. A text that
  looks like a key is a fault. `{":`, `".join(NOT_YET_SECRETS)}:` are not supported yet. `${{…}}` is not expanded.
- **Reload:** a change of the file, of a file in the directory, or of a `file:` secret is taken over in one step; a
  policy with a fault leaves the last good one in force.
- **Targets** are `provider/model`, split at the first slash; the model is the provider's own name for it.

With no policy at all, aigate uses every provider it supports whose usual environment variable is set (now
`OPENAI_API_KEY`, with `OPENAI_BASE_URL`) and the offline model `echo`; every model of the price book can then be called
by its own name.

```yaml
version: 1
providers:
  openai: {{type: openai, api_key: "env:OPENAI_API_KEY"}}
  local:  {{type: vllm, base_url: "http://vllm:8000/v1", prices: {{input: 0, output: 0}}}}
models:
  gpt-4o: {{targets: [openai/gpt-4o, local/llama-70b]}}
keys:
  - {{sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, team: search, models: ["gpt-*"]}}
```

## Units

| unit | written as |
|---|---|
"""


def reference() -> str:
    """The whole page."""
    units = "".join(f"| {UNIT_NAMES[unit]} | {example} |\n" for unit, example in _EXAMPLES)
    return _OPENING + units + "".join(_section(path, of) for path, of in _sections(("",), Written, set()))


Steps = tuple[str, ...]


def _sections(path: Steps, of: type, seen: set[type]) -> Iterator[tuple[Steps, type]]:
    """Every mapping of the schema with the first place where it can stand, from the top down."""
    if of in seen:
        return
    seen.add(of)
    yield path, of
    for field in msgspec.structs.fields(of):
        for steps, inner in _structs(types.type_info(field.type)):
            yield from _sections((*path, field.encode_name, *steps), inner, seen)


def _structs(kind: types.Type) -> Iterator[tuple[Steps, type]]:
    match kind:
        case types.StructType(cls=cls):
            yield (), cls
        case types.UnionType(types=members):
            for member in members:
                yield from _structs(member)
        case types.ListType(item_type=of):
            yield from ((("[]", *steps), cls) for steps, cls in _structs(of))
        case types.DictType(value_type=of):
            yield from ((("*", *steps), cls) for steps, cls in _structs(of))


def _section(path: Steps, of: type) -> str:
    summary, attributes = _docs(of)
    title = _written(path) or "Top level"
    unbuilt = any(_steps(path)[: len(row.steps)] == row.steps for row in NOT_YET)
    lines = [
        "",
        f"## {title}",
        "",
        summary + (" *Not supported yet.*" if unbuilt else ""),
        "",
        "| field | value | default | meaning |",
        "|---|---|---|---|",
    ]
    for field in msgspec.structs.fields(of):
        value = _kind(types.type_info(field.type))
        meaning = attributes[field.encode_name] + _status((*path, field.encode_name))
        lines.append(f"| `{field.encode_name}` | {value} | {_default(field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _written(path: Steps) -> str:
    text = ".".join(path[1:]).replace(".[]", "[]").replace(".*", ".NAME")
    return f"`{text}`" if text else ""


def _docs(of: type) -> tuple[str, dict[str, str]]:
    """A class's summary, and the text of each of its attributes."""
    summary, _, listing = inspect.cleandoc(of.__doc__ or "").partition("\n\nAttributes:\n")
    entries = re.split(r"\n    (?=\w+: )", "\n" + listing)[1:]
    pairs = (entry.partition(": ") for entry in entries)
    return " ".join(summary.split()), {name: " ".join(text.split()) for name, _, text in pairs}


def _steps(path: Steps) -> Steps:
    """`path` as the rows of `NOT_YET` write it."""
    return tuple("*" if step == "[]" else step for step in path[1:])


def _status(path: Steps) -> str:
    """What of a field is not supported yet."""
    notes = []
    for row in NOT_YET:
        if row.steps == _steps(path):
            what = ", ".join(f"`{value}`" for value in row.values)
            notes.append(f" *{what + ': ' if what else ''}{row.reason}.*")
    return "".join(notes)


def _kind(kind: types.Type) -> str:
    """How a value is written, in words."""
    match kind:
        case types.Metadata(extra={"unit": str(unit)}):
            text = UNIT_NAMES[unit]
        case types.UnionType(types=members):
            text = " or ".join(_kind(member) for member in members if not isinstance(member, types.NoneType))
        case types.StructType():
            text = "mapping"
        case types.ListType(item_type=of):
            text = f"list of {_kind(of)}"
        case types.DictType(value_type=of):
            text = f"name → {_kind(of)}"
        case types.LiteralType(values=values):
            text = ", ".join(f"`{value}`" for value in values)
        case _:
            text = _scalar(kind)
    return text


def _scalar(kind: types.Type) -> str:
    match kind:
        case types.IntType(ge=None, le=None):
            return "whole number"
        case types.IntType(ge=least, le=most):
            return f"whole number, {least} to {most}" if most is not None and most < 2**31 - 1 else f"from {least}"
        case types.BoolType():
            return "`true`, `false`"
        case _:
            return "text"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    value = field.default
    if value in {None, "", False, msgspec.NODEFAULT}:
        return "`false`" if value is False else ""
    kind = types.type_info(field.type)
    unit = kind.extra.get("unit") if isinstance(kind, types.Metadata) and kind.extra else None
    match unit, value:
        case "duration", int():
            return f"`{written_duration(value)}`"
        case (("usd" | "price"), int()):
            return f"`{usd_text(value)}`"
        case "share", int():
            return f"`{written_share(value)}`"
        case _:
            return f"`{value}`"


def main(arguments: list[str]) -> None:
    """Write the page to the file that is named."""
    (path,) = arguments
    Path(path).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
