from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aigate.config.faults import Findings, Mark
from aigate.config.tree import MAX_DEPTH, MAX_NODES, Fields, Items, Leaf, Node, compose


def read(text: str) -> tuple[Node | None, list[str]]:
    findings = Findings(Mark("p.yaml", 1))
    return compose(text, "p.yaml", findings), list(findings.faults())


def plain(node: Node) -> object:
    if isinstance(node, Fields):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items] if isinstance(node, Items) else node.text


def good(text: str) -> object:
    node, faults = read(text)
    assert faults == []
    assert node is not None
    return plain(node)


def test_every_value_has_its_line() -> None:
    node, _ = read("a: 1\nb:\n  - x\n  - y\n")
    assert isinstance(node, Fields)
    assert node.entries["b"].mark.line == 2
    items = node.entries["b"].node
    assert isinstance(items, Items)
    assert [item.mark.line for item in items.items] == [3, 4]


def test_scalars_are_kept_as_written() -> None:
    assert good("{a: no, b: 010, c: '5', d: 1:30, e: \"${HOME}\"}") == {
        "a": "no",
        "b": "010",
        "c": "5",
        "d": "1:30",
        "e": "${HOME}",
    }
    node, _ = read("[5, '5']")
    assert isinstance(node, Items)
    assert [item.plain for item in node.items if isinstance(item, Leaf)] == [True, False]


def test_aliases_and_merges() -> None:
    assert good("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, k: 3}\n") == {
        "a": {"k": "1", "l": "2"},
        "b": {"k": "1", "l": "2"},
        "c": {"k": "3", "l": "2"},
    }
    assert good("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}")["c"] == {"k": "1", "m": "3"}  # type: ignore[index]


def test_duplicate_keys_name_the_first_line_and_the_path() -> None:
    assert read("m:\n  a: 1\n  b: 2\n  a: 3\n")[1] == ["p.yaml:4: m.a: duplicate key, first on line 2"]


def test_what_is_not_taken() -> None:
    assert read("a: !!python/object:os.system x")[1][0].startswith("p.yaml:1: a: tags such as")
    assert read("a: 1\n---\nb: 2\n")[1] == ["p.yaml:2: policy: one document in a file: a second one starts here"]
    assert read("a: *nope\n")[1][0].startswith("p.yaml:1: a: alias 'nope' stands for nothing")
    assert read("a: &x [*x]\n")[1][0].startswith("p.yaml:1: a[0]: alias 'x' stands for nothing")
    assert read("[1]: 2\n")[1] == ["p.yaml:1: policy: a key is a text, not a list, a mapping or nothing"]
    assert read("{<<: 5}")[1] == ["p.yaml:1: policy: << wants a mapping or a list of mappings"]


def test_syntax_faults_keep_the_parsers_words_and_line() -> None:
    node, faults = read("a: 1\nb:\n\t- x\n")
    assert node is None
    assert faults[0].startswith("p.yaml:3: policy: not YAML: ")
    assert "cannot start any token" in faults[0]
    assert read("a: [1, 2\n")[1][0].startswith("p.yaml:")
    assert read("a: 1\nb: \x07\n")[1] == ["p.yaml:2: policy: not YAML: a control character or a broken byte order mark"]


def test_a_syntax_fault_does_not_quote_the_line() -> None:
    _, faults = read('api_key: "sk-canary-0123456789\n')
    assert faults
    assert "canary" not in faults[0]


def test_depth_is_bounded() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)[1] == []
    assert f"nested deeper than {MAX_DEPTH} levels" in read("[" * 100_000)[1][0]
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, MAX_DEPTH + 2))
    assert "aliases expanded" in read(chain)[1][0]


def test_a_billion_laughs_is_not_expanded() -> None:
    bomb = "a0: &a0 [lol, lol]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert read(bomb)[1][0].endswith(f"more than {MAX_NODES} values, aliases expanded")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_a_tree_or_a_fault(text: str) -> None:
    """Invariant: for any text `compose` gives a tree or notes a fault, and never raises."""
    node, faults = read(text)
    assert node is not None or faults or not text.strip() or text.lstrip("\ufeff \n\r\t").startswith(("#", "%", "---"))


@given(st.text(alphabet="ab:-[]{}&*<>|'\"#,? \n\t!%@`0~", max_size=80))
def test_any_yaml_like_text_is_a_tree_or_a_fault(text: str) -> None:
    """The same over YAML's own characters."""
    read(text)
