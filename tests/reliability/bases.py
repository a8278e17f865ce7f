"""Good inputs, which the generators make bad: a set, samples, a checkpoint, a finished run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from tests.reliability.forked import ROOT, Forks

COUNT, SIDE = 16, 28
LOG_STEPS = 312
TRAIN = (
    *("ddpm", "train", "--preset", "tiny", "--dataset", "good", "--epochs", "1"),
    *("--batch-size", "8", "--T", "5"),
)
RECORD = ("parity", "record", "good.py:pair", "--stress", "plain", "--out", "good.parity")
# A file of pairs.
PAIRS = (
    "from torch import nn\nbuild = lambda: nn.Linear(3, 3)\n"
    "from parity import Pair\n"
    "pair = Pair(name='p', reference=build, candidate=build,"
    " inputs=lambda g: g.standard_normal((2, 3), dtype='float32'))\n"
)


def pixels(count: int = COUNT) -> np.ndarray:
    """Return 8-bit images (N, 1, 28, 28)."""
    return np.random.default_rng(18).integers(0, 256, (count, 1, SIDE, SIDE)).astype(np.uint8)


def save_set(path: Path, **changed: object) -> None:
    """Write a prepared set without the code under test; arrays can be replaced or left out."""
    arrays = {
        "images": (pixels() / 127.5 - 1).astype(np.float32),
        "labels": (np.arange(COUNT) % 2).astype(np.int64),
        "classes": np.array(["a", "b"]),
    }
    arrays.update(changed)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: array for name, array in arrays.items() if array is not None}
    with path.open("wb") as file:
        np.savez(file, **kept)


def save_samples(folder: Path, count: int = 12) -> None:
    """Write PNG files as `ddpm sample` does."""
    from PIL import Image

    folder.mkdir(parents=True)
    for i, image in enumerate(pixels(count)):
        Image.fromarray(image[0]).save(folder / f"sample_{i}.png")


def make(folder: Path, forks: Forks) -> None:
    """Make every base in a folder.

    Raises:
        RuntimeError: a good input was refused.
    """
    save_set(folder / "good.npz")
    save_samples(folder / "samples")
    training = folder / "training"
    save_set(training / "data" / "good_processed.npz")
    outcome = forks.run(TRAIN, training, limit=120)
    if outcome.status:
        raise RuntimeError(f"a good training was refused: {outcome.err}")
    checkpoint = training / "checkpoints" / "ddpm_good_epoch1.safetensors"
    shutil.copyfile(checkpoint, folder / "good.safetensors")
    _save_plain(checkpoint, folder / "plain.safetensors")
    _make_run(folder / "run")
    (folder / "good.py").write_text(PAIRS)
    outcome = forks.run(RECORD, folder, limit=120)
    if outcome.status:
        raise RuntimeError(f"a good pair was not recorded: {outcome.err}")


def _save_plain(checkpoint: Path, path: Path) -> None:
    """Write a checkpoint's weights under their own names, as `ddpm convert` takes them."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(checkpoint)
    names = [name for name in tensors if name.startswith("weights/")]
    save_file({name.removeprefix("weights/"): tensors[name] for name in names}, path)


def _make_run(folder: Path) -> None:
    """Complete the published example to a run, with the files that its records name."""
    example = ROOT / "reports" / "example"
    shutil.copytree(example / "records", folder / "records")
    shutil.copyfile(example / "run.json", folder / "run.json")
    for name in ("parity.json", "schedule.json"):
        report = json.loads((example / name).read_text(encoding="utf-8"))
        report["findings"] = report["findings"][:20]
        (folder / name).write_text(json.dumps(report), encoding="utf-8")
    images = (pixels(4) / 127.5 - 1).astype(np.float32)
    frames = {f"frame_{t}": images for t in (100, 50, 0)}
    for name in ("torch", "jittor", "jittor-from-torch"):
        (folder / name / "logs").mkdir(parents=True)
        np.savez(folder / name / "samples.npz", images=images, **frames)
        lines = [f"epoch {1 + i // 156} step {i} loss {1 / (i + 1)!r}" for i in range(LOG_STEPS)]
        text = "\n".join(lines) + "\n"
        (folder / name / "logs" / "train_log.txt").write_text(text, encoding="utf-8")
    audit = {"schema": "ddpm-audit/2", "rows": [{"set": "mutants", "caught": "9 of 9"}]}
    (folder / "audit.json").write_text(json.dumps(audit), encoding="utf-8")
