"""The folder of a training run: what an earlier run left in it, and from where it continues."""

from __future__ import annotations

import re
from pathlib import Path

from ddpm.checkpoint import Checkpoint, path_for
from ddpm.errors import InputError

_NAME = re.compile(r"ddpm_(.+)_(?:epoch(\d+)|interrupted)\.safetensors", re.DOTALL)


def checkpoint_folder(folder: Path) -> Path:
    """Return `{folder}/checkpoints`."""
    return folder / "checkpoints"


def interrupted_path(folder: Path, dataset: str) -> Path:
    """Return the checkpoint that a run writes when it is asked to stop within an epoch."""
    return checkpoint_folder(folder) / f"ddpm_{dataset}_interrupted.safetensors"


def earlier_run(folder: Path) -> list[Path]:
    """Return the checkpoints and logs that an earlier run left in a folder, in order."""
    left = [path for path in _files(checkpoint_folder(folder)) if _NAME.fullmatch(path.name)]
    log = folder / "logs" / "train_log.txt"
    return left + ([log] if log.is_file() and log.stat().st_size > 0 else [])


def require_unused(folder: Path) -> None:
    """Require that no earlier run is in a folder, which a new one would write over.

    Raises:
        InputError: one is.
    """
    left = earlier_run(folder)
    if left:
        raise InputError(
            f"{folder} holds an earlier run ({left[0].relative_to(folder)} and {len(left) - 1}"
            " more of its files): add --resume auto to continue it, --overwrite to start again, or"
            " choose another --out"
        )


def latest(folder: Path, dataset: str, *, most_epochs: int | None = None) -> Checkpoint | None:
    """Return the checkpoint with the most steps in a run's folder, or None.

    Args:
        folder: of the run.
        dataset: name of the data set in the files' names.
        most_epochs: leave out checkpoints of later epochs.

    Raises:
        InputError: a checkpoint cannot be used, or the folder holds a run on another data set.
    """
    epochs = []
    for path in _files(checkpoint_folder(folder)):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        if match[1] != dataset:
            raise InputError(
                f"{folder} holds a run on {match[1]} ({path.name}), not on {dataset}; choose"
                " another --out"
            )
        if match[2] is not None and int(match[2]) <= (most_epochs or int(match[2])):
            epochs.append(int(match[2]))
    paths = [path_for(checkpoint_folder(folder), dataset, epoch) for epoch in sorted(epochs)[-1:]]
    interrupted = interrupted_path(folder, dataset)
    candidates = [*paths, *([interrupted] if interrupted.is_file() else [])]
    return max(map(Checkpoint.load, candidates), key=lambda state: state.step, default=None)


def require_same_run(folder: Path, state: Checkpoint, dataset: str) -> None:
    """Require that a folder's run, if it holds one, is the one that a checkpoint belongs to.

    Raises:
        InputError: it is another, whose files would be mixed with the continued run's.
    """
    there = latest(folder, dataset)
    if there is None:
        return
    try:
        there.require_config(state.config)
    except InputError as error:
        raise InputError(
            f"{folder} holds another run than the checkpoint's: {error}; choose another --out"
        ) from error
    if there.images != state.images and None not in (there.images, state.images):
        raise InputError(
            f"{folder} holds a run on other images than the checkpoint's; choose another --out"
        )


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder by the numbers in their names; none where there is no folder."""
    if not folder.is_dir():
        return []
    digits = re.compile(r"\d+")
    files = [path for path in folder.iterdir() if path.is_file()]
    return sorted(files, key=lambda path: ([int(n) for n in digits.findall(path.name)], path.name))
