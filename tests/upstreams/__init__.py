"""Fake providers for the tests, over real sockets."""

from . import play
from .connection import Seen
from .nowhere import free_port, never_accepting, refusing_url
from .play import Play
from .recorded import Recorded, chat_exchanges, load
from .server import FakeUpstream

__all__ = [
    "FakeUpstream",
    "Play",
    "Recorded",
    "Seen",
    "chat_exchanges",
    "free_port",
    "load",
    "never_accepting",
    "play",
    "refusing_url",
]
