"""The fixture `implementation`: each test here runs on the PyTorch side and on the Jittor side."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2]))  # for tests.implementations.oracles

Arrays = dict[str, np.ndarray]


class Implementation:
    """One side: its files as attributes, such as `unet`, and what its framework spells otherwise.

    Arrays and tensors have the same dtype on both sides, whatever Jittor's flags.
    """

    name: str

    def __getattr__(self, name: str) -> ModuleType:
        return import_module(f"impl_{self.name}.{name}")

    def numpy(self, tensor: Any) -> np.ndarray:
        """Return a tensor's values; the tables of Jittor's schedule are arrays already."""
        raise NotImplementedError

    def arrays(self, model: Any) -> Arrays:
        """Copy a model's parameters, by name."""
        return {name: self.numpy(p).copy() for name, p in model.named_parameters()}

    def shapes(self, model: Any) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a model's parameters, by name."""
        return {name: tuple(p.shape) for name, p in model.named_parameters()}


class Torch(Implementation):
    """PyTorch."""

    name = "torch"

    def __init__(self) -> None:
        import torch

        self.framework = torch
        self.nn = torch.nn
        self.conv_class = torch.nn.Conv2d

    def exact_arrays(self) -> AbstractContextManager[object]:
        """Keep float64 and int64 arrays as they are, which PyTorch always does."""
        return nullcontext()

    def tensor(self, array: np.ndarray) -> Any:
        """Return a tensor of the array's values and dtype."""
        return self.framework.from_numpy(np.array(array))

    def numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor.detach())

    def dtype(self, tensor: Any) -> str:
        """Return a tensor's dtype by NumPy's name."""
        return str(tensor.dtype).removeprefix("torch.")

    def cast(self, model: Any, dtype: str) -> Any:
        """Cast a model's parameters, or a tensor."""
        return model.to(getattr(self.framework, dtype))

    def load(self, model: Any, weights: Arrays) -> None:
        """Overwrite every parameter, in its own dtype."""
        assert weights.keys() == dict(model.named_parameters()).keys()
        with self.framework.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self.tensor(weights[name]))

    def gradients(self, loss: Any, tensors: list[Any]) -> list[Any]:
        """Return the gradients of a scalar with respect to tensors."""
        return list(self.framework.autograd.grad(loss, tensors))

    def no_grad(self) -> Any:
        """Compute without gradients."""
        return self.framework.no_grad()

    def requires_grad(self, tensor: Any) -> bool:
        """Tell whether gradients reach a tensor."""
        return bool(tensor.requires_grad)

    def is_training(self, module: Any) -> bool:
        """Tell whether a module is in training mode."""
        return bool(module.training)

    def seed(self, seed: int) -> None:
        """Seed the framework's own generator."""
        self.framework.manual_seed(seed)

    def model(self, weights: Arrays, dtype: str = "float64") -> Any:
        """Return a module with these parameters and nothing else."""
        made = self.nn.Module()
        for name, value in weights.items():
            made.register_parameter(name, self.nn.Parameter(self.tensor(value)))
        return self.cast(made, dtype)

    def gradients_in_use(self, optimizer: Any) -> list[Any]:
        """Return the gradients that an optimizer's last step used."""
        return [p.grad for p in optimizer.named_parameters.values()]

    def with_gradients(self, gradients: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
        """Return what `clip_grad_norm` takes, and the gradients that it scales."""
        parameters = [self.nn.Parameter(self.tensor(np.zeros_like(g))) for g in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = self.tensor(gradient.copy())
        return parameters, [parameter.grad for parameter in parameters]

    def mean(self, tensor: Any) -> Any:
        """Return the mean of all elements, whose gradient keeps all digits."""
        return tensor.mean()

    def live(self) -> dict[str, int]:
        """Count the tensors that are alive, and their elements."""
        gc.collect()
        tensors = [o for o in gc.get_objects() if issubclass(type(o), self.framework.Tensor)]
        return {"tensors": len(tensors), "elements": sum(t.numel() for t in tensors)}


class Jittor(Implementation):
    """Jittor."""

    name = "jittor"

    def __init__(self) -> None:
        import jittor_env

        self.framework = jittor_env.load()
        self.nn = self.framework.nn
        self.conv_class = self.framework.nn.Conv

    def exact_arrays(self) -> AbstractContextManager[object]:
        """Keep float64 and int64 arrays as they are, which Jittor by default does not."""
        context: AbstractContextManager[object] = self.framework.flag_scope(auto_convert_64_to_32=0)
        return context

    def tensor(self, array: np.ndarray) -> Any:
        """Return a Var of the array's values and dtype."""
        array = np.array(array)
        if array.dtype == np.float64:
            return self.framework.array64(array)
        return self.framework.array(array)

    def numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor if isinstance(tensor, np.ndarray) else tensor.numpy())

    def dtype(self, tensor: Any) -> str:
        """Return a Var's dtype by NumPy's name."""
        return str(tensor.dtype)

    def cast(self, model: Any, dtype: str) -> Any:
        """Cast a model's parameters, or a Var."""
        return getattr(model, dtype)()

    def load(self, model: Any, weights: Arrays) -> None:
        """Overwrite every parameter, in its own dtype."""
        assert weights.keys() == dict(model.named_parameters()).keys()
        for name, parameter in model.named_parameters():
            parameter.update(self.framework.array64(weights[name]).cast(parameter.dtype))
        self.framework.sync_all()

    def gradients(self, loss: Any, tensors: list[Any]) -> list[Any]:
        """Return the gradients of a scalar with respect to Vars."""
        return list(self.framework.grad(loss, tensors))

    def no_grad(self) -> Any:
        """Compute without gradients."""
        return self.framework.no_grad()

    def requires_grad(self, tensor: Any) -> bool:
        """Tell whether gradients reach a Var."""
        return not tensor.is_stop_grad()

    def is_training(self, module: Any) -> bool:
        """Tell whether a module is in training mode."""
        return bool(module.is_training())

    def seed(self, seed: int) -> None:
        """Seed the framework's own generator."""
        self.framework.set_global_seed(seed)

    def model(self, weights: Arrays, dtype: str = "float64") -> Any:
        """Return a module with these parameters and nothing else."""
        made = self.nn.Module()
        for name, value in weights.items():
            setattr(made, name, self.tensor(value))
        return self.cast(made, dtype)

    def gradients_in_use(self, optimizer: Any) -> list[Any]:
        """Return the gradients that an optimizer's last step used."""
        return list(optimizer.param_groups[0]["grads"])

    def with_gradients(self, gradients: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
        """Return what `clip_grad_norm` takes, and the gradients that it scales."""
        tensors = [self.tensor(gradient) for gradient in gradients]
        return tensors, tensors

    def mean(self, tensor: Any) -> Any:
        """Return the mean of all elements, whose gradient keeps all digits."""
        return self.operators.mean(tensor)

    def live(self) -> dict[str, int]:
        """Count the Vars that are alive, and what else Jittor counts."""
        gc.collect()
        self.framework.sync_all(True)
        counts = dict(self.framework.liveness_info())
        return {"tensors": counts.pop("lived_vars"), **counts}


@pytest.fixture(scope="module", params=[Torch, Jittor], ids=["torch", "jittor"])
def implementation(request: pytest.FixtureRequest) -> Iterator[Implementation]:
    """Return one side, computing in one thread, so that sums have one order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield request.param()
    torch.set_num_threads(before)


@pytest.fixture
def exact_arrays(implementation: Torch | Jittor) -> Iterator[None]:
    """Let float64 and int64 arrays into both frameworks as they are."""
    with implementation.exact_arrays():
        yield
