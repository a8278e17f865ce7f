from __future__ import annotations

import argparse
from pathlib import Path

from parity.commands.parsers.start import add_demo


def test_the_folder_of_the_demo_has_a_name() -> None:
    parser = argparse.ArgumentParser()
    add_demo(parser.add_subparsers())
    assert parser.parse_args(["demo"]).folder == Path("parity-demo")
    assert parser.parse_args(["demo", "x"]).folder == Path("x")
