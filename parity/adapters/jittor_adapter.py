"""The adapter of Jittor."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import jittor as jt
import numpy as np

from parity.adapters.jittor_casts import low_precision_of, observed_casts
from parity.adapters.jittor_float64 import exact_var, lifted_scalars
from parity.adapters.jittor_random import random_from
from parity.adapters.protocol import DropoutSource, OnGradient, PostHook, PreHook, RandomSource
from parity.base.call_form import CallForm
from parity.base.numerics import Array, LowPrecision, Precision


class _WeightedSum(jt.Function):
    """Has the gradients of sum(tensor * cotangent), which are the cotangents; its value is 0.

    A product and a sum would be fused into kernels that no user's program has. The cotangents are
    cast one after the other, when they are needed, because in float64 they are twice as large.
    """

    def __init__(self, cotangents: Sequence[Any]) -> None:
        self.cotangents = cotangents
        self.dtypes: list[Any] = []

    def execute(self, *tensors: Any) -> Any:
        self.dtypes = [tensor.dtype for tensor in tensors]
        return jt.zeros(1, self.dtypes[0])

    def grad(self, _: Any) -> Any:
        return tuple(map(_cast_unfused, self.cotangents, self.dtypes))


def _cast_unfused(var: Any, dtype: Any) -> Any:
    return var if var.dtype == dtype else var.cast(dtype).stop_fuse()


class JittorAdapter:
    """Implements `parity.adapters.protocol.Adapter` for a `jittor.Module`."""

    framework = "jittor"

    def __init__(self, module: Any) -> None:
        self.module = module
        self._stopped = {id(v): bool(v.is_stop_grad()) for v in self._all_tensors()}
        for submodule in self.modules().values():
            _restart_gradients(submodule)
        # Buffers are separated from parameters here, because eval() stops the gradients of both.
        self._buffers = {n for n, var in module.state_dict().items() if _is_buffer(var)}
        self._precision: Precision = "float32"
        # Tensors that the builder made in a lower precision than float32, by identity.
        self._low: dict[int, LowPrecision] = {
            id(value): low_precision_of(value)
            for submodule in self.modules().values()
            for value in vars(submodule).values()
            if low_precision_of(value) is not None
        }
        floats = [var for var in self.parameters().values() if var.dtype.is_float()]
        # What the model's inputs are cast to in float32 runs.
        self.input_precision = self._low.get(id(floats[0])) if floats else None

    def _all_tensors(self) -> list[Any]:
        found = {
            id(value): value
            for submodule in self.modules().values()
            for value in vars(submodule).values()
            if isinstance(value, jt.Var)
        }
        return list(found.values())

    def snapshot(self) -> Callable[[], None]:
        """Return a function that puts tensors and attributes back as the builder left them.

        A run assigns to tensors, and starts the gradients again that `eval()` had stopped.
        """
        modules = list(self.modules().values())
        attributes = [(vars(module), dict(vars(module))) for module in modules]
        # Of lists of modules or parameters.
        attributes += [
            (value, dict(value)) for own, _ in attributes for value in own.values()
            if isinstance(value, dict)
        ]  # fmt: skip
        kept = [(var, var.clone().detach()) for var in self._all_tensors()]
        jt.sync([copy for _, copy in kept])

        def put_back() -> None:
            for own, before in attributes:
                own.clear()
                own.update(before)
            for var, copy in kept:
                var.assign(copy)
                if self._stopped.get(id(var), False):
                    var.stop_grad()
                else:
                    var.start_grad()

        return put_back

    def modules(self) -> dict[str, Any]:
        """Return every submodule by path, once."""
        by_identity: dict[int, tuple[str, Any]] = {}
        for path, module in self.module.named_modules():
            by_identity.setdefault(id(module), (path, module))
        return dict(by_identity.values())

    def parameters(self) -> dict[str, Any]:
        """Return the float tensors whose gradient is not stopped, by path, once."""
        return {n: v for n, v in self.module.state_dict().items() if n not in self._buffers}

    def aliases(self) -> dict[str, str]:
        """Return further paths of parameters -> the path under which `parameters` has them."""
        first = {id(var): path for path, var in self.parameters().items()}
        found = {}
        for owner, module in self.module.named_modules():
            for name, value in vars(module).items():
                path = f"{owner}.{name}" if owner else name
                if first.get(id(value), path) != path:
                    found[path] = first[id(value)]
        return found

    def tie(self, path: str, other: str) -> Callable[[], None]:
        """Use the parameter at `other` at `path` as well; return what undoes it."""
        owner_path, _, name = path.rpartition(".")
        owner, parameters = self.modules()[owner_path], self.parameters()
        before = parameters[path]
        vars(owner)[name] = parameters[other]
        return lambda: vars(owner).__setitem__(name, before)

    def buffers(self) -> dict[str, Any]:
        """Return the other persistent tensors by path, once."""
        return {n: v for n, v in self.module.state_dict().items() if n in self._buffers}

    def low_precisions(self) -> dict[str, LowPrecision]:
        """Return the precision of the tensors that the builder made bfloat16 or float16, by path.

        They have it in float32 runs as well. A model whose first parameter is one of them is given
        its inputs in that precision.
        """
        state = self.module.state_dict()
        return {path: self._low[id(var)] for path, var in state.items() if id(var) in self._low}

    def low_precision_of(self, tensor: Any) -> LowPrecision | None:
        """Return the precision of a tensor that is lower than float32, or None."""
        low: LowPrecision | None = low_precision_of(tensor)
        return low

    def as_precise_as(self, tensor: Any, other: Any) -> Any:
        """Return a tensor, cast to the precision of another one if that is a low one."""
        low = low_precision_of(other)
        return tensor if low is None else tensor.cast(low)

    def assign(self, values: Mapping[str, Array]) -> None:
        """Set parameters and buffers, which take over the dtypes of the arrays.

        Float32 arrays are cast for the tensors in `low_precisions`.
        """
        state = self.module.state_dict()
        with jt.flag_scope(auto_convert_64_to_32=0):
            for name, array in values.items():
                shape = tuple(state[name].shape)
                value, low = exact_var(array.reshape(shape)), self._low.get(id(state[name]))
                is_low = low is not None and value.dtype == "float32"
                state[name].assign(value.cast(low) if is_low else value)
                if name in self._buffers:
                    state[name].stop_grad()
                else:
                    state[name].start_grad()

    @contextmanager
    def in_precision(self, precision: Precision, *, training: bool) -> Iterator[None]:
        """Cast tensors that are not cast yet, set the mode, and in float64 lift Python scalars."""
        modules = list(self.modules().values())
        modes = [(m, m.__dict__["is_train"]) for m in modules if "is_train" in m.__dict__]
        with ExitStack() as stack:
            stack.enter_context(jt.flag_scope(no_grad=0))
            _cast(modules, precision, self._low if precision == "float32" else {})
            self._precision = precision
            if precision == "float64":
                # In float32 the flag stays as the user has it: without the conversion, int64 by
                # float32 gives float64.
                stack.enter_context(jt.flag_scope(auto_convert_64_to_32=0))
                stack.enter_context(lifted_scalars())
            for module in modules:
                module.is_train = training
            try:
                yield
            finally:
                for module, mode in modes:
                    module.is_train = mode
                jt.gc()  # returns the memory that Jittor keeps after it is freed

    @contextmanager
    def hooked(self, pre_hook: PreHook, post_hook: PostHook) -> Iterator[None]:
        """Wrap `execute` on each submodule's instance."""
        wrapped = self.modules()
        before = {path: vars(module).get("execute") for path, module in wrapped.items()}
        for path, module in wrapped.items():
            vars(module)["execute"] = _hooked(path, module.execute, pre_hook, post_hook)
        try:
            yield
        finally:
            for path, module in wrapped.items():
                del vars(module)["execute"]
                if before[path] is not None:
                    vars(module)["execute"] = before[path]

    @contextmanager
    def dropout_from(self, source: DropoutSource) -> Iterator[None]:
        """Replace `execute` of `jittor.nn.Dropout` and `Dropout2d`, which has no other hook.

        Those of `jittor_env.compat` have one.
        """

        def dropout(layer: Any, x: Any) -> Any:
            return _dropped(x, tuple(x.shape), layer.p, layer.is_train, source)

        def channels(layer: Any, x: Any) -> Any:
            ones = (1,) * (len(x.shape) - 2)
            return _dropped(x, (*x.shape[:2], *ones), layer.p, layer.is_train, source)

        classes = {jt.nn.Dropout: dropout, jt.nn.Dropout2d: channels}
        before = {cls: cls.execute for cls in classes}
        for cls, function in classes.items():
            cls.execute = function
        # Loaded where a model uses it. An import here would change the flags of a Jittor that the
        # user has started otherwise.
        compat: Any = sys.modules.get("jittor_env.compat.dropouts")
        own = getattr(compat, "source", None)
        if compat is not None:
            compat.source = lambda shape: exact_var(source(tuple(shape)))
        try:
            yield
        finally:
            if compat is not None:
                compat.source = own
            for cls, function in before.items():
                cls.execute = function

    def random_from(self, source: RandomSource) -> AbstractContextManager[object]:
        """Return a context in which Jittor's random numbers come from `source`."""
        return random_from(source)

    def observing_precision(
        self, on_low: Callable[[float], None]
    ) -> AbstractContextManager[object]:
        """Return a context that tells of casts to a lower precision than float32."""
        return observed_casts(on_low)

    def call(self, keywords: Mapping[str, Any], positional: Sequence[Any] = ()) -> Any:
        """Call the module."""
        return self.module(*positional, **keywords)

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is a `jittor.Var`."""
        return isinstance(value, jt.Var)

    def to_numpy(self, tensor: Any) -> Array:
        """Return a copy; Jittor then computes whatever the tensor depends on.

        Bfloat16 and float16 are cast to float32, which holds their values.
        """
        array: Array = tensor.numpy()
        return array.astype(np.float32) if array.dtype == np.float16 else array

    def constant(self, array: Array) -> Any:
        """Return a Var whose gradient is stopped."""
        return exact_var(array).stop_grad()

    def variable(self, array: Array) -> tuple[Any, Any]:
        """Return (source, copy of it): the model may change the copy in place by `assign`."""
        source = exact_var(array)
        return source, source.reshape(source.shape)

    def vjp(
        self, outputs: list[tuple[Any, Array]], sources: Sequence[Any], on_gradient: OnGradient
    ) -> None:
        """Compute gradients with respect to the sources."""
        tensors, cotangents = [], []
        while outputs:
            tensor, array = outputs.pop()
            if not tensor.is_stop_grad():
                tensors.append(tensor)
                cotangents.append(self.constant(array.reshape(tuple(tensor.shape))))
        wanted = [(number, s) for number, s in enumerate(sources) if not s.is_stop_grad()]
        if not tensors or not wanted:
            return
        total = _WeightedSum(cotangents)(*tensors)
        del cotangents, tensors, tensor
        gradients = jt.grad(total, [source for _, source in wanted])
        del total
        # In the order of their creation, because Jittor computes all older ones with each.
        newest_first = sorted(
            zip([n for n, _ in wanted], gradients, strict=True), key=lambda pair: -pair[1].id
        )
        del gradients, wanted
        while newest_first:
            number, gradient = newest_first.pop()
            on_gradient(number, self.to_numpy(gradient))

    def optimizer(
        self, make_optimizer: Callable[[Any], Any]
    ) -> Callable[[Mapping[str, Array]], None]:
        """Build an optimizer; a step calls `step(loss)` with a loss that has these gradients."""
        parameters = self.parameters()
        optimizer = make_optimizer(list(parameters.values()))

        def step(gradients: Mapping[str, Array]) -> None:
            cotangents = [
                self.constant(array.reshape(tuple(parameters[path].shape)))
                for path, array in gradients.items()
            ]
            optimizer.step(_WeightedSum(cotangents)(*(parameters[path] for path in gradients)))
            jt.sync_all()

        return step

    def manifest(self) -> dict[str, str]:
        """Return the version and the settings that change Jittor's arithmetic."""
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

    def as_input(self, value: Any) -> Any:
        """Cast a float32 tensor to the low precision in which the module is given its inputs."""
        if self.input_precision is None or self._precision == "float64":
            return value
        is_float = isinstance(value, jt.Var) and value.dtype == "float32"
        return value.cast(self.input_precision) if is_float else value


def _restart_gradients(module: Any) -> None:
    """Start the gradients again that `eval()` stopped."""
    backup = vars(module).get("backup_grad_state", {})
    for parameter in module.parameters():
        if backup.get(id(parameter)):
            parameter.start_grad()


def _is_buffer(var: Any) -> bool:
    return bool(var.is_stop_grad()) or not var.dtype.is_float()


def _cast(modules: Sequence[Any], precision: Precision, low: Mapping[int, LowPrecision]) -> None:
    for module in modules:
        for value in vars(module).values():
            wanted = low.get(id(value), precision)
            if isinstance(value, jt.Var) and value.dtype.is_float() and value.dtype != wanted:
                has_no_gradient = value.is_stop_grad()
                value.assign(value.cast(wanted))
                if has_no_gradient:
                    value.stop_grad()


def _hooked(
    path: str, execute: Callable[..., Any], pre_hook: PreHook, post_hook: PostHook
) -> Callable[..., Any]:
    signature = inspect.signature(execute)

    def hooked(*args: Any, **kwargs: Any) -> Any:
        form = CallForm(signature, args, kwargs)
        positional, keywords = form.with_values(pre_hook(path, dict(form.arguments)))
        return post_hook(path, execute(*positional, **keywords))

    return hooked


def _dropped(
    x: Any, shape: tuple[int, ...], rate: float, training: bool, source: DropoutSource
) -> Any:
    if not training or rate == 0:
        return x
    factors = (source(shape) >= rate) / ((1 - rate) or 1)
    return x * jt.array(np.broadcast_to(factors, x.shape).astype(str(x.dtype))).stop_grad()
