"""A text that matches a regular expression, made without running it.

Takes the subset that schemas use: literals, escapes, classes, groups, alternation, repetition, anchors at the ends.
Anything else is refused rather than guessed. Invariant: no backtracking; input, output and nesting are bounded.
"""

from __future__ import annotations

MAX_PATTERN = 2_000
MAX_LENGTH = 2_000
MAX_DEPTH = 32

_CLASS_MEMBERS = (("d", "0"), ("w", "a"), ("s", " "), ("D", "a"), ("W", "-"), ("S", "a"))
_CONTROLS = (("n", "\n"), ("t", "\t"), ("r", "\r"), ("f", "\f"), ("v", "\v"))
_EVERYDAY = "a0A-_ .@/:,+x1bZ"


class PatternUnsupported(ValueError):
    """The expression uses more than the subset, or is none."""


def matching(pattern: str) -> str:
    """A shortest-first text for `pattern`. Raises PatternUnsupported."""
    if len(pattern) > MAX_PATTERN:
        raise PatternUnsupported("too long")
    return _Reader(pattern).everything()


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def everything(self) -> str:
        """A text for the whole expression."""
        text = self._alternatives(0)
        if self._peek():
            raise PatternUnsupported("unbalanced )")
        return text

    def _at_hand(self, expected: str) -> bool:
        return self._pattern.startswith(expected, self._at)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise PatternUnsupported("it ends too early")
        self._at += 1
        return character

    def _alternatives(self, depth: int) -> str:
        """The first branch; the others are read so that the whole expression is known to be understood."""
        if depth > MAX_DEPTH:
            raise PatternUnsupported("nested too deeply")
        first = self._sequence(depth)
        while self._peek() == "|":
            self._at += 1
            self._sequence(depth)
        return first

    def _sequence(self, depth: int) -> str:
        pieces: list[str] = []
        length = 0
        while (character := self._peek()) and character not in "|)":
            atom = self._atom(depth)
            least = self._least()
            length += len(atom) * least
            if length > MAX_LENGTH:
                raise PatternUnsupported("too long")
            pieces.append(atom * least)
        return "".join(pieces)

    def _atom(self, depth: int) -> str:
        character = self._take()
        match character:
            case "^" | "$":
                if (self._at > 1) if character == "^" else self._peek():
                    raise PatternUnsupported(f"{character} inside")
                return ""
            case ".":
                return "a"
            case "(":
                return self._group(depth)
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise PatternUnsupported("nothing to repeat")
            case _:
                return character

    def _group(self, depth: int) -> str:
        if self._peek() == "?":
            if not self._at_hand("?:"):
                raise PatternUnsupported("a group that is more than (?:…)")
            self._at += 2
        text = self._alternatives(depth + 1)
        if self._take() != ")":
            raise PatternUnsupported("unbalanced (")
        return text

    def _least(self) -> int:
        """The smallest number of times that the quantifier here allows; 1 without one."""
        match self._peek():
            case "*" | "?":
                least = 0
            case "+":
                least = 1
            case "{":
                return self._counted()
            case _:
                return 1
        self._at += 1
        self._skip_lazy()
        return least

    def _counted(self) -> int:
        end = self._pattern.find("}", self._at)
        least, _, most = self._pattern[self._at + 1 : end].partition(",")
        if end < 0 or not (least.isdigit() and len(least) <= 4 and (not most or most.isdigit())):
            raise PatternUnsupported("a {…} that is no count")
        self._at = end + 1
        self._skip_lazy()
        return int(least)

    def _skip_lazy(self) -> None:
        if self._peek() == "?":
            self._at += 1
        elif self._peek() in {"*", "+", "{"}:
            raise PatternUnsupported("a repeated repetition")

    def _escape(self) -> str:
        character = self._take()
        for name, member in (*_CLASS_MEMBERS, *_CONTROLS):
            if character == name:
                return member
        if character.isalnum():
            raise PatternUnsupported(f"\\{character}")
        return character

    def _class(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        ranges: list[tuple[str, str]] = []
        excluded: list[str] = []
        while not ranges or self._peek() != "]":
            self._member(ranges, excluded)
        self._at += 1
        if not negated:
            return ranges[0][0]
        for candidate in _EVERYDAY:
            if not any(low <= candidate <= high for low, high in ranges) and not _shorthand_has(excluded, candidate):
                return candidate
        raise PatternUnsupported("a class that excludes every everyday character")

    def _member(self, ranges: list[tuple[str, str]], shorthands: list[str]) -> None:
        low = self._take()
        if low == "[":
            raise PatternUnsupported("[ inside a class")
        if low == "\\":
            shorthand = self._peek()
            low = self._escape()
            if shorthand in {"d", "w", "s", "D", "W", "S"}:
                shorthands.append(shorthand)
        high = low
        if self._peek() == "-" and not self._at_hand("-]"):
            self._at += 1
            high = self._take()
            high = self._escape() if high == "\\" else high
        if high < low:
            raise PatternUnsupported("a range that runs backwards")
        ranges.append((low, high))


def _shorthand_has(shorthands: list[str], character: str) -> bool:
    for shorthand in shorthands:
        match shorthand.lower():
            case "d":
                inside = character.isdigit()
            case "w":
                inside = character.isalnum() or character == "_"
            case _:
                inside = character.isspace()
        if inside != shorthand.isupper():
            return True
    return False
