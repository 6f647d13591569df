"""Reading a JSON Schema, which may be any JSON: each part is of the kind it must be, or the schema is refused."""

from __future__ import annotations

from collections.abc import Mapping

Rules = Mapping[str, object]

_TYPES_BY_KEYWORD = (
    ("properties", "object"),
    ("required", "object"),
    ("items", "array"),
    ("prefixItems", "array"),
    ("minimum", "number"),
    ("maximum", "number"),
)


class SchemaUnsupported(ValueError):
    """No value can be made for the schema; the message says at which path and why."""


def type_of(rules: Rules) -> object:
    """The type that a value must have; of several one that is not null."""
    kind = rules.get("type")
    if isinstance(kind, list):
        return next((one for one in kind if one != "null"), "null")
    if kind is not None:
        return kind
    return next((implied for keyword, implied in _TYPES_BY_KEYWORD if keyword in rules), "string")


def growth(rules: Rules) -> int:
    """How much a value may go on growing: leaves before containers before references."""
    if not rules.keys().isdisjoint({"$ref", "anyOf", "allOf", "oneOf"}):
        return 2
    return 1 if type_of(rules) in {"object", "array"} else 0


def breadth(rules: Rules) -> int:
    """What copying the rules costs."""
    parts = (rules.get(key) for key in ("properties", "required", "$defs", "definitions"))
    return len(rules) + sum(len(members) for members in parts if isinstance(members, dict | list))


def mapping(value: object, name: str) -> Rules:
    """An object of the schema."""
    if not isinstance(value, dict):
        raise SchemaUnsupported(f"{name}: {'nothing is allowed here' if value is False else 'not a schema'}")
    return value


def members(rules: Rules, keyword: str, name: str, least: int) -> list[object]:
    """The list under `keyword`, with `least` members or more."""
    value = rules.get(keyword, [])
    if not isinstance(value, list) or len(value) < least:
        raise SchemaUnsupported(f"{name}: '{keyword}' is not a list{' with a member' if least else ''}")
    return value


def size(rules: Rules, keyword: str, name: str, most: int) -> int:
    """The count under `keyword`, 0 when absent."""
    value = rules.get(keyword, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise SchemaUnsupported(f"{name}: '{keyword}' is not a count up to {most}")
    return value


def require_at_most(count: int, rules: Rules, keyword: str, name: str) -> None:
    """Refuse when the upper bound under `keyword` is below what must be there."""
    most = rules.get(keyword)
    if isinstance(most, int) and count > most:
        raise SchemaUnsupported(f"{name}: '{keyword}' is less than what must be there")
