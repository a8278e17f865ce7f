"""Each work item does what its name says, in both frameworks, as its trainer shows."""

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


@pytest.mark.parametrize("name", ["training_step", "sampling_step", "forward", "optimizer"])
def test_a_work_item_can_be_repeated(framework, name):
    item = workloads.make(name, options(framework))
    for _ in range(5):  # a sampling chain ends after three and starts anew
        item()


def test_only_what_trains_changes_the_weights(framework, monkeypatch):
    kept = {}
    original = workloads._Work.__init__

    def keep(self, *arguments):
        original(self, *arguments)
        kept["trainer"] = self.trainer

    monkeypatch.setattr(workloads._Work, "__init__", keep)
    changed = {}
    for name in ("training_step", "forward", "backward", "sampling", "optimizer"):
        item = workloads.make(name, options(framework))
        trainer = kept["trainer"]
        before = trainer.checkpoint(dataset="", epoch=0).weights
        item()
        item()
        after = trainer.checkpoint(dataset="", epoch=0).weights
        changed[name] = any(not np.array_equal(before[n], after[n]) for n in before)
    assert changed == {
        "training_step": True,
        "forward": False,
        "backward": False,
        "sampling": False,
        "optimizer": True,
    }
