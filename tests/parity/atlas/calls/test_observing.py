from __future__ import annotations

from typing import Any

import torch
from torch import nn

from parity.atlas.calls.observing import observed


class Log:
    def __init__(self) -> None:
        self.events: list[str] = []

    def function_called(self, name: str, function: Any, args: Any, kwargs: Any) -> Any:
        self.events.append(name)
        torch.zeros(3)  # what the observer calls is not observed
        return function(*args, **kwargs)

    def entered(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.events.append(f"enter {type(module).__name__}")
        args[0] + 1

    def left(self, module: nn.Module, args: Any, kwargs: Any, result: Any) -> Any:
        self.events.append(f"leave {type(module).__name__}")
        return result * 0 if isinstance(module, nn.ReLU) else None


def test_functions_and_modules_are_seen_in_order_and_results_may_be_replaced() -> None:
    model, log = nn.Sequential(nn.ReLU()), Log()
    with observed(dict(model.named_modules()), log):
        result = model(torch.ones(2))
        result = result.sum() + 1
        _ = result.shape, torch.einsum("i->", torch.ones(2)), result.data
    assert result == 1
    assert log.events == [
        "torch.ones", "enter Sequential", "enter ReLU", "torch.nn.functional.relu", "leave ReLU",
        "leave Sequential", "torch.Tensor.sum", "torch.Tensor.add",
        "torch.Tensor.shape.__get__", "torch.ones", "torch.einsum",
    ]  # fmt: skip
    model(torch.ones(2))
    assert len(log.events) == 11  # nothing is left behind
