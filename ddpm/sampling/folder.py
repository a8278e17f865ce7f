"""The folder of `ddpm sample`: written as the samples come, and continued after a kill.

A run writes into OUT/fid and OUT/samples. While it is unfinished, OUT/.sampling/run.json says what
it is a run of, and the same command goes on with the first batch that is missing. A run that
replaces the samples of an earlier one writes into OUT/.sampling until it is complete. Then it
removes the old samples and moves its own in, in this order, so that OUT/fid never holds samples of
two runs.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ddpm import images
from ddpm.config import RunConfig
from ddpm.data.class_folders import decode
from ddpm.errors import InputError
from ddpm.sampling.batches import SamplingOutcome
from ddpm.sampling.pictures import GRID, GRID_NAME, save_states
from ddpm.wording import counted
from safe_files import CannotWrite, replacing, sweep, write_text
from safe_files.folder_lock import folder_lock
from safe_files.reading import CannotRead, read_json

Identity = Mapping[str, Any]


@dataclass(frozen=True)
class _Unfinished:
    """The content of run.json.

    Attributes:
        run: everything that decides the run's files.
        replaces: whether the samples of an earlier run stay until this one is complete.
        pictures: names of the files in samples/, once a complete run is being moved in.
    """

    run: dict[str, Any]
    replaces: bool
    pictures: list[str] | None = None


@contextmanager
def sample_folder(
    out: Path, run: Identity, config: RunConfig, *, overwrite: bool
) -> Iterator[SampleFolder]:
    """Yield the store of a run's samples, locked; the block draws them, and its end completes them.

    Args:
        out: parent of fid/ and samples/.
        run: everything that decides the run's files, as JSON values.
        config: number and shape of the images.
        overwrite: replace the samples of an earlier run.

    Raises:
        FolderIsBusy: another process samples into the folder.
        InputError: it holds samples of another run, and they may not be replaced.
        CannotWrite: a path cannot be written.
    """
    with folder_lock(out / "fid", busy="another ddpm sample is at work"):
        folder = SampleFolder(out, _begin(out, dict(run), overwrite), config)
        try:
            yield folder
            folder.finish()
        finally:
            folder.leave()


def is_unfinished(fid: Path) -> bool:
    """Tell whether OUT/fid lacks samples of a run that was ended before it was complete."""
    unfinished = _read(_record(fid.parent))
    return unfinished is not None and (not unfinished.replaces or unfinished.pictures is not None)


def _begin(out: Path, run: dict[str, Any], overwrite: bool) -> _Unfinished:
    """Return the unfinished run to go on with, or begin a new one."""
    unfinished, old = _read(_record(out)), _samples(out / "fid")
    same = unfinished is not None and unfinished.run == run
    if unfinished is not None and same and (overwrite or not unfinished.replaces):
        _sweep(out)
        return unfinished
    if old and not overwrite:
        samples = counted(len(old), "sample")
        them = "them" if len(old) > 1 else "it"
        raise InputError(
            f"{out / 'fid'} holds {samples} of an earlier run; add --overwrite to remove {them},"
            f" or choose another --out{_remark(unfinished, run)}"
        )
    _sweep(out)
    _remove(out / ".sampling")
    new = _Unfinished(run, replaces=bool(old))
    _write(out, new)
    return new


class SampleFolder:
    """A store of PNG files in OUT/fid and of pictures in OUT/samples; see `sample_folder`."""

    def __init__(self, out: Path, unfinished: _Unfinished, config: RunConfig) -> None:
        self._out, self._unfinished = out, unfinished
        self._count, unet = config.sample.num_samples, config.unet
        self._shape = (unet.image_channels, unet.image_size, unet.image_size)
        self._place = out / ".sampling" if unfinished.replaces else out

    def holds(self, samples: range) -> bool:
        """Tell whether every PNG of a batch is there and whole."""
        return self._unfinished.pictures is not None or all(map(self._is_whole, samples))

    def save(self, samples: range, batch: SamplingOutcome) -> None:
        """Write the PNGs of a batch, after the pictures of its states.

        Raises:
            InputError: a pixel is not finite; then nothing is written.
            CannotWrite: a path cannot be written.
        """
        images.to_uint8(batch.images)
        if batch.frames:
            save_states(batch.frames, self._place / "samples")
        images.save_samples(batch.images, self._place / "fid", first=samples.start)

    def finish(self) -> None:
        """Write the grid and move a run that replaces another into its place.

        Raises:
            InputError: a PNG has been damaged meanwhile.
            CannotWrite: a path cannot be written.
        """
        if self._unfinished.pictures is None:
            some = [decode(self._path(n)) for n in range(min(GRID, self._count))]
            pixels = np.stack(some) / 127.5 - 1
            images.save_grid(pixels, self._place / "samples" / GRID_NAME)
        if self._unfinished.replaces:
            self._move_in()
        _remove(self._out / ".sampling")

    def leave(self) -> None:
        """Forget a run that ended before its first sample, of which nothing can be continued."""
        if self._unfinished.pictures is None and not _samples(self._place / "fid"):
            shutil.rmtree(self._out / ".sampling", ignore_errors=True)

    def _move_in(self) -> None:
        """Remove the old samples, then move the new ones in. Can be repeated after a kill."""
        fid, pictures = self._out / "fid", self._out / "samples"
        if self._unfinished.pictures is None:
            names = sorted(path.name for path in (self._place / "samples").glob("*.png"))
            self._unfinished = replace(self._unfinished, pictures=names)
            _write(self._out, self._unfinished)
        # A sample is an old one as long as the new one of its number has not been moved.
        for number, path in _samples(fid).items():
            if number >= self._count or (self._place / "fid" / path.name).exists():
                _unlink(path)
        new = self._unfinished.pictures or ()
        for path in pictures.glob("step_t*.png"):
            if re.fullmatch(r"step_t\d+\.png", path.name) and path.name not in new:
                _unlink(path)
        for folder in (fid, pictures):
            for path in sorted((self._place / folder.name).glob("*.png")):
                _move(path, folder / path.name)

    def _path(self, number: int) -> Path:
        return self._place / "fid" / f"sample_{number}.png"

    def _is_whole(self, number: int) -> bool:
        """Tell whether a sample is there; a power failure can leave an empty file."""
        path = self._path(number)
        try:
            return path.is_file() and decode(path).shape == self._shape
        except InputError:
            return False


def _samples(folder: Path) -> dict[int, Path]:
    """Return the samples of a folder by their number."""
    named = ((re.fullmatch(r"sample_(\d+)\.png", p.name), p) for p in folder.glob("sample_*.png"))
    return {int(match[1]): path for match, path in named if match}


def _record(out: Path) -> Path:
    return out / ".sampling" / "run.json"


def _write(out: Path, unfinished: _Unfinished) -> None:
    write_text(_record(out), json.dumps(asdict(unfinished), indent=1) + "\n")


def _read(path: Path) -> _Unfinished | None:
    """Return the unfinished run, if there is one that can be read."""
    try:
        unfinished = _Unfinished(**read_json(path))
    except (CannotRead, TypeError):
        return None
    is_moving = isinstance(unfinished.pictures, list) and unfinished.replaces
    plausible = isinstance(unfinished.run, dict) and (unfinished.pictures is None or is_moving)
    return unfinished if plausible else None


def _remark(unfinished: _Unfinished | None, run: Identity) -> str:
    """Say in what an unfinished run differs from the one that was asked for."""
    if unfinished is None or unfinished.replaces:
        return ""
    for name, value in run.items():
        other = unfinished.run.get(name)
        if other != value:
            is_digest = name == "--ckpt"
            return f" (unfinished, its {name} {'differs' if is_digest else f'is {other}'})"
    return ""


def _sweep(out: Path) -> None:
    """Remove the temporary files of a killed run; the lock has done so in OUT/fid."""
    sweep(out / "samples", recursive=False)
    sweep(out / ".sampling")


def _move(path: Path, target: Path) -> None:
    """Move a file, to another file system too: OUT/fid may be a link."""
    with replacing(target, durable=False) as temporary:
        shutil.copyfile(path, temporary)
    _unlink(path)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite.because(path, error) from error


def _remove(folder: Path) -> None:
    """Remove a hidden folder, its record last."""
    try:
        for path in folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise CannotWrite.because(folder, error) from error
