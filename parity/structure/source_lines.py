"""The user's lines of code that define, build and call a module, found by `inspect`."""

from __future__ import annotations

import ast
import inspect
import os
import sysconfig
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from parity.nested.arguments import forward_function

Kind = Literal["class", "call", "built", "used"]
# Lines of one piece of code that are kept.
LONGEST = 40


class SourceLines(NamedTuple):
    """A piece of code.

    Attributes:
        kind: class, the line that begins the definition; call, the function that a call runs;
            built, where the module around it makes it; used, where that one calls it.
        file: relative to the working directory; of a file outside of it, its name alone.
        line: of the first line, from 1.
        text: the lines.
    """

    kind: Kind
    file: str
    line: int
    text: str


def source_lines(path: str, modules: Mapping[str, Any]) -> tuple[SourceLines, ...]:
    """Return the user's code of a module; nothing for the code of libraries.

    Args:
        path: of the module.
        modules: all modules of its side by path, of any framework.
    """
    module = modules[path]
    if hasattr(module, "recorded_text"):
        return ()
    own = _of_object("class", type(module), 1)
    call = _of_object("call", forward_function(module), LONGEST) if own else []
    return (*own, *call, *_in_caller(path, modules))


def _of_object(kind: Kind, thing: Any, longest: int) -> list[SourceLines]:
    try:
        thing = inspect.unwrap(thing)
        file = inspect.getsourcefile(thing)
        lines, first = inspect.getsourcelines(thing)
    except (TypeError, OSError, ValueError):
        return []
    if file is None or not _is_users(file):
        return []
    if kind == "class":
        decorators = sum(1 for _ in _until_class(lines))
        lines, first = lines[decorators:], first + decorators
    text = textwrap.dedent("".join(lines[:longest])).rstrip()
    if len(lines) > longest > 1:
        text += "\n…"
    return [SourceLines(kind, _shown(file), max(first, 1), text)]


def _until_class(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.lstrip().startswith("class "):
            return
        yield line


def _in_caller(path: str, modules: Mapping[str, Any]) -> Iterator[SourceLines]:
    """Yield the lines in which the nearest module of the user's around a module names it."""
    parts = path.split(".") if path else []
    for depth in range(len(parts) - 1, -1, -1):
        around = modules.get(".".join(parts[:depth]))
        name = parts[depth]
        if around is None or not name.isidentifier():
            continue
        try:
            file = inspect.getsourcefile(type(around))
            lines, first = inspect.getsourcelines(type(around))
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except (TypeError, OSError, ValueError, SyntaxError):
            continue
        if file is not None and _is_users(file):
            for kind, node in _mentions(tree, name):
                text = textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno])).rstrip()
                yield SourceLines(kind, _shown(file), first + node.lineno - 1, text)
            return


def _mentions(tree: ast.AST, name: str) -> Iterator[tuple[Kind, ast.stmt]]:
    """Yield the innermost statements that assign `self.name`, or read it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or hasattr(node, "body"):
            continue
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if any(_is_own(target, name) for target in targets):
            yield "built", node
        elif any(_is_own(inner, name) for inner in ast.walk(node)):
            yield "used", node


def _is_own(node: ast.AST | None, name: str) -> bool:
    is_attribute = isinstance(node, ast.Attribute) and node.attr == name
    return is_attribute and isinstance(node.value, ast.Name) and node.value.id == "self"  # type: ignore[union-attr]


def _is_users(file: str) -> bool:
    return not any(file.startswith(sysconfig.get_path(p)) for p in ("purelib", "stdlib"))


def _shown(file: str) -> str:
    """Return a file as it is shown: nothing of the machine's folders."""
    relative = os.path.relpath(os.path.realpath(file), os.path.realpath(os.curdir))
    return Path(file).name if relative.startswith(os.pardir) else Path(relative).as_posix()
