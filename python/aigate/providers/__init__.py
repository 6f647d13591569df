"""Adapters by provider type. Each is a folder with the same functions: account_headers, encode, decode, reader, failure.

`echo`, the offline model, has no wire of its own: it answers in OpenAI's dialect, which is read as anyone else's.
"""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from . import echo, openai

ADAPTERS: Mapping[str, ModuleType] = MappingProxyType({
    kind: openai for kind in ("echo", "llamacpp", "ollama", "openai", "openai_compatible", "tgi", "vllm")
})

__all__ = ["ADAPTERS", "echo", "openai"]
