"""Every option of every command of `ddpm`, with values out of range, of another type, or huge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.reliability import bases
from tests.reliability.case import (
    EITHER,
    REFUSED,
    Case,
    Write,
    always,
    copied,
    holding,
    together,
)
from tests.reliability.paths import fifo, unusable

KIND = "options"
NO_INTEGER = ("", " ", "x", "nan", "inf", "1.5", "1e12", "0x10", "--", "None", "1_", "1 2")
_COUNT = ("0", "-1", "-1000000000000", "1000000000000", "9" * 30, "9" * 5000)
_NO_NUMBER = ("", "x", "nan", "inf", "-inf", "1e999", "0", "-1", "-0.0", "None", "1,5")
NO_CHOICE = ("", "x", "None", "TORCH ", "0", "-", "é", "a" * 5000)
NO_NAME = ("", "no-such-thing", "\n", "a" * 5000, "/", "..", "a/../..", "*")
# Command -> its words where all is well, and option -> values that it cannot have.
_SAMPLE = ("--ckpt", "good.safetensors", "--num-samples", "1", "--steps", "1")
_DIGITS = ("--extractor", "digits")
_BASE: dict[str, tuple[str, ...]] = {
    "train": (*bases.TRAIN[1:], "--data", "good.npz"),
    "sample": ("sample", *_SAMPLE),
    "prepare": ("prepare", "--dataset", "samples"),
    "fid": ("fid", "--real", "good.npz", "--fake", "samples", *_DIGITS),
    "is": ("is", "--folder", "samples", "--splits", "2", *_DIGITS),
    "convert": ("convert", "plain.safetensors", "--preset", "tiny", "--out", "x.safetensors"),
    "reproduce": ("reproduce", "--data", "good.npz", "--batch-size", "8", "--dry-run"),
    "report": ("report", "--from", "run"),
}
_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "--epochs": (*NO_INTEGER, *_COUNT),
        "--batch-size": (*NO_INTEGER, *_COUNT, "17"),
        "--image-channels": (*NO_INTEGER, *_COUNT, "2", "3"),
        "--T": (*NO_INTEGER, *_COUNT),
        "--lr": _NO_NUMBER,
        "--seed": NO_INTEGER,
        "--save-every": (*NO_INTEGER, *_COUNT[:3]),
        "--framework": NO_CHOICE,
        "--preset": NO_CHOICE,
        "--schedule": NO_CHOICE,
        "--device": NO_CHOICE,
        "--precision": NO_CHOICE,
    },
    "sample": {
        "--num-samples": (*NO_INTEGER, *_COUNT),
        "--batch-size": (*NO_INTEGER, *_COUNT[:3]),
        "--image-channels": (*NO_INTEGER, *_COUNT, "3"),
        "--size": (*NO_INTEGER, *_COUNT, "32"),
        "--steps": (*NO_INTEGER, *_COUNT),
        "--seed": NO_INTEGER,
        "--framework": NO_CHOICE,
        "--sampler": NO_CHOICE,
        "--spacing": NO_CHOICE,
        "--eta": (*_NO_NUMBER, "0.5"),  # ddpm has none
        "--weights": NO_CHOICE,
        "--device": NO_CHOICE,
        "--precision": NO_CHOICE,
    },
    "prepare": {
        "--dataset": NO_NAME,
        "--size": (*NO_INTEGER, *_COUNT, "100000"),
        "--image-channels": ("", "0", "2", "4", "-1", "x", "1e12"),
        "--source": ("samples", "nowhere"),
    },
    "fid": {"--batch-size": (*NO_INTEGER, *_COUNT[:3]), "--extractor": NO_CHOICE},
    "is": {
        "--batch-size": (*NO_INTEGER, *_COUNT[:3]),
        "--splits": (*NO_INTEGER, *_COUNT),
        "--extractor": NO_CHOICE,
    },
    "convert": {"--preset": NO_CHOICE, "--dataset": ("", "a/b", "..", "/", "n" * 300)},
    "reproduce": {
        "--epochs": (*NO_INTEGER, *_COUNT),
        "--batch-size": (*NO_INTEGER, *_COUNT),
        "--num-samples": (*NO_INTEGER, *_COUNT),
        "--T": (*NO_INTEGER, *_COUNT),
        "--seed": NO_INTEGER,
        "--preset": NO_CHOICE,
        "--device": NO_CHOICE,
        "--only": NO_NAME,
        "--skip": NO_NAME,
        "--scale": (
            *NO_NAME,
            "epochs",
            "epochs=",
            "epochs=x",
            "epochs=0",
            "epochs=-1",
            "samples=1.5",
            "samples=1000000000000",
            "rounds=1000000000000",
            "=",
            "=5",
            "precision_steps=1",
            "seeds=-1",
            "seeds=1000000000000",
            "ensemble_steps=1000000000000",
            "nothing=5",
            "sample_batch=" + "9" * 5000,
            "exact_images=1000000000000",
            "rounds=nan",
        ),
    },
}
# Command -> options whose value is a file or folder that must be there.
_FILES: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (("--data", "bad.npz"), ("--resume", "bad.safetensors")),
    "sample": (("--ckpt", "bad.safetensors"),),
    "prepare": (("--source", "train-images-idx3-ubyte"), ("--source", "data_batch_1.bin")),
    "fid": (("--real", "bad.npz"), ("--fake", "bad.npz"), ("--extractor-weights", "bad.pth")),
    "is": (("--folder", "bad"), ("--extractor-weights", "bad.pth")),
    "convert": (("WEIGHTS", "bad.safetensors"), ("WEIGHTS", "bad.pth")),
    "reproduce": (("--data", "bad.npz"), ("--dataset", "bad")),
    "report": (("--from", "bad"), ("--against", "bad"), ("--audit", "bad.json")),
}
# Command -> the option that names its output, and whether it is a folder.
_OUTPUTS = {
    "train": ("--out", True),
    "sample": ("--out", True),
    "prepare": ("--out", False),
    "fid": ("--out", False),
    "is": ("--out", False),
    "convert": ("--out", False),
}


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    for command, options in _VALUES.items():
        for option, values in options.items():
            for value in values:
                yield _ddpm(folder, command, option, value)
    for command, files in _FILES.items():
        for option, name in files:
            for label, (path, write) in unusable(name).items():
                yield _file(folder, command, option, name, label, path, write)
    for command, (option, is_folder) in _OUTPUTS.items():
        yield from _outputs(folder, command, option, is_folder=is_folder)
    for command, base in _BASE.items():
        for more in (("--no-such-option",), ("--no-such=5",), ("word", "word"), ("-x",)):
            words = ("ddpm", *base, *more)
            yield _case(f"{command} {' '.join(more)}", words, _beside(folder, command))
        for i in range(1, len(base)):
            if base[i].startswith("--") and base[i] != "--dry-run":
                words = ("ddpm", *base[: i + 1])
                yield _case(f"{command} ends at {base[i]}", words, _beside(folder, command))


def _case(name: str, words: tuple[str, ...], write: Write, answer: str = REFUSED) -> Case:
    return Case(kind=KIND, name=name, words=words, write=write, rule=always(answer))


def _beside(folder: Path, command: str) -> Write:
    """Return what makes the good files that a command line names."""
    good = ("good.npz", "good.safetensors", "plain.safetensors", "samples")
    names = [word for word in _BASE[command] if word in good]
    names += ["run"] * (command == "report") + ["samples"] * (command == "prepare")
    return together(*(copied(folder / name, name) for name in dict.fromkeys(names)))


def _ddpm(folder: Path, command: str, option: str, value: str) -> Case:
    """Return a command with one option; options given twice take the last value."""
    words = ("ddpm", *_BASE[command], f"{option}={value}")
    either = {
        # Large counts of what takes time, and no memory, are a user's to give.
        "--epochs": ("1000000000000",),
        "--save-every": (),
        "--seed": (),
        "--scale": ("seeds=1000000000000", "rounds=1000000000000"),
    }
    fits = value in either.get(option, ()) and command == "reproduce"
    name = f"{command} {option} {value[:14]!r} of {len(value)}"
    answer = EITHER if fits else REFUSED
    if (command, option, value) in (("prepare", "--dataset", ".."),):
        answer = EITHER  # a folder like any other
    return Case(
        kind=KIND, name=name, words=words, write=_beside(folder, command), rule=always(answer)
    )


def _file(
    folder: Path, command: str, option: str, name: str, label: str, path: str, write: Write
) -> Case:
    base = list(_BASE[command])
    if option == "WEIGHTS":
        base[1] = path
        more: tuple[str, ...] = ("--allow-pickle",) if name.endswith(".pth") else ()
    else:
        more = (option, path)
    if name == "train-images-idx3-ubyte":
        more = ("--dataset", "mnist", *more)
    if name == "data_batch_1.bin":
        more = ("--dataset", "cifar10", *more)
    if option == "--extractor-weights":
        more = ("--extractor", "inception", *more)
    if option == "--dataset":
        base = [word for word in base if word not in ("--data", "good.npz")]
    words = ("ddpm", *base, *more)
    made = together(_beside(folder, command), write)
    return _case(f"{command} {option} ({name}): {label}", words, made)


def _outputs(folder: Path, command: str, option: str, *, is_folder: bool) -> Iterator[Case]:
    def below(name: str) -> str:
        return f"{name}/x"

    beside = _beside(folder, command)
    for label, path, write in (
        ("below a file", below("file"), holding("file", "x")),
        ("the process", "/proc/no/such", together()),
        ("a long name", "n" * 300, together()),
        (
            "a file" if is_folder else "a folder",
            "there",
            holding("there" if is_folder else "there/x", "x"),
        ),
        ("/dev/null", "/dev/null", together()),
        ("a FIFO", "pipe", fifo("pipe")),
        ("empty", "", together()),
    ):
        words = ("ddpm", *_BASE[command], option, path)
        # An empty path is the current folder.
        answer = EITHER if label == "empty" else REFUSED
        yield _case(f"{command} {option}: {label}", words, together(beside, write), answer)
