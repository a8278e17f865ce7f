"""Peak memory, in fresh processes."""

import subprocess
import sys


def peak_of_a_child(before="pass"):
    code = f"from ddpm.memory import peak_memory; {before}; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def test_peak_memory_is_that_of_the_process_and_not_of_its_parent():
    small = peak_of_a_child()
    held = bytearray(b"x") * (500 * 2**20)
    assert peak_of_a_child() < small + 100 * 2**20
    assert len(held) == 500 * 2**20


def test_peak_memory_stays_when_memory_is_given_back():
    small = peak_of_a_child()
    assert peak_of_a_child("held = bytearray(b'x') * 2**28; del held") > small + 0.9 * 2**28
