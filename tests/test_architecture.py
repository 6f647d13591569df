"""The house rules, as tests: who may import whom, how big things may be, what may not be written.

Read from the syntax trees, so that a rule is broken by code and never by a comment. The tables below are the design;
changing one is a decision and belongs into docs/decisions/.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "aigate"
RUST = ROOT / "rust"

# Which top-level names of the package each room may import, besides itself.
FOUNDATION = {"_native", "domain", "errors", "__version__"}
ROOMS = {
    "admin": {"store"},
    "config": {"prices"},
    "dialects": set(),
    "dispatch": {"providers", "transport"},
    "identity": set(),
    "ledger": {"store"},
    "prices": set(),
    "providers": set(),
    "routing": set(),
    "store": set(),
    "telemetry": set(),
    "transport": set(),
}
ABOVE = {
    "domain": {"_native", "errors"},
    "errors": set(),
    "pipeline": FOUNDATION | set(ROOMS),
    "http": FOUNDATION | set(ROOMS) | {"pipeline"},
    "places": FOUNDATION | set(ROOMS),
    "app": FOUNDATION | set(ROOMS) | {"pipeline", "http", "places"},
    "serve": FOUNDATION | set(ROOMS) | {"pipeline", "http", "app"},
    "cli": FOUNDATION | set(ROOMS),
    "__init__": set(),
    "__main__": {"cli"},
}

# The three places where any exception is caught: the ASGI top, the steward's loop, the admin listener's top.
BROAD_EXCEPT_ALLOWED = {"http/front.py", "ledger/steward.py", "admin/listener.py"}

BANNED_STEMS = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager|handler|v2)(_|$)")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS, MAX_NESTING, MAX_RUST_LINES = 500, 60, 6, 3, 600

SOURCES = sorted(PACKAGE.rglob("*.py"))
RUST_SOURCES = sorted(path for path in RUST.rglob("*.rs") if "target" not in path.parts)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    """Top-level names of the package that a file imports, with line numbers."""
    package = ["aigate", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            names = [[*module, alias.name] for alias in node.names] if len(module) == 1 else [module]
        else:
            continue
        yield from ((name[1], node.lineno) for name in names if name[0] == "aigate" and len(name) > 1)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_follow_the_arrows(path: Path) -> None:
    room = room_of(path)
    allowed = ABOVE.get(room, FOUNDATION | ROOMS.get(room, set())) | {room}
    assert room in ABOVE or room in ROOMS, f"{room} is not in the table of rooms"
    wrong = [f"line {line}: {name}" for name, line in imported_rooms(path) if name not in allowed]
    assert not wrong, f"{name_of(path)} imports what its room may not: {wrong}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_imports_inside_functions(path: Path) -> None:
    inside = [
        node.lineno
        for function in functions(tree_of(path))
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not inside, f"{name_of(path)} imports inside functions at lines {inside}"


def module_level_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from ((target.id, node.lineno) for target in targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_level_state(path: Path) -> None:
    """Constants, type aliases, loggers, dunders and Typer apps; everything else is built and handed in."""
    tree = tree_of(path)
    constant = re.compile(r"_?[A-Z][A-Z0-9_]*|_?[A-Z][A-Za-z]*|_log|__\w+__")
    typer_apps = {"app", "keys", "prices"} if path.parent.name == "cli" else set()
    wrong = [
        f"line {line}: {name}"
        for name, line in module_level_names(tree)
        if not constant.fullmatch(name) and name not in typer_apps
    ]
    assert not wrong, f"{name_of(path)} holds state at module level: {wrong}"
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)], "no global"


def is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def reraises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_broad_except_only_at_the_boundaries(path: Path) -> None:
    broad = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not reraises(node)
    ]
    assert not broad or name_of(path) in BROAD_EXCEPT_ALLOWED, f"{name_of(path)} swallows everything at lines {broad}"


def depth_of(node: ast.AST, depth: int = 0) -> int:
    nests = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match
    deepest = depth
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, Function | ast.ClassDef):
                continue
            # An elif is an If in the orelse of an If, but reads at the same level.
            elif_ = field == "orelse" and isinstance(node, ast.If) and isinstance(child, ast.If)
            deepest = max(deepest, depth_of(child, depth + (isinstance(child, nests) and not elif_)))
    return deepest


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_sizes(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES, f"{name_of(path)} is too long"
    for function in functions(tree_of(path)):
        where = f"{name_of(path)}:{function.lineno} {function.name}"
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        assert lines <= MAX_FUNCTION_LINES, f"{where} has {lines} lines"
        assert depth_of(function) <= MAX_NESTING, f"{where} nests too deep"
        if "cli" not in path.parts:  # a command's parameters are its options
            count = len([a for a in function.args.args + function.args.kwonlyargs if a.arg not in {"self", "cls"}])
            assert count <= MAX_PARAMETERS, f"{where} takes {count} parameters"


@pytest.mark.parametrize("path", RUST_SOURCES, ids=lambda path: path.relative_to(RUST).as_posix())
def test_rust_sizes_and_words(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_RUST_LINES, f"{path.name} is too long"
    if "binding" in path.parts and path.name != "enter.rs":
        assert ".detach(" not in text, "the GIL is released by `enter` alone"


def test_the_engine_forbids_unsafe_and_knows_no_python() -> None:
    assert "#![forbid(unsafe_code)]" in (RUST / "engine/src/lib.rs").read_text()
    assert "pyo3" not in (RUST / "engine/Cargo.toml").read_text()


@pytest.mark.parametrize("path", [*SOURCES, *RUST_SOURCES], ids=lambda path: path.name)
def test_names_say_the_job(path: Path) -> None:
    assert not BANNED_STEMS.search(path.stem), f"{path.name}: a name that says nothing"
    assert not BANNED_STEMS.search(path.parent.name), f"{path.parent.name}: a name that says nothing"


def test_adapters_have_the_same_functions_and_no_io() -> None:
    for folder in sorted(path for path in (PACKAGE / "providers").iterdir() if (path / "encode.py").exists()):
        exported = ast.literal_eval(
            next(
                node.value
                for node in tree_of(folder / "__init__.py").body
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
            )
        )
        assert {"account_headers", "decode", "encode", "failure", "reader"} <= set(exported), folder.name
    for path in sorted((PACKAGE / "providers").rglob("*.py")):
        text = path.read_text()
        assert not [f for f in ast.walk(tree_of(path)) if isinstance(f, ast.AsyncFunctionDef)], f"{path} awaits"
        assert "import socket" not in text, f"{path} opens sockets"
        assert "import asyncio" not in text, f"{path} knows the loop"


def test_the_pipeline_is_short_and_names_no_provider() -> None:
    text = (PACKAGE / "pipeline.py").read_text()
    order = next(f for f in functions(ast.parse(text)) if f.name == "complete")
    assert (order.end_lineno or 0) - order.lineno <= 45
    assert not re.search(r"openai|anthropic|gemini|bedrock|echo", text, re.IGNORECASE)


def test_money_is_never_a_float_in_the_domain() -> None:
    for path in sorted((PACKAGE / "domain").glob("*.py")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                written = ast.unparse(node.annotation)
                assert not ("usd" in node.target.id and "float" in written), f"{path.name}: {node.target.id}"
                assert "Any" not in written.split("[")[0], f"{path.name}: {node.target.id} is Any"


def test_exports_are_sorted() -> None:
    for path in sorted(PACKAGE.rglob("__init__.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                names = ast.literal_eval(node.value)
                key = lambda name: (not name.isupper(), name[0].islower(), name)  # noqa: E731 - ruff's own order
                assert names == sorted(names, key=key), f"{name_of(path)}: __all__ is not sorted"
