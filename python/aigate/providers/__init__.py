"""Adapters by provider type: a folder each, with the same functions account_headers, encode, decode, reader, failure.

`echo`, the offline model, has no wire of its own: it answers in OpenAI's dialect, which is read as anyone else's.
"""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from . import echo, openai

_SPEAKING_OPENAI = ("echo", "llamacpp", "ollama", "openai", "openai_compatible", "tgi", "vllm")

ADAPTERS: Mapping[str, ModuleType] = MappingProxyType(dict.fromkeys(_SPEAKING_OPENAI, openai))

__all__ = ["ADAPTERS", "echo", "openai"]
