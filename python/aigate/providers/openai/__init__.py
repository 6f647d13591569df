"""OpenAI's chat dialect: OpenAI itself and everything compatible with it (vLLM, TGI, Ollama, llama.cpp)."""

from .decode import decode, reader
from .encode import account_headers, encode
from .errors import failure

__all__ = ["account_headers", "decode", "encode", "failure", "reader"]
