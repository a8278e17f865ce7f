"""Each unit does what its name says, on both sides: seen on the trainer that it works on."""

import numpy as np
import pytest

from ddpm.config import preset
from ddpm_study.timing import workloads

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
