"""Runs the program `parity` as `python -m parity`, and in a bundle."""

from __future__ import annotations

import sys

from parity.cli import main

if __name__ == "__main__":
    sys.exit(main())
