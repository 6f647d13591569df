"""OpenAI's chat completions, as callers speak it."""

from .errors import error_body, stream_error
from .models import model_body, models_body
from .read import read_chat
from .stream import cost_comment, usd

__all__ = [
    "cost_comment",
    "error_body",
    "model_body",
    "models_body",
    "read_chat",
    "stream_error",
    "usd",
]
