"""The only outbound sockets: the native HTTP client driven by the event loop, and answers made on this machine."""

from .client import Transport, TransportSettings, Upstream
from .local import LocalExchange
from .proxy import proxy_for

__all__ = ["LocalExchange", "Transport", "TransportSettings", "Upstream", "proxy_for"]
