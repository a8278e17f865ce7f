"""`ddpm reproduce`: the whole comparison in one command."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from ddpm import data, session
from ddpm.atomic import write_text
from ddpm.checkpoint import Checkpoint
from ddpm.config import PRESETS, RunConfig, preset
from ddpm.images import to_uint8
from ddpm.runlog import read_losses
from ddpm.session import SamplingOutcome, Trainer
from ddpm_cli.frameworks import FRAMEWORKS, TITLES, chain, device_option, trainer
from ddpm_cli.sample import write_pictures
from ddpm_cli.train import configure
from reports import plots, tables
from reports.agreement import Gap, largest_gap, pixel_agreement, relative_gap, steered

PROBE_STEPS = 20  # free-running steps in both precisions
PROBE_BATCH = 8  # float64 has no fast convolution in Jittor
PROBE_IMAGES = 2
TAIL = 50
TIMED_STEPS = 10


@click.command()
@click.option(
    "--preset", "preset_name", type=click.Choice(list(PRESETS)), default="tiny", help="What to run."
)
@click.option("--dataset", metavar="mnist|cifar10|FOLDER", default="mnist", help="What to learn.")
@click.option(
    "--data",
    "data_path",
    type=click.Path(path_type=Path),
    help="A prepared set. [default: prepared anew]",
)
@click.option("--epochs", type=int, help="[default: the preset's]")
@click.option("--seed", type=int, help="Of every random stream. [default: the preset's]")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("reports/out"), help="Where to write."
)
@device_option
def command(
    preset_name: str,
    dataset: str,
    data_path: Path | None,
    epochs: int | None,
    seed: int | None,
    out: Path,
    device: str,
) -> None:
    """Prepare, train both, sample both, and show whether they agree.

    Both frameworks get the same initial weights and the same random numbers. A probe then trains
    and samples both in float32 and in float64: a gap that is rounding shrinks by 2^29, a gap that
    is a fault stays. Writes a table, three pictures, the record and all checkpoints.

    Exit status 0 if they agree, 1 if they differ, 2 if they could not be compared.
    """
    prepared = data.prepare(dataset) if data_path is None else data.ImageSet.load(data_path)
    config = configure(preset(preset_name), prepared.images.shape, epochs=epochs, seed=seed)
    name = data.dataset_name(dataset)
    prepared.save(data.default_path(dataset, out / "data"))
    finals = {
        framework: _train(framework, config, prepared.images, name, out / framework, device)
        for framework in FRAMEWORKS
    }
    own = {f: _sample(f, finals[f], device, out / f) for f in FRAMEWORKS}
    same = _sample("jittor", finals["torch"], device, out / "jittor-from-torch")
    losses = {f: read_losses(out / f / "logs" / "train_log.txt")[1] for f in FRAMEWORKS}
    gaps = _probe(config, prepared.images, finals["torch"], device)
    record: dict[str, Any] = {
        "schema": "ddpm-reproduction/1",
        "preset": preset_name,
        "dataset": name,
        "seed": config.train.seed,
        "config": config.to_dict(),
        "agree": all(gap.is_rounding for gap in gaps),
        "probe_steps": PROBE_STEPS,
        "probe_batch": min(PROBE_BATCH, config.train.batch_size),
        "gaps": [gap.to_dict() for gap in gaps],
        "tail": TAIL,
        "runs": {f: _run(finals[f], losses[f]) for f in FRAMEWORKS},
        "pixels": {
            "same": _pixels(own["torch"], same),
            "own": _pixels(own["torch"], own["jittor"]),
        },
        "time_ratio": _time_ratios(config, prepared.images, finals["torch"], device),
    }
    plots.save_losses(losses["torch"], losses["jittor"], out / "loss.png")
    plots.save_samples(own["torch"].images, own["jittor"].images, out / "samples.png")
    plots.save_strips(own["torch"].frames, own["jittor"].frames, out / "denoising.png")
    write_text(out / "reproduction.json", json.dumps(record, indent=1) + "\n")
    write_text(out / "table.txt", tables.text(record) + "\n")
    click.echo(tables.text(record))
    click.echo(f"\npictures: {out}/loss.png, samples.png, denoising.png; record: reproduction.json")
    sys.exit(0 if record["agree"] else 1)


def _train(
    framework: str, config: RunConfig, images: np.ndarray, dataset: str, folder: Path, device: str
) -> Checkpoint:
    """Train one side from the seed's weights; return its last checkpoint."""
    outcome = session.train(
        trainer(framework, config, device),
        images,
        dataset=dataset,
        folder=folder,
        save_every=config.train.epochs,
        label=f"train {TITLES[framework]}",
    )
    if outcome.interrupted:
        raise click.Abort
    return Checkpoint.load(outcome.checkpoint)


def _sample(framework: str, final: Checkpoint, device: str, folder: Path) -> SamplingOutcome:
    outcome = session.sample(
        chain(framework, final, device), final.config, label=f"sample {TITLES[framework]}"
    )
    write_pictures(outcome, folder / "samples")
    return outcome


def _probe(config: RunConfig, images: np.ndarray, final: Checkpoint, device: str) -> list[Gap]:
    """Run some steps and a few images on both sides in both precisions; compare."""
    config = config.with_(train={"batch_size": min(PROBE_BATCH, config.train.batch_size)})
    few = {"num_samples": PROBE_IMAGES, "batch_size": PROBE_IMAGES}
    final = Checkpoint(**{**vars(final), "config": final.config.with_(sample=few)})
    measured: dict[str, list[float]] = {}
    for dtype in ("float64", "float32"):
        states, losses, samples = {}, {}, {}
        for framework in FRAMEWORKS:
            side = trainer(framework, config, device, dtype)
            label = f"probe {TITLES[framework]} {dtype}"
            losses[framework] = np.array(list(_steps(side, images, label)))
            states[framework] = side.checkpoint(dataset="probe", epoch=0)
            start = chain(framework, final, device, dtype)
            samples[framework] = session.sample(start, final.config, label=label).images
        a, b = states["torch"], states["jittor"]
        if dtype == "float64":
            names = steered(a.exp_avg_sq)
        for quantity, gap in (
            ("loss", relative_gap(losses["torch"], losses["jittor"])),
            (
                f"weights ({len(names)} of {len(a.weights)})",
                largest_gap(a.weights, b.weights, names),
            ),
            (f"averages ({len(names)} of {len(a.ema)})", largest_gap(a.ema, b.ema, names)),
            ("sampled images, same weights", relative_gap(samples["torch"], samples["jittor"])),
        ):
            measured.setdefault(quantity, []).append(gap)
    return [Gap(quantity, float32=g32, float64=g64) for quantity, (g64, g32) in measured.items()]


def _steps(side: Trainer, images: np.ndarray, label: str) -> Iterator[float]:
    epoch = side.train_epoch(images, 0)
    for _ in tqdm(range(PROBE_STEPS), desc=label, unit="step", file=sys.stderr):
        yield next(epoch)


def _run(final: Checkpoint, losses: np.ndarray) -> dict[str, Any]:
    return {
        "parameters": sum(array.size for array in final.weights.values()),
        "first_loss": losses[0],
        "last_loss": losses[-TAIL:].mean(),
    }


def _pixels(a: SamplingOutcome, b: SamplingOutcome) -> dict[str, float]:
    return asdict(pixel_agreement(to_uint8(a.images), to_uint8(b.images)))


def _time_ratios(
    config: RunConfig, images: np.ndarray, final: Checkpoint, device: str
) -> dict[str, dict[str, float]]:
    """Time Jittor over PyTorch, step by step in turn, warm."""
    epochs = {f: trainer(f, config, device).train_epoch(images, 0) for f in FRAMEWORKS}
    numbers = range(final.config.sample.batch_size)
    chains = {f: chain(f, final, device)(numbers) for f in FRAMEWORKS}
    return {"train": _alternate(epochs), "sample": _alternate(chains)}


def _alternate(sides: dict[str, Iterator[Any]]) -> dict[str, float]:
    ratios = []
    for _ in range(TIMED_STEPS + 2):
        seconds = {f: _seconds(side) for f, side in sides.items()}
        ratios.append(seconds["jittor"] / seconds["torch"])
    warm = np.array(ratios[2:])
    return {"median": float(np.median(warm)), "low": warm.min(), "high": warm.max()}


def _seconds(steps: Iterator[Any]) -> float:
    begun = time.perf_counter()
    next(steps)
    return time.perf_counter() - begun
