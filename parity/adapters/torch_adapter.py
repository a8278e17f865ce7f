"""The adapter of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch

from parity.adapters.protocol import DropoutSource, OnGradient, PostHook, PreHook, RandomSource
from parity.adapters.torch_checkpoint import without_checkpointing
from parity.adapters.torch_dropout import DropoutFrom
from parity.adapters.torch_hooks import PerturbOperations, hooked_forward
from parity.adapters.torch_precision import (
    CastsToFloat64,
    ObservedPrecision,
    attributes_in_float64,
    low_precision_of,
)
from parity.adapters.torch_random import RandomFrom, default_generator
from parity.adapters.torch_snapshot import snapshot
from parity.base.numerics import Array, LowPrecision, Precision
from parity.base.perturbation import PerturbResult
from parity.base.random_streams import GlobalGenerator

# The name under which a compiled module has the one that it was made of.
COMPILED = "_orig_mod"
_COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64}
# Before PyTorch 2.0, `torch.autograd.grad` returns a leaf's gradient without its hooks.
_LEAF_HOOKS_LEFT_OUT = int(torch.__version__.partition(".")[0]) < 2


class TorchAdapter:
    """Implements `parity.adapters.protocol.Adapter` for a `torch.nn.Module`.

    A compiled module has no submodules, because hooks inside would break its graph.
    """

    framework = "torch"

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        # The module itself, or one in it: modes would break the graphs of either.
        self._compiled = any(hasattr(m, COMPILED) for m in module.modules())
        self._uncompiled: torch.nn.Module = getattr(module, COMPILED, module)
        self._parameters = dict(self._uncompiled.named_parameters())
        self._persistent = set(self._uncompiled.state_dict())
        first = next(iter([*module.parameters(), *module.buffers()]), None)
        self._device = torch.device("cpu") if first is None else first.device
        self._precision: Precision = "float32"
        # Tensors that the builder made in a lower precision than float32, which they have in
        # float32 runs too.
        self._low: dict[str, torch.dtype] = {
            name: tensor.dtype
            for name, tensor in self._tensors().items()
            if low_precision_of(tensor) is not None
        }
        floats = [n for n, p in self._parameters.items() if p.is_floating_point()]
        # What the model's inputs are cast to in float32 runs.
        self.input_precision = self.low_precisions().get(floats[0]) if floats else None
        # Whether the next float64 run looks for casts, and whether one has found any.
        self.looks_for_casts = True
        self._has_casts: bool | None = None
        self._anchor = torch.zeros((), device=self._device, requires_grad=True)
        # (identity of a `_Source`, gradient); set while a backward pass runs.
        self._receive: Callable[[int, torch.Tensor], None]

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return every submodule by path, once."""
        inside = f".{COMPILED}."
        named = self.module.named_modules()
        return {path: m for path, m in named if inside not in f".{path}."}

    def parameters(self) -> dict[str, torch.Tensor]:
        """Return the parameters by path, once."""
        return dict(self._parameters)

    def aliases(self) -> dict[str, str]:
        """Return further paths of parameters -> the path under which `parameters` has them."""
        first = {id(parameter): path for path, parameter in self._parameters.items()}
        every = {
            f"{path}.{name}".lstrip("."): first[id(p)]
            for path, module in self._uncompiled.named_modules(remove_duplicate=False)
            for name, p in module._parameters.items()
            if p is not None
        }
        return {path: kept for path, kept in every.items() if path != kept}

    def frozen(self) -> set[str]:
        """Return the paths of parameters that need no gradient."""
        return {path for path, p in self._parameters.items() if not p.requires_grad}

    def tie(self, path: str, other: str) -> Callable[[], None]:
        """Use the parameter at `other` at `path` as well; return what undoes it."""
        owner_path, _, name = path.rpartition(".")
        owner = self._uncompiled.get_submodule(owner_path)
        before = self._parameters.pop(path)
        setattr(owner, name, self._parameters[other])
        return partial(setattr, owner, name, before)

    def buffers(self) -> dict[str, torch.Tensor]:
        """Return the persistent buffers by path, once."""
        return {name: b for name, b in self._uncompiled.named_buffers() if name in self._persistent}

    def low_precisions(self) -> dict[str, LowPrecision]:
        """Return the precision of the tensors that the builder made bfloat16 or float16, by path.

        They have it in float32 runs as well. A model whose first parameter is one of them is given
        its inputs in that precision.
        """
        names: dict[torch.dtype, LowPrecision] = {
            torch.bfloat16: "bfloat16",
            torch.float16: "float16",
        }
        return {path: names[dtype] for path, dtype in self._low.items()}

    def low_precision_of(self, tensor: torch.Tensor) -> LowPrecision | None:
        """Return the precision of a tensor that is lower than float32, or None."""
        low: LowPrecision | None = low_precision_of(tensor)
        return low

    def as_precise_as(self, tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return a tensor, cast to the precision of another one if that is a low one."""
        return tensor if low_precision_of(other) is None else tensor.to(other.dtype)

    def assign(self, values: Mapping[str, Array]) -> None:
        """Set the data of parameters and buffers, which take over the dtypes of the arrays.

        Float32 arrays are cast for the tensors in `low_precisions`. Memory layouts such as channels
        last are kept, because they decide which kernel runs.
        """
        targets = self.parameters() | self.buffers()
        for name, array in values.items():
            target, tensor = targets[name], self._tensor(array)
            if tensor.shape != target.shape:  # (1,) of a framework without scalars
                tensor = tensor.reshape(target.shape)
            if tensor.dtype == torch.float32:
                tensor = tensor.to(self._low.get(name, tensor.dtype))
            if not target.is_contiguous():
                tensor = torch.empty_like(target, dtype=tensor.dtype).copy_(tensor)
            target.data = tensor

    @contextmanager
    def in_precision(self, precision: Precision, *, training: bool) -> Iterator[None]:
        """Cast tensors that are not cast yet; set mode and default dtype; enable gradients.

        In float64 the model's own casts and plain tensor attributes are float64 as well.
        """
        dtype, before = getattr(torch, precision), torch.get_default_dtype()
        modes = {module: module.training for module in self._uncompiled.modules()}
        for name, tensor in self._tensors().items():
            wanted = dtype if precision == "float64" else self._low.get(name, dtype)
            if tensor.is_complex():
                wanted = _COMPLEX.get(wanted, wanted)
            if (tensor.is_floating_point() or tensor.is_complex()) and tensor.dtype != wanted:
                tensor.data = tensor.data.to(wanted)
        self._uncompiled.train(training)
        torch.set_default_dtype(dtype)
        self._precision = precision
        casts: CastsToFloat64 | None = None
        try:
            with ExitStack() as stack:
                stack.enter_context(torch.enable_grad())
                stack.enter_context(without_checkpointing())
                if precision == "float64" and not self._compiled:
                    stack.enter_context(attributes_in_float64(modes))
                    if self._has_casts or (self._has_casts is None and self.looks_for_casts):
                        casts = stack.enter_context(CastsToFloat64())
                yield
                if casts is not None and casts.has_changed is not None:
                    self._has_casts = bool(self._has_casts) or casts.has_changed
        finally:
            torch.set_default_dtype(before)
            for module, mode in modes.items():
                module.training = mode

    def observing_precision(
        self, on_low: Callable[[float], None]
    ) -> AbstractContextManager[object]:
        """Return a context that tells of results in a lower precision than float32."""
        return nullcontext() if self._compiled else ObservedPrecision(on_low)

    def random_from(self, source: RandomSource) -> AbstractContextManager[object]:
        """Return a context in which PyTorch's random numbers come from `source`."""
        return nullcontext() if self._compiled else RandomFrom(source)

    def snapshot(self) -> Callable[[], None]:
        """Return a function that puts tensors, attributes and hooks back as they are now."""
        return snapshot([self.module, *self._uncompiled.modules()])

    def generator(self) -> GlobalGenerator:
        """Return PyTorch's default generators."""
        return default_generator(self._device)

    def hooked(self, pre_hook: PreHook, post_hook: PostHook) -> AbstractContextManager[None]:
        """Wrap `forward` on each submodule's instance."""
        return hooked_forward(self.modules(), pre_hook, post_hook)

    @contextmanager
    def dropout_from(self, source: DropoutSource) -> Iterator[None]:
        """Take dropout's random numbers from `source`; `torch_dropout` lists what is covered.

        A compiled module keeps PyTorch's own: its compiler would trace the replacements.
        """
        with nullcontext() if self._compiled else DropoutFrom(source):
            yield

    @contextmanager
    def perturbing_operations(self, perturb: PerturbResult) -> Iterator[None]:
        """Perturb the results of operations below autograd, so those of backward passes too."""
        with PerturbOperations(perturb):
            yield

    def call(self, keywords: Mapping[str, Any], positional: Sequence[Any] = ()) -> Any:
        """Call the module."""
        return self.module(*positional, **keywords)

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is a `torch.Tensor`."""
        return isinstance(value, torch.Tensor)

    def to_numpy(self, tensor: torch.Tensor) -> Array:
        """Return an array that shares the tensor's memory, on a CPU; else a copy.

        NumPy has no bfloat16; it and float16 are cast to float32, which holds their values.
        """
        tensor = _dense(tensor.detach())
        if low_precision_of(tensor) is not None:
            tensor = tensor.to(torch.float32)
        # A conjugate, or a negative, may be a mark on shared memory, which NumPy does not know.
        array: Array = tensor.resolve_conj().resolve_neg().cpu().numpy()
        return array

    def constant(self, array: Array) -> torch.Tensor:
        """Return a tensor that shares the array's memory, on a CPU."""
        return self._tensor(array)

    def variable(self, array: Array) -> tuple[_Source, torch.Tensor]:
        """Return (source, tensor).

        The tensor is no leaf of the graph, because in-place operations refuse leaves. The source
        holds no memory, and its gradient is passed on as soon as the backward pass reaches it: all
        sources' gradients together would be as large as the whole trace.
        """
        source = _Source(array.shape)

        def receive(gradient: torch.Tensor) -> None:
            self._receive(id(source), gradient)

        return source, _GraphInput.apply(self._anchor, self._tensor(array), receive)

    def vjp(
        self,
        outputs: list[tuple[torch.Tensor, Array]],
        sources: Sequence[torch.Tensor | _Source],
        on_gradient: OnGradient,
    ) -> None:
        """Compute gradients with respect to the sources.

        A cotangent is cast when the backward pass reaches its tensor: in float64 all of them
        together would be as large as what the forward pass saves.
        """
        differentiated, hooks = [], []
        while outputs:
            tensor, array = outputs.pop()
            if not tensor.requires_grad:
                continue
            if tensor.layout is not torch.strided:
                tensor = tensor.to_dense()
            elif tensor._backward_hooks or tensor.is_leaf:
                # A result of its own, so that the user's hooks come after the cotangent; before
                # PyTorch 2.0, the gradient of a leaf is taken before any hook.
                tensor = tensor.clone()
            differentiated.append(tensor)
            hooks.append(tensor.register_hook(partial(_add_cotangent, self._tensor(array))))
        if not differentiated:
            return
        differentiated.reverse()
        numbers = {id(source): number for number, source in enumerate(sources)}
        self._receive = lambda source, gradient: on_gradient(
            numbers[source], self.to_numpy(gradient)
        )
        # The hooks add the cotangents, so the pass starts from zeros; these share one element.
        zeros = [
            torch.zeros((), dtype=t.dtype, device=t.device).expand(t.shape) for t in differentiated
        ]
        leaves = [s for s in sources if isinstance(s, torch.Tensor) and s.requires_grad]
        try:
            gradients = torch.autograd.grad(
                differentiated, [self._anchor, *leaves], zeros, allow_unused=True
            )
        finally:
            for handle in hooks:
                handle.remove()  # a tensor may be a parameter of the user's
        for leaf, gradient in zip(leaves, gradients[1:], strict=True):
            if gradient is not None:
                self._receive(id(leaf), _after_accumulation(leaf, gradient))

    def optimizer(
        self, make_optimizer: Callable[[Any], Any]
    ) -> Callable[[Mapping[str, Array]], None]:
        """Build an optimizer; a step sets the parameters' `grad` and calls `step()`."""
        parameters = self.parameters()
        optimizer = make_optimizer(list(parameters.values()))

        def step(gradients: Mapping[str, Array]) -> None:
            for path, array in gradients.items():
                parameters[path].grad = (
                    self._tensor(array).to(parameters[path].dtype).reshape(parameters[path].shape)
                )
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return step

    def manifest(self) -> dict[str, str]:
        """Return the version and the settings that change PyTorch's arithmetic."""
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

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {**self._parameters, **dict(self._uncompiled.named_buffers())}

    def as_input(self, value: Any) -> Any:
        """Cast a float32 tensor to the low precision in which the module is given its inputs."""
        if self.input_precision is None or self._precision == "float64":
            return value
        is_float = isinstance(value, torch.Tensor) and value.dtype == torch.float32
        return value.to(getattr(torch, self.input_precision)) if is_float else value

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def _after_accumulation(leaf: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Return the gradient that the user's hooks leave, which run where `.grad` is accumulated."""
    if _LEAF_HOOKS_LEFT_OUT:
        for hook in list((leaf._backward_hooks or {}).values()):
            changed = hook(gradient)
            gradient = gradient if changed is None else changed
    found: Any = getattr(leaf, "_post_accumulate_grad_hooks", None)
    if not found:
        return gradient
    leaf.grad = gradient
    for hook in list(found.values()):
        hook(leaf)
    changed, leaf.grad = leaf.grad, None
    return torch.zeros_like(gradient) if changed is None else changed


def _add_cotangent(cotangent: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    return gradient + cotangent.to(gradient.dtype).reshape(gradient.shape)


class _Source(NamedTuple):
    """Stands for a value with respect to which a gradient is wanted."""

    shape: tuple[int, ...]


class _GraphInput(torch.autograd.Function):
    """Makes a value part of the graph, as a result of the anchor, and passes its gradient on."""

    @staticmethod
    def forward(
        ctx: Any, anchor: torch.Tensor, value: torch.Tensor, receive: Callable[[torch.Tensor], None]
    ) -> torch.Tensor:
        ctx.receive = receive
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None]:
        ctx.receive(gradient)
        return None, None, None
