"""Exchanges recorded from real providers, one JSON file each under `recordings/<provider>/`.

`client` is what the caller sends, `request` what the provider gets, `response` what it answered, `expect` what the
caller must be able to read from it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .play import Play

FOLDER = Path(__file__).parent / "recordings"
CHAT_PATH = "/chat/completions"


@dataclass(frozen=True)
class Recorded:
    """One exchange."""

    provider: str
    case: str
    client: dict[str, Any]
    request: dict[str, Any]
    response: dict[str, Any]
    expect: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.case}"

    @property
    def is_stream(self) -> bool:
        return "events" in self.response

    @property
    def body(self) -> bytes:
        """The answer's bytes."""
        return b"".join(self._pieces())

    def _pieces(self) -> tuple[bytes, ...]:
        response = self.response
        if "events" in response:
            return tuple(event.encode() for event in response["events"])
        if "body_b64" in response:
            return (base64.b64decode(response["body_b64"]),)
        if "body" in response:
            return (response["body"].encode(),)
        return (json.dumps(response["json"], ensure_ascii=False).encode(),)

    def play(self) -> Play:
        """The answer, as it was."""
        whole = Play(
            status=self.response["status"],
            headers=tuple(self.response["headers"].items()),
            pieces=self._pieces(),
            framing="chunked" if self.is_stream else "length",
        )
        return whole.cut_at(len(whole.body)) if self.response.get("cut") else whole


def load(provider: str, case: str) -> Recorded:
    """One exchange by name."""
    return _read(FOLDER / provider / f"{case}.json")


@cache
def chat_exchanges(provider: str) -> tuple[Recorded, ...]:
    """All of a provider's chat completions."""
    found = [_read(path) for path in sorted((FOLDER / provider).glob("*.json"))]
    if not found:
        raise FileNotFoundError(f"no recorded exchanges under {FOLDER / provider}")
    return tuple(one for one in found if one.request["path"].partition("?")[0].endswith(CHAT_PATH))


@cache
def _read(path: Path) -> Recorded:
    written = json.loads(path.read_bytes())
    return Recorded(
        provider=written["provider"],
        case=written["case"],
        client=written["client"] or {},
        request=written["request"],
        response=written["response"],
        expect=written["expect"] or {},
    )
