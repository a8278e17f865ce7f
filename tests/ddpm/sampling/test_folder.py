"""Samples are written as they come, and a run that is killed anywhere goes on to the same files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm import sampling
from ddpm.config import RunConfig, preset
from ddpm.errors import InputError
from ddpm_study.metrics.image_loading import read_images
from safe_files import CannotWrite
from safe_files.folder_lock import FolderIsBusy

CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod"}


def config(images: int = 5, batch: int = 2, T: int = 3) -> RunConfig:
    sizes = {"num_samples": images, "batch_size": batch}
    unet = {"image_size": 4, "attention_resolutions": ()}
    return preset("tiny").with_(unet=unet, diffusion={"T": T}, sample=sizes)


def chain_of(shade: int, drawn: list[int] | None = None) -> sampling.Chain:
    """Return a chain whose sample n has the grey values `shade` and n."""

    def chain(numbers: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        if drawn is not None:
            drawn.extend(numbers)
        x = np.full((len(numbers), 1, 4, 4), shade / 127.5 - 1, np.float32)
        x[:, 0, 0, 0] = np.array(numbers) % 256 / 127.5 - 1
        for t in range(chain.T, -1, -1):  # type: ignore[attr-defined]
            yield t, x

    chain.T = 3  # type: ignore[attr-defined]
    return chain


def draw(
    out: Path,
    shade: int = 100,
    *,
    overwrite: bool = False,
    images: int = 5,
    T: int = 3,
    drawn: list[int] | None = None,
) -> None:
    chain, options = chain_of(shade, drawn), config(images, T=T)
    chain.T = T  # type: ignore[attr-defined]
    run = {"seed": shade, "num_samples": images, "T": T}
    with sampling.sample_folder(out, run, options, overwrite=overwrite) as folder:
        sampling.draw(chain, options, folder)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def shades(out: Path) -> set[int]:
    """Return the shades of the samples that a score would read."""
    if not any((out / "fid").glob("[!.]*")):
        return set()
    return set(read_images(out / "fid")[:, 0, 1, 1].tolist())


def killed_at(change: int, folder: Path, work: Callable[[], Any]) -> bool:
    """Do work in a fork that is killed before its n-th change in a folder; tell whether it was."""
    child = os.fork()
    if child == 0:
        left = count(change, -1)

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            here = event in CHANGES and (
                str(arguments[0]).startswith(str(folder)) or event in ("os.remove", "os.rmdir")
            )
            if here and next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            sys.addaudithook(hook)
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_a_run_killed_before_any_change_goes_on_to_the_same_files(tmp_path: Path) -> None:
    draw(tmp_path / "unbroken")
    unbroken, refused = tree(tmp_path / "unbroken"), 0
    for change in count():
        out = tmp_path / f"{change}" / "out"
        out.parent.mkdir()
        if not killed_at(change, tmp_path, lambda out=out: draw(out)):
            break
        assert shades(out) <= {100}
        kept = {path.name for path in out.glob("fid/sample_*")}
        drawn: list[int] = []
        try:
            draw(out, drawn=drawn)
        except InputError:  # it was complete
            refused += 1
        assert tree(out) == unbroken
        pairs = ({0, 1}, {2, 3}, {4})
        done = set().union(*(p for p in pairs if {f"sample_{n}.png" for n in p} <= kept))
        assert set(drawn) == set(range(5)) - done or refused, "finished batches are not drawn again"
    assert change > 40
    assert refused < 5, "complete before its last marks are removed"
    assert tree(out) == unbroken


def test_a_run_that_replaces_another_is_never_mixed_with_it(tmp_path: Path) -> None:
    draw(tmp_path / "old", 200, images=3, T=4)
    draw(tmp_path / "unbroken", images=2)
    unbroken, seen = tree(tmp_path / "unbroken"), set()
    for change in count():
        out = tmp_path / f"{change}" / "out"
        shutil.copytree(tmp_path / "old", out)
        again = lambda out=out: draw(out, images=2, overwrite=True)  # noqa: E731
        if not killed_at(change, tmp_path, again):
            break
        assert len(shades(out)) < 2, "samples of two runs"
        counts = len(list(out.glob("fid/sample_*.png")))
        if shades(out) == {200} and (out / ".sampling").exists():
            seen.add("old ones stay" if counts == 3 else "old ones go")
        record = out / ".sampling" / "run.json"
        complete = record.exists() and json.loads(record.read_text())["pictures"] is not None
        drawn: list[int] = []
        draw(out, images=2, overwrite=True, drawn=drawn)
        assert not (complete and drawn), "a complete run is only moved in"
        assert tree(out) == unbroken
    assert change > 60
    assert seen == {"old ones stay", "old ones go"}
    assert tree(out) == unbroken


def test_what_is_unfinished_is_continued_by_the_same_command_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for change in count():
        assert killed_at(change, tmp_path, lambda: draw(out))
        if len(list(out.glob("fid/sample_*.png"))) == 2:
            break
    before = tree(out)
    with pytest.raises(InputError, match=r"2 samples .*\(unfinished, its seed is 100\)$"):
        draw(out, 7)
    assert {n: b for n, b in tree(out).items() if n != "fid/.lock"} == {
        n: b for n, b in before.items() if n != "fid/.lock"
    }
    draw(out, 7, overwrite=True)
    assert shades(out) == {7}
    with pytest.raises(InputError, match=r"holds 5 samples of an earlier run; add --overwrite to "):
        draw(out, 7)


def test_a_score_of_an_unfinished_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stop_after(tmp_path, batches=1)
    assert len(read_images(tmp_path / "fid")) == 2
    assert "fid: of an unfinished ddpm sample, which lacks images\n" in capsys.readouterr().err
    draw(tmp_path)
    assert len(read_images(tmp_path / "fid")) == 5
    assert "unfinished" not in capsys.readouterr().err


def test_a_damaged_sample_of_an_unfinished_run_is_drawn_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    draw(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        _stop_after(out, batches=2)
    (out / "fid" / "sample_1.png").write_bytes(b"")
    Image.new("L", (5, 4)).save(out / "fid" / "sample_2.png")
    drawn: list[int] = []
    draw(out, drawn=drawn)
    assert drawn == [0, 1, 2, 3, 4]
    assert tree(out) == tree(tmp_path / "unbroken")


def _stop_after(out: Path, batches: int) -> None:
    run = {"seed": 100, "num_samples": 5, "T": 3}
    with sampling.sample_folder(out, run, config(), overwrite=False) as folder:
        plain, options = chain_of(100), config()

        def chain(numbers: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
            if numbers[0] >= batches * 2:
                raise KeyboardInterrupt
            return plain(numbers)

        sampling.draw(chain, options, folder)


def test_a_run_without_a_first_sample_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stop_after(tmp_path / "out", batches=0)
    assert tree(tmp_path) == {}
    assert not (tmp_path / "out" / "fid").exists()


def test_images_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    bad = np.full((2, 1, 4, 4), np.nan)
    with (
        pytest.raises(InputError, match="are NaN or infinite"),
        sampling.sample_folder(tmp_path, {}, config(), overwrite=False) as folder,
    ):
        folder.save(range(2), sampling.SamplingOutcome(bad, {0: bad}))
    assert tree(tmp_path) == {}


def test_two_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    with sampling.sample_folder(tmp_path, {}, config(), overwrite=False) as folder:
        with pytest.raises(FolderIsBusy, match=r"^another ddpm sample is at work in .*fid \(proc"):
            draw(tmp_path)
        sampling.draw(chain_of(100), config(), folder)
    draw(tmp_path / "unbroken")
    unbroken = tree(tmp_path / "unbroken")
    assert {n: b for n, b in tree(tmp_path).items() if not n.startswith("unbroken/")} == unbroken


@pytest.mark.parametrize("record", ["", "{}", '{"run": 5, "replaces": 1, "pictures": 3}', "[" * 99])
def test_a_damaged_record_is_no_run(tmp_path: Path, record: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stop_after(tmp_path, batches=1)
    (tmp_path / ".sampling" / "run.json").write_text(record)
    with pytest.raises(InputError, match=r"holds 2 samples of an earlier run.*another --out$"):
        draw(tmp_path)
    draw(tmp_path, overwrite=True)
    assert len(read_images(tmp_path / "fid")) == 5


def test_the_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    peaks = []
    for images in (64, 640):
        tracemalloc.start()
        options = preset("tiny").with_(
            diffusion={"T": 1}, sample={"num_samples": images, "batch_size": 16}
        )

        def chain(numbers: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
            for t in (1, 0):
                yield t, np.zeros((len(numbers), 1, 28, 28), np.float32)

        with sampling.sample_folder(tmp_path / str(images), {}, options, overwrite=False) as folder:
            sampling.draw(chain, options, folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    grown = 640 * 28 * 28 * 4
    assert peaks[1] - peaks[0] < grown / 4, peaks


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "unbroken")
    save, saved = Image.Image.save, count()

    def full(self: Image.Image, path: Path, **options: Any) -> None:
        save(self, path, **options)
        if next(saved) == 8:
            raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "save", full)
        with pytest.raises(
            CannotWrite, match=r"^[^\n]*No space left on device; free some space[^\n]*$"
        ):
            draw(out)
    left = {path.name for path in out.rglob("*") if path.is_file()}
    assert not [name for name in left if name.startswith(".")]
    assert left >= {"sample_0.png", "sample_1.png", "run.json"}
    draw(out)
    assert tree(out) == tree(tmp_path / "unbroken")
