"""The requests of a run: chat completions of 862 bytes, as a support desk might send them.

`same` is one body over and over. `distinct` is 256 bodies whose user text begins with a run of `@`, which the client
replaces by the request's number: no prompt is ever sent twice, only the system prompt and the frame of the body are.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Literal

Prompts = Literal["same", "distinct"]

BODY_BYTES = 862
DISTINCT_BODIES = 256
MARK = "@" * 10
SYSTEM = (
    "You are the assistant of a support desk. Answer in the customer's language, name the article you rely on, "
    "and say so when you do not know. Never promise a refund."
)
WORDS = (Path(__file__).parent / "words.txt").read_text("utf-8").split()


def write(folder: Path, model: str, *, stream: bool, prompts: Prompts) -> Path:
    """A file with one body a line."""
    count = 1 if prompts == "same" else DISTINCT_BODIES
    opening = "Ticket 0000000000: " if prompts == "same" else f"Ticket {MARK}: "
    lines = [_body(model, opening, seed, stream=stream) for seed in range(count)]
    path = folder / f"{model}-{'stream' if stream else 'plain'}-{prompts}.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _body(model: str, opening: str, seed: int, *, stream: bool) -> str:
    missing = BODY_BYTES - len(_frame(model, opening, stream=stream))
    words = random.Random(seed)
    text = ""
    while len(text) < missing:
        text += words.choice(WORDS) + words.choice((" ", " ", " ", " ", ", ", ". "))
    return _frame(model, opening + text[:missing], stream=stream)


def _frame(model: str, user: str, *, stream: bool) -> str:
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}],
        "temperature": 0.2,
        "max_tokens": 256,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body, separators=(",", ":"))
