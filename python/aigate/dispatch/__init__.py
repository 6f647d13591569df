"""Walking the targets of a route until one answers."""

from .adapter import Adapter, Connect, StreamReader
from .walk import Dispatch

__all__ = ["Adapter", "Connect", "Dispatch", "StreamReader"]
