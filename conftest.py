"""Environment variables that every suite needs before it imports a framework."""

import os

# Two OpenMP runtimes, PyTorch's and Jittor's, share the cores. By default their threads spin while
# they wait and take time from those that work; on a busy machine everything is ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
