"""The admin listener: health, metrics, and later the console. Separate from the data port, and never needed by it."""

from .listener import AdminListener, AdminSettings

__all__ = ["AdminListener", "AdminSettings"]
