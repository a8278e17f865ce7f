"""The adapter protocol under the path that it had in version 0.1."""

from parity.adapters.protocol import *  # noqa: F403
