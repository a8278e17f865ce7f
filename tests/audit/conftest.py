"""The audit's tests: Jittor is made usable before anything imports it."""

import audit  # noqa: F401
