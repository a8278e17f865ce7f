"""A process that has loaded Jittor still decides itself what a signal does."""

import pytest

CODE = """
import os, subprocess, sys
import jittor_env
from jittor_env import signals
import signal
{fault}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
jittor_env.load()
{deed}
"""
KILL_A_CHILD = """
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
child.kill()
child.wait()
print("alive")
"""
PRESS_CTRL_C = """
try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    print("alive")
"""


@pytest.mark.parametrize("deed", [KILL_A_CHILD, PRESS_CTRL_C], ids=["child", "ctrl-c"])
def test_a_signal_is_python_s_again(run, deed):
    assert run(CODE.format(fault="", deed=deed)).stdout == "alive\n"


@pytest.mark.parametrize("deed", [KILL_A_CHILD, PRESS_CTRL_C], ids=["child", "ctrl-c"])
def test_it_would_end_the_process_otherwise(run, deed):
    fault = "signals.give_back = lambda: None"
    assert run(CODE.format(fault=fault, deed=deed)).stdout == ""
