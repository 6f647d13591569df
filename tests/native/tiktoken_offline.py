"""tiktoken without a network: its rank files are in the crate our own tables are built from.

tiktoken holds each file to the hash it expects, so this also shows that our tables are made from the published ranks.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from unittest.mock import patch

import tiktoken
from tiktoken.load import load_tiktoken_bpe
from tiktoken_ext import openai_public

ROOT = Path(__file__).parents[2]
CRATE = "tiktoken-rs"
ENCODINGS = ("o200k_base", "cl100k_base")


@cache
def tiktoken_encoding(name: str) -> tiktoken.Encoding:
    """The real thing. Raises OSError or CalledProcessError where cargo or the crate is missing."""
    with (
        tempfile.TemporaryDirectory() as cache_dir,
        patch.dict(os.environ, {"TIKTOKEN_CACHE_DIR": cache_dir}),
        patch.object(openai_public, "load_tiktoken_bpe", _load),
    ):
        return tiktoken.Encoding(**getattr(openai_public, name)())


def _load(url: str, expected_hash: str) -> dict[bytes, int]:
    return load_tiktoken_bpe(str(_assets() / url.rpartition("/")[2]), expected_hash)


@cache
def _assets() -> Path:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", str(ROOT / "Cargo.toml")]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    (manifest,) = (package["manifest_path"] for package in metadata["packages"] if package["name"] == CRATE)
    return Path(manifest).parent / "assets"
