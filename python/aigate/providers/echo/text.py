"""The words of an answer and how they are cut: wording, pieces, stop sequences, the token cap, log probabilities.

Everything is a function of its arguments. Invariant: the pieces of a text joined are the text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from .prompt import Prompt
from .wire import Logprobs, TokenLogprob, TopLogprob

_PIECE = re.compile(r"\s{0,8}\S{1,12}|\s{1,8}")
_WORDINGS = ("You said: ", "I heard: ", "Echo: ", "In your words: ", "You wrote: ")
_WORDS = (
    "the", "water", "runs", "over", "old", "stones", "and", "under", "a", "small", "bridge", "where", "two", "paths",
    "meet", "in", "green", "light", "before", "evening", "comes", "with", "wind", "from", "far", "hills",
)  # fmt: skip


def digest(*parts: object) -> int:
    """64 bits that depend on all `parts` and on nothing else."""
    hashed = hashlib.blake2b(digest_size=8)
    for part in parts:
        octets = part if isinstance(part, bytes) else str(part).encode()
        hashed.update(len(octets).to_bytes(8))
        hashed.update(octets)
    return int.from_bytes(hashed.digest())


def spoken(prompt: Prompt, variant: int) -> str:
    """What echo says to `prompt`; another `variant`, another wording."""
    if prompt.tool_answers:
        answers = "; ".join(prompt.tool_answers)
        return f"The {'tool' if len(prompt.tool_answers) == 1 else 'tools'} answered: {answers}"
    pictures = f"{prompt.images} image{'' if prompt.images == 1 else 's'}"
    if not prompt.text.strip():
        return f"You sent {pictures}." if prompt.images else "Hello from echo, the offline model."
    seen = f" (with {pictures})" if prompt.images else ""
    return f"{_WORDINGS[variant % len(_WORDINGS)]}{prompt.text}{seen}"


def filler(words: int, variant: int) -> str:
    """A text of `words` everyday words, one token each in common encodings."""
    return " ".join(_WORDS[(place + variant) % len(_WORDS)] for place in range(words))


def pieces(text: str) -> list[str]:
    """The text in the pieces that a stream sends, about a token each."""
    return _PIECE.findall(text)


def stopped(text: str, stops: Sequence[str]) -> str:
    """The text up to the first stop sequence."""
    ends = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def capped(text: str, cap: int, count: Callable[[str], int]) -> str:
    """The longest beginning of `text`, by pieces or else by characters, of at most `cap` tokens."""
    if count(text) <= cap:
        return text
    units = pieces(text)
    fitting = _fitting(units, cap, count)
    if fitting == 0:
        units = list(units[0])
        fitting = _fitting(units, cap, count)
    return "".join(units[:fitting])


def _fitting(units: Sequence[str], cap: int, count: Callable[[str], int]) -> int:
    low, high = 0, len(units)
    while low < high:
        middle = (low + high + 1) // 2
        if count("".join(units[:middle])) <= cap:
            low = middle
        else:
            high = middle - 1
    while low and count("".join(units[:low])) > cap:
        low -= 1  # a tokenizer need not grow with every piece
    return low


def logprobs(parts: Sequence[str], first: int, top: int) -> Logprobs:
    """Made-up log probabilities, always the same for the same piece at the same place (`first` is that of parts[0])."""
    return Logprobs(tuple(_token(part, first + offset, top) for offset, part in enumerate(parts)))


def _token(part: str, place: int, top: int) -> TokenLogprob:
    chosen = -(digest(part, place) % 5_000) / 10_000
    others = [_WORDS[(place + rank) % len(_WORDS)] for rank in range(top)]
    ranked = [(part, chosen), *((f" {word}", chosen - 1.5 - rank / 2) for rank, word in enumerate(others))][:top]
    likeliest = tuple(TopLogprob(text, value, _octets(text)) for text, value in ranked)
    return TokenLogprob(part, chosen, _octets(part), likeliest)


def _octets(text: str) -> list[int]:
    return list(text.encode())
