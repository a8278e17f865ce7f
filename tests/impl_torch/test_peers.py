"""The loss of another process is told from a fault of this one, and loses no step."""

import os
import socket
import subprocess
import sys

from ddpm.checkpoint import Checkpoint

PATIENCE = 180
STEPS = 3  # before one of the two fails
PROCESS = """
import os, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from ddpm import training
from ddpm.config import preset
from impl_torch.distributed import join
from impl_torch.train import Trainer

fails = int(sys.argv[1])  # the process that fails
group = join(float(sys.argv[2]))
config = preset("tiny")
trainer = Trainer(replace(config, train=replace(config.train, batch_size=4, epochs=9)))
images = np.random.default_rng(0).uniform(-1, 1, (8, 1, 28, 28)).astype(np.float32)
loss = trainer.loss
def failing(batch):
    if trainer.step == STEPS and group.rank == fails:
        if fails == 1:
            os._exit(1)
        raise RuntimeError("a fault of its own")
    return loss(batch)
trainer.loss = failing
try:
    training.train(trainer, images, dataset="mnist", folder=Path(sys.argv[3]))
except Exception as error:
    print(type(error).__name__, trainer.step, error, flush=True)
os._exit(0)
""".replace("STEPS", str(STEPS))


def two(folder, fails):
    """Return what each of two processes says, of which one fails after some steps."""
    (folder / "process.py").write_text(PROCESS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    runs = [
        subprocess.Popen(
            [sys.executable, "process.py", str(fails), "60", str(folder / "out")],
            cwd=folder,
            env={**os.environ, **store, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        return [run.communicate(timeout=PATIENCE)[0] for run in runs]
    finally:
        for run in runs:
            run.kill()


def test_the_process_that_is_left_saves_the_last_step(tmp_path):
    said = two(tmp_path, fails=1)[0]
    assert said == (
        f"PeersLost {STEPS} another process, or its host, has ended or closed the connection; the"
        " run of 2 processes has ended\n"
    )
    saved = Checkpoint.load(tmp_path / "out/checkpoints/ddpm_mnist_interrupted.safetensors")
    assert (saved.step, saved.epoch) == (STEPS, STEPS // 2)
    logged = (tmp_path / "out/logs/train_log.txt").read_text().splitlines()
    assert len(logged) == STEPS


def test_a_fault_of_its_own_is_no_lost_process(tmp_path):
    failed, left = two(tmp_path, fails=0)
    assert failed == f"RuntimeError {STEPS} a fault of its own\n"
    assert left.startswith(f"PeersLost {STEPS} another process")
    assert not (tmp_path / "out/checkpoints/ddpm_mnist_interrupted.safetensors").exists()
