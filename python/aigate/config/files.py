"""The files of a policy: which they are, reading them within bounds, and merging them into one tree.

A policy is one file, or every `*.yaml` and `*.yml` of a directory in the order of their names. Mappings of the top
level merge, lists are joined; whatever else stands in two files is a fault that names both places.
"""

from __future__ import annotations

from pathlib import Path

from .faults import Findings, Mark, Where
from .tree import Entry, Fields, Items, Leaf, Node, compose

MAX_FILE_BYTES = 1024 * 1024
MAX_FILES = 64
SUFFIXES = (".yaml", ".yml")


def policy_files(path: Path) -> list[Path]:
    """The files that `path` stands for, in order. Raises OSError."""
    if not path.is_dir():
        return [path]
    names = (entry for entry in path.iterdir() if entry.suffix in SUFFIXES and not entry.name.startswith("."))
    return sorted(entry for entry in names if entry.is_file())


def read_tree(path: Path, findings: Findings) -> Fields | None:
    """The merged tree of a policy. None after a fault that leaves nothing to check."""
    try:
        files = policy_files(path)
    except OSError as error:
        findings.fault((), f"cannot be read: {error.strerror}")
        return None
    if not files:
        findings.fault((), f"no {' or '.join('*' + suffix for suffix in SUFFIXES)} in this directory")
    if len(files) > MAX_FILES:
        findings.fault((), f"more than {MAX_FILES} files")
        return None
    merged: Fields | None = None
    for file in files:
        tree = _read_file(file, findings)
        if tree is not None:
            merged = tree if merged is None else _merge(merged, tree, (), findings)
    return merged


def _read_file(path: Path, findings: Findings) -> Fields | None:
    start = Mark(str(path), 1)
    try:
        if not path.is_file():
            findings.fault((), "does not exist or is not a file", start)
            return None
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        findings.fault((), f"cannot be read: {error.strerror}", start)
        return None
    if len(data) > MAX_FILE_BYTES:
        findings.fault((), f"larger than {MAX_FILE_BYTES // 1024} KiB", start)
        return None
    return read_text(data, str(path), findings)


def read_text(data: bytes, name: str, findings: Findings) -> Fields | None:
    """The tree of one file's bytes. None after a fault that leaves nothing to check."""
    start = Mark(name, 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.fault((), f"not UTF-8 at byte {error.start}", Mark(name, line))
        return None
    before = findings.failed
    tree = compose(text, name, findings)
    if isinstance(tree, Fields):
        return tree
    if tree is not None and not (isinstance(tree, Leaf) and tree.text == ""):
        findings.fault((), "expected a mapping such as `version: 1`", tree.mark)
    elif findings.failed == before:
        findings.fault((), "is empty", start)
    return None


def _merge(first: Fields, second: Fields, where: Where, findings: Findings) -> Fields:
    entries = dict(first.entries)
    for key, entry in second.entries.items():
        entries[key] = _merged(entries[key], entry, (*where, key), findings) if key in entries else entry
    return Fields(first.mark, entries, first.size + second.size, max(first.depth, second.depth))


def _merged(first: Entry, second: Entry, where: Where, findings: Findings) -> Entry:
    match first.node, second.node:
        case Items(), Items():
            return Entry(first.mark, _joined(first.node, second.node))
        case Fields(), Fields() if len(where) == 1:
            return Entry(first.mark, _merge(first.node, second.node, where, findings))
        case Leaf(text=one), Leaf(text=other) if where == ("version",) and one == other:
            return first
        case _:
            findings.fault(where, f"is already in {first.mark}", second.mark)
            return first


def _joined(first: Items, second: Items) -> Node:
    size, depth = first.size + second.size, max(first.depth, second.depth)
    return Items(first.mark, first.items + second.items, size, depth)
