"""Prepare Jittor when somebody's file writes `import jittor`.

Stock Jittor flushes denormals in the whole process, downloads at import, compiles for minutes
without a word, and ends the process where it finds an nvcc without CUDA. `jittor_env` avoids all
that, and must act right before the import and right after it. A finder on `sys.meta_path` does so,
wherever the import stands. It imports nothing until then.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

JITTOR = "jittor"


class CannotStart(ImportError):  # noqa: N818 - named as CannotCompare is
    """Jittor is there and cannot start; the text is one line with the fix."""

    code = "jittor-cannot-start"


class JittorFinder(importlib.abc.MetaPathFinder):
    """Finds Jittor as Python does, and lets `jittor_env` start it."""

    def __init__(self) -> None:
        self.failure = ""
        self._is_searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return Jittor's spec with a loader that prepares it; None for any other module."""
        if fullname != JITTOR or JITTOR in sys.modules or self._is_searching:
            return None
        self._is_searching = True
        try:
            spec = importlib.util.find_spec(JITTOR)
            is_managed = importlib.util.find_spec("jittor_env") is not None
        finally:
            self._is_searching = False
        if spec is None or spec.loader is None or not is_managed:
            return None
        spec.loader = _PreparingLoader(spec.loader, self)
        return spec


class _PreparingLoader(importlib.abc.Loader):
    """Runs a loader between `jittor_env.prepare` and `jittor_env.settle`.

    Where Jittor cannot start, the import raises CannotStart, an ImportError; its text is one line
    with the fix.
    """

    def __init__(self, loader: importlib.abc.Loader, finder: JittorFinder) -> None:
        self.loader, self.finder = loader, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Set the environment, then let the wrapped loader make the module."""
        __tracebackhide__ = True
        # Parts of Jittor are loaded then: its own error at a second attempt would be obscure.
        if self.finder.failure:
            raise CannotStart(self.finder.failure, name=JITTOR)
        with self._as_import_error() as jittor_env:
            jittor_env.prepare()
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Start Jittor and settle its flags."""
        __tracebackhide__ = True
        spec = module.__spec__
        assert spec is not None
        spec.loader = module.__loader__ = self.loader
        with self._as_import_error() as jittor_env:
            with jittor_env.importing():
                self.loader.exec_module(module)
            jittor_env.settle()

    @contextmanager
    def _as_import_error(self) -> Iterator[Any]:
        """Lend `jittor_env`, and turn its error into the one that an import statement raises."""
        __tracebackhide__ = True
        jittor_env: Any = importlib.import_module("jittor_env")
        try:
            yield jittor_env
        except jittor_env.JittorEnvError as error:
            self.finder.failure = str(error)
            raise CannotStart(self.finder.failure, name=JITTOR) from None


def install() -> JittorFinder:
    """Prepare every later import of Jittor in this process; another call changes nothing."""
    for finder in sys.meta_path:
        if isinstance(finder, JittorFinder):
            return finder
    added = JittorFinder()
    sys.meta_path.insert(0, added)
    return added


def remove() -> None:
    """Leave later imports of Jittor as they are."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, JittorFinder)]
