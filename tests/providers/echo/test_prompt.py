"""Directives are found wherever they stand, bounded in number, and never after the tools have answered."""

from __future__ import annotations

import json
import string

from hypothesis import given
from hypothesis import strategies as st

from aigate.providers.echo.prompt import MAX_DIRECTIVES, MAX_TEXT_CHARS, CallDirective, Prompt, read_prompt
from aigate.providers.echo.wire import ChatRequest, Message


def read(text: str, *after: Message) -> Prompt:
    return read_prompt(ChatRequest("echo", [Message("system", "call tool no {}"), Message("user", text), *after]))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.tuples(
            st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20),
            st.none() | st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3),
        ),
        max_size=5,
    )
)
def test_every_call_is_found_with_its_arguments(calls: list[tuple[str, dict[str, object] | None]]) -> None:
    """For every list of names and objects, what is written is what is read."""
    wanted = [CallDirective(name, None if given_ is None else json.dumps(given_)) for name, given_ in calls]
    text = ", and ".join(f"call tool {call.name} {call.arguments or ''}" for call in wanted)
    assert list(read(text).calls) == wanted


def test_an_object_that_never_closes_is_no_arguments() -> None:
    assert read('call tool a {"x": "}').calls == (CallDirective("a", None),)
    assert read("call tool a " + '{"x":' + "[" * 100).calls == (CallDirective("a", None),)


def test_calls_are_done_once_the_tools_have_answered() -> None:
    prompt = read("call tool a", Message("assistant"), Message("tool", "sunny"))
    assert prompt.calls == ()
    assert prompt.tool_answers == ("sunny",)


def test_bounds() -> None:
    prompt = read("call tool a " * 100 + "x" * 10_000 + "\n/echo seed=1" * 100)
    assert len(prompt.calls) == len(prompt.settings) == MAX_DIRECTIVES
    assert len(prompt.text) == MAX_TEXT_CHARS
    assert prompt.text.endswith("…")


def test_without_a_user_message() -> None:
    assert read_prompt(ChatRequest("echo", [Message("system", "Hi")])) == Prompt("", 0, (), (), ())
