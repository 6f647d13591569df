"""What a model costs. Money is integer nano-dollars; a price is nano-dollars per million tokens, so that every
published price ($0.0375 per million and finer) is an integer and nothing is ever rounded but a finished sum.
"""

from __future__ import annotations

import msgspec

from .usage import Usage

TOKENS_PER_PRICE = 1_000_000
NANO_PER_USD = 1_000_000_000


class Price(msgspec.Struct, frozen=True, gc=False):
    """Nano-dollars per million tokens of each kind, for one model, from one day on.

    Attributes:
        input, output: the plain prices.
        cache_read, cache_write: None = as `input`.
        audio_input, audio_output: None = as `input` / `output`.
        per_request: nano-dollars added to each request.
        version: names the price book entry, kept in the ledger.
        long_context: the price of a whole request that has more than `long_context_above` input tokens, for models
            that charge more for long prompts.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    per_request: int = 0
    version: str = ""
    long_context_above: int = 0
    long_context: Price | None = None

    def cost(self, usage: Usage) -> int:
        """Nano-dollars for `usage`, rounded up once over the whole sum."""
        if self.long_context is not None and usage.input_tokens > self.long_context_above:
            return self.long_context.cost(usage)
        if usage.input_tokens == usage.fresh and not usage.audio_input and not usage.audio_output:
            return self.per_request - (-(usage.fresh * self.input + usage.output * self.output) // TOKENS_PER_PRICE)
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        audio_in = self.input if self.audio_input is None else self.audio_input
        audio_out = self.output if self.audio_output is None else self.audio_output
        total = (
            (usage.fresh - usage.audio_input) * self.input
            + usage.audio_input * audio_in
            + usage.cache_read * read
            + usage.cache_write * write
            + (usage.output - usage.audio_output) * self.output
            + usage.audio_output * audio_out
        )
        return -(-total // TOKENS_PER_PRICE) + self.per_request
