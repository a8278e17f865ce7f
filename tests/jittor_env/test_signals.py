"""A process that has loaded Jittor keeps its own signal handlers."""

import textwrap

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


# A terminal's Ctrl-C goes to the whole group; a worker that dies is replaced by another one.
PRESS_CTRL_C_IN_THE_GROUP = """
os.setpgrp()
import jittor_utils
pool = jittor_utils.Pool(1, initializer=jittor_utils.pool_initializer)
before = pool.apply(os.getpid)
try:
    os.killpg(0, signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    pass
print("same" if pool.apply_async(os.getpid).get(15) == before else "another", flush=True)
pool.terminate()
print("ended")
"""


USE_A_WORKER_WHERE_SPAWNING_IS_THE_DEFAULT = """
import multiprocessing, jittor_utils
multiprocessing.set_start_method("spawn", force=True)
with jittor_utils.Pool(1, initializer=jittor_utils.pool_initializer) as pool:
    print(pool.apply(abs, (-1,)))
"""


def test_the_compiling_processes_are_forked_in_a_spawned_process_too(run):
    code = CODE.format(fault="", deed=USE_A_WORKER_WHERE_SPAWNING_IS_THE_DEFAULT)
    assert run(code).stdout == "1\n"


def test_ctrl_c_leaves_the_compiling_processes_alone(run):
    code = CODE.format(fault="", deed=PRESS_CTRL_C_IN_THE_GROUP)
    assert run(code).stdout == "same\nended\n"


def test_it_would_end_them_otherwise(run):
    fault = "signals.shield_workers = lambda utils: None"
    # A worker that ended with the queue's lock lets the program hang at its end, so all are killed.
    kill = "os.killpg(0, signal.SIGKILL)"
    deed = PRESS_CTRL_C_IN_THE_GROUP.replace("pool.terminate()", kill)
    deed = f"try:\n{textwrap.indent(deed, '    ')}\nfinally: {kill}"
    assert "same" not in run(CODE.format(fault=fault, deed=deed)).stdout
