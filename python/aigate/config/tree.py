"""YAML text → a tree that remembers the line of everything.

Owns what YAML is taken: one document, plain text keys, anchors, aliases and `<<` merges; no tags, nothing executed,
nothing expanded. Knows nothing of policies. Invariant: for any text the outcome is a tree within the bounds or at
least one fault, and never another exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import msgspec
import yaml

from .faults import Findings, Mark, Where, masked, shown

MAX_DEPTH = 32
MAX_NODES = 100_000
"""After every alias is expanded."""

_LOADER: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml where the wheel has it: ten times as fast
_MERGE_KEY = "<<"


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """A scalar as written; `plain` = without quotes."""

    mark: Mark
    text: str
    plain: bool
    size: int = 1
    depth: int = 1


class Items(msgspec.Struct, frozen=True):
    """A list. `size` counts the nodes in it, aliases expanded, and `depth` its levels."""

    mark: Mark
    items: tuple[Node, ...]
    size: int
    depth: int


class Entry(msgspec.Struct, frozen=True):
    """One key of a mapping: where it stands, and its value."""

    mark: Mark
    node: Node


class Fields(msgspec.Struct, frozen=True):
    """A mapping with text keys. `size` counts the nodes in it, aliases expanded, and `depth` its levels."""

    mark: Mark
    entries: dict[str, Entry]
    size: int
    depth: int


Node = Leaf | Items | Fields


def is_null(node: Node) -> bool:
    """Whether `node` is YAML's way to say nothing."""
    return isinstance(node, Leaf) and node.plain and node.text in {"", "~", "null", "Null", "NULL"}


def compose(text: str, file: str, findings: Findings) -> Node | None:
    """The tree of a YAML document; None when it is empty or when a fault ended the reading."""
    try:
        return _Composer(file, findings).run(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        findings.fault((), f"not YAML: {masked(message)}", Mark(file, at.line + 1 if at else 1))
    except yaml.YAMLError:
        findings.fault((), "not YAML: a control character or a broken byte order mark", Mark(file, _bad_line(text)))
    except _Stop:
        pass
    return None


def _bad_line(text: str) -> int:
    """The line of the first character that YAML does not take."""
    match = yaml.reader.Reader.NON_PRINTABLE.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else 1


class _Stop(Exception):
    """A fault was found after which the rest of the text cannot be understood."""


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "is_list", "mark", "nodes")

    def __init__(self, mark: Mark, anchor: str | None, is_list: bool) -> None:
        self.mark = mark
        self.anchor = anchor
        self.is_list = is_list
        self.nodes: list[Node] = []


class _Composer:
    """Builds the tree from parser events, without recursion."""

    def __init__(self, file: str, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._documents = 0

    def run(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            start = event.start_mark
            self._take(event, Mark(self._file, start.line + 1 if start else 1))
        return self._root

    def _take(self, event: yaml.Event, mark: Mark) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._findings.fault(self._where(), f"tags such as {shown(tag)} are not taken", mark)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop("one document in a file: a second one starts here", mark)
            case yaml.ScalarEvent():
                self._put(Leaf(mark, event.value, event.style is None or event.style == ""), event.anchor)
            case yaml.AliasEvent():
                self._alias(event.anchor, mark)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._open) >= MAX_DEPTH:
                    self._stop(f"nested deeper than {MAX_DEPTH} levels", mark)
                self._open.append(_Open(mark, event.anchor, isinstance(event, yaml.SequenceStartEvent)))
            case yaml.CollectionEndEvent():
                done = self._open.pop()
                self._put(self._list(done) if done.is_list else self._mapping(done), done.anchor)

    def _where(self) -> Where:
        """The way to the collection or value that is being read."""
        steps: list[str | int] = []
        for outer in self._open:
            if outer.is_list:
                steps.append(len(outer.nodes))
            elif len(outer.nodes) % 2 and isinstance(outer.nodes[-1], Leaf):
                steps.append(outer.nodes[-1].text)
        return tuple(steps)

    def _stop(self, message: str, mark: Mark) -> NoReturn:
        self._findings.fault(self._where(), message, mark)
        raise _Stop

    def _put(self, node: Node, anchor: str | None) -> None:
        if node.size > MAX_NODES:
            self._stop(f"more than {MAX_NODES} values, aliases expanded", node.mark)
        if len(self._open) + node.depth > MAX_DEPTH:
            self._stop(f"nested deeper than {MAX_DEPTH} levels, aliases expanded", node.mark)
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].nodes.append(node)
        else:
            self._root = node

    def _alias(self, anchor: str | None, mark: Mark) -> None:
        if anchor is None or anchor not in self._anchors:
            self._stop(f"alias {shown(anchor or '')} stands for nothing before it", mark)
        self._put(self._anchors[anchor], None)

    def _list(self, done: _Open) -> Items:
        return Items(done.mark, tuple(done.nodes), *_extent(done.nodes))

    def _mapping(self, done: _Open) -> Fields:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in zip(done.nodes[::2], done.nodes[1::2], strict=True):
            if not isinstance(key, Leaf) or key.text == "":
                self._findings.fault(self._where(), "a key is a text, not a list, a mapping or nothing", key.mark)
            elif key.plain and key.text == _MERGE_KEY:
                self._merge(value, key.mark, merged)
            elif key.text in entries:
                where, first = (*self._where(), key.text), entries[key.text].mark.line
                self._findings.fault(where, f"duplicate key, first on line {first}", key.mark)
            else:
                entries[key.text] = Entry(key.mark, value)
        return Fields(done.mark, merged | entries, *_extent(done.nodes))

    def _merge(self, value: Node, mark: Mark, merged: dict[str, Entry]) -> None:
        """`<<: *a` or `<<: [*a, *b]`: what they have and the mapping has not; earlier ones win."""
        for source in value.items if isinstance(value, Items) else (value,):
            if isinstance(source, Fields):
                merged.update({key: entry for key, entry in source.entries.items() if key not in merged})
            else:
                self._findings.fault(self._where(), "<< wants a mapping or a list of mappings", mark)


def _extent(nodes: list[Node]) -> tuple[int, int]:
    """Size and depth of a collection of `nodes`."""
    return 1 + sum(node.size for node in nodes), 1 + max((node.depth for node in nodes), default=0)
