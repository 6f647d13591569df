"""Credentials → principals."""

from .credential import KEY_PREFIX, digest, mint
from .development import DEVELOPMENT_KEY_ID, development_key
from .keyring import Keyring, KeySource

__all__ = ["DEVELOPMENT_KEY_ID", "KEY_PREFIX", "KeySource", "Keyring", "development_key", "digest", "mint"]
