"""`parity.recording_steps`: keeps what the steps of a user's own training loop leave, in a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from parity.base.progress import begin
from parity.errors import CannotCompare
from parity.steps.frameworks.protocol import Loop
from parity.steps.judging.measuring import measure
from parity.steps.loop.observer import StepObserver
from parity.steps.script import Finished, ScriptLoop, run_script
from parity.steps.step_data import TrainingStep
from parity.steps.step_file import step_writer
from parity.steps.subjects import subjects

DEFAULT_STEPS = 3


@contextmanager
def recording_steps(
    path: Path | str,
    model: Any,
    optimizer: Any,
    *,
    steps: int | Collection[int] = DEFAULT_STEPS,
    average: Any = None,
) -> Iterator[StepObserver]:
    """Keep what some steps of the training loop inside the block leave, in a file.

    The loop stays as it is, and its numbers too: the same bits come out as without. A step ends
    when every optimizer has taken one. What is kept: batches of the framework's data loaders,
    random numbers, inputs, outputs and mode of each call of a model, each loss and its gradient
    with respect to the outputs, gradients after the backward passes and as the optimizer is given
    them, weights and state before and after, settings, learning rates, averages. At its end each
    kept step is run again by the harness, in both precisions, to know what rounding explains.

    Args:
        path: of the file, which appears when the block succeeds.
        model: a `torch.nn.Module` or `jittor.Module`, or several by name.
        optimizer: of the same framework, or several by name.
        steps: how many, from the first; or the numbers of some.
        average: an average of the weights (EMA): a module, a dictionary of tensors by name, or an
            object that holds one; or several, by the name of their model.

    Yields:
        The observer. Its `batch` keeps, and returns, a batch that comes from no data loader of the
        framework.

    Raises:
        CannotCompare: a part is none, or no step was complete at the end of the block.
        CannotWrite: the file cannot be written.
    """
    numbers = set(range(steps)) if isinstance(steps, int) else set(steps)
    if not numbers or min(numbers) < 0:
        raise CannotCompare(f"steps is {steps!r}: give how many, at least 1, or their numbers")
    parts = subjects(model, optimizer, average)
    with step_writer(Path(path)) as writer:

        def finished(step: Any, observer: StepObserver) -> None:
            measure(step, observer)
            writer.add(step)

        observer = StepObserver(
            parts.loop, parts.models, parts.optimizers, parts.averages,
            kept=numbers.__contains__, finished=finished,
        )  # fmt: skip
        with parts.loop.watching(observer):
            observer.start()
            yield observer
            observer.close()
        require_steps(writer.numbers, numbers)
        writer.finish(parts.facts())


def record_script(path: Path | str, command: Sequence[str], *, steps: Collection[int]) -> list[int]:
    """Run a training script as it is and keep some of its steps in a file; it ends with the last.

    Its models, optimizers and averages of the weights are found while it runs.

    Args:
        path: of the file.
        command: the script and its arguments, with or without `python` at the beginning.
        steps: numbers of the steps.

    Returns:
        The numbers of those that the script completed.

    Raises:
        CannotCompare: the script cannot be run, raises, or trains nothing.
        CannotWrite: the file cannot be written.
    """
    wanted = set(steps)
    with step_writer(Path(path)) as writer:

        def finished(step: TrainingStep, observer: StepObserver) -> None:
            measure(step, observer)
            writer.add(step)
            begin(f"step {step.number} is kept")
            if set(writer.numbers) == wanted:
                raise Finished

        def make(loop: Loop, models: dict[str, Any], optimizers: dict[str, Any]) -> StepObserver:
            return StepObserver(
                loop, models, optimizers, {}, kept=wanted.__contains__, finished=finished
            )

        script = ScriptLoop(make)
        with suppress(Finished), script.watching():
            run_script(command)
        require_steps(writer.numbers, wanted)
        assert script.parts is not None
        writer.finish(script.parts.facts())
        return list(writer.numbers)


def require_steps(done: Collection[int], wanted: Collection[int]) -> None:
    """Require that a loop has completed some step that was wanted.

    Raises:
        CannotCompare: it has not.
    """
    if not done:
        raise CannotCompare(
            f"no step {', '.join(map(str, sorted(wanted)))} was completed: in the loop, the model "
            "must be called, and each optimizer must take its step"
        )
