"""ASGI in and out: heads, bodies, disconnects, and errors as responses. Decides nothing about keys, money or models."""

from .front import Front, FrontSettings
from .inflight import InFlight

__all__ = ["Front", "FrontSettings", "InFlight"]
