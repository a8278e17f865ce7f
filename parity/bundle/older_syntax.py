"""Rewrites a module of the package for Python 3.8, in place: every line keeps its number.

The package is written for Python 3.10. What it uses of 3.9 and 3.10 outside annotations, which are
never evaluated, is little: the operator `|` of mappings and types, `zip(strict=…)`,
`str.removeprefix` and its like, dataclasses with `kw_only`, generic classes of `collections.abc`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

HELPERS = "older_python"  # the module that a rewritten one imports
_FUTURE = "from __future__ import annotations"
_GENERICS = ("dict", "frozenset", "list", "set", "tuple", "type")
_METHODS = {"removeprefix": "without_prefix", "removesuffix": "without_suffix"}
_KEYWORDS = {"zip": ("strict", "zipped"), "dataclass": ("kw_only", "dataclass")}
_ATTRIBUTES = {
    "itertools.pairwise": "pairwise",
    "sys.orig_argv": "started_as",
    "functools.cache": "cache",
}


class _Edit(NamedTuple):
    """A piece of the text, from byte to byte, that becomes another."""

    start: int
    end: int
    text: str


def for_python_38(text: str) -> str:
    """Return a module's text so that Python 3.8 runs it.

    Args:
        text: of a module whose annotations are not evaluated (PEP 563).

    Raises:
        ValueError: the module has no `from __future__ import annotations`, or uses syntax of a
            later Python, such as `match`.
    """
    tree = ast.parse(text)
    source = _Source(text)
    edits = [edit for node in _evaluated(tree) for edit in source.edits(node)]
    # Of several insertions at one place, that of the outermost node comes first.
    edits.sort(key=lambda edit: edit[:2])
    raw = text.encode()
    pieces, position = [], 0
    for start, end, new in edits:
        pieces += [raw[position:start], new.encode()]
        position = end
    rewritten = b"".join([*pieces, raw[position:]]).decode()
    needs_future = bool(source.used) or any(map(_is_annotated, ast.walk(tree)))
    if needs_future and f"\n{_FUTURE}\n" not in f"\n{text}":
        raise ValueError(f"a module without {_FUTURE!r} cannot be rewritten")
    if source.used:
        imports = ", ".join(f"{name} as _{name}" for name in sorted(source.used))
        helpers = f"{_FUTURE}; from {HELPERS} import {imports}"
        rewritten = re.sub(f"^{_FUTURE}$", helpers, rewritten, count=1, flags=re.M)
    try:
        ast.parse(rewritten, feature_version=(3, 8))
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno} cannot be run by Python 3.8: {error.msg}") from None
    return rewritten


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree that are not part of an annotation."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _evaluated(child)


def _is_annotated(node: ast.AST) -> bool:
    return any(getattr(node, name, None) is not None for name in ("annotation", "returns"))


class _Source:
    """A module's text, and the helpers that its rewritten form uses."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode()
        self.used: set[str] = set()
        lines = self.raw.splitlines(keepends=True)
        self.starts = list(accumulate(map(len, lines), initial=0))

    def edits(self, node: ast.AST) -> Iterator[_Edit]:
        """Yield how a node is rewritten, its children aside."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            operator = self._find(b"|", self._end(node.left), self._start(node.right))
            yield self._insert(self._start(node), f"{self._use('either')}(")
            yield _Edit(operator, operator + 1, ",")
            yield self._insert(self._end(node), ")")
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.BitOr):
            target = self._text(node.target)
            operator = self._find(b"|=", self._end(node.target), self._start(node.value))
            yield _Edit(operator, operator + 2, f"= {self._use('updated')}({target},")
            yield self._insert(self._end(node), ")")
        elif isinstance(node, ast.ImportFrom) and node.module == "collections.abc":
            yield self._import(node)
        elif isinstance(node, ast.Attribute) and self._text(node) in _ATTRIBUTES:
            yield self._replace(node, _ATTRIBUTES[self._text(node)])
        elif isinstance(node, ast.Subscript) and self._text(node.value) in _GENERICS:
            yield self._replace(node.value, self._text(node.value) + "_of")
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.With):
            yield from self._with(node)

    def _import(self, node: ast.ImportFrom) -> _Edit:
        """Return an import of the generic classes from `typing`, where each has its parameters."""
        names = [f"{a.name} as {a.asname}" if a.asname else a.name for a in node.names]
        names = ["AbstractSet as Set" if name == "Set" else name for name in names]
        rest_of_lines = "\n" * self._text(node).count("\n")
        text = f"from typing import ({', '.join(names)}{rest_of_lines})"
        return _Edit(self._start(node), self._end(node), text)

    def _call(self, node: ast.Call) -> Iterator[_Edit]:
        function, keywords = node.func, {keyword.arg for keyword in node.keywords}
        name = self._text(function)
        if isinstance(function, ast.Attribute) and function.attr in _METHODS:
            yield self._insert(self._start(node), f"{self._use(_METHODS[function.attr])}(")
            opening = self._find(b"(", self._end(function), self._end(node))
            dot = self._find(b".", self._end(function.value), self._end(function))
            yield _Edit(dot, opening + 1, ", ")
        elif name in _KEYWORDS and _KEYWORDS[name][0] in keywords:
            yield self._replace(function, _KEYWORDS[name][1])
        elif name in ("isinstance", "issubclass") and isinstance(node.args[1], ast.BinOp):
            yield self._insert(self._start(node.args[1]), f"{self._use('classes')}(")
            yield self._insert(self._end(node.args[1]), ")")

    def _with(self, node: ast.With) -> Iterator[_Edit]:
        """Yield how the parentheses around several context managers go."""
        bounds = [(self._start(i.context_expr), self._end(_last(i))) for i in node.items]
        starts = [self._start(node) + len("with"), *(end for _, end in bounds)]
        ends = [*(start for start, _ in bounds), self._find(b":", starts[-1], len(self.raw)) + 1]
        if b"(" not in self.raw[starts[0] : ends[0]] or b")" not in self.raw[starts[-1] : ends[-1]]:
            return
        *separators, last = zip(starts, ends, strict=True)
        for number, (start, end) in enumerate(separators):
            yield _Edit(start, end, ", " if number else " ")
        dropped = b"".join(self.raw[start:end] for start, end in [*separators, last])
        rest_of_lines = "\n" * dropped.count(b"\n")
        yield _Edit(*last, f":{rest_of_lines}")

    def _use(self, helper: str) -> str:
        self.used.add(helper)
        return f"_{helper}"

    def _replace(self, node: ast.expr, helper: str) -> _Edit:
        return _Edit(self._start(node), self._end(node), self._use(helper))

    def _insert(self, position: int, text: str) -> _Edit:
        return _Edit(position, position, text)

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self.raw[self._start(node) : self._end(node)].decode()

    def _find(self, token: bytes, start: int, end: int) -> int:
        """Return where an operator stands between two operands; a comment may hold it too."""
        text = re.sub(rb"#.*", lambda match: b" " * len(match[0]), self.raw[start:end])
        return start + text.index(token)


def _last(item: ast.withitem) -> ast.expr:
    return item.optional_vars or item.context_expr
