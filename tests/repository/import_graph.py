"""The imports between this repository's modules, read from the source without running it."""

from __future__ import annotations

import ast
import fnmatch
import functools
import re
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# An entry point, "package.module:name".
ENTRY_POINT = re.compile(r"([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*):[A-Za-z_]\w*")
IMPORTERS = {"import_module", "find_spec", "__import__"}

Graph = dict[str, set[str]]


def module_name(path: Path, root: Path = ROOT) -> str:
    """Return the dotted name under which a file is imported from the repository's root."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_test(module: str) -> bool:
    """Tell whether a dotted name is a test file's."""
    parts = module.split(".")
    return parts[0] == "tests" or parts[-1].startswith("test_") or parts[-1] == "conftest"


def modules(package: str, root: Path = ROOT) -> dict[str, Path]:
    """Return every module of a top-level package by its dotted name."""
    return {module_name(path, root): path for path in sorted((root / package).rglob("*.py"))}


@functools.cache
def parse(source: str) -> ast.Module:
    """Return a program's syntax tree; each program is parsed once."""
    return ast.parse(source)


def imports(
    path: Path,
    known: Collection[str] = (),
    root: Path = ROOT,
    *,
    on_load_only: bool = False,
) -> set[str]:
    """Return the dotted names that a file imports, written out or as strings.

    Args:
        path: the file.
        known: modules of the repository; `from a import b` is read as `a.b` if that is one, and
            the variable parts of an f-string stand for any of them.
        root: the folder from which modules are imported.
        on_load_only: leave out what is not imported when the file itself is: imports inside
            functions, under `TYPE_CHECKING` and by string.

    Strings that count as imports are those given to `import_module` and `find_spec`, and entry
    points such as "package.module:name".
    """
    name = module_name(path, root)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names: set[str] = set()
    tree = parse(path.read_text(encoding="utf-8"))
    for node in tree.body if on_load_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= _imported_from(node, package, known)
        elif isinstance(node, ast.Call) and _called(node) in IMPORTERS and node.args:
            names |= _named_by(node.args[0], name, known)
        elif isinstance(node, ast.Constant):
            entry = ENTRY_POINT.fullmatch(str(node.value))
            names |= {entry[1]} & set(known) if entry else set()
    return names - {name}


def _imported_from(node: ast.ImportFrom, package: str, known: Collection[str]) -> set[str]:
    base = node.module or ""
    if node.level:
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*parents, *([node.module] if node.module else [])])
    full = {alias.name: f"{base}.{alias.name}" for alias in node.names}
    return {module if module in known else base for module in full.values()}


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _named_by(argument: ast.expr, name: str, known: Collection[str]) -> set[str]:
    """Return the modules that the argument of `import_module` may name."""
    if isinstance(argument, ast.Constant):
        return {str(argument.value)}
    if not isinstance(argument, ast.JoinedStr):
        return set()
    pattern = ""
    for part in argument.values:
        if isinstance(part, ast.Constant):
            pattern += str(part.value)
        else:
            value = part.value if isinstance(part, ast.FormattedValue) else part
            is_own_name = isinstance(value, ast.Name) and value.id == "__name__"
            pattern += name if is_own_name else "*"
    return {found for found in fnmatch.filter(known, pattern) if not is_test(found)}


def graph(*packages: str, root: Path = ROOT, on_load_only: bool = False) -> Graph:
    """Return module -> the modules of these packages that it imports."""
    known = {name: path for package in packages for name, path in modules(package, root).items()}
    return {
        name: imports(path, known, root, on_load_only=on_load_only) & known.keys()
        for name, path in known.items()
    }


def cycles(edges: Graph) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle."""
    reach = {name: set(reachable(edges, name)) for name in edges}
    groups = {
        tuple(sorted({name, *(other for other in reach[name] if name in reach[other])}))
        for name in edges
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def reachable(edges: Graph, start: str) -> Iterator[str]:
    """Yield every module that `start` imports, directly or through others."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in edges[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
            yield name


def longest_chain(edges: Graph) -> list[str]:
    """Return the longest chain of modules of which each imports the next.

    Raises:
        ValueError: modules import each other in a circle.
    """
    if found := cycles(edges):
        raise ValueError(f"a circle of imports: {found[0]}")
    longest: dict[str, list[str]] = {}

    def chain(name: str) -> list[str]:
        if name not in longest:
            below = [chain(other) for other in sorted(edges[name])]
            longest[name] = [name, *max(below, key=len, default=[])]
        return longest[name]

    return max((chain(name) for name in sorted(edges)), key=len, default=[])
