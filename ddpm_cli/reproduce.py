"""`ddpm reproduce`: the complete comparison in one command."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from ddpm.config import preset
from ddpm.data import image_set
from ddpm.errors import InputError
from ddpm_cli.configure import configure
from ddpm_cli.options import DATASET, device_option, file_or_folder, preset_choice
from ddpm_study.run import plan
from ddpm_study.run.plan import Step
from ddpm_study.run.records import RunFolder, RunManifest
from ddpm_study.run.sizes import NAMES, SIZES, Sizes
from ddpm_study.run.stage import Context


@click.command()
@click.option(
    "--preset",
    "preset_name",
    type=preset_choice,
    default="tiny",
    help="The model, and all options that are not given.",
)
@click.option(
    "--dataset",
    metavar=DATASET,
    help="The data set to learn. [default: cifar10 for that preset, else mnist]",
)
@click.option(
    "--data",
    "data_path",
    type=file_or_folder,
    help="A data set of ddpm prepare. [default: prepared by the run]",
)
@click.option("--epochs", type=int, help="Epochs of each training. [default: the preset's size]")
@click.option("--batch-size", type=int, help="Images per training step. [default: the preset's]")
@click.option(
    "--num-samples", type=int, help="Images that each sampler draws. [default: the preset's size]"
)
@click.option(
    "--T",
    "T",
    type=int,
    help="Training timesteps. The betas stay, so that far fewer than the preset's leave noise in"
    " the images. [default: the preset's]",
)
@click.option("--seed", type=int, help="Seed of all random numbers. [default: the preset's]")
@click.option(
    "--scale",
    "sizes",
    multiple=True,
    metavar="NAME=N",
    help=f"Set one of the run's sizes; may be repeated. NAME is one of {', '.join(NAMES)}.",
)
@click.option("--only", multiple=True, metavar="STAGE", help="Run this stage; may be repeated.")
@click.option("--skip", multiple=True, metavar="STAGE", help="Skip this stage; may be repeated.")
@click.option(
    "--out", type=file_or_folder, default=Path("reports/out"), help="The folder of the run."
)
@click.option(
    "--overwrite", is_flag=True, help="Repeat stages that are done: all, or those of --only."
)
@click.option("--dry-run", is_flag=True, help="Print the stages, their times and sizes, and stop.")
@device_option
def command(
    only: tuple[str, ...],
    skip: tuple[str, ...],
    out: Path,
    overwrite: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Judge, train, sample, score and time both frameworks, and write one page about it.

    Both get the same initial weights and the same random numbers. They train and sample in
    parallel, each on its share of the cores, and are timed in turn on all cores. The same command
    continues an interrupted run, even after kill -9. The page is OUT/report.html, its pictures (PNG
    and SVG) are in OUT/pictures, and every figure on it is in OUT/records.

    \b
    Stages: prepare, parity, schedule, train-torch, train-jittor, ensemble, sample-torch,
            sample-jittor, sample-same, pixels, precision, seeds, scores, timing.

    \b
    Three examples:
        ddpm reproduce --preset mnist --out runs/mnist --dry-run
        ddpm reproduce --only timing --overwrite
        ddpm reproduce --preset cifar10 --dataset patches --T 20 --scale rounds=2

    Exit status 0 if the two agree, 1 if they differ or too few weights were compared, 2 if they
    could not be compared.
    """
    folder = RunFolder(out)
    context = _context(folder, **options)
    manifest = plan.manifest(context, skip)
    with nullcontext() if dry_run else folder.locked():
        if overwrite and not dry_run:
            plan.discard(context, only or plan.NAMES)
        if not (overwrite and not only):
            _require_same(folder, manifest)
        steps = plan.make(context, only=only, skip=skip)
        _show(context, steps)
        if dry_run:
            return
        if not only or folder.manifest() is None:
            folder.write_manifest(manifest)
        todo = [step for step in steps if not step.done]
        for i, (step, left) in enumerate(plan.run(context, steps), 1):
            click.echo(f"[{i}/{len(todo)}] {step.stage.title}; {_time(left)} left", err=True)
        from ddpm_cli.report import publish

        sys.exit(publish(folder))


def _context(
    folder: RunFolder,
    *,
    preset_name: str,
    dataset: str | None,
    data_path: Path | None,
    num_samples: int | None,
    sizes: tuple[str, ...],
    device: str,
    **options: Any,
) -> Context:
    """Return the input of the stages; the data set is the one in the folder, where there is one."""
    scale = _scale(preset_name, options["epochs"], num_samples, sizes)
    if dataset is None:
        dataset = "cifar10" if preset_name == "cifar10" else "mnist"
    prepared = _prepared(dataset, data_path, image_set.default_path(dataset, folder.path / "data"))
    base = preset(preset_name)
    config = configure(base, prepared.images.shape, **{**options, "epochs": scale.epochs})
    # Refuse a data set smaller than a batch.
    image_set.steps_per_epoch(len(prepared.images), config.train.batch_size)
    return Context(folder, preset_name, dataset, prepared, config, scale, device)


def _scale(
    preset_name: str, epochs: int | None, num_samples: int | None, sizes: tuple[str, ...]
) -> Sizes:
    """Return the preset's sizes, changed by `--scale`, `--epochs` and `--num-samples`."""
    options = {"epochs": epochs, "samples": num_samples}
    changes = [f"{name}={number}" for name, number in options.items() if number is not None]
    scale = SIZES[preset_name].resized([*sizes, *changes])
    return replace(scale, sample_batch=min(scale.sample_batch, scale.samples))


def _prepared(dataset: str, path: Path | None, stored: Path) -> image_set.ImageSet:
    """Return the data set of `--data`, else the one stored with the run, else a new one."""
    if path is not None or stored.exists():
        return image_set.ImageSet.load(path or stored)
    if dataset == "cifar10":
        raise InputError(
            "cifar10 must be prepared first: ddpm prepare --dataset cifar10 --source ARCHIVE, then"
            " add --data data/cifar10_processed.npz; or give a folder of class folders as --dataset"
        )
    return image_set.prepare(dataset)


def _require_same(folder: RunFolder, manifest: RunManifest) -> None:
    """Refuse to continue a run of other options."""
    old = folder.manifest()
    if old is None:
        return
    old = replace(old, skipped=manifest.skipped, config=old.run_config.to_dict())
    if old != manifest:
        raise InputError(
            f"{folder.path} holds another run ({_differs(old, manifest)}); choose another --out, or"
            " add --overwrite to repeat everything"
        )


def _differs(old: RunManifest, new: RunManifest) -> str:
    """Return the first option in which two runs differ, with both values."""
    flat = [_flat(asdict(manifest)) for manifest in (old, new)]
    for name in flat[1]:
        if flat[0].get(name) != flat[1][name]:
            return f"its {name} is {flat[0].get(name)}, not {flat[1][name]}"
    return "of other options"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested options by their path, such as `config.train.lr`."""
    flat = {}
    for name, value in values.items():
        nested = isinstance(value, dict)
        flat.update(_flat(value, f"{prefix}{name}.") if nested else {prefix + name: value})
    return flat


def _show(context: Context, steps: list[Step]) -> None:
    """Print the sizes of a run, and its stages with their times."""
    sizes = ", ".join(f"{name} {size:,}" for name, size in asdict(context.scale).items())
    click.echo(
        f"{len(context.images):,} images; {sizes}; T {context.config.diffusion.T:,}\n", err=True
    )
    for step in steps:
        when = "done" if step.done else _time(step.seconds)
        click.echo(f"{step.stage.name:<14} {step.stage.title:<58} {when:>10}", err=True)
    left = sum(step.seconds for step in steps)
    if left:
        note = "more where kernels must be compiled first"
        click.echo(f"{'in total':<14} {note:<58} {_time(left):>10}\n", err=True)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
