"""Settings that every suite here needs before it imports a framework."""

import os

# Two OpenMP runtimes, torch's and Jittor's, share the cores: threads that spin while they wait take
# the time of those that work, and a busy machine then runs ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
