"""A chat stream as OpenAI writes it, for the benchmarks that read one."""

from __future__ import annotations

import json

TEXT_EVENTS = 200


def chat_stream(text_events: int = TEXT_EVENTS) -> list[bytes]:
    """Frames of about 300 bytes: the role, the pieces of text, the finish, the usage, `[DONE]`."""
    frames = [_frame({"role": "assistant", "content": "", "refusal": None})]
    frames += [_frame({"content": f" piece-{number}"}) for number in range(text_events)]
    frames.append(_frame({}, finish="stop"))
    frames.append(_frame(None, usage={"prompt_tokens": 171, "completion_tokens": 200, "total_tokens": 371}))
    frames.append(b"data: [DONE]\n\n")
    return frames


def _frame(delta: dict[str, str | None] | None, *, finish: str | None = None, usage: object = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {
        "id": "chatcmpl-BenchBenchBenchBenchBenchBench",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [] if delta is None else [choice],
        "usage": usage,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
