"""Finds the models in a folder's source, without importing anything."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

# The call of a model in each framework.
CALLS = {"torch": "forward", "jittor": "execute"}
LARGEST = 1 << 20  # bytes; larger files are data
_LEFT_OUT = {"__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env"}


@dataclass(frozen=True)
class FoundModel:
    """A class that is a module of a framework.

    Attributes:
        path: of its file.
        name: of the class.
        framework: torch or jittor.
        line: at which it begins.
        needed: arguments that its constructor must be given.
        inputs: arguments of its call that have no default.
        parts: names of other classes that its methods mention.
    """

    path: Path
    name: str
    framework: str
    line: int
    needed: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    parts: frozenset[str] = frozenset()


class Found(NamedTuple):
    """Models of a folder.

    Attributes:
        models: in the order of their files.
        unreadable: files that are no valid Python.
    """

    models: list[FoundModel]
    unreadable: list[Path]


def find_models(folder: Path) -> Found:
    """Return every class that is a module of PyTorch or Jittor and can be called.

    A class counts if one of its bases is the framework's `Module`, or a class of the folder that
    is one. Hidden folders, virtual environments and files of more than 1 MiB are left out.
    """
    classes: dict[tuple[Path, str], tuple[ast.ClassDef, Mapping[str, str]]] = {}
    unreadable = []
    for path in _python_files(folder):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the user's escapes, for example
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError, RecursionError):
            unreadable.append(path)
            continue
        names = _imported_names(tree)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                classes[path, node.name] = node, names
    frameworks = _frameworks(classes)
    models = []
    for key, framework in frameworks.items():
        model = _model(key, framework, classes)
        if model is not None:
            models.append(model)
    return Found(models, unreadable)


def outermost(models: list[FoundModel]) -> list[FoundModel]:
    """Return the models that are no part of another one of their framework."""
    parts = {(m.framework, part) for m in models for part in m.parts if part != m.name}
    return [m for m in models if (m.framework, m.name) not in parts]


def _python_files(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        inside = Path(where)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _LEFT_OUT
            and not name.startswith(".")
            and not (inside / name / "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            path = inside / name
            if name.endswith(".py") and path.is_file() and path.stat().st_size <= LARGEST:
                yield path


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Return local name -> what it stands for, `nn` -> `torch.nn` for example."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


Classes = Mapping[tuple[Path, str], tuple[ast.ClassDef, Mapping[str, str]]]


def _frameworks(classes: Classes) -> dict[tuple[Path, str], str]:
    """Return the framework of each class that is a module."""
    known: dict[tuple[Path, str], str] = {}
    while True:
        added = {}
        for (path, name), (node, names) in classes.items():
            if (path, name) in known:
                continue
            bases = (_resolved(base, names) for base in node.bases)
            found = next(filter(None, (_framework(b, path, known) for b in bases)), "")
            if found:
                added[path, name] = found
        if not added:
            return {key: known[key] for key in classes if key in known}
        known |= added


def _resolved(base: ast.expr, names: Mapping[str, str]) -> str:
    text = ast.unparse(base)
    head, dot, rest = text.partition(".")
    return names.get(head, head) + dot + rest


def _framework(base: str, path: Path, known: Mapping[tuple[Path, str], str]) -> str:
    """Return the framework of a base class, or nothing."""
    parts = base.split(".")
    if parts[0] in CALLS and parts[-1] in ("Module", "ModuleList", "Sequential"):
        return parts[0]
    if (path, base) in known:
        return known[path, base]
    others = {of for (where, name), of in known.items() if name == parts[-1] and where != path}
    return others.pop() if len(parts) > 1 and len(others) == 1 else ""


def _model(key: tuple[Path, str], framework: str, classes: Classes) -> FoundModel | None:
    """Return what is known of a class; None if it has no call of its own or inherited here."""
    path, name = key
    node, names = classes[key]
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    call = methods.get(CALLS[framework]) or methods.get("forward")
    inherited = None
    for base in node.bases:
        base_name = _resolved(base, names).rpartition(".")[2]
        base_key = next((k for k in classes if k[1] == base_name and k != key), None)
        if base_key is not None:
            inherited = inherited or _model(base_key, framework, _without(classes, key))
    if call is None and inherited is None:
        return None
    model = FoundModel(path, name, framework, node.lineno)
    if inherited is not None:
        model = replace(inherited, path=path, name=name, line=node.lineno)
    if call is not None:
        model = replace(model, inputs=_needed(call))
    if "__init__" in methods:
        model = replace(model, needed=_needed(methods["__init__"]))
    inside = [part for item in node.body for part in ast.walk(item)]
    mentioned = {part.id for part in inside if isinstance(part, ast.Name)}
    mentioned |= {part.attr for part in inside if isinstance(part, ast.Attribute)}
    own = {class_name for _, class_name in classes}
    return replace(model, parts=frozenset(mentioned & own))


def _without(classes: Classes, key: tuple[Path, str]) -> Classes:
    return {other: value for other, value in classes.items() if other != key}


def _needed(function: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of a method's arguments without a default, the object itself left out."""
    arguments = function.args
    positional = [a.arg for a in [*arguments.posonlyargs, *arguments.args]]
    required = positional[1 : len(positional) - len(arguments.defaults)]
    by_keyword = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return (*required, *(a.arg for a, default in by_keyword if default is None))
