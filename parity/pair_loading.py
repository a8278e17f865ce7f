"""Load the pairs that a user names as `module:attribute`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parity import jittor_import
from parity.errors import CannotCompare, CannotImport, MissingPackage, NoPair, users_code
from safe_files.reading import CannotRead, require_file

# A framework that a pair may import and that this installation may lack -> the extra with it.
EXTRAS = {"torch": "torch", "jittor": "jittor"}
# Packages that a file of the same name in the current folder hides.
SHADOWED = ("torch", "jittor", "numpy")


def load_pairs(name: str) -> list[Any]:
    """Import `module:attribute`, or `module` for every pair in it; a module may be a `file.py`.

    Jittor is prepared first.

    Args:
        name: the attribute may be a pair or trajectory, a list, tuple or dict of them, or a
            function without arguments that returns one of these.

    Returns:
        The pairs and trajectories found.

    Raises:
        CannotCompare: there is no such module or attribute, its import fails, or it is no pair.
    """
    module, attribute = _module_and_attribute(name)
    found = _attribute(module, attribute) if attribute else _pairs_in(module)
    wrong = next((value for value in found if not _is_pair(value)), None)
    if wrong is not None or not found:
        content = "nothing" if wrong is None else type(wrong).__name__
        raise NoPair(f"{name} holds {content}, and a parity.Pair, Trajectory or Tables is needed")
    return found


def load_object(name: str) -> Any:
    """Import `module:attribute`, or `file.py:attribute`, and return it. Jittor is prepared first.

    Raises:
        CannotCompare: there is none, or its import fails.
    """
    module, attribute = _module_and_attribute(name)
    if not attribute or not hasattr(module, attribute):
        names = [key for key in vars(module) if not key.startswith("_")]
        raise NoPair(f"{name}: name one of {', '.join(names) or 'nothing'} after a colon")
    return getattr(module, attribute)


def _module_and_attribute(name: str) -> tuple[Any, str]:
    module_name, _, attribute = name.partition(":")
    return _import(module_name, name), attribute


def _attribute(module: Any, attribute: str) -> list[Any]:
    if not hasattr(module, attribute):
        pairs = [key for key, value in vars(module).items() if _is_pair(value)]
        raise NoPair(
            f"{module.__name__} has no attribute {attribute!r}; its pairs: "
            f"{', '.join(pairs) or 'none'}"
        )
    value = getattr(module, attribute)
    if inspect.isfunction(value):
        with users_code(f"{module.__name__}:{attribute}()"):
            value = value()
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _pairs_in(module: Any) -> list[Any]:
    return [value for value in vars(module).values() if _is_pair(value)]


def _is_pair(value: object) -> bool:
    from parity.compare.tables import Tables
    from parity.pair import Pair
    from parity.trajectories.trajectory import Trajectory

    return isinstance(value, (Pair, Trajectory, Tables))


def _import(module_name: str, name: str) -> Any:
    if not module_name:
        raise CannotCompare(f"{name!r} names no module: write module:attribute")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    jittor_import.install()
    try:
        with users_code(f"{module_name} cannot be imported: it", CannotImport):
            module = (
                _from_file(Path(module_name))
                if _is_path(module_name)
                else (importlib.import_module(module_name))
            )
    except CannotCompare as error:
        remedy = _remedy(error.__cause__)
        error.args = (f"{error}{remedy}{_shadow()}",)
        if remedy:
            raise MissingPackage(*error.args) from error.__cause__
        raise
    _settle_jittor()
    return module


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _from_file(path: Path) -> Any:
    """Import a file under a name of its own; modules beside it are found."""
    try:
        require_file(path)
    except CannotRead as error:
        raise CannotCompare(f"{error}; name a file of pairs, path/to/pairs.py:attribute") from None
    path = path.resolve()
    name = f"{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise CannotCompare(f"{path.name} is no file of Python: name one with pairs, as pairs.py")
    module = importlib.util.module_from_spec(specification)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _shadow() -> str:
    """Return a remark on files of the current folder that hide a package."""
    hiding = [f"{name}.py" for name in SHADOWED if Path(f"{name}.py").exists()]
    return f"; {hiding[0]} in the current folder hides the package of that name" if hiding else ""


def _remedy(error: BaseException | None) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return f"; pip install 'ddpm-parity[{EXTRAS[missing]}]'" if missing in EXTRAS else ""


def _settle_jittor() -> None:
    """Settle a Jittor that was imported before the finder was there."""
    if "jittor" in sys.modules and importlib.util.find_spec("jittor_env"):
        importlib.import_module("jittor_env").settle()
