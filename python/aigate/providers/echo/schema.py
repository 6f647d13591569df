"""A small value that satisfies a JSON Schema: always the same one for the same schema.

Handles what structured output uses: objects, arrays, unions (`oneOf` as `anyOf`), enums, constants, bounds, formats,
patterns, `$ref` into the schema itself. A keyword that would need a solver is refused by name. Invariant: what is
returned satisfies every keyword it was made from; time and size are bounded by MAX_NODES whatever the schema says.
"""

from __future__ import annotations

from . import leaves
from .rules import Rules, SchemaUnsupported, breadth, growth, mapping, members, require_at_most, size, type_of

MAX_NODES = 5_000
MAX_DEPTH = 40
MAX_ITEMS = 256
GROWING_DEPTH = 4  # below it, optional things are left out, so that recursive schemas end

_REFUSED = (
    "not", "if", "then", "else", "contains", "propertyNames", "patternProperties", "dependentRequired",
    "dependentSchemas", "dependencies", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef",
)  # fmt: skip
_REMARKS = frozenset({"title", "description", "default", "examples", "deprecated", "$id", "$schema", "$comment"})


def example(schema: object, name: str = "echo") -> object:
    """A value for `schema`; `name` becomes the text of a free string at the top. Raises SchemaUnsupported."""
    return _Maker(schema).value(schema, name, 0)


class _Maker:
    """One pass over one schema; everything it does is paid for out of one allowance."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._nodes_left = MAX_NODES

    def _spend(self, nodes: int, name: str) -> None:
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise SchemaUnsupported(f"{name}: the schema is too large or has no end")

    def value(self, schema: object, name: str, depth: int) -> object:
        """A value for a schema at `depth`; `name` is the last part of its path."""
        self._spend(1, name)
        if depth > MAX_DEPTH:
            raise SchemaUnsupported(f"{name}: the schema is nested too deeply or has no end")
        if schema is True:
            return name
        rules = self._resolved(schema, name)
        if "const" in rules:
            return rules["const"]
        if "enum" in rules:
            return members(rules, "enum", name, 1)[0]
        for union in ("anyOf", "oneOf"):
            if union in rules:
                return self._first_possible(rules, union, name, depth)
        return self._typed(rules, name, depth)

    def _resolved(self, schema: object, name: str, hops: int = 0) -> Rules:
        """The schema with `$ref` followed and `allOf` folded in."""
        rules = mapping(schema, name)
        while "$ref" in rules or "allOf" in rules:
            hops += 1
            if hops > MAX_DEPTH:
                raise SchemaUnsupported(f"{name}: references run in a circle")
            siblings: Rules = {key: rules[key] for key in rules if key not in {"$ref", "allOf"}}
            parts = [self._at(rules["$ref"], name)] if "$ref" in rules else []
            parts.extend(mapping(part, name) for part in members(rules, "allOf", name, 0))
            for part in parts:
                siblings = self._merged(siblings, self._resolved(part, name, hops), name)
            rules = siblings
        for keyword in _REFUSED:
            if keyword in rules:
                raise SchemaUnsupported(f"{name}: the keyword '{keyword}' is not supported")
        return rules

    def _at(self, reference: object, name: str) -> Rules:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise SchemaUnsupported(f"{name}: only references into the schema itself are followed")
        found = self._root
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdigit() and len(key) < 6 and int(key) < len(found):
                found = found[int(key)]
            else:
                raise SchemaUnsupported(f"{name}: the reference leads nowhere")
        return mapping(found, name)

    def _merged(self, one: Rules, other: Rules, name: str) -> Rules:
        """Both sets of rules; where they name the same keyword only what can be joined is."""
        self._spend(1 + (breadth(one) + breadth(other)) // 4, name)
        merged = dict(one)
        for key, value in other.items():
            mine = merged.get(key, value)
            if key in {"properties", "$defs", "definitions"}:
                merged[key] = {**mapping(mine, name), **mapping(value, name)}
            elif key == "required" and isinstance(mine, list) and isinstance(value, list):
                merged[key] = [*mine, *value]
            elif key in _REMARKS or mine == value:
                merged[key] = value
            else:
                raise SchemaUnsupported(f"{name}: two different '{key}' for one value are not supported")
        return merged

    def _first_possible(self, rules: Rules, union: str, name: str, depth: int) -> object:
        siblings = {key: value for key, value in rules.items() if key != union}
        branches = [mapping(branch, name) for branch in members(rules, union, name, 1)]
        self._spend(len(branches) // 4, name)
        if depth >= GROWING_DEPTH:
            branches.sort(key=growth)
        for branch in branches:
            try:
                return self.value(self._merged(siblings, branch, name), name, depth + 1)
            except SchemaUnsupported as fault:
                last = fault
        raise last

    def _typed(self, rules: Rules, name: str, depth: int) -> object:
        match type_of(rules):
            case "object":
                return self._object(rules, name, depth)
            case "array":
                return self._array(rules, name, depth)
            case "string":
                text = leaves.text(rules, name)
                self._spend(len(text) // 64, name)
                return text
            case "integer" | "number" as kind:
                return leaves.number(rules, name, whole=kind == "integer")
            case "boolean" | "null" as kind:
                return True if kind == "boolean" else None
            case _:
                raise SchemaUnsupported(f"{name}: not a type of JSON")

    def _object(self, rules: Rules, name: str, depth: int) -> dict[str, object]:
        properties = mapping(rules.get("properties", {}), name)
        required = dict.fromkeys(key for key in members(rules, "required", name, 0) if isinstance(key, str))
        additional = rules.get("additionalProperties", True)
        made: dict[str, object] = {}
        for key, schema in properties.items():
            if key in required:
                made[key] = self.value(schema, key, depth + 1)
            elif depth < GROWING_DEPTH:
                self._optional(made, key, schema, depth)
        for key in required:
            if key not in made:
                made[key] = self.value(additional, key, depth + 1)
        for number in range(size(rules, "minProperties", name, MAX_ITEMS) - len(made)):
            key = f"{name} {number + 1}"
            made[key] = self.value(additional, key, depth + 1)
        require_at_most(len(made), rules, "maxProperties", name)
        return made

    def _optional(self, made: dict[str, object], key: str, schema: object, depth: int) -> None:
        try:
            made[key] = self.value(schema, key, depth + 1)
        except SchemaUnsupported:
            return  # a property that may be absent is left out rather than making the whole impossible

    def _array(self, rules: Rules, name: str, depth: int) -> list[object]:
        first = members(rules, "prefixItems", name, 0)
        least = size(rules, "minItems", name, MAX_ITEMS)
        items = rules.get("items", True)
        if len(first) > MAX_ITEMS:
            raise SchemaUnsupported(f"{name}: more than {MAX_ITEMS} 'prefixItems'")
        made = [self.value(schema, f"{name} {place + 1}", depth + 1) for place, schema in enumerate(first)]
        made.extend(self.value(items, f"{name} {place + 1}", depth + 1) for place in range(len(made), least))
        if not made and depth < GROWING_DEPTH and items is not False and rules.get("maxItems") != 0:
            made.extend(self._one(items, name, depth))
        if rules.get("uniqueItems") is True and any(item in made[:place] for place, item in enumerate(made)):
            raise SchemaUnsupported(f"{name}: 'uniqueItems' with more than one item is not supported")
        require_at_most(len(made), rules, "maxItems", name)
        return made

    def _one(self, items: object, name: str, depth: int) -> list[object]:
        try:
            return [self.value(items, f"{name} 1", depth + 1)]
        except SchemaUnsupported:
            return []  # an array that may be empty
