"""Calls a function with other values in the form in which it was called."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


class CallForm:
    """One call: which arguments were given by position and which by keyword.

    Decorators look at the form: one that reads a keyword would not find it among the positions.

    Attributes:
        arguments: values by the names of the parameters, as `inspect.BoundArguments` has them.

    Args:
        signature: of the function.
        positional: arguments by position.
        keywords: arguments by keyword.

    Raises:
        TypeError: the function does not take them.
    """

    def __init__(
        self, signature: inspect.Signature, positional: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self._bound = signature.bind(*positional, **keywords)
        self._number, self._names = len(positional), list(keywords)
        self.arguments: dict[str, Any] = dict(self._bound.arguments)

    def with_values(self, arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments by position and by keyword, with other values.

        Args:
            arguments: by the names of the parameters; those not in it stay.
        """
        self._bound.arguments.update(arguments)
        values = self._bound.arguments
        parameters = self._bound.signature.parameters
        extra: dict[str, Any] = {}
        for name, parameter in parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                extra = values.get(name, {})
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        named = {n for n, parameter in parameters.items() if parameter.kind in kinds}
        keywords = {n: values[n] if n in named else extra[n] for n in self._names}
        return self._bound.args[: self._number], keywords
