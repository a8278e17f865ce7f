"""Random draws in PyTorch: counted, and made from the caller's numbers where it gives them.

A function mode sees each call, however it was imported. Draws are made from uniform or standard
normal numbers: `bernoulli(p)` is u >= 1 - p, as in `floor(p + u)`; integers are floor(low + u n);
a permutation sorts by u. What is drawn otherwise, `poisson` for example, is counted and left to
PyTorch. Initialisers of `torch.nn.init` and random numbers inside kernels are not seen here; they
move the generator's state, which the harness compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from parity.adapters.protocol import Family, RandomSource
from parity.base.random_streams import GlobalGenerator

# Smallest distance from 0 and 1 that a logarithm is taken of; half a step of the uniform numbers.
_TINY = 2.0**-25


class RandomFrom(TorchFunctionMode):
    """Asks a source at every random draw.

    Args:
        source: see `parity.adapters.protocol.RandomSource`.
    """

    def __init__(self, source: RandomSource) -> None:
        super().__init__()
        self._source = source

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        draw = DRAWS.get(func)
        if draw is None:
            return func(*args, **kwargs)
        # PyTorch's own draw decides shape, dtype, device and errors; its numbers are replaced.
        result = func(*args, **kwargs)
        with torch.no_grad():
            return draw(_Numbers(self._source), result, *args, **kwargs)


def default_generator(device: torch.device) -> GlobalGenerator:
    """Return the default generators of the CPU and of a device, as one."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index or 0])

    def state() -> tuple[bytes, ...]:
        return tuple(generator.get_state().numpy().tobytes() for generator in generators)

    def put_back(states: tuple[bytes, ...]) -> None:
        for generator, value in zip(generators, states, strict=True):
            generator.set_state(torch.frombuffer(bytearray(value), dtype=torch.uint8))

    def start_from(number: int) -> None:
        for generator in generators:
            generator.manual_seed(number)

    return GlobalGenerator(state, put_back, start_from)


class _Numbers:
    """Numbers of a source as tensors of the dtype and on the device of another tensor."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source

    def __call__(
        self, family: Family, like: torch.Tensor, shape: Iterable[int] | None = None
    ) -> torch.Tensor | None:
        array = self._source(family, tuple(like.shape if shape is None else shape))
        if array is None:
            return None
        dtype = like.dtype if like.is_floating_point() else torch.float64
        return torch.from_numpy(array).to(device=like.device, dtype=dtype)


def _uniform(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    return _filled(result, numbers("uniform", result))


def _normal(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    return _filled(result, numbers("normal", result))


def _other(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    numbers("other", result)
    return result


def _rrelu(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    names, defaults = ("lower", "upper", "training"), (1 / 8, 1 / 3, False)
    training = _arguments(names, defaults, args[1:], kwargs)[2]
    return _other(numbers, result) if training else result


def _filled(result: Any, values: Any) -> Any:
    return result if values is None else result.copy_(values)


def _uniform_in(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    low, high = _arguments(("from", "to"), (0.0, 1.0), args, kwargs)
    u = numbers("uniform", result)
    return _filled(result, None if u is None else u * (high - low) + low)


def _normal_of(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    mean, std = _arguments(("mean", "std"), (0.0, 1.0), args, kwargs)
    z = numbers("normal", result)
    return _filled(result, None if z is None else z * std + mean)


def _normal_in(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return _normal_of(numbers, result, *args, **kwargs)


def _log_normal_in(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    mean, std = _arguments(("mean", "std"), (1.0, 2.0), args, kwargs)
    z = numbers("normal", result)
    return _filled(result, None if z is None else (z * std + mean).exp())


def _bernoulli_of(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    (p,) = _arguments(("p",), (x,), args, kwargs)
    u = numbers("uniform", result)
    return _filled(result, None if u is None else (u >= 1 - p).to(result.dtype))


def _bernoulli_in(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    (p,) = _arguments(("p",), (0.5,), args, kwargs)
    return _bernoulli_of(numbers, result, x, p)


def _exponential_in(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    (rate,) = _arguments(("lambd",), (1.0,), args, kwargs)
    u = numbers("uniform", result)
    return _filled(result, None if u is None else _exponential(u) / rate)


def _exponential(u: torch.Tensor) -> torch.Tensor:
    return (-torch.log1p(-u)).clamp(min=_TINY)


def _integers(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    """Draw for `randint(high, size)` and `randint(low, high, size)`."""
    if "high" in kwargs:
        low, high = kwargs.get("low", args[0] if args else 0), kwargs["high"]
    elif len(args) > 1 and isinstance(args[1], int):
        low, high = args[:2]
    else:
        low, high = kwargs.get("low", 0), args[0]
    return _integers_between(numbers, result, low, high)


def _integers_like(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return _integers(numbers, result, *args, **kwargs)


def _random_in(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    bounds = [*args, *(kwargs[name] for name in ("from", "to") if name in kwargs)]
    if not bounds or bounds[-1] is None:
        is_float = result.is_floating_point()
        bounds = [2**24 if is_float else torch.iinfo(result.dtype).max]
    low, high = bounds if len(bounds) == 2 else (0, bounds[0])
    return _integers_between(numbers, result, low, high)


def _integers_between(numbers: _Numbers, result: Any, low: Any, high: Any) -> Any:
    u = numbers("uniform", result)
    if u is None:
        return result
    drawn = torch.floor(u.double() * (high - low) + low).clamp(max=high - 1)
    return result.copy_(drawn.to(result.dtype))


def _permutation(numbers: _Numbers, result: Any, *args: Any, **kwargs: Any) -> Any:
    u = numbers("uniform", result)
    return _filled(result, None if u is None else torch.argsort(u, stable=True))


def _multinomial(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    _, replacement = _arguments(("num_samples", "replacement"), (1, False), args, kwargs)
    u = numbers("uniform", x, result.shape if replacement else x.shape)
    if u is None:
        return result
    if replacement:
        cumulated = (x / x.sum(-1, keepdim=True)).cumsum(-1)
        drawn = torch.searchsorted(cumulated, u, right=True).clamp(max=x.shape[-1] - 1)
    else:
        times = torch.where(x > 0, -u.clamp(min=_TINY).log() / x, torch.inf)
        drawn = torch.argsort(times, dim=-1, stable=True)[..., : result.shape[-1]]
    return _filled(result, drawn)


def _gumbel_softmax(numbers: _Numbers, result: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    names, defaults = ("tau", "hard", "eps", "dim"), (1.0, False, 1e-10, -1)
    tau, hard, _, dim = _arguments(names, defaults, args, kwargs)
    u = numbers("uniform", x)
    if u is None:
        return result
    with torch.enable_grad():
        soft = ((x - _exponential(u).log()) / tau).softmax(dim)
        if not hard:
            return soft
        index = soft.max(dim, keepdim=True)[1]
        one_hot = torch.zeros_like(x).scatter_(dim, index, 1.0)
        return one_hot - soft.detach() + soft


def _arguments(
    names: tuple[str, ...],
    defaults: tuple[Any, ...],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Any, ...]:
    """Return a function's arguments, by position or by name."""
    given = dict(zip(names, args, strict=False)) | {n: kwargs[n] for n in names if n in kwargs}
    return tuple(given.get(n, default) for n, default in zip(names, defaults, strict=True))


DRAWS: dict[Any, Callable[..., Any]] = {
    torch.rand: _uniform,
    torch.rand_like: _uniform,
    torch.Tensor.uniform_: _uniform_in,
    torch.randn: _normal,
    torch.randn_like: _normal,
    torch.normal: _normal_of,
    torch.Tensor.normal_: _normal_in,
    torch.Tensor.log_normal_: _log_normal_in,
    torch.bernoulli: _bernoulli_of,
    torch.Tensor.bernoulli: _bernoulli_of,
    torch.Tensor.bernoulli_: _bernoulli_in,
    torch.Tensor.exponential_: _exponential_in,
    torch.randint: _integers,
    torch.randint_like: _integers_like,
    torch.Tensor.random_: _random_in,
    torch.randperm: _permutation,
    torch.multinomial: _multinomial,
    torch.Tensor.multinomial: _multinomial,
    F.gumbel_softmax: _gumbel_softmax,
    torch.poisson: _other,
    torch.binomial: _other,
    torch._standard_gamma: _other,
    torch._sample_dirichlet: _other,
    torch.Tensor.geometric_: _other,
    torch.Tensor.cauchy_: _other,
    F.rrelu: _rrelu,
}
