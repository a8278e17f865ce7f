"""Runs a training script as it is, and finds its models and optimizers while it runs."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from parity.adapters.protocol import adapt
from parity.errors import CannotCompare, CodeRaised, one_line, users_line
from parity.steps.frameworks.loops import loop_of
from parity.steps.frameworks.protocol import Loop, WatchedOptimizer
from parity.steps.loop.averages import Average
from parity.steps.loop.found_averages import found_averages
from parity.steps.loop.observer import StepObserver
from parity.steps.subjects import Subjects, matched_model

# Framework -> its class of optimizers, in its module.
_OPTIMIZERS = {"torch": ("torch.optim", "Optimizer"), "jittor": ("jittor.optim", "Optimizer")}
_MODULES = {"torch": ("torch.nn", "Module"), "jittor": ("jittor", "Module")}
MakeObserver = Callable[[Loop, dict[str, Any], dict[str, Any]], StepObserver]


class Finished(BaseException):
    """Ends a script whose steps have all been seen."""


class ScriptLoop:
    """The training loop of a script, found while it runs.

    A model is what is called from outside of any other module and has a parameter of an optimizer.
    Models are named by their class, optimizers by their number, in the order of their first use.

    Args:
        make_observer: (loop, models, optimizers) -> observer; the dictionaries are filled later.
        recorded: facts of the recorded parts, if there are some.
        rename: reference path -> own path.
    """

    def __init__(
        self,
        make_observer: MakeObserver,
        *,
        recorded: Mapping[str, Any] | None = None,
        rename: Mapping[str, str] | None = None,
    ) -> None:
        self._make_observer, self._recorded = make_observer, recorded
        self._rename = rename or {}
        # Of each framework, the optimizers in the order in which they were made.
        self._optimizers: dict[str, list[tuple[Any, WatchedOptimizer]]] = {}
        self._observers: dict[str, StepObserver] = {}
        self._known: set[int] = set()
        self._depth = 0
        self._stack = ExitStack()
        self.parts: Subjects | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the frameworks that are imported inside the block, or were before."""
        with self._stack, ExitStack() as stack:
            for framework in _OPTIMIZERS:
                if framework in sys.modules:
                    self._watch(framework)
                else:
                    stack.enter_context(_after_import(framework, self._watch))
            yield
            if self.parts is not None:
                self._observers[self.parts.framework].close()

    def _watch(self, framework: str) -> None:
        loop = loop_of(framework)({})
        models: dict[str, Any] = {}
        optimizers: dict[str, Any] = {}
        observer = self._make_observer(loop, models, optimizers)
        self._observers[framework] = observer
        made = self._optimizers[framework] = []

        def optimizer_made(optimizer: Any) -> None:
            # At once: a step may be looked up before the model is called.
            watched = loop.optimizer(str(len(made)), optimizer, {}, is_partial=True)
            made.append((optimizer, watched))

        module, name = _OPTIMIZERS[framework]
        kind = getattr(importlib.import_module(module), name)
        self._stack.enter_context(_after_init(kind, optimizer_made))
        module, name = _MODULES[framework]
        kind = getattr(importlib.import_module(module), name)

        def called(owner: Any) -> None:
            self._called(framework, loop, owner)

        self._stack.enter_context(self._outermost_calls(kind, called))
        self._stack.enter_context(loop.watching(observer))
        observer.start()

    def _called(self, framework: str, loop: Loop, module: Any) -> None:
        """Look into a module that is called, if it is a model that is trained."""
        if id(module) in self._known:
            return
        own = {id(p) for p in module.parameters()}
        trained = {
            str(number): watched
            for number, (optimizer, watched) in enumerate(self._optimizers[framework])
            if own & _parameters(optimizer)
        }
        if not trained:
            return
        # A part of it that is called alone is no model of its own.
        self._known |= {id(m) for m in adapt(module).modules().values()}
        observer = self._observers[framework]
        if self.parts is None:
            self.parts = Subjects(
                framework, loop, observer.models, observer.optimizers, observer.averages
            )
        name = self._name_of(module, len(observer.models))
        adapter = adapt(module)
        model = matched_model(name, adapter, self._recorded, self._rename)
        averages = found_averages(adapter)  # before the weights are set to recorded ones
        loop.add_model(name, adapter)
        observer.add(model)
        own_names = {o: path for path, o in {**model.parameters, **model.buffers}.items()}
        for number, average in enumerate(averages):
            label = name if not number else f"{name} {number + 1}"
            observer.add_average(label, Average(label, average, adapter, loop, own_names))
        names: dict[int, str] = {}
        for known in observer.models.values():  # the first that has a parameter names it
            names = {**known.names_of_parameters(), **names}
        for label, watched in trained.items():
            watched.name_parameters(names, is_partial=True)
            observer.optimizers[label] = watched
            observer.start_optimizer(label)

    def _name_of(self, module: Any, number: int) -> str:
        """Return the name of a model: of the recorded one that was used as early."""
        if self._recorded is not None:
            names = list(self._recorded["models"])
            if number >= len(names):
                raise CannotCompare(
                    f"the script trains a further model, {type(module).__name__}; recorded are "
                    f"{', '.join(names)}"
                )
            return names[number]
        name = type(module).__name__
        taken = [n for o in self._observers.values() for n in o.models]
        return name if name not in taken else f"{name}{number}"

    @contextmanager
    def _outermost_calls(self, kind: Any, called: Callable[[Any], None]) -> Iterator[None]:
        """Have a function called before each module that is not called by another one."""
        call = kind.__call__

        def watched(module: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._depth:
                called(module)
            self._depth += 1
            try:
                return call(module, *args, **kwargs)
            finally:
                self._depth -= 1

        kind.__call__ = watched
        try:
            yield
        finally:
            kind.__call__ = call


def run_script(command: Sequence[str]) -> None:
    """Run a script in this process, as `python SCRIPT ARGUMENTS` would.

    Args:
        command: with or without `python` at its beginning; `-m MODULE` works too.

    Raises:
        CannotCompare: there is no such script, or it raised; the text says where.
    """
    words = list(command)
    if words and Path(words[0]).name.startswith("python"):
        words = words[1:]
    while words and words[0].startswith("-") and words[0] != "-m":  # options of the interpreter
        if words[0] == "-c":
            raise CannotCompare("python -c has no script: write it to a file, and give that")
        words = words[2:] if words[0] in ("-W", "-X") else words[1:]
    as_module = words[:1] == ["-m"]
    words = words[1:] if as_module else words
    if not words:
        raise CannotCompare("give the training script after --, as in: -- python train.py")
    if not as_module and not Path(words[0]).is_file():
        raise CannotCompare(f"there is no script {words[0]}: give it after --")
    argv, path = sys.argv, list(sys.path)
    try:
        sys.argv = list(words)
        if as_module:
            sys.path.insert(0, "")
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(os.path.abspath(words[0]), run_name="__main__")
    except (Finished, CannotCompare, KeyboardInterrupt):
        raise
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise CodeRaised(f"{words[0]} ended with status {ended.code}") from ended
    except BaseException as error:
        place = users_line(error)
        at = f" ({place})" if place else ""
        raise CodeRaised(f"{words[0]} raised {one_line(error)}{at}") from error
    finally:
        sys.argv, sys.path[:] = argv, path


def _parameters(optimizer: Any) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


@contextmanager
def _after_init(kind: Any, made: Callable[[Any], None]) -> Iterator[None]:
    """Have a function called with each new object of a class."""
    init = kind.__init__

    def watched(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        made(self)

    kind.__init__ = watched
    try:
        yield
    finally:
        kind.__init__ = init


@contextmanager
def _after_import(name: str, imported: Callable[[str], None]) -> Iterator[None]:
    """Have a function called when a package has been imported."""
    finder = _AfterImport(name, imported)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds a package as the other finders do, and tells when it has been imported."""

    def __init__(self, name: str, imported: Callable[[str], None]) -> None:
        self._name, self._imported = name, imported
        self._is_searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name or self._is_searching:
            return None
        self._is_searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._is_searching = False
        if spec is not None and spec.loader is not None:
            spec.loader = _TellingLoader(spec.loader, self._name, self._imported)
        return spec


class _TellingLoader(importlib.abc.Loader):
    def __init__(self, loader: Any, name: str, imported: Callable[[str], None]) -> None:
        self._loader, self._name, self._imported = loader, name, imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._imported(self._name)
