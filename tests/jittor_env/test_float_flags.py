"""Denormals and NaN in a process that runs Jittor's kernels."""

import pytest

from jittor_env import float_flags

# It looks after a kernel has been loaded: only that turns flush-to-zero on.
OBSERVE = """
import threading
import numpy as np
x = jt.array(np.array([1.0, np.nan, 2.0], np.float32)) * 3 + 1
x.sync()
def denormals_survive():
    return bool(np.multiply(np.float32(1e-40), np.float32(1)) != 0)
survived = [denormals_survive()]
thread = threading.Thread(target=lambda: survived.append(denormals_survive()))
thread.start()
thread.join()
print("denormals", *survived)
print("nan", (x == x).numpy().tolist(), jt.isnan(x).numpy().tolist())
"""
CONFIGURED = "import jittor_env; jt = jittor_env.load()\n"
STOCK = "import jittor_env; jittor_env.prepare(); import jittor as jt\n"


def test_denormals_and_nan_survive_kernels(run):
    done = run(CONFIGURED + OBSERVE)
    assert done.returncode == 0, done.stderr
    assert "denormals True True" in done.stdout
    assert "nan [True, False, True] [False, True, False]" in done.stdout


def test_denormals_are_flushed_without_settling(run):
    done = run(STOCK + OBSERVE)
    assert done.returncode == 0, done.stderr
    assert "denormals False" in done.stdout


def test_torch_keeps_denormals_too(run):
    code = "import torch; print(float(torch.tensor([1e-40]) * 1))"
    done = run(CONFIGURED + OBSERVE + code)
    assert float(done.stdout.split()[-1]) != 0, done.stderr


@pytest.mark.parametrize("unsafe", ["-Ofast", "-ffast-math"])
def test_only_the_unsafe_flags_are_replaced(unsafe):
    assert float_flags.configured(f"-fPIC {unsafe} -lx") == f"-fPIC {float_flags.SAFE_FLAGS} -lx"
    assert float_flags.configured("-fPIC -O2") == "-fPIC -O2"
