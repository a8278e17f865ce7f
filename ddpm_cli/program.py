"""The program `ddpm`: its commands, and how an error ends it."""

from __future__ import annotations

import difflib
import os
import sys
import time
from importlib import import_module
from typing import NoReturn

import click

from ddpm.errors import InputError, PeersLost
from ddpm.launch import launched, require_one_process
from jittor_env import JittorEnvError
from safe_files import CannotWrite

# Two OpenMP runtimes, torch's and Jittor's, share the cores. Threads that spin while they wait take
# time from those that work. A framework reads this when it is imported, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Codes of refusals whose exceptions have none.
USAGE, NO_JITTOR = "usage", "jittor-cannot-start"
LONGEST_MESSAGE = 600  # characters
LAUNCHER_SECONDS = 5.0  # in which a launcher ends the other processes, once one has ended
MODULES = {"is": "inception"}  # `is` is a keyword of Python
COMMANDS = {
    "prepare": "Turn mnist, cifar10 or a folder of images into a training set.",
    "train": "Train a model in PyTorch or in Jittor.",
    "sample": "Draw images from a checkpoint, in either framework.",
    "fid": "Score samples against real images: FID, KID, precision, recall.",
    "is": "Score how recognisable and varied samples are: Inception Score.",
    "convert": "Between checkpoints, weights alone and diffusers' form.",
    "reproduce": "Compare both frameworks: judge, train, sample, score, time; write one page.",
    "report": "Write the page about a run again, alone or beside another run.",
    "doctor": "Tell whether Jittor can be used here, and what is missing.",
}
EXIT_STATUS = "Exit status: 0 done, 2 an input cannot be used."


class Program(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which a user needs them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one command from the file of its name."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ddpm_cli.{MODULES.get(name, name)}").command
        command.name = name
        command.short_help = COMMANDS[name]
        if "xit status" not in (command.help or ""):
            command.epilog = EXIT_STATUS
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called; for a name that there is not, say the nearest."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            context.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> object:
        """Run a command; input that cannot be used ends it with one line and exit status 2."""
        try:
            return super().invoke(context)
        except (InputError, CannotWrite) as error:
            _refuse(f"ddpm: {error}", error.code)
        except JittorEnvError as error:
            _refuse(f"ddpm: {error}", NO_JITTOR)
        except PeersLost as error:
            _print_refusal(f"ddpm: {error}", error.code)
            # Threads of gloo that wait for the lost process abort a process that ends in order.
            sys.stdout.flush()
            os._exit(2)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "ddpm"
            text = " ".join(error.format_message().split())
            _refuse(f"{path}: {text} See {path} --help", USAGE)


def _refuse(line: str, code: str) -> NoReturn:
    """Print the reason and end the program."""
    _print_refusal(line, code)
    sys.exit(2)


def _print_refusal(line: str, code: str) -> None:
    """Print why the program ends, and its code; of a host's processes, only the first prints it.

    A reason that quotes a long value loses its middle.

    The first ends at once, whereupon the launcher ends the others, which all have the same reason.
    A process that is still alive after a wait has a reason of its own, and prints it.
    """
    if len(line) > LONGEST_MESSAGE:
        line = f"{line[: LONGEST_MESSAGE // 2]} … {line[-LONGEST_MESSAGE // 2 :]}"
    launch = launched()
    if launch.rank_on_host > 0:
        time.sleep(LAUNCHER_SECONDS)
        line = f"process {launch.rank}: {line}"
    click.echo(f"{line}  [{code}]", err=True)


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
    Everything in one command, up to a page that shows both frameworks:
        ddpm reproduce --preset tiny
    Step by step:
        ddpm prepare --dataset mnist
        ddpm train --framework jittor --dataset mnist --epochs 5
        ddpm sample --ckpt checkpoints/ddpm_mnist_epoch5.safetensors
    """
    if context.invoked_subcommand not in (None, "train"):
        require_one_process(str(context.invoked_subcommand))
