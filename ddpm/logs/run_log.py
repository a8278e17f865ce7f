"""The logs of a run: every step's loss, exactly, and every epoch's speed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import InputError
from safe_files import CannotWrite, make_folder, write_text

_LINE = re.compile(r"epoch (\d+) step (\d+) loss (\S+)")
_EPOCH = re.compile(r"epoch (\d+) time (\S+) s speed (\S+) images/s(?: peak memory (\S+) MiB)?")


class RunLog:
    """Writes `train_log.txt`, a line per step, and `performance_log.txt`, a line per epoch.

    A loss is written as the shortest decimal that reads back to the same float64, so that a
    resumed run's log can be compared byte for byte with an uninterrupted one's. Speeds go to the
    other file, which no comparison reads. Use as a context manager, or close it.

    Existing files are appended to: `truncate_to` or `restart` says what stays of them.

    Args:
        folder: of the two files.

    Raises:
        CannotWrite: they cannot be written.
    """

    def __init__(self, folder: Path | str = "logs") -> None:
        folder = Path(folder)
        self.train_path = folder / "train_log.txt"
        self.performance_path = folder / "performance_log.txt"
        self._train = _open(self.train_path)
        self._performance = _open(self.performance_path)

    def step(self, *, epoch: int, step: int, loss: float) -> None:
        """Log one step's loss; steps are numbered from 0 through the run."""
        _write(self._train, f"epoch {epoch} step {step} loss {float(loss)!r}")

    def epoch(
        self, *, epoch: int, seconds: float, images: int, peak_memory: int | None = None
    ) -> None:
        """Log one epoch's wall time in seconds, its images, and the peak memory in bytes."""
        memory = "" if peak_memory is None else f" peak memory {peak_memory / 2**20:.1f} MiB"
        speed = images / seconds if seconds > 0 else float("inf")
        line = f"epoch {epoch} time {seconds:.3f} s speed {speed:.1f} images/s{memory}"
        _write(self._performance, line)

    def truncate_to(self, *, step: int, epoch: int) -> None:
        """Drop the lines of later steps and epochs, and a line cut short by a killed run.

        Args:
            step: steps done, as a checkpoint counts them; the lines 0 … step-1 stay.
            epoch: epochs done; the lines 1 … epoch stay, of each the last.

        Raises:
            InputError: a line is no log line.
            CannotWrite: the files cannot be written.
        """
        losses = [line for line, at, _ in _parse(self.train_path) if at < step]
        speeds = {at: line for at, line, _ in _epochs(self.performance_path) if at <= epoch}
        self._replace(losses, [speeds[at] for at in sorted(speeds)])

    def restart(self) -> None:
        """Drop every line.

        Raises:
            CannotWrite: the files cannot be written.
        """
        self._replace([], [])

    def _replace(self, losses: list[str], speeds: list[str]) -> None:
        self.close()
        for path, lines in ((self.train_path, losses), (self.performance_path, speeds)):
            write_text(path, "".join(f"{line}\n" for line in lines))
        self._train, self._performance = _open(self.train_path), _open(self.performance_path)

    def close(self) -> None:
        """Close both files.

        Raises:
            CannotWrite: their last lines cannot be written.
        """
        refused: list[CannotWrite] = []
        for file in (self._train, self._performance):
            try:
                file.close()
            except OSError as error:
                refused.append(CannotWrite.because(file.name, error))
        if refused:
            raise refused[0]

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_losses(path: Path | str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read a `train_log.txt`: its steps, int64 (n,), and their losses, float64 (n,), exact.

    A last line without an end, left by a killed run, is ignored.

    Raises:
        InputError: the file cannot be read, or a line is no log line; it is named by its number.
    """
    rows = list(_parse(Path(path)))
    steps = np.array([step for _, step, _ in rows], np.int64)
    return steps, np.array([loss for _, _, loss in rows], np.float64)


def read_epochs(path: Path | str) -> list[dict[str, float]]:
    """Read a `performance_log.txt`, of an epoch that a resumed run did again the last line.

    Returns:
        For each epoch its number `epoch`, `seconds`, `images_per_second` and, where it is there,
        `peak_mebibytes`.

    Raises:
        InputError: the file cannot be read, or a line is none of such a log.
    """
    epochs = {epoch: values for epoch, _, values in _epochs(Path(path))}
    return [epochs[epoch] for epoch in sorted(epochs)]


def _epochs(path: Path) -> Iterable[tuple[int, str, dict[str, float]]]:
    """Yield each complete line of a performance log with its epoch and its values."""
    for number, line in enumerate(_lines(path), 1):
        match = _EPOCH.fullmatch(line)
        try:
            if match is None:
                raise ValueError(line)
            epoch, seconds, speed, memory = match.groups()
            values = {
                "epoch": int(epoch),
                "seconds": float(seconds),
                "images_per_second": float(speed),
                **({} if memory is None else {"peak_mebibytes": float(memory)}),
            }
            if not all(map(math.isfinite, values.values())):
                raise ValueError(line)
        except ValueError:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} is not 'epoch E time S s speed V images/s';"
                " give a performance_log.txt of ddpm train"
            ) from None
        yield int(epoch), line, values


def _lines(path: Path) -> list[str]:
    """Return the lines that have an end."""
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; give a log of ddpm train") from error


def _parse(path: Path) -> Iterable[tuple[str, int, float]]:
    """Yield each complete line with its step and loss."""
    for number, line in enumerate(_lines(path), 1):
        match = _LINE.fullmatch(line)
        try:
            if match is None or len(match[2]) > 18:  # no step of a run has so many digits
                raise ValueError(line)
            yield line, int(match[2]), float(match[3])
        except ValueError:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} is not 'epoch E step S loss L'; give a"
                " train_log.txt of ddpm train"
            ) from None


def _open(path: Path) -> IO[str]:
    make_folder(path.parent)
    try:
        return path.open("a", encoding="utf-8", newline="\n", buffering=1)
    except OSError as error:
        raise CannotWrite.because(path, error) from error


def _write(file: IO[str], line: str) -> None:
    try:
        file.write(f"{line}\n")
    except OSError as error:
        raise CannotWrite.because(file.name, error) from error
