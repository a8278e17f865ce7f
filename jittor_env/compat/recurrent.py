"""RNN, LSTM and GRU with PyTorch's rules, parameters and order of parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jittor as jt

from jittor_env.compat.dropouts import dropped_between_layers
from jittor_env.compat.numerics import (
    Function,
    KernelFunction,
    computed,
    require_float,
    require_same_dtype,
    run_kernel,
)

_HEADER = "recurrent.h"


class _Unstack(Function):
    """(T, N, F) to T Vars (N, F); the gradient of an index would write a whole tensor each."""

    def execute(self, *_: Any) -> tuple[Any, ...]:
        (x,) = self.inputs
        return tuple(x[t] for t in range(x.shape[0]))

    def grad(self, *ups: Any) -> Any:
        like = next(up for up in ups if up is not None)
        return jt.stack([jt.zeros_like(like) if up is None else up for up in ups], dim=0)


class _LSTMStep(KernelFunction):
    """Gates (N, 4H) and c (N, H) to h and the next c."""

    def plain(self, *inputs: Any) -> tuple[Any, ...]:
        gates, c = inputs
        i, f, g, o = gates.chunk(4, 1)
        c = jt.sigmoid(f) * c + jt.sigmoid(i) * jt.tanh(g)
        return jt.sigmoid(o) * jt.tanh(c), c

    def forward(self, *inputs: Any) -> list[Any]:
        call = "compat::lstm(in0_p, in1_p, out0_p, out1_p, in1_shape0, in1_shape1);"
        return run_kernel(_HEADER, call, _like(inputs[1], inputs[1]), inputs)

    def backward(self, inputs: Sequence[Any], ups: Sequence[Any]) -> list[Any]:
        call = (
            "compat::lstm_backward(in0_p, in1_p, in2_p, in3_p, out0_p, out1_p, in1_shape0,"
            " in1_shape1);"
        )
        return run_kernel(_HEADER, call, _like(*inputs), [*inputs, *ups])


class _GRUStep(KernelFunction):
    """Both parts of the gates, of input and hidden state, and h to the next h."""

    def plain(self, *inputs: Any) -> tuple[Any, ...]:
        x, of_hidden, h = inputs
        (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), of_hidden.chunk(3, 1)
        r, z = jt.sigmoid(x_r + h_r), jt.sigmoid(x_z + h_z)
        n = jt.tanh(x_n + r * h_n)
        return (n + z * (h - n),)

    def forward(self, *inputs: Any) -> list[Any]:
        call = "compat::gru(in0_p, in1_p, in2_p, out0_p, in2_shape0, in2_shape1);"
        return run_kernel(_HEADER, call, _like(inputs[2]), inputs)

    def backward(self, inputs: Sequence[Any], ups: Sequence[Any]) -> list[Any]:
        call = (
            "compat::gru_backward(in0_p, in1_p, in2_p, in3_p, out0_p, out1_p, out2_p, in2_shape0,"
            " in2_shape1);"
        )
        return run_kernel(_HEADER, call, _like(*inputs), [*inputs, *ups])


def _like(*tensors: Any) -> list[tuple[Sequence[int], str]]:
    return [(tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors]


class _RNNBase(jt.nn.Module):
    """The common part of the three.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: parameters of layer 0, forwards; with
            `_reverse` at the end those backwards, and `l1` … those of the other layers. Each has
            the rows of all gates, one gate after the other.
    """

    _gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
    ) -> None:
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout should be a number in range [0, 1], but got {dropout}")
        if hidden_size <= 0 or num_layers <= 0:
            raise ValueError("hidden_size and num_layers must be greater than zero")
        if not 0 <= proj_size < hidden_size:
            raise ValueError("proj_size must be smaller than hidden_size and not negative")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self.is_train = True
        bound, rows = 1 / math.sqrt(hidden_size), self._gates * hidden_size
        output = proj_size or hidden_size
        for layer in range(num_layers):
            below = output * (1 + bidirectional) if layer else input_size
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {
                    f"weight_ih{suffix}": (rows, below),
                    f"weight_hh{suffix}": (rows, output),
                }
                if bias:
                    shapes |= {f"bias_ih{suffix}": (rows,), f"bias_hh{suffix}": (rows,)}
                if proj_size:
                    shapes[f"weight_hr{suffix}"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name, jt.init.uniform(shape, "float32", -bound, bound))

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _cell(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        """Return the next state, whose first part is the output.

        Args:
            x: what the input and its bias add to the gates, (N, gates * hidden).
            state: (N, hidden) each.
            suffix: of the parameters' names.
        """
        raise NotImplementedError

    def _of_hidden(self, h: Any, suffix: str) -> Any:
        """Return what the hidden state adds to the gates."""
        return jt.nn.linear(h, getattr(self, f"weight_hh{suffix}"), self._bias("hh", suffix))

    def _bias(self, kind: str, suffix: str) -> Any:
        return getattr(self, f"bias_{kind}{suffix}") if self.bias else None

    def _direction(
        self, x: Any, state: tuple[Any, ...], suffix: str
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run over (T, N, F) in one direction."""
        x = jt.nn.linear(x, getattr(self, f"weight_ih{suffix}"), self._bias("ih", suffix))
        steps = _Unstack()(x) if x.shape[0] > 1 else [x[0]]
        is_reverse = suffix.endswith("_reverse")
        outputs = []
        for step in reversed(steps) if is_reverse else steps:
            state = self._cell(step, state, suffix)
            outputs.append(state[0])
        return jt.stack(outputs[::-1] if is_reverse else outputs, dim=0), state

    def _run(self, x: Any, states: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Run all layers over (T, N, F), from states (layers * directions, N, hidden)."""
        last: list[tuple[Any, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._suffixes(layer):
                first = tuple(state[len(last)] for state in states)
                output, final = self._direction(x, first, suffix)
                outputs.append(output)
                last.append(final)
            x = jt.concat(outputs, dim=2) if len(outputs) > 1 else outputs[0]
            if layer < self.num_layers - 1 and self.dropout > 0 and self.is_training():
                x = dropped_between_layers(x, self.dropout)
        return x, tuple(jt.stack(list(parts), dim=0) for parts in zip(*last, strict=True))

    def _sizes(self) -> tuple[int, ...]:
        """Return the sizes of the parts of a state."""
        return (self.hidden_size,)

    def _execute(self, input: Any, given: tuple[Any, ...] | None) -> tuple[Any, tuple[Any, ...]]:
        name = type(self).__name__
        require_float(name, input)
        require_same_dtype(name, input, self.weight_ih_l0, *(given or ()))
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{name} expects (T, N, {self.input_size}) or (T, {self.input_size}), batch first"
                f" if told so, but got an input of size {list(input.shape)}"
            )
        is_batch = input.ndim == 3
        x = input if is_batch else input.unsqueeze(1)
        if is_batch and self.batch_first:
            x = x.permute(1, 0, 2)
        shapes = [
            (self.num_layers * (1 + self.bidirectional), x.shape[1], size) for size in self._sizes()
        ]
        if given is None:
            given = tuple(jt.zeros(shape, input.dtype) for shape in shapes)
        elif not is_batch:
            given = tuple(state.unsqueeze(1) for state in given)
        for state, shape in zip(given, shapes, strict=True):
            if tuple(state.shape) != shape:
                raise RuntimeError(f"Expected hidden size {list(shape)}, got {list(state.shape)}")
        output, final = self._run(x, given)
        if not is_batch:
            return output.squeeze(1), tuple(state.squeeze(1) for state in final)
        return (output.permute(1, 0, 2) if self.batch_first else output), final


class RNN(_RNNBase):
    """`torch.nn.RNN`: (T, N, F), (N, T, F) with `batch_first`, or (T, F) without a batch.

    Jittor's own returns its output time first whatever `batch_first` is, never drops between
    layers, and creates the parameters of both directions in turns.
    """

    def __init__(self, *args: Any, nonlinearity: str = "tanh", **kwargs: Any) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity {nonlinearity!r}: 'tanh' or 'relu'")
        if "proj_size" in kwargs or len(args) > 7:
            raise ValueError("proj_size argument is only supported for LSTM")
        self.nonlinearity = nonlinearity
        super().__init__(*args, **kwargs)

    def _cell(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        total = x + self._of_hidden(state[0], suffix)
        return (jt.tanh(total) if self.nonlinearity == "tanh" else jt.nn.relu(total),)

    def execute(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Return the outputs, (T, N, directions * hidden), and the last state."""
        output, (h,) = self._execute(input, None if hx is None else (hx,))
        return output, h


class GRU(_RNNBase):
    """`torch.nn.GRU`; see `RNN`, of which Jittor's own differs in the same way."""

    _gates = 3

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs or len(args) > 7:
            raise ValueError("proj_size argument is only supported for LSTM")
        super().__init__(*args, **kwargs)

    def _cell(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        return computed(_GRUStep(), x, self._of_hidden(state[0], suffix), state[0])

    def execute(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Return the outputs, (T, N, directions * hidden), and the last state."""
        output, (h,) = self._execute(input, None if hx is None else (hx,))
        return output, h


class LSTM(_RNNBase):
    """`torch.nn.LSTM`; see `RNN`, of which Jittor's own differs in the same way."""

    _gates = 4

    def _sizes(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def _cell(self, x: Any, state: tuple[Any, ...], suffix: str) -> tuple[Any, ...]:
        h, c = computed(_LSTMStep(), x + self._of_hidden(state[0], suffix), state[1])
        if self.proj_size:
            h = jt.nn.linear(h, getattr(self, f"weight_hr{suffix}"))
        return h, c

    def execute(self, input: Any, hx: Any = None) -> tuple[Any, tuple[Any, Any]]:
        """Return the outputs, (T, N, directions * hidden), and the last (h, c)."""
        output, (h, c) = self._execute(input, None if hx is None else tuple(hx))
        return output, (h, c)
