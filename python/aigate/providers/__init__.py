"""Adapters by provider type. Each is a folder with the same four functions: encode, decode, reader, failure."""

from types import ModuleType

from . import openai

ADAPTERS: dict[str, ModuleType] = {
    "openai": openai,
    "openai_compatible": openai,
    "vllm": openai,
    "tgi": openai,
    "ollama": openai,
    "llamacpp": openai,
    "echo": openai,
}

__all__ = ["ADAPTERS", "openai"]
