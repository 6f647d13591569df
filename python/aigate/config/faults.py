"""Where something stands in the policy files, and what is wrong with it.

Owns the form `FILE:LINE: path: message` and the promise that no message holds anything that looks like a credential.
Does not decide what is a fault. Invariant: every fault is kept, in the order of the files, up to a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import TypeVar

import msgspec

T = TypeVar("T")

MAX_FAULTS = 200
MAX_SHOWN = 120
MAX_COMPARED = 500
MAX_SUGGESTIONS = 40

Where = tuple[str | int, ...]
"""The way from the top of the policy to a value: `("models", "gpt-4o", "targets", 0)`."""

# Credentials of the providers and of the usual neighbours start in these ways; long mixed runs are taken for keys too.
_KEY_LIKE = re.compile(
    r"""-----BEGIN[ A-Z]*(?:-----)?
      | (?<![A-Za-z0-9]) (?:sk[-_]|aig_) [A-Za-z0-9_-]{6,}
      | (?<![A-Za-z0-9]) (?:[pr]k_|gsk_|xai-|hf_|r8_|gh[pousr]_|github_pat_|glpat-|pplx-|nvapi-|fw_|tgp_|vck_)
        [A-Za-z0-9_-]{20,}
      | (?<![A-Za-z0-9]) (?:AIza|ya29\.|AKIA|ASIA|eyJ|xox[abprs]-) [A-Za-z0-9_.-]{12,}
      | (?<![A-Za-z0-9]) (?=[A-Za-z]*[0-9]) (?=[0-9]*[A-Za-z]) [A-Za-z0-9]{32,}
    """,
    re.VERBOSE,
)


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A line of a file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def looks_like_key(text: str) -> bool:
    """Whether `text` holds something shaped like a credential."""
    return _KEY_LIKE.search(text) is not None


def masked(text: str) -> str:
    """`text` on one line, with everything key-shaped replaced by `***`."""
    return _KEY_LIKE.sub("***", "".join(c if c.isprintable() else "�" for c in text))


def shown(text: str) -> str:
    """A value quoted for a message: short, on one line, masked."""
    safe = masked(text)
    return f"'{safe[:MAX_SHOWN]}…'" if len(safe) > MAX_SHOWN else f"'{safe}'"


def written_path(where: Where) -> str:
    """`where` as people write it: `models.gpt-4o.targets[0]`; the top itself is `policy`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{masked(step)[:MAX_SHOWN]}" for step in where)
    return text.removeprefix(".") or "policy"


class _Fault(msgspec.Struct, frozen=True):
    mark: Mark
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.path}: {self.message}"


class Findings:
    """Collects faults and warnings while a policy is read, and knows the line of every place in it."""

    def __init__(self, root: Mark) -> None:
        self._marks: dict[Where, Mark] = {(): root}
        self._files: dict[str, int] = {root.file: 0}
        self._faults: list[_Fault] = []
        self._warnings: list[_Fault] = []
        self._kept: dict[Where, tuple[int, ...]] = {}
        self._bad: set[Where] = set()
        self._left_out = 0
        self._compared = 0

    def place(self, where: Where, mark: Mark) -> None:
        """Remember on which line `where` stands."""
        self._marks[where] = mark

    def keep(self, where: Where, indices: tuple[int, ...]) -> None:
        """Of the list at `where` only the items at `indices` could be read."""
        self._kept[where] = indices

    def each(self, where: Where, values: Sequence[T]) -> Iterator[tuple[Where, T]]:
        """The items of the list at `where` that could be read, each with its place in the file."""
        for index, value in zip(self._kept.get(where, range(len(values))), values, strict=True):
            yield (*where, index), value

    def has(self, where: Where) -> bool:
        """Whether the policy has something at `where`, well-formed or not."""
        return where in self._marks

    def bad(self, where: Where) -> bool:
        """Whether there is a fault at `where` or inside of it."""
        return where in self._bad

    def mark(self, where: Where) -> Mark:
        """The line of `where`, or of the nearest place around it."""
        while where not in self._marks:
            where = where[:-1]
        return self._marks[where]

    def fault(self, where: Where, message: str, mark: Mark | None = None) -> None:
        """The policy does not hold at `where`."""
        self._bad.update(where[:length] for length in range(len(where) + 1))
        if len(self._faults) >= MAX_FAULTS:
            self._left_out += 1
            return
        self._faults.append(self._entry(where, message, mark))

    def warn(self, where: Where, message: str) -> None:
        """Something at `where` is allowed, but worth a look."""
        if len(self._warnings) < MAX_FAULTS:
            self._warnings.append(self._entry(where, message, None))

    def _entry(self, where: Where, message: str, mark: Mark | None) -> _Fault:
        mark = mark or self.mark(where)
        self._files.setdefault(mark.file, len(self._files))
        return _Fault(mark, written_path(where), masked(message))

    @property
    def failed(self) -> bool:
        """Whether there is a fault."""
        return bool(self._faults)

    def near(self, name: str, known: Iterable[str]) -> str:
        """`, did you mean 'x'?` when a known name is close to `name`, else nothing; for the first of many faults."""
        if self._compared >= MAX_SUGGESTIONS:
            return ""
        self._compared += 1
        close = get_close_matches(name[:MAX_SHOWN], list(islice(known, MAX_COMPARED)), n=1)
        return f", did you mean '{masked(close[0])}'?" if close else ""

    def faults(self) -> tuple[str, ...]:
        """Every fault, by file and line."""
        lines = self._lines(self._faults)
        return (*lines, f"{lines[-1].split(': ')[0]}: policy: and {self._left_out} more") if self._left_out else lines

    def warnings(self) -> tuple[str, ...]:
        """Every warning, by file and line."""
        return self._lines(self._warnings)

    def _lines(self, entries: list[_Fault]) -> tuple[str, ...]:
        ordered = sorted(entries, key=lambda entry: (self._files[entry.mark.file], entry.mark.line))
        return tuple(dict.fromkeys(str(entry) for entry in ordered))
