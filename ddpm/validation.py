"""Rules for a configuration's options; breaking one raises an InputError that names the option."""

from __future__ import annotations

import math
from typing import TypeGuard

from ddpm.errors import InputError


def require(condition: bool, name: str, value: object, rule: str) -> None:
    """Raise InputError with an option's name, value and rule unless the condition holds."""
    if not condition:
        raise InputError(f"{name} = {_short(value)} cannot be used: it must be {rule}")


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether a value is an int, True and False excepted."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Tell whether a value is an int or a finite float."""
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def require_integer(config: object, *names: str, least: int, most: int) -> None:
    """Require integers from `least` to `most`."""
    for name in names:
        value = getattr(config, name)
        rule = f"an integer from {least:,} to {most:,}"
        require(is_integer(value) and least <= value <= most, name, value, rule)


def require_integers(config: object, name: str, *, fewest: int, most: int, largest: int) -> None:
    """Require a tuple of `fewest` to `most` integers from 1 to `largest`."""
    values = getattr(config, name)
    fit = isinstance(values, tuple) and fewest <= len(values) <= most
    rule = f"a tuple of {fewest} to {most} integers from 1 to {largest:,}"
    integers = fit and all(is_integer(value) and 1 <= value <= largest for value in values)
    require(integers, name, values, rule)


def require_positive(config: object, *names: str) -> None:
    """Require numbers above 0, and at most 1e15."""
    for name in names:
        value = getattr(config, name)
        fit = is_finite(value) and 0 < value <= 1e15
        require(fit, name, value, "a number above 0 and at most 1e15")


def require_fraction(config: object, *names: str) -> None:
    """Require numbers in [0, 1)."""
    for name in names:
        value = getattr(config, name)
        require(is_finite(value) and 0 <= value < 1, name, value, "a number in [0, 1)")


def require_bool(config: object, name: str) -> None:
    """Require True or False."""
    value = getattr(config, name)
    require(isinstance(value, bool), name, value, "True or False")


def require_seed(config: object) -> None:
    """Require an integer `seed` of at most 256 bits."""
    value = getattr(config, "seed", None)
    fit = is_integer(value) and value.bit_length() <= 256
    require(fit, "seed", value, "an integer of at most 256 bits")


def _short(value: object) -> str:
    """Return a value's text, its middle left out where it would fill the screen."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python prints
        return f"a {type(value).__name__} that is too long to show"
    return text if len(text) <= 80 else f"{text[:40]} … {text[-20:]}"
