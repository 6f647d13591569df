"""The offline model: answers chat requests in OpenAI's dialect without a network, the same way every time."""

from .answer import answer
from .options import EchoOptions, estimated_tokens

__all__ = ["EchoOptions", "answer", "estimated_tokens"]
