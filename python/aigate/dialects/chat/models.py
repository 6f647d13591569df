"""`GET /v1/models` as OpenAI answers it."""

from __future__ import annotations

from collections.abc import Iterable

import orjson


def models_body(names: Iterable[str], created_s: int) -> bytes:
    """The list of the models the caller may use."""
    return orjson.dumps({"object": "list", "data": [_model(name, created_s) for name in names]})


def model_body(name: str, created_s: int) -> bytes:
    """One model."""
    return orjson.dumps(_model(name, created_s))


def _model(name: str, created_s: int) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": created_s, "owned_by": "aigate"}
