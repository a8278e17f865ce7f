"""Environment variables that every suite needs before it imports a framework."""

import os
import signal

# Two OpenMP runtimes, PyTorch's and Jittor's, share the cores. By default their threads spin while
# they wait and take time from those that work; on a busy machine everything is ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


# Some tests send an interrupt to programs that they start. Where this process was started with
# interrupts ignored, as by `nohup … &`, its children would ignore them too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
