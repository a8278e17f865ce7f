"""The folder of a run: what continues it, and what would be mixed with it."""

import numpy as np
import pytest

from ddpm.checkpoint import Checkpoint
from ddpm.checkpoints.image_digest import ImageDigest
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.checkpoints.run_folder import (
    earlier_run,
    interrupted_path,
    latest,
    require_same_run,
    require_unused,
)
from ddpm.config import preset

CONFIG = preset("tiny").with_(train={"batch_size": 4})
ZEROS = {name: np.zeros(s, np.float32) for name, s in parameter_shapes(CONFIG.unet).items()}


def state(step, config=CONFIG, count=8):
    return Checkpoint(
        config=config,
        framework="torch",
        dataset="set",
        epoch=step // 2,
        step=step,
        weights=ZEROS,
        ema=ZEROS,
        exp_avg=ZEROS,
        exp_avg_sq=ZEROS,
        images=ImageDigest(count, "0" * 64),
    )


def put(folder, step, *, name="set", interrupted=False):
    path = folder / "checkpoints" / f"ddpm_{name}_epoch{step // 2}.safetensors"
    state(step).save(interrupted_path(folder, name) if interrupted else path)


def test_an_empty_folder_holds_no_run(tmp_path):
    assert earlier_run(tmp_path) == []
    assert latest(tmp_path, "set") is None
    require_unused(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "train_log.txt").touch()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "notes.txt").write_text("mine")
    require_unused(tmp_path)


@pytest.mark.parametrize(
    ("epochs", "interrupted", "expected"),
    [([2, 4, 20], None, 20), ([2], 3, 3), ([2, 4], 3, 4), ([], 1, 1), ([18, 20], None, 20)],
)
def test_the_latest_checkpoint_has_the_most_steps(tmp_path, epochs, interrupted, expected):
    for step in epochs:
        put(tmp_path, step)
    if interrupted is not None:
        put(tmp_path, interrupted, interrupted=True)
    found = latest(tmp_path, "set")
    assert found is not None
    assert found.step == expected


def test_checkpoints_of_later_epochs_can_be_left_out(tmp_path):
    for step in (2, 4, 20):
        put(tmp_path, step)
    found = latest(tmp_path, "set", most_epochs=5)
    assert found is not None
    assert found.epoch == 2


def test_a_folder_with_a_run_is_refused(tmp_path, refuses):
    put(tmp_path, 2)
    put(tmp_path, 20)
    with refuses(
        tmp_path, "ddpm_set_epoch1.safetensors and 1 more", "--resume auto", "--overwrite"
    ):
        require_unused(tmp_path)


def test_a_log_alone_is_a_run_too(tmp_path, refuses):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "train_log.txt").write_text("epoch 1 step 0 loss 1.0\n")
    with refuses(tmp_path, "train_log.txt", "--resume auto"):
        require_unused(tmp_path)


def test_a_run_on_another_set_is_not_continued(tmp_path, refuses):
    put(tmp_path, 2, name="other")
    with refuses(tmp_path, "a run on other", "not on set", "another --out"):
        latest(tmp_path, "set")


def test_a_checkpoint_from_elsewhere_continues_no_other_run(tmp_path, refuses):
    put(tmp_path, 2)
    require_same_run(tmp_path, state(4), "set")
    require_same_run(tmp_path, state(4, CONFIG.with_(train={"epochs": 99})), "set")
    require_same_run(tmp_path / "empty", state(4), "set")
    with refuses(tmp_path, "another run", "train.seed", "another --out"):
        require_same_run(tmp_path, state(4, CONFIG.with_(train={"seed": 7})), "set")
    with refuses(tmp_path, "other images"):
        require_same_run(tmp_path, state(4, count=9), "set")
