"""Rules for a configuration's options; breaking one raises an InputError that names the option."""

from __future__ import annotations

import math
from typing import TypeGuard

from ddpm.errors import InputError


def require(condition: bool, name: str, value: object, rule: str) -> None:
    """Raise InputError with an option's name, value and rule unless the condition holds."""
    if not condition:
        raise InputError(f"{name} = {value!r} cannot be used: it must be {rule}")


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether a value is an int, True and False excepted."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Tell whether a value is an int or a finite float."""
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def require_integer(config: object, *names: str, least: int) -> None:
    """Require integers of at least `least`."""
    for name in names:
        value = getattr(config, name)
        rule = f"an integer of at least {least}"
        require(is_integer(value) and value >= least, name, value, rule)


def require_integers(config: object, name: str, *, fewest: int) -> None:
    """Require a tuple of at least `fewest` positive integers."""
    values = getattr(config, name)
    fit = isinstance(values, tuple) and all(is_integer(value) and value >= 1 for value in values)
    rule = f"a tuple of {fewest} or more integers of at least 1"
    require(fit and len(values) >= fewest, name, values, rule)


def require_positive(config: object, *names: str) -> None:
    """Require finite numbers above 0."""
    for name in names:
        value = getattr(config, name)
        require(is_finite(value) and value > 0, name, value, "a finite number above 0")


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
    """Require an integer `seed`."""
    value = getattr(config, "seed", None)
    require(is_integer(value), "seed", value, "an integer")
