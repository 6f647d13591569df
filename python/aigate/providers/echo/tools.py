"""Which tools echo calls, and with what arguments.

`tool_choice` decides whether it may or must; the directives in the message decide which; arguments that nobody gave
are made from the tool's own schema. Does not write the wire.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .errors import RequestInvalid
from .prompt import CallDirective, Prompt
from .rules import SchemaUnsupported
from .schema import example
from .wire import ChatRequest, Tool, ToolChoice


class Call(msgspec.Struct, frozen=True):
    """One call to be made; `arguments` is JSON text, or free text for a custom tool."""

    kind: Literal["function", "custom"]
    name: str
    arguments: str


def chosen_calls(request: ChatRequest, prompt: Prompt) -> tuple[Call, ...]:
    """The calls that answer `request`, none for a text. Raises RequestInvalid."""
    tools = {_name(tool, f"$.tools[{place}]"): tool for place, tool in enumerate(request.tools or ())}
    choice = request.tool_choice
    if not tools:
        if choice is not None and choice != "none":
            raise RequestInvalid("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
        return ()
    tools, must = _allowed(tools, choice)
    wanted = [directive for directive in prompt.calls if directive.name in tools]
    if must and not wanted:
        wanted = [CallDirective(next(iter(tools)), None)]
    if choice == "none":
        wanted = []
    calls = tuple(_call(tools[directive.name], directive, prompt) for directive in wanted)
    return calls[:1] if request.parallel_tool_calls is False else calls


def _allowed(tools: dict[str, Tool], choice: str | ToolChoice | None) -> tuple[dict[str, Tool], bool]:
    """The tools that may be called, and whether one must be."""
    if not isinstance(choice, ToolChoice):
        return tools, choice == "required"
    if choice.type == "allowed_tools":
        if choice.allowed_tools is None:
            raise RequestInvalid("Missing required parameter.", param="tool_choice.allowed_tools")
        names = [_name(tool, "tool_choice.allowed_tools.tools") for tool in choice.allowed_tools.tools]
        must = choice.allowed_tools.mode == "required"
    else:
        names = [_name(Tool(choice.type, choice.function, choice.custom), "tool_choice")]
        must = True
    if not names or any(name not in tools for name in names):
        raise RequestInvalid("Tool choice names a tool that is not in 'tools'.", param="tool_choice")
    return {name: tools[name] for name in names}, must


def _name(tool: Tool, path: str) -> str:
    named = tool.function if tool.type == "function" else tool.custom
    if named is None:
        raise RequestInvalid("Missing required parameter.", param=f"{path}.{tool.type}")
    return named.name


def _call(tool: Tool, directive: CallDirective, prompt: Prompt) -> Call:
    if tool.type == "custom":
        return Call("custom", directive.name, directive.arguments or prompt.text)
    if directive.arguments is not None:
        return Call("function", directive.name, _checked(directive.arguments))
    parameters = tool.function.parameters if tool.function is not None else None
    try:
        made = example(parameters or {"type": "object"}, directive.name)
    except SchemaUnsupported as fault:
        raise RequestInvalid(f"Parameters of a tool: {fault}", param="tools") from None
    return Call("function", directive.name, msgspec.json.encode(made).decode())


def _checked(arguments: str) -> str:
    try:
        msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        raise RequestInvalid("The arguments after 'call tool' are not a JSON object.", param="messages") from None
    return arguments
