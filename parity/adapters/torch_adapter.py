"""PyTorch, as the engine sees it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from parity.adapters.protocol import DropoutSource, OnGradient, PostHook, PreHook
from parity.adapters.torch_dropout import DropoutFrom
from parity.base.numerics import Array, Precision


class TorchAdapter:
    """A `torch.nn.Module` and its framework; see `parity.adapters.protocol.Adapter`."""

    framework = "torch"

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        # A compiled module is watched as a whole: taps inside would break its graph apart.
        self._compiled = hasattr(module, "_orig_mod")
        self._plain: torch.nn.Module = getattr(module, "_orig_mod", module)
        self._parameters = dict(self._plain.named_parameters())
        self._persistent = set(self._plain.state_dict())
        first = next(iter([*module.parameters(), *module.buffers()]), None)
        self._device = torch.device("cpu") if first is None else first.device
        self._anchor = torch.zeros((), device=self._device, requires_grad=True)
        self._pulled: Callable[[int, torch.Tensor], None]

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return every submodule by path; a compiled module has itself alone."""
        return {"": self.module} if self._compiled else dict(self.module.named_modules())

    def parameters(self) -> dict[str, torch.Tensor]:
        """Return the parameters by path, each once."""
        return dict(self._parameters)

    def buffers(self) -> dict[str, torch.Tensor]:
        """Return the persistent buffers by path, each once."""
        return {name: b for name, b in self._plain.named_buffers() if name in self._persistent}

    def assign(self, values: Mapping[str, Array]) -> None:
        """Make arrays the data of parameters and buffers, which take over their dtypes.

        What does not lie in memory row by row, channels last for example, stays so: which kernel
        runs depends on it.
        """
        targets = self.parameters() | self.buffers()
        for name, array in values.items():
            target, tensor = targets[name], self._tensor(array)
            if not target.is_contiguous():
                tensor = torch.empty_like(target, dtype=tensor.dtype).copy_(tensor)
            target.data = tensor

    @contextmanager
    def in_precision(self, precision: Precision, *, training: bool) -> Iterator[None]:
        """Cast what is left, set the mode, and let `torch.arange(…)` and its like follow."""
        dtype, before = getattr(torch, precision), torch.get_default_dtype()
        modes = {module: module.training for module in self._plain.modules()}
        for tensor in (*self._parameters.values(), *self._plain.buffers()):
            if tensor.is_floating_point() and tensor.dtype != dtype:
                tensor.data = tensor.data.to(dtype)
        self._plain.train(training)
        torch.set_default_dtype(dtype)
        try:
            with torch.enable_grad():
                yield
        finally:
            torch.set_default_dtype(before)
            for module, mode in modes.items():
                module.training = mode

    @contextmanager
    def hooked(self, enter: PreHook, leave: PostHook) -> Iterator[None]:
        """Wrap each submodule's `forward` on the instance, and take the wrapping off again."""
        wrapped = self.modules()
        before = {path: vars(module).get("forward") for path, module in wrapped.items()}
        for path, module in wrapped.items():
            object.__setattr__(module, "forward", _watched(path, module.forward, enter, leave))
        try:
            yield
        finally:
            for path, module in wrapped.items():
                object.__delattr__(module, "forward")
                if before[path] is not None:
                    object.__setattr__(module, "forward", before[path])

    @contextmanager
    def dropout_from(self, source: DropoutSource) -> Iterator[None]:
        """Take dropout's random numbers from `source`; `torch_dropout` lists what is covered.

        A compiled module keeps PyTorch's own: its compiler would trace the replacements.
        """
        with nullcontext() if self._compiled else DropoutFrom(source):
            yield

    @contextmanager
    def perturbing_operations(self, move: Callable[[Array], Array]) -> Iterator[None]:
        """Change the result of every operation below autograd, so those of the way back as well."""
        with _PerturbOperations(move):
            yield

    def call(self, inputs: Mapping[str, torch.Tensor]) -> Any:
        """Run the module, by keyword."""
        return self.module(**inputs)

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is a `torch.Tensor`."""
        return isinstance(value, torch.Tensor)

    def to_numpy(self, tensor: torch.Tensor) -> Array:
        """Return the tensor's own memory, or a copy from its device."""
        array: Array = tensor.detach().cpu().numpy()
        return array

    def constant(self, array: Array) -> torch.Tensor:
        """Take an array in."""
        return self._tensor(array)

    def variable(self, array: Array) -> tuple[_Source, torch.Tensor]:
        """Take an array in; what is passed on is no leaf, for in-place operations refuse those.

        The source has no memory, and its gradient is taken when the backward pass comes by: all of
        them together would be as large as the whole trace.
        """
        source = _Source(array.shape)

        def pulled(gradient: torch.Tensor) -> None:
            self._pulled(id(source), gradient)

        return source, _Enter.apply(self._anchor, self._tensor(array), pulled)

    def vjp(
        self,
        outputs: list[tuple[torch.Tensor, Array]],
        sources: Sequence[torch.Tensor | _Source],
        take: OnGradient,
    ) -> None:
        """Pull the cotangents back to the sources.

        A cotangent is cast when the backward pass comes to its tensor: in float64 all of them
        together would be as large as what the forward pass keeps.
        """
        heads = []
        while outputs:
            tensor, array = outputs.pop()
            if tensor.requires_grad:
                heads.append(tensor)
                tensor.register_hook(partial(_joined, self._tensor(array)))
        if not heads:
            return
        heads.reverse()
        numbers = {id(source): number for number, source in enumerate(sources)}
        self._pulled = lambda source, gradient: take(numbers[source], self.to_numpy(gradient))
        # Zeros without memory start the pass.
        starts = [torch.zeros((), dtype=t.dtype, device=t.device).expand(t.shape) for t in heads]
        wanted = [s for s in sources if isinstance(s, torch.Tensor) and s.requires_grad]
        pulled = torch.autograd.grad(heads, [self._anchor, *wanted], starts, allow_unused=True)
        for source, gradient in zip(wanted, pulled[1:], strict=True):
            if gradient is not None:
                self._pulled(id(source), gradient)

    def optimizer(self, make: Callable[[Any], Any]) -> Callable[[Mapping[str, Array]], None]:
        """Build an optimizer; each step puts the gradients where `step()` looks for them."""
        parameters = self.parameters()
        optimizer = make(list(parameters.values()))

        def step(gradients: Mapping[str, Array]) -> None:
            for path, array in gradients.items():
                parameters[path].grad = self._tensor(array)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return step

    def manifest(self) -> dict[str, str]:
        """Return what changes torch's arithmetic."""
        return {
            "version": torch.__version__,
            "device": str(self._device),
            "threads": str(torch.get_num_threads()),
            "matmul precision": torch.get_float32_matmul_precision(),
            "TF32 in cuDNN": str(torch.backends.cudnn.allow_tf32),
            "deterministic algorithms": str(torch.are_deterministic_algorithms_enabled()),
            "oneDNN": str(torch.backends.mkldnn.enabled),
            "compiled": str(self._compiled),
        }

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)


def _joined(weights: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    return gradient + weights.to(gradient.dtype).reshape(gradient.shape)


class _Source(NamedTuple):
    """Stands for a value by which a gradient is wanted."""

    shape: tuple[int, ...]


class _PerturbOperations(TorchDispatchMode):
    """Moves what each operation on float64 tensors leaves; views and constants stay."""

    def __init__(self, move: Callable[[Array], Array]) -> None:
        super().__init__()
        self._move = move

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and any(map(_is_double, tree_leaves((args, kwargs)))):
            for tensor in filter(_is_double, tree_leaves(result)):
                tensor.copy_(torch.from_numpy(self._move(tensor.detach().cpu().numpy())))
        return result


def _is_double(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.float64


class _Enter(torch.autograd.Function):
    """Lets a value into the graph, which the anchor makes part of it, and its gradient out."""

    @staticmethod
    def forward(
        ctx: Any, anchor: torch.Tensor, value: torch.Tensor, pulled: Callable[[torch.Tensor], None]
    ) -> torch.Tensor:
        ctx.pulled = pulled
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None]:
        ctx.pulled(gradient)
        return None, None, None


def _watched(
    path: str, forward: Callable[..., Any], enter: PreHook, leave: PostHook
) -> Callable[..., Any]:
    signature = inspect.signature(forward)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            changed = enter(path, dict(bound.arguments))
        bound.arguments.update(changed)
        result = forward(*bound.args, **bound.kwargs)
        with torch._C.DisableTorchFunction():
            return leave(path, result)

    return watched
