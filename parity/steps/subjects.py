"""The parts of a training loop that a user hands over, checked and named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from parity.adapters.protocol import adapt
from parity.errors import CannotCompare
from parity.steps.frameworks.loops import loop_of
from parity.steps.frameworks.protocol import Loop, WatchedOptimizer
from parity.steps.loop.averages import Average
from parity.steps.loop.watched_model import WatchedModel
from parity.steps.step_data import joined
from parity.structure.path_matching import match_parameters, renamed

# Facts of a model in the reference: shapes by path, in order.
Shapes = Mapping[str, tuple[int, ...]]


class Subjects(NamedTuple):
    """The parts of a training loop, by name; `""` is the name of an only one."""

    framework: str
    loop: Loop
    models: dict[str, WatchedModel]
    optimizers: dict[str, WatchedOptimizer]
    averages: dict[str, Average]

    def facts(self) -> dict[str, Any]:
        """Return what another side's parts are matched with, as JSON values."""
        return {
            "framework": self.framework,
            "models": {
                name: {
                    "parameters": _shapes(model.adapter.parameters()),
                    "buffers": _shapes(model.adapter.buffers()),
                    "environment": model.adapter.manifest(),
                }
                for name, model in self.models.items()
            },
            "optimizers": list(self.optimizers),
            "averages": list(self.averages),
            "momentum": {
                joined(name, path): float(module.momentum)
                for name, model in self.models.items()
                for path, module in model.adapter.modules().items()
                if isinstance(getattr(module, "momentum", None), float)
            },
        }


def subjects(
    model: Any,
    optimizer: Any,
    average: Any = None,
    *,
    recorded: Mapping[str, Any] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Subjects:
    """Return the parts of a training loop.

    Args:
        model: a module, or several by name.
        optimizer: an optimizer, or several by name.
        average: of the weights, or several by name; None for none.
        recorded: facts of the reference's parts, whose paths name the parameters.
        rename: reference path -> own path, where names differ.

    Raises:
        CannotCompare: a part is none, or has no partner.
    """
    modules, optimizers = _named(model), _named(optimizer)
    if not modules or not optimizers:
        raise CannotCompare("a model and an optimizer are needed, or dictionaries of some by name")
    adapters = {name: adapt(module) for name, module in modules.items()}
    frameworks = {adapter.framework for adapter in adapters.values()}
    if len(frameworks) > 1:
        raise CannotCompare(
            f"the models are of several frameworks: {', '.join(sorted(frameworks))}"
        )
    framework = frameworks.pop()
    loop = loop_of(framework)(adapters)
    if recorded is not None:
        _require_names("models", list(recorded["models"]), list(modules))
        _require_names("optimizers", recorded["optimizers"], list(optimizers))
    models = {
        name: matched_model(name, adapter, recorded, rename or {})
        for name, adapter in adapters.items()
    }
    names = {
        i: path for model in models.values() for i, path in model.names_of_parameters().items()
    }
    watched = {name: loop.optimizer(name, o, names) for name, o in optimizers.items()}
    return Subjects(framework, loop, models, watched, _averages(average, models, loop))


def _named(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return {str(number): item for number, item in enumerate(value)}
    return {} if value is None else {"": value}


def _require_names(what: str, recorded: list[str], own: list[str]) -> None:
    if set(recorded) != set(own):
        lists = [", ".join(map(repr, sorted(names))) for names in (recorded, own)]
        raise CannotCompare(f"{what} {lists[0]} were recorded, and {lists[1]} are given")


def matched_model(
    name: str, adapter: Any, recorded: Mapping[str, Any] | None, rename: Mapping[str, str]
) -> WatchedModel:
    """Return a model with its names in the reference.

    Args:
        name: of the model.
        adapter: of the module.
        recorded: facts of the reference's parts; None where it is itself the reference.
        rename: reference path -> own path.

    Raises:
        CannotCompare: a parameter has no partner.
    """
    parameters, buffers = adapter.parameters(), adapter.buffers()
    if recorded is None:
        return WatchedModel(
            name, adapter, {path: path for path in parameters}, {path: path for path in buffers}
        )
    facts = recorded["models"][name]
    of_reference = {path: tuple(shape) for path, shape in facts["parameters"].items()}
    prefix = f"{name}." if name else ""
    own_rename = {
        path.removeprefix(prefix): own.removeprefix(prefix)
        for path, own in rename.items()
        if path.startswith(prefix)
    }
    matched = match_parameters(
        of_reference,
        {path: tuple(t.shape) for path, t in parameters.items()},
        own_rename,
        candidate_buffers={path: tuple(t.shape) for path, t in buffers.items()},
    )
    partners = {path: renamed(path, own_rename) for path in facts["buffers"]}
    return WatchedModel(
        name, adapter, matched, {path: own for path, own in partners.items() if own in buffers}
    )


def _averages(average: Any, models: Mapping[str, WatchedModel], loop: Loop) -> dict[str, Average]:
    found = {}
    is_tensor = next(iter(models.values())).adapter.is_tensor
    is_one = isinstance(average, Mapping) and any(map(is_tensor, average.values()))
    for name, item in ({"": average} if is_one else _named(average)).items():
        model = models.get(name, next(iter(models.values())))
        own = {o: path for path, o in {**model.parameters, **model.buffers}.items()}
        found[name] = Average(name, item, model.adapter, loop, own)
    return found


def _shapes(tensors: Mapping[str, Any]) -> dict[str, list[int]]:
    return {path: list(tensor.shape) for path, tensor in tensors.items()}
