"""Each unit does what its name says, on both sides: seen on the trainer that it works on."""

import numpy as np
import pytest

from ddpm.config import preset
from impl_torch.train import Trainer
from measuring import on_torch, workloads

CONFIG = preset("tiny").with_(
    diffusion={"T": 3}, train={"batch_size": 2}, sample={"batch_size": 2, "num_samples": 2}
)


def options(framework):
    return {"framework": framework, "config": CONFIG.to_dict()}


@pytest.fixture(params=["torch", "jittor"])
def framework(request):
    return request.param


@pytest.mark.parametrize("subject", ["training_step", "sampling_step", "forward", "optimizer"])
def test_a_unit_can_be_repeated(framework, subject):
    unit = workloads.make(subject, options(framework))
    for _ in range(5):  # a sampling chain ends after three and starts anew
        unit()


def test_only_what_trains_changes_the_weights(framework, monkeypatch):
    kept = {}
    original = workloads._Work.__init__

    def keep(self, *arguments):
        original(self, *arguments)
        kept["trainer"] = self.trainer

    monkeypatch.setattr(workloads._Work, "__init__", keep)
    changed = {}
    for subject in ("training_step", "forward", "backward", "sampling", "optimizer"):
        unit = workloads.make(subject, options(framework))
        trainer = kept["trainer"]
        before = trainer.checkpoint(dataset="", epoch=0).weights
        unit()
        unit()
        after = trainer.checkpoint(dataset="", epoch=0).weights
        changed[subject] = any(not np.array_equal(before[n], after[n]) for n in before)
    assert changed == {
        "training_step": True,
        "forward": False,
        "backward": False,
        "sampling": False,
        "optimizer": True,
    }


def test_the_tuned_side_trains_alike_moments_included():
    trainers = [Trainer(CONFIG.with_(train={"batch_size": 4, "warmup_steps": 0})) for _ in range(2)]
    on_torch.tune(trainers[1])
    images = np.random.default_rng(0).uniform(-1, 1, (4, 1, 28, 28)).astype(np.float32)
    for trainer in trainers:
        for _ in range(4):
            trainer.train_step(images)
    plain, tuned = (trainer.checkpoint(dataset="", epoch=0).exp_avg for trainer in trainers)
    for name in plain:
        if plain[name].ndim == 4:
            scale = np.abs(plain[name]).max()
            assert np.abs(tuned[name] - plain[name]).max() < 1e-3 * scale, name
