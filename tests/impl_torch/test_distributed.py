"""The processes of a group leave nothing behind when they end."""

import subprocess
import sys

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
PATIENCE = 180

# A thread that still holds a tensor of Python's when the interpreter ends aborts the process, now
# and then; whether such threads are left can be told each time.
PROCESS = r"""
import atexit, os
from pathlib import Path
import numpy as np
from ddpm.config import preset
from impl_torch.train import Trainer

def woken():
    # thread of gloo -> how often it was woken
    counts = {}
    for thread in Path("/proc/self/task").iterdir():
        if (thread / "comm").read_text().startswith("pt_gloo_runloop"):
            status = (thread / "status").read_text().partition("\nvoluntary_ctxt_switches:\t")
            counts[thread.name] = int(status[2].split()[0])
    return counts

trainer = Trainer(preset("tiny"))
loss = trainer.train_step(np.zeros((4, 1, 28, 28), np.float32))
before = woken()
for _ in range(100):
    assert not trainer.group.any(False)
after = woken()
means = {thread for thread, count in after.items() if count >= before.get(thread, 0) + 20}
atexit._run_exitfuncs()
os.write(1, f"{len(means)} {len(means & set(woken()))} {loss}\n".encode())  # in one piece
os._exit(0)
"""


def test_no_thread_that_held_a_tensor_of_pythons_outlives_the_group(tmp_path):
    (tmp_path / "process.py").write_text(PROCESS)
    said = subprocess.run(
        [*TORCHRUN, str(tmp_path / "process.py")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    lines = [line.split() for line in said.stdout.splitlines()]
    assert len(lines) == 2, said.stderr
    for there, left, loss in lines:
        assert int(there) > 0
        assert int(left) == 0
        assert loss == lines[0][2], "both report one mean"
