"""Jittor, as the engine sees it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import jittor as jt
import numpy as np

from parity.adapters.jittor_float64 import lifted_scalars, whole
from parity.adapters.protocol import DropoutSource, OnGradient, PostHook, PreHook
from parity.base.numerics import Array, Precision


class _Weigh(jt.Function):
    """Stands for sum(tensor * weight): the weights themselves are its gradient.

    As a product and a sum it would be fused into kernels that no user's program has. The weights
    are cast where they are met, one after the other, for in float64 they weigh twice as much.
    """

    def __init__(self, weights: Sequence[Any]) -> None:
        self.weights = weights
        self.dtypes: list[Any] = []

    def execute(self, *tensors: Any) -> Any:
        self.dtypes = [tensor.dtype for tensor in tensors]
        return jt.zeros(1, self.dtypes[0])

    def grad(self, _: Any) -> Any:
        return tuple(map(_cast_alone, self.weights, self.dtypes))


def _cast_alone(var: Any, dtype: Any) -> Any:
    return var if var.dtype == dtype else var.cast(dtype).stop_fuse()


class JittorAdapter:
    """A `jittor.Module` and its framework; see `parity.adapters.protocol.Adapter`."""

    framework = "jittor"

    def __init__(self, module: Any) -> None:
        self.module = module
        for submodule in self.modules().values():
            _restart_gradients(submodule)
        # eval() stops the gradients of parameters as well: what is a buffer is settled before.
        self._fixed = {n for n, var in module.state_dict().items() if _is_fixed(var)}

    def modules(self) -> dict[str, Any]:
        """Return every submodule by path, each once."""
        found: dict[int, tuple[str, Any]] = {}
        for path, module in self.module.named_modules():
            found.setdefault(id(module), (path, module))
        return dict(found.values())

    def parameters(self) -> dict[str, Any]:
        """Return the float tensors whose gradient is not stopped, by path, each once."""
        return {n: v for n, v in self.module.state_dict().items() if n not in self._fixed}

    def buffers(self) -> dict[str, Any]:
        """Return the other persistent tensors by path, each once."""
        return {n: v for n, v in self.module.state_dict().items() if n in self._fixed}

    def assign(self, values: Mapping[str, Array]) -> None:
        """Put arrays in the place of parameters and buffers, which take over their dtypes."""
        state = self.module.state_dict()
        with jt.flag_scope(auto_convert_64_to_32=0):
            for name, array in values.items():
                shape = tuple(state[name].shape)
                state[name].assign(whole(array.reshape(shape)))
                if name in self._fixed:
                    state[name].stop_grad()
                else:
                    state[name].start_grad()

    @contextmanager
    def in_precision(self, precision: Precision, *, training: bool) -> Iterator[None]:
        """Cast what is left, set the mode, and in float64 keep Python's scalars whole."""
        modules = list(self.modules().values())
        modes = [(m, m.__dict__["is_train"]) for m in modules if "is_train" in m.__dict__]
        with ExitStack() as stack:
            stack.enter_context(jt.flag_scope(no_grad=0))
            _cast(modules, precision)
            if precision == "float64":
                # In float32 the flag stays the user's: int64 by float32 would become float64.
                stack.enter_context(jt.flag_scope(auto_convert_64_to_32=0))
                stack.enter_context(lifted_scalars())
            for module in modules:
                module.is_train = training
            try:
                yield
            finally:
                for module, mode in modes:
                    module.is_train = mode
                jt.gc()  # Jittor keeps what it has freed

    @contextmanager
    def hooked(self, enter: PreHook, leave: PostHook) -> Iterator[None]:
        """Wrap each submodule's `execute` on the instance, and take the wrapping off again."""
        wrapped = self.modules()
        before = {path: vars(module).get("execute") for path, module in wrapped.items()}
        for path, module in wrapped.items():
            vars(module)["execute"] = _watched(path, module.execute, enter, leave)
        try:
            yield
        finally:
            for path, module in wrapped.items():
                del vars(module)["execute"]
                if before[path] is not None:
                    vars(module)["execute"] = before[path]

    @contextmanager
    def dropout_from(self, source: DropoutSource) -> Iterator[None]:
        """Replace what the dropout layers execute."""

        def dropout(layer: Any, x: Any) -> Any:
            return _dropped(x, tuple(x.shape), layer.p, layer.is_train, source)

        def channels(layer: Any, x: Any) -> Any:
            ones = (1,) * (len(x.shape) - 2)
            return _dropped(x, (*x.shape[:2], *ones), layer.p, layer.is_train, source)

        classes = {jt.nn.Dropout: dropout, jt.nn.Dropout2d: channels}
        before = {cls: cls.execute for cls in classes}
        for cls, function in classes.items():
            cls.execute = function
        try:
            yield
        finally:
            for cls, function in before.items():
                cls.execute = function

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Run the module, by keyword."""
        return self.module(**inputs)

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is a `jittor.Var`."""
        return isinstance(value, jt.Var)

    def to_numpy(self, tensor: Any) -> Array:
        """Copy a tensor out, as Jittor does; this executes what it waits for."""
        array: Array = tensor.numpy()
        return array

    def constant(self, array: Array) -> Any:
        """Take an array in."""
        return whole(array).stop_grad()

    def variable(self, array: Array) -> tuple[Any, Any]:
        """Take an array in; what is passed on is a copy, for `assign` changes in place."""
        source = whole(array)
        return source, source.reshape(source.shape)

    def vjp(
        self, outputs: list[tuple[Any, Array]], sources: Sequence[Any], take: OnGradient
    ) -> None:
        """Pull the cotangents back to the sources."""
        joined, weights = [], []
        while outputs:
            tensor, array = outputs.pop()
            if not tensor.is_stop_grad():
                joined.append(tensor)
                weights.append(self.constant(array.reshape(tuple(tensor.shape))))
        wanted = [(number, s) for number, s in enumerate(sources) if not s.is_stop_grad()]
        if not joined or not wanted:
            return
        total = _Weigh(weights)(*joined)
        del weights, joined, tensor
        found = jt.grad(total, [source for _, source in wanted])
        del total
        # As they were made, oldest first: with one of them Jittor computes whatever is older.
        left = sorted(zip([n for n, _ in wanted], found, strict=True), key=lambda g: -g[1].id)
        del found, wanted
        while left:
            number, gradient = left.pop()
            take(number, self.to_numpy(gradient))

    def optimizer(self, make: Callable[[Any], Any]) -> Callable[[Mapping[str, Array]], None]:
        """Build an optimizer; each step gives it a loss that has these gradients."""
        parameters = self.parameters()
        optimizer = make(list(parameters.values()))

        def step(gradients: Mapping[str, Array]) -> None:
            weights = [
                self.constant(array.reshape(tuple(parameters[path].shape)))
                for path, array in gradients.items()
            ]
            optimizer.step(_Weigh(weights)(*(parameters[path] for path in gradients)))
            jt.sync_all()

        return step

    def manifest(self) -> dict[str, str]:
        """Return what changes Jittor's arithmetic."""
        flags = jt.flags
        fast = [f for f in ("-Ofast", "-ffast-math") if f in flags.cc_flags]
        return {
            "version": jt.__version__,
            "device": "cuda" if flags.use_cuda else "cpu",
            "auto_convert_64_to_32": str(flags.auto_convert_64_to_32),
            "fast arithmetic": " ".join(fast) or "off",
            "use_tensorcore": str(flags.use_tensorcore),
            "cc_flags": " ".join(f for f in flags.cc_flags.split() if f.startswith(("-O", "-f"))),
        }


def _restart_gradients(module: Any) -> None:
    """Undo what `eval()` did to a module's parameters beside changing its mode."""
    backup = vars(module).get("backup_grad_state", {})
    for parameter in module.parameters():
        if backup.get(id(parameter)):
            parameter.start_grad()


def _is_fixed(var: Any) -> bool:
    return bool(var.is_stop_grad()) or not var.dtype.is_float()


def _cast(modules: Sequence[Any], precision: Precision) -> None:
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, jt.Var) and value.dtype.is_float() and value.dtype != precision:
                fixed = value.is_stop_grad()
                value.assign(value.cast(precision))
                if fixed:
                    value.stop_grad()


def _watched(
    path: str, execute: Callable[..., Any], enter: PreHook, leave: PostHook
) -> Callable[..., Any]:
    signature = inspect.signature(execute)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.arguments.update(enter(path, dict(bound.arguments)))
        return leave(path, execute(*bound.args, **bound.kwargs))

    return watched


def _dropped(
    x: Any, shape: tuple[int, ...], rate: float, training: bool, source: DropoutSource
) -> Any:
    if not training or rate == 0:
        return x
    kept = (source(shape) >= rate) / ((1 - rate) or 1)
    return x * jt.array(np.broadcast_to(kept, x.shape).astype(str(x.dtype))).stop_grad()
