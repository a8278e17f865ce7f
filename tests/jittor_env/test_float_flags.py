"""Denormals and NaN in a process that runs Jittor's kernels."""

from types import SimpleNamespace

import pytest

from jittor_env import float_flags

# Each probe runs after a kernel has been loaded: only then did flush-to-zero come on.
PROBE = """
import threading
import numpy as np
x = jt.array(np.array([1.0, np.nan, 2.0], np.float32)) * 3 + 1
x.sync()
def alive():
    return bool(np.multiply(np.float32(1e-40), np.float32(1)) != 0)
found = [alive()]
thread = threading.Thread(target=lambda: found.append(alive()))
thread.start()
thread.join()
print("denormals", *found)
print("nan", (x == x).numpy().tolist(), jt.isnan(x).numpy().tolist())
"""
TAMED = "import jittor_env; jt = jittor_env.load()\n"
STOCK = "import jittor_env; jittor_env.prepare(); import jittor as jt\n"


def test_denormals_and_nan_survive_kernels(run):
    done = run(TAMED + PROBE)
    assert done.returncode == 0, done.stderr
    assert "denormals True True" in done.stdout
    assert "nan [True, False, True] [False, True, False]" in done.stdout


def test_the_probe_fails_without_settling(run):
    done = run(STOCK + PROBE)
    assert done.returncode == 0, done.stderr
    assert "denormals False" in done.stdout


def test_torch_keeps_denormals_too(run):
    code = "import torch; print(float(torch.tensor([1e-40]) * 1))"
    done = run(TAMED + PROBE + code)
    assert float(done.stdout.split()[-1]) != 0, done.stderr


@pytest.mark.parametrize("unsafe", ["-Ofast", "-ffast-math"])
def test_tamed_replaces_what_flushes_and_nothing_else(unsafe):
    assert float_flags.configured(f"-fPIC {unsafe} -lx") == f"-fPIC {float_flags.SAFE_FLAGS} -lx"
    assert float_flags.configured("-fPIC -O2") == "-fPIC -O2"


def test_wide_restores_the_flag_after_an_error():
    jt = SimpleNamespace(flags=SimpleNamespace(auto_convert_64_to_32=1))
    seen = []

    def fail_inside():
        with float_flags.wide(jt):
            seen.append(jt.flags.auto_convert_64_to_32)
            raise ZeroDivisionError("division")

    with pytest.raises(ZeroDivisionError, match="division"):
        fail_inside()
    assert seen == [0]
    assert jt.flags.auto_convert_64_to_32 == 1
