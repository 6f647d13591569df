"""Tokens of one answer, as an algebra.

Invariant: `input_tokens == fresh + cache_read + cache_write`; reasoning is inside `output`.
"""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts of one attempt; adds like a number.

    Attributes:
        fresh: input tokens billed at the full input price.
        cache_read: input tokens the provider had cached.
        cache_write: input tokens the provider wrote to its cache.
        output: output tokens, reasoning included.
        reasoning: the part of `output` that was thought and not said.
        audio_input: the part of `fresh` that was audio.
        audio_output: the part of `output` that was audio.
        counted: True when the provider gave no usage and the figures are our own count.
    """

    fresh: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    counted: bool = False

    @property
    def input_tokens(self) -> int:
        """All input tokens, cached or not."""
        return self.fresh + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.fresh + other.fresh,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
            self.audio_input + other.audio_input,
            self.audio_output + other.audio_output,
            self.counted or other.counted,
        )
