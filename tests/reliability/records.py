"""Finished runs whose records are damaged, lie, or name files that are not theirs."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.reliability.case import (
    EITHER,
    REFUSED,
    SOUND,
    Case,
    Rule,
    Write,
    always,
    copied,
    cut,
    generator,
    holding,
    together,
)
from tests.reliability.paths import fifo, link, unusable

KIND = "records"
_AGREE = (0, 1)
_CONTENTS = (
    *(b"", b" ", b"null", b"[]", b"{}", b'""', b"5", b"NaN", b"[null]", b"true", b"\xff\xfe{}"),
    *(
        b"[" * 200_000,
        b'{"schema":' * 50_000,
        b"nonsense",
        b"\x00" * 100,
        b'{"schema":"ddpm-run/3"}',
    ),
)
_WRONG: tuple[Any, ...] = (None, "x", [], {}, -1, float("nan"), float("inf"), [None], [[]], True)
# What the page reads of a record: stage -> paths into its result.
READ: dict[str, tuple[tuple[str | int, ...], ...]] = {
    "ensemble": (("steps",), ("spread",), ("horizon",), ("limit",)),
    "parity": (("report",),),
    "schedule": (("report",), ("tables",), ("tables", 0, "torch"), ("tables", 0, "explained")),
    "pixels": (
        ("same_weights",),
        ("own_weights", "equal"),
        ("own_weights", "largest"),
        ("same_weights", "images"),
        ("same_weights", "relative_difference"),
    ),
    "precision": (
        ("steps",),
        ("batch",),
        ("agree",),
        ("discrepancies",),
        ("discrepancies", 0, "float32"),
        ("discrepancies", 0, "is_rounding"),
        ("parameters",),
        ("parameters", "compared"),
        ("pixels", "float64"),
        ("discrepancies", 0, "quantity"),
    ),
    "sample-torch": (("samples",),),
    "sample-jittor": (("samples",),),
    "sample-same": (("samples",),),
    "scores": (
        ("label",),
        ("rows",),
        ("rows", 0, "fid"),
        ("rows", 0, "fid_interval"),
        ("rows", 1, "kid"),
        ("rows", 2, "precision"),
        ("rows", 0, "count"),
        ("rows", 0, "inception_score"),
        ("unavailable",),
        ("enough",),
        ("rows", 0, "title"),
    ),
    "timing": (
        ("benchmarks",),
        ("benchmarks", 0, "seconds"),
        ("benchmarks", 0, "ratio"),
        ("benchmarks", 0, "ratio", "low"),
        ("benchmarks", 0, "peak_memory"),
        ("benchmarks", 0, "seconds", "torch"),
        ("benchmarks", 0, "median", "jittor"),
    ),
    "train-torch": (
        ("log",),
        ("epochs",),
        ("steps",),
        ("first_loss",),
        ("last_loss",),
        ("parameters",),
        ("epochs", 0, "seconds"),
        ("tail",),
    ),
    "train-jittor": (("log",), ("last_loss",), ("epochs",)),
}
# Null stands for what is not known, or not a number; the page says so.
_MAY_BE_NULL = {
    ("ensemble", "horizon"),
    ("pixels", "relative_difference"),
    ("precision", "float32"),
    ("train-torch", "first_loss"),
    ("train-torch", "last_loss"),
    ("train-jittor", "last_loss"),
}
_MANIFEST = (
    ("preset",),
    ("dataset",),
    ("config",),
    ("scale",),
    ("stages",),
    ("skipped",),
    ("config", "train"),
    ("config", "train", "seed"),
    ("scale", "epochs"),
    ("scale", "samples"),
    ("stages", 0),
    ("config", "diffusion", "T"),
)


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    run = folder / "run"
    base = copied(run, "run")
    files = ["run.json", "audit.json", "parity.json", "schedule.json"]
    files += [f"records/{path.name}" for path in sorted((run / "records").glob("*.json"))]
    random = generator(KIND)
    for name in files:
        content = (run / name).read_bytes()
        for other in _CONTENTS:
            label = f"{name} is {other[:10]!r} of {len(other)}"
            yield _case(label, together(base, holding(f"run/{name}", other)))
        for offset in sorted({0, 1, *random.integers(2, len(content) - 2, 4).tolist()}):
            write = together(base, holding(f"run/{name}", cut(content, offset)))
            yield _case(f"{name} cut at {offset}", write)
        for label, (_, write) in unusable(name).items():
            if label in ("a FIFO", "a link to /dev/zero", "an empty folder", "a link to itself"):
                made = together(base, _without(f"run/{name}"), _inside("run", write))
                yield _case(f"{name} is {label}", made)
    yield from _values(run, base)
    yield from _named_files(run, base)
    yield from _contents(base)
    for option in ("--from", "--against", "--audit"):
        for label, (path, write) in unusable("run2").items():
            words = ("ddpm", "report", "--from", "run")
            words = (*words[:2], "--from", path) if option == "--from" else (*words, option, path)
            yield Case(
                kind=KIND,
                name=f"{option}: {label}",
                words=words,
                write=together(base, write),
                statuses=_AGREE,
            )


def _case(name: str, write: Write, rule: Rule | None = None) -> Case:
    rule = rule or always(REFUSED)
    words = ("ddpm", "report", "--from", "run")
    return Case(kind=KIND, name=name, words=words, write=write, rule=rule, statuses=_AGREE)


def _without(name: str) -> Write:
    return lambda folder: (folder / name).unlink()


def _inside(name: str, write: Write) -> Write:
    return lambda folder: write(folder / name)


def _changed(values: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return a copy with one value replaced; `...` leaves it out."""
    values = copy.deepcopy(values)
    at = values
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return values


def _values(run: Path, base: Write) -> Iterator[Case]:
    """Yield records with one value of another type, or that is not a number, or missing."""
    targets = [(f"records/{s}.json", s, ("result", *p)) for s, ps in READ.items() for p in ps]
    targets += [("run.json", "manifest", path) for path in _MANIFEST]
    targets += [
        (f"records/{s}.json", s, (p,))
        for s in ("timing", "scores")
        for p in ("stage", "finished", "seconds", "environment", "result")
    ]
    for name, stage, path in targets:
        values = json.loads((run / name).read_text(encoding="utf-8"))
        for wrong in (..., *_WRONG):
            label = "left out" if wrong is ... else f"= {wrong!r}"
            text = json.dumps(_changed(values, path, wrong))
            where = ".".join(map(str, path))
            rule = always(_answer(stage, path, wrong, values))
            yield _case(
                f"{name}: {where} {label}", together(base, holding(f"run/{name}", text)), rule
            )


def _answer(stage: str, path: tuple[str | int, ...], wrong: Any, values: Any) -> str:
    old = values
    for step in path:
        old = old[step]
    if isinstance(wrong, float):
        return REFUSED  # NaN and infinity are no JSON
    if wrong is None and (stage, path[-1]) in _MAY_BE_NULL:
        return SOUND
    if wrong is ... or wrong is None:
        return REFUSED if isinstance(path[-1], str) and path[-1] != "skipped" else EITHER
    is_text = isinstance(old, str) and wrong == "x" and path[-1] not in ("report", "samples", "log")
    empty = isinstance(old, (list, dict)) and wrong == type(old)()
    same = isinstance(wrong, bool) and isinstance(old, bool)
    number = wrong == -1 and not isinstance(wrong, bool) and isinstance(old, (int, float))
    flag = isinstance(old, bool) and not isinstance(wrong, bool)
    return EITHER if is_text or empty or same or (number and not flag) else REFUSED


def _named_files(run: Path, base: Write) -> Iterator[Case]:
    """Yield records that name files outside of the run's folder, or that are no files."""
    places = (
        ("parity", "report"),
        ("schedule", "report"),
        ("train-torch", "log"),
        ("sample-torch", "samples"),
        ("sample-same", "samples"),
    )
    for stage, key in places:
        name = f"records/{stage}.json"
        values = json.loads((run / name).read_text(encoding="utf-8"))
        own = values["result"][key]
        outside = together(base, copied(run / own, f"outside/{Path(own).name}"))
        escape = together(outside, link("run/out", "../outside"))
        yield _case(
            f"{stage}: a link out of the folder",
            together(outside, _without(f"run/{own}"), _up(own, f"outside/{Path(own).name}")),
        )
        for label, path, write in (
            ("an absolute path", "/etc/passwd", base),
            ("the parent", f"../outside/{Path(own).name}", outside),
            ("through a link", f"out/{Path(own).name}", escape),
            ("up and down", f"torch/../../outside/{Path(own).name}", outside),
            ("/dev/zero", "/dev/zero", base),
            ("a FIFO", "pipe", together(base, fifo("run/pipe"))),
            ("a folder", "torch", base),
            ("missing", "nowhere/file", base),
            ("empty", "", base),
            ("a null byte", "a\0b", base),
            ("a long name", "n" * 5000, base),
            ("a home", "~/file", base),
            ("the process", "/proc/self/environ", base),
        ):
            text = json.dumps(_changed(values, ("result", key), path))
            yield _case(f"{stage}: {label}", together(write, holding(f"run/{name}", text)))


def _up(own: str, target: str) -> Write:
    depth = len(Path(own).parts)
    return link(f"run/{own}", "../" * depth + target)


def _contents(base: Write) -> Iterator[Case]:
    """Yield named files that are damaged, or hold what is not a number."""
    log = "run/torch/logs/train_log.txt"
    good = [f"epoch 1 step {i} loss 0.5" for i in range(20)]
    for label, line in (
        ("NaN", "epoch 1 step 5 loss nan"),
        ("infinity", "epoch 1 step 5 loss inf"),
        ("text", "hello"),
        ("no number", "epoch 1 step 5 loss x"),
        ("empty", ""),
        ("a negative infinity", "epoch 1 step 5 loss -inf"),
        ("a huge step", f"epoch 1 step {10**30} loss 0.5"),
        ("a null byte", "\0"),
        ("a number beyond float64", "epoch 1 step 5 loss 1e999"),
    ):
        text = "\n".join([*good[:5], line, *good[6:]]) + "\n"
        yield _case(f"a log with {label}", together(base, holding(log, text)))
    for label, content in (
        ("no lines", b""),
        ("not UTF-8", b"\xff\xfe\n"),
        ("a PNG", b"\x89PNG\n"),
    ):
        yield _case(f"a log of {label}", together(base, holding(log, content)))
    images = np.zeros((4, 1, 28, 28), np.float32)
    for label, arrays in (
        ("NaN", {"images": images * np.nan}),
        ("infinity", {"images": images + np.inf}),
        ("no images", {}),
        ("objects", {"images": np.array([None], object)}),
        ("images of no shape", {"images": np.float32(0)}),
        ("images of 3 axes", {"images": images[0]}),
        ("no image", {"images": images[:0]}),
        ("other frames", {"images": images, "frame_x": images}),
        ("frames of another shape", {"images": images, "frame_0": images[:, :, :5]}),
        ("texts", {"images": np.array(["a"])}),
    ):
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        for side in ("torch", "jittor-from-torch"):
            write = together(base, holding(f"run/{side}/samples.npz", buffer.getvalue()))
            yield _case(f"samples of {side} with {label}", write)
    from tests.reliability.archives import _bomb, _header, _zip

    bomb = _zip({"images": _bomb(_header("<f4", (2_000_000, 1, 28, 28)), 6 << 30)})
    yield _case("samples of 6 GiB", together(base, holding("run/torch/samples.npz", bomb)))
