"""Whatever is returned satisfies the schema by an independent validator; whatever is refused is refused by name."""

from __future__ import annotations

import enum
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from aigate.providers.echo.rules import SchemaUnsupported
from aigate.providers.echo.schema import example

Schema = dict[str, Any]


def satisfied(schema: Schema) -> Any:
    value = example(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(value)
    return value


INTEGERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": st.integers(-50, 50),
        "maximum": st.integers(-50, 50) | st.floats(-5, 5).map(lambda value: round(value, 2)),
        "exclusiveMinimum": st.integers(-50, 50),
        "exclusiveMaximum": st.integers(-50, 50),
        "multipleOf": st.integers(1, 20),
    },
)
STRINGS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 30),
        "maxLength": st.integers(0, 30),
        "format": st.sampled_from(["date", "email", "uuid", "date-time", "ipv4", "anything"]),
    },
)
LEAVES: st.SearchStrategy[Schema] = (
    INTEGERS
    | STRINGS
    | st.just({"type": "boolean"})
    | st.just({"type": ["null", "string"]})
    | st.lists(st.integers() | st.text(max_size=4), min_size=1, max_size=3).map(lambda values: {"enum": values})
    | st.builds(lambda value: {"const": value}, st.none() | st.integers() | st.text(max_size=4))
    | st.just({})
)


def _grown(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    properties = st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4)
    objects = properties.flatmap(
        lambda made: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(made),
                "required": st.lists(st.sampled_from(sorted(made) or ["z"]), unique=True),
                "additionalProperties": st.booleans(),
            }
        )
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={"minItems": st.integers(0, 3), "maxItems": st.integers(0, 3), "prefixItems": st.lists(inner)},
    )
    unions = st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches})
    return objects | arrays | unions


@given(st.recursive(LEAVES, _grown, max_leaves=12))
def test_a_value_satisfies_its_schema_or_is_refused(schema: Schema) -> None:
    """For every schema of the supported keywords: valid, or SchemaUnsupported; and the same value each time."""
    try:
        value = satisfied(schema)
    except SchemaUnsupported:
        return
    assert value == example(schema)


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Node(BaseModel):
    value: float = Field(gt=0, lt=1)
    children: list[Node] = []
    next: Node | None = None


class Person(BaseModel):
    name: str = Field(min_length=3, max_length=40)
    colour: Colour
    pet: Cat | Dog = Field(discriminator="kind")
    tags: list[str] = Field(min_length=2, max_length=4)
    pair: tuple[int, str]
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    scores: dict[str, int]
    tree: Node
    nickname: str | None = None


def test_what_people_really_send() -> None:
    value = satisfied(Person.model_json_schema())
    person = Person.model_validate(value)
    assert person.code == "AAA-0000"


def test_a_recursive_schema_ends() -> None:
    tree = {
        "$defs": {"node": {"type": "object", "properties": {"l": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}}},
        "$ref": "#/$defs/node",
    }
    assert satisfied(tree)["v"] == 1


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#"}, "circle"),
        ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}] * 3}}, "$ref": "#/$defs/a"}, "circle"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "no end"),
        ({"$ref": "https://example.com/schema"}, "into the schema itself"),
        ({"$ref": "#/$defs/nowhere"}, "nowhere"),
        ({"not": {}}, "'not'"),
        ({"enum": []}, "'enum'"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "bounds"),
        ({"type": "integer", "multipleOf": 0}, "multipleOf"),
        ({"type": "string", "minLength": 10**9}, "'minLength'"),
        ({"type": "array", "minItems": 10**9}, "'minItems'"),
        ({"type": "array", "minItems": 2, "items": {"const": 1}, "uniqueItems": True}, "uniqueItems"),
        ({"type": "string", "pattern": r"(?=x)"}, "pattern"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "nothing is allowed"),
        ({"type": "thing"}, "not a type"),
        ({"minimum": "3"}, "not a number"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(schema: Schema, reason: str) -> None:
    with pytest.raises(SchemaUnsupported, match=reason):
        example(schema)


DEEP = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "required": ["a"]}
WIDE = {"properties": {f"p{number}": {} for number in range(5_000)}}
HOSTILE = {
    "unions of unions": {"$defs": {"x": {"anyOf": [DEEP] * 3}}, "$ref": "#/$defs/x"},
    "many wide parts": {"$defs": {"x": WIDE}, "allOf": [{"$ref": "#/$defs/x"}] * 50_000},
    "many properties": {**WIDE, "type": "object", "required": list(WIDE["properties"])},
    "many required": {"type": "object", "required": [str(number) for number in range(100_000)]},
    "many long items": {"type": "array", "minItems": 256, "items": {"type": "string", "minLength": 10_000}},
    "a long pattern": {"type": "string", "pattern": "a{1}" * 100_000},
    "a long number": {"type": "integer", "minimum": 10**5_000},
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_schema_ends_with_the_allowance(schema: Schema) -> None:
    """Each would cost minutes or gigabytes without a bound; with one it is refused."""
    with pytest.raises(SchemaUnsupported):
        example(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "items", "properties", "enum", "anyOf", "allOf", "$ref", "required", "minimum"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_json_makes_it_fail_otherwise(schema: object) -> None:
    """Any JSON as a schema gives a value or SchemaUnsupported."""
    try:
        example(schema)
    except SchemaUnsupported:
        return
