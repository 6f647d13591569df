"""`tool_choice` decides whether tools are called, directives decide which, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.echo.exchange import ask, error, events, whole

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}
CLOCK_TOOL = {"type": "function", "function": {"name": "clock"}}
SHELL = {"type": "custom", "custom": {"name": "shell"}}
TOOLS = [WEATHER, CLOCK_TOOL]


def calls(text: str = "Hello", **fields: Any) -> list[tuple[str, str]]:
    choice = whole(ask(text, **{"tools": TOOLS, **fields})).choices[0]
    made = choice.message.tool_calls or []
    assert choice.finish_reason == ("tool_calls" if made else "stop")
    assert (choice.message.content is None) == bool(made)
    assert len({call.id for call in made}) == len(made)
    return [(call.function.name, call.function.arguments) for call in made if call.type == "function"]


def test_only_on_request() -> None:
    assert calls() == []
    assert calls("call tool clock") == [("clock", "{}")]
    assert calls("call tool unknown {}") == []
    assert calls("call tool clock", tool_choice="none") == []


def test_parallel_calls_and_one_at_a_time() -> None:
    text = 'call tool weather {"city": "Oslo"}, call tool clock {}'
    both = [("weather", '{"city": "Oslo"}'), ("clock", "{}")]
    assert calls(text) == both
    assert calls(text, parallel_tool_calls=False) == both[:1]


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ("required", [("weather", '{"city":"city"}')]),
        ({"type": "function", "function": {"name": "clock"}}, [("clock", "{}")]),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CLOCK_TOOL]}}, [("clock", "{}")]),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [CLOCK_TOOL]}}, []),
    ],
)
def test_a_choice_that_forces(choice: object, made: list[tuple[str, str]]) -> None:
    assert calls(tool_choice=choice) == made


def test_a_forced_tool_takes_the_arguments_of_its_directive() -> None:
    forced = {"type": "function", "function": {"name": "weather"}}
    assert calls('call tool clock, call tool weather {"city":"Rome"}', tool_choice=forced) == [
        ("weather", '{"city":"Rome"}')
    ]


def test_tool_answers_are_said_back_instead_of_calling_again() -> None:
    messages = [
        {"role": "user", "content": "call tool clock"},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "clock"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "noon"},
    ]
    assert whole(ask(messages=messages, tools=TOOLS)).choices[0].message.content == "The tool answered: noon"


def test_custom_tools_take_free_text() -> None:
    message = whole(ask("ls -l", tools=[SHELL], tool_choice="required")).choices[0].message
    assert message.tool_calls is not None
    assert message.tool_calls[0].type == "custom"
    assert message.tool_calls[0].custom.input == "ls -l"
    streamed = events(ask("ls -l", tools=[SHELL], tool_choice="required", stream=True))
    parts = [call for event in streamed for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(part["custom"]["input"] for part in parts) == "ls -l"


def test_a_cap_cuts_the_arguments() -> None:
    choice = whole(ask('call tool weather {"city": "a b c"}', tools=TOOLS, max_tokens=2)).choices[0]
    assert choice.finish_reason == "length"
    assert choice.message.tool_calls is not None
    assert choice.message.tool_calls[0].type == "function"
    assert choice.message.tool_calls[0].function.arguments == '{"city": "a'


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "function"}]}, "$.tools[0].function"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
        ({"tools": TOOLS, "text": "call tool clock {x}"}, "messages"),
    ],
)
def test_what_cannot_be_called_is_refused(fields: dict[str, Any], param: str) -> None:
    script = ask(**fields)
    assert script.status == 400
    assert error(script)["param"] == param
