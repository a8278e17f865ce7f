"""Where the runs of a side come from: from its framework, or from a file that recorded them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from parity.base.numerics import Array
from parity.noise.side_runner import SideRunner
from parity.trace.bound_model import BoundModel
from parity.trace.end_to_end import run_end_to_end
from parity.trace.recorder import list_calls, run_isolated, run_with_injection
from parity.trace.sites import Tap
from parity.trace.trace import Run, Trace


class Runs(Protocol):
    """Makes the runs of one side, or knows what they left.

    All raise CannotCompare where the model raises.
    """

    def isolated(
        self,
        model: BoundModel,
        run: Run,
        teacher: Trace | None = None,
        baseline: Trace | None = None,
    ) -> Trace:
        """See `parity.trace.recorder.run_isolated`."""

    def end_to_end(self, model: BoundModel, run: Run, baseline: Trace | None = None) -> Trace:
        """See `parity.trace.end_to_end.run_end_to_end`."""

    def calls(self, model: BoundModel, run: Run, teacher: Trace | None = None) -> Trace:
        """See `parity.trace.recorder.list_calls`."""

    def with_injection(
        self, model: BoundModel, run: Run, teacher: Trace, inject: Mapping[Tap, Array]
    ) -> Trace:
        """See `parity.trace.recorder.run_with_injection`."""

    def changed_buffers(self, model: BoundModel, run: Run) -> set[str]:
        """Run the model forward; return the reference paths of the buffers that it changes."""

    def training(self, variant: str) -> RecordedTraining | None:
        """Return what the optimizer's steps left, None where they are taken.

        Args:
            variant: of the optimizer; `""` for the user's own.
        """


class RecordedTraining(Protocol):
    """Steps of an optimizer that a side took when it was recorded."""

    def weights(self, number: int) -> Mapping[str, Array]:
        """Return the parameters before step `number`, by path, as float32 values."""

    def gradients(self, number: int) -> Mapping[str, Array]:
        """Return the gradients with them, likewise."""

    def steps(self, number: int | None) -> SideRunner:
        """Return the side's step `number`, or with None its free training."""


class LiveRuns:
    """Runs of a module that is here."""

    def isolated(
        self,
        model: BoundModel,
        run: Run,
        teacher: Trace | None = None,
        baseline: Trace | None = None,
    ) -> Trace:
        """See `Runs`."""
        return run_isolated(model, run, teacher, baseline)

    def end_to_end(self, model: BoundModel, run: Run, baseline: Trace | None = None) -> Trace:
        """See `Runs`."""
        return run_end_to_end(model, run, baseline)

    def calls(self, model: BoundModel, run: Run, teacher: Trace | None = None) -> Trace:
        """See `Runs`."""
        return list_calls(model, run, teacher)

    def with_injection(
        self, model: BoundModel, run: Run, teacher: Trace, inject: Mapping[Tap, Array]
    ) -> Trace:
        """See `Runs`."""
        return run_with_injection(model, run, teacher, inject)

    def changed_buffers(self, model: BoundModel, run: Run) -> set[str]:
        """See `Runs`."""
        list_calls(model, run)
        tensors = model.adapter.buffers()
        after = {path: model.adapter.to_numpy(tensors[n]) for path, n in model.buffers.items()}
        return {
            path
            for path, array in after.items()
            if not np.array_equal(array.astype(np.float64), run.weights[path].astype(np.float64))
        }

    def training(self, variant: str) -> None:
        """See `Runs`."""


LIVE = LiveRuns()
