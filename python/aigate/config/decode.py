"""The tree of a policy → `Written`, following the schema's own types.

Unlike one `msgspec.convert`, which stops at the first error, this walks on: every wrong value is its own fault on its
own line, and what is right around it is kept, so that the later checks can speak too. Scalars are read by what the
schema wants of them, not by what YAML guesses: `no` is a text where a text is wanted, and never a switch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec import inspect as types

from .faults import Findings, Where, looks_like_key, shown
from .secret_refs import reference, scheme
from .tree import Fields, Items, Leaf, Node, is_null
from .units import UNIT_NAMES, UNITS

T = TypeVar("T", bound=msgspec.Struct)

MAX_TEXT = 4096

_INTEGER = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_DENSE = re.compile(r"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/=_-]{32,}")
_BOOLEANS = {"true": True, "false": False}


def decode(tree: Fields, into: type[T], findings: Findings) -> T | None:
    """`tree` as an `into`; what is missing in it is in `findings`. None when nothing useful is left."""
    value = _Walk(findings).value(tree, types.type_info(into), ())
    return value if isinstance(value, into) else None


def _described(node: Node) -> str:
    if isinstance(node, Leaf):
        return "nothing" if is_null(node) else "a single value"
    return "a list" if isinstance(node, Items) else "a mapping"


class _Walk:
    """One walk over one tree. Methods give UNSET for what could not be read, after a fault has been noted."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def value(self, node: Node, kind: types.Type, where: Where) -> object:
        """`node` read as `kind`."""
        result: object
        match kind:
            case types.Metadata(extra={"unit": str(unit)}):
                result = self._unit(node, unit, where)
            case types.Metadata(type=inner):
                result = self.value(node, inner, where)
            case types.UnionType():
                result = self._union(node, kind, where)
            case types.StructType():
                result = self._struct(node, kind, where)
            case types.DictType(value_type=of):
                result = self._mapping(node, of, where)
            case types.ListType(item_type=of):
                result = self._list(node, of, where)
            case _:
                result = self._scalar(node, kind, where)
        return result

    def _fault(self, where: Where, message: str) -> UnsetType:
        self._findings.fault(where, message)
        return UNSET

    # --- collections ---

    def _struct(self, node: Node, kind: types.StructType, where: Where) -> object:
        if not isinstance(node, Fields):
            return self._fault(where, f"expected a mapping, got {_described(node)}")
        names = {field.encode_name: field for field in kind.fields}
        values: dict[str, object] = {}
        for key, entry in node.entries.items():
            self._findings.place((*where, key), entry.mark)
            if key not in names:
                self._fault((*where, key), f"unknown field {shown(key)}{self._findings.near(key, names)}")
                continue
            field = names[key]
            if is_null(entry.node) and not field.required:
                continue
            values[field.name] = self.value(entry.node, field.type, (*where, key))
        missing = [field.encode_name for field in kind.fields if field.required and field.name not in values]
        if missing:
            return self._fault(where, f"{', '.join(missing)} missing")
        known = {name: value for name, value in values.items() if value is not UNSET}
        lost = any(field.required and field.name not in known for field in kind.fields)
        return UNSET if lost else kind.cls(**known)

    def _mapping(self, node: Node, of: types.Type, where: Where) -> object:
        if not isinstance(node, Fields):
            return self._fault(where, f"expected a mapping, got {_described(node)}")
        values: dict[str, object] = {}
        for key, entry in node.entries.items():
            self._findings.place((*where, key), entry.mark)
            values[key] = self.value(entry.node, of, (*where, key))
        return {key: value for key, value in values.items() if value is not UNSET}

    def _list(self, node: Node, of: types.Type, where: Where) -> object:
        if not isinstance(node, Items):
            return self._fault(where, f"expected a list such as [{_example(of)}], got {_described(node)}")
        values: list[object] = []
        for index, item in enumerate(node.items):
            self._findings.place((*where, index), item.mark)
            values.append(self.value(item, of, (*where, index)))
        kept = tuple(index for index, value in enumerate(values) if value is not UNSET)
        if len(kept) < len(values):
            self._findings.keep(where, kept)
        return [values[index] for index in kept]

    def _union(self, node: Node, kind: types.UnionType, where: Where) -> object:
        """By the node's shape: at most one member of a union is a mapping, a list, a scalar."""
        shapes = {_shape(member): member for member in kind.types if not isinstance(member, types.NoneType)}
        return self.value(node, shapes.get(type(node), next(iter(shapes.values()))), where)

    # --- scalars ---

    def _text_of(self, node: Node, where: Where, wanted: str) -> str | UnsetType:
        if not isinstance(node, Leaf) or is_null(node):
            return self._fault(where, f"expected {wanted}, got {_described(node)}")
        if len(node.text) > MAX_TEXT:
            return self._fault(where, f"longer than {MAX_TEXT} characters")
        return node.text

    def _scalar(self, node: Node, kind: types.Type, where: Where) -> object:
        match kind:
            case types.IntType():
                return self._integer(node, kind, where)
            case types.BoolType():
                text = self._text_of(node, where, "true or false")
                if text is UNSET or text in _BOOLEANS:
                    return text if text is UNSET else _BOOLEANS[text]
                return self._fault(where, f"expected true or false, got {shown(text)}")
            case types.LiteralType(values=choices):
                return self._choice(node, {str(choice): choice for choice in choices}, where)
            case types.StrType():
                return self._plain_text(node, where)
            case _:
                raise TypeError(f"the schema has a type that is not read here: {kind!r}")

    def _plain_text(self, node: Node, where: Where) -> object:
        text = self._text_of(node, where, "a text")
        if text is UNSET or not isinstance(node, Leaf) or not node.plain:
            return text
        if text in _BOOLEANS or _NUMBER.fullmatch(text):
            return self._fault(where, f"expected a text, got {shown(text)}; put it in quotes")
        return text

    def _integer(self, node: Node, kind: types.IntType, where: Where) -> object:
        text = self._text_of(node, where, "a whole number")
        if text is UNSET:
            return UNSET
        if not _INTEGER.fullmatch(text):
            return self._fault(where, f"expected a whole number, got {shown(text)}")
        value = int(text)
        if (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
            return self._fault(where, f"expected a whole number from {kind.ge} to {kind.le}, got {value}")
        return value

    def _choice(self, node: Node, choices: Mapping[str, object], where: Where) -> object:
        wanted = " or ".join(choices) if len(choices) < 3 else f"one of {', '.join(choices)}"
        text = self._text_of(node, where, wanted)
        if text is UNSET or text in choices:
            return text if text is UNSET else choices[text]
        return self._fault(where, f"expected {wanted}, got {shown(text)}{self._findings.near(text, choices)}")

    def _unit(self, node: Node, unit: str, where: Where) -> object:
        text = self._text_of(node, where, UNIT_NAMES[unit])
        if text is UNSET:
            return UNSET
        try:
            return _read_unit(text, unit)
        except ValueError as error:
            got = "" if unit in {"secret", "header"} else f", got {shown(text)}"
            return self._fault(where, f"{error}{got}")


def _read_unit(text: str, unit: str) -> int | str:
    if unit == "secret":
        return reference(text)
    if unit == "header":
        return _header_value(text)
    return UNITS[unit](text)


def _header_value(text: str) -> str:
    """A header's value: a reference or a text that is not a credential. Raises ValueError without the text."""
    if scheme(text):
        return text
    if looks_like_key(text) or _DENSE.search(text) or text.lower().startswith(("bearer ", "basic ")):
        return reference(text)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has a line break or another character that no header may have")
    return text


def _shape(kind: types.Type) -> type:
    """The kind of node that `kind` is written as."""
    match kind:
        case types.Metadata(type=inner):
            return _shape(inner)
        case types.StructType() | types.DictType():
            return Fields
        case types.ListType():
            return Items
        case _:
            return Leaf


def _example(kind: types.Type) -> str:
    return "{…}" if _shape(kind) is Fields else "…"
