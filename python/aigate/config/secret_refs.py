"""Secrets are references; this is where they are followed, once, when a policy is loaded.

Owns `env:` and `file:`. Does not keep what it read: the value goes into a `Secret`. Invariant: no message holds a
value, nor a reference that is itself shaped like a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aigate.domain import Secret

from .faults import shown
from .notyet import NOT_YET_SECRETS

MAX_SECRET_BYTES = 64 * 1024
SCHEMES = ("env", "file", "vault", "aws-sm", "gcp-sm")


def scheme(text: str) -> str:
    """The scheme of a reference; empty when `text` is not one."""
    head, colon, rest = text.partition(":")
    return head if colon and rest and head in SCHEMES else ""


def reference(text: str) -> str:
    """`text` if it is a reference. Raises ValueError, without the text, if it is not."""
    if not scheme(text):
        raise ValueError("secrets are references, never values; write env:NAME or file:/path")
    return text


class SecretReader:
    """Follows references in one environment. `files` are the paths it read, so that a reload can watch them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.files: list[Path] = []

    def read(self, ref: str) -> Secret:
        """What `ref` stands for. Raises ValueError that names the reference."""
        kind = scheme(ref)
        if kind in NOT_YET_SECRETS:
            raise ValueError(f"secrets from {kind}: are not supported yet")
        target = ref.partition(":")[2]
        value = self._variable(target) if kind == "env" else self._file(target)
        if not value:
            raise ValueError(f"{shown(ref)} is empty")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"{shown(ref)} holds a line break or another character that no credential has")
        return Secret(value)

    def _variable(self, name: str) -> str:
        if name not in self._env:
            raise ValueError(f"environment variable {shown(name)} is not set")
        return self._env[name].strip()

    def _file(self, name: str) -> str:
        path = Path(name)
        self.files.append(path)
        try:
            if not path.is_file():
                raise ValueError(f"secret file {shown(name)} does not exist or is not a file")
            with path.open("rb") as file:
                data = file.read(MAX_SECRET_BYTES + 1)
        except OSError as error:
            raise ValueError(f"secret file {shown(name)} cannot be read: {error.strerror}") from None
        if len(data) > MAX_SECRET_BYTES:
            raise ValueError(f"secret file {shown(name)} is larger than {MAX_SECRET_BYTES // 1024} KiB")
        return data.decode("utf-8", "replace").strip()


class UnreadSecrets(SecretReader):
    """Takes every well-formed reference at its word: for checking a policy where its secrets are not at hand."""

    def read(self, ref: str) -> Secret:
        """A secret without a value. Raises ValueError for a scheme that is not built."""
        return super().read(ref) if scheme(ref) in NOT_YET_SECRETS else Secret("")
