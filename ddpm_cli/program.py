"""The program: its commands, and what becomes of an error."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import NoReturn

import click

from ddpm.errors import InputError
from ddpm.launch import launched, require_one_process
from jittor_env import JittorEnvError
from safe_files import CannotWrite

# Two OpenMP runtimes, torch's and Jittor's, share the cores: threads that spin while they wait take
# the time of those that work. Read when a framework is imported, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PATIENCE = 5.0  # seconds for a launcher to end a process, once another has ended
MODULES = {"is": "inception"}  # a command that Python has taken the name of
COMMANDS = {
    "prepare": "Make a training set: mnist, cifar10, or a folder of class folders.",
    "train": "Train a model in PyTorch or in Jittor.",
    "sample": "Draw images from a checkpoint, in either framework.",
    "fid": "Score samples against real images: FID, KID, precision, recall.",
    "is": "Score how distinct and varied samples are: Inception Score.",
    "convert": "Make a checkpoint of bare weights, safetensors or .pth.",
    "reproduce": "Run the whole comparison: judge, train, sample, score, time; write one page.",
    "report": "Write the page about a run anew, or two runs side by side.",
    "doctor": "Say what Jittor needs here, and what was found.",
}


class Program(click.Group):
    """A group whose commands are imported when called, and whose options take _ for -."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands' names, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one command; the list above names its file."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ddpm_cli.{MODULES.get(name, name)}").command
        command.name = name
        command.short_help = COMMANDS[name]
        return command

    def invoke(self, context: click.Context) -> object:
        """Run a command; an unusable input is one line and exit status 2."""
        try:
            return super().invoke(context)
        except (InputError, CannotWrite, JittorEnvError) as error:
            _refuse(f"ddpm: {error}")
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "ddpm"
            text = " ".join(error.format_message().split())
            _refuse(f"{path}: {text} See {path} --help")


def _refuse(line: str) -> NoReturn:
    """Say why and end; of several processes that say the same, only the first is to be heard.

    It ends at once, whereupon the launcher ends the others. One that still lives had its own cause.
    """
    launch = launched()
    if launch.rank > 0:
        time.sleep(PATIENCE)
        line = f"process {launch.rank}: {line}"
    click.echo(line, err=True)
    sys.exit(2)


@click.group(
    cls=Program,
    context_settings={
        "help_option_names": ["-h", "--help"],
        # the original scripts spell --batch_size
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "show_default": True,
    },
)
@click.version_option(package_name="ddpm-parity")
@click.pass_context
def main(context: click.Context) -> None:
    """Train and sample two mirrored DDPMs, in PyTorch and in Jittor, and compare them.

    \b
    A first run, from nothing to pictures of both frameworks side by side:
        ddpm reproduce --preset tiny
    Step by step:
        ddpm prepare --dataset mnist
        ddpm train --framework jittor --dataset mnist --epochs 5
        ddpm sample --ckpt checkpoints/ddpm_mnist_epoch5.safetensors
    """
    if context.invoked_subcommand not in (None, "train"):
        require_one_process(str(context.invoked_subcommand))
