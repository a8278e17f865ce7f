"""The commands that are killed, and what must be the same afterwards as without a kill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ddpm.checkpoint import Checkpoint
from ddpm.data.class_folders import decode
from ddpm.data.image_set import ImageSet
from ddpm.logs.run_log import read_epochs
from tests.reliability.killing import Command

TINY = ("--preset", "tiny", "--dataset", "mnist", "--T", "12")
SKIPPED = ("parity", "ensemble", "precision", "seeds", "timing")
VOLATILE = {"seconds", "finished", "images_per_second", "peak_mebibytes", "environment", "when"}


@dataclass(frozen=True)
class Case:
    """A command of which runs are killed.

    Attributes:
        name: for messages.
        command: of a folder that it writes into.
        prepare: makes the folder's content before the first start.
        kills: how many the whole suite asks for.
        repeats: whether the same command may be repeated after it has ended; else it is refused.
    """

    name: str
    command: Callable[[Path], Command]
    prepare: Callable[[Path], Any] = lambda out: None
    kills: int = 0
    repeats: bool = True


def make_inputs(folder: Path) -> None:
    """Write a set of 48 images, the same as PNG files, and a set of old samples."""
    images = np.random.default_rng(0).integers(0, 256, (48, 28, 28), np.uint8)
    for i, image in enumerate(images):
        path = folder / "pictures" / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        if i < 30:
            old = folder / "old" / "fid" / f"sample_{i}.png"
            old.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(old)
    values = (images[:, None] / 127.5 - 1).astype(np.float32)
    ImageSet(values, np.arange(48) % 2, ("a", "b")).save(folder / "set.npz")


def cases(inputs: Path) -> list[Case]:
    """Return all cases; `inputs` holds what `make_inputs` wrote and `model.safetensors`."""
    data, model = str(inputs / "set.npz"), str(inputs / "model.safetensors")

    def train(framework: str, epochs: int) -> Callable[[Path], Command]:
        words = ("--framework", framework, "--data", data, "--epochs", str(epochs))
        words = ("train", *TINY, *words, "--batch-size", "8", "--resume", "auto")
        is_torch = framework == "torch"
        return lambda out: Command((*words, "--out", str(out)), forked=is_torch)

    def sample(framework: str, *more: str) -> Callable[[Path], Command]:
        words = ("sample", "--ckpt", model, "--framework", framework, "--num-samples", "20")
        words = (*words, "--batch-size", "4", *more)
        is_torch = framework == "torch"
        return lambda out: Command((*words, "--out", str(out)), forked=is_torch)

    def prepare(out: Path) -> Command:
        words = ("prepare", "--dataset", str(inputs / "pictures"), "--out", f"{out}/x.npz")
        return Command(words, forked=True)

    def fid(out: Path) -> Command:
        words = ("fid", "--real", data, "--fake", str(inputs / "old" / "fid"))
        cache = {"XDG_CACHE_HOME": str(out / "cache")}
        words = (*words, "--extractor", "digits", "--out", f"{out}/x.txt")
        return Command(words, variables=cache, forked=True)

    def reproduce(out: Path) -> Command:
        sizes = ("--epochs", "1", "--batch-size", "8", "--num-samples", "8", "--T", "6")
        skipped = (word for stage in SKIPPED for word in ("--skip", stage))
        words = ("reproduce", "--data", data, *sizes, "--scale", "sample_batch=4", *skipped)
        return Command((*words, "--out", str(out)))

    def audit(out: Path) -> Command:
        words = ("--only", "normalisation", "--quick", "--out", f"{out}/audit.json")
        return Command(words, start=("-m", "audit"))

    def old(out: Path) -> None:
        shutil.copytree(inputs / "old", out, dirs_exist_ok=True)

    return [
        Case("train, PyTorch", train("torch", 3), kills=36),
        Case("train, Jittor", train("jittor", 3), kills=20),
        Case("sample, PyTorch", sample("torch"), kills=30, repeats=False),
        Case("sample, Jittor", sample("jittor"), kills=20, repeats=False),
        Case("sample --overwrite, PyTorch", sample("torch", "--overwrite"), old, kills=30),
        Case("prepare", prepare, kills=30),
        Case("fid", fid, kills=30),
        Case("reproduce", reproduce, kills=6),
        Case("audit", audit, kills=4),
    ]


def result(out: Path) -> dict[str, Any]:
    """Return all that a command left in its folder, by path, without what time decides."""
    return {
        path.relative_to(out).as_posix(): _content(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("run.lock", "audit.jsonl")
    }


def require_whole(out: Path) -> None:
    """Read every file under its final name; what a kill left of others has a hidden name."""
    for path in out.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(out).parts)
        if path.is_file() and not hidden:
            _content(path)


def _content(path: Path) -> Any:
    if path.name.startswith("."):
        return "left behind"
    if path.suffix == ".safetensors":
        Checkpoint.load(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {name: (file[name].shape, file[name].tobytes()) for name in file.files}
    if path.suffix == ".png":
        decode(path)
    if path.suffix == ".json":
        return settled(json.loads(path.read_text()))
    if path.name == "performance_log.txt":
        return [epoch["epoch"] for epoch in read_epochs(path)], path.read_text().count("\n")
    if path.name in ("report.html", "table.txt") or path.suffix == ".svg":
        return bool(path.read_bytes())  # times are on it
    return path.read_bytes()


def settled(value: Any) -> Any:
    """Return a record's values without those that time decides."""
    if isinstance(value, dict):
        return {name: settled(item) for name, item in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        is_time = [isinstance(item, dict) and item.get("what") == "time" for item in value]
        return [settled(item) for item, time in zip(value, is_time, strict=True) if not time]
    return value
