"""`ddpm train` under torchrun on two hosts, one of which dies, or whose link is cut."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ddpm.checkpoint import Checkpoint
from ddpm.data.image_set import ImageSet
from ddpm.logs.run_log import read_losses
from tests.ddpm_cli import test_torchrun as one_host
from tests.ddpm_cli.test_torchrun import OPTIONS, ended
from tests.ddpm_cli.two_hosts import Host, two_hosts

pytestmark = pytest.mark.slow
EPOCHS, SAVE_EVERY = 160, 4
STEPS = 2 * EPOCHS
WORDS = [*OPTIONS, "--epochs", str(EPOCHS), "--save-every", str(SAVE_EVERY)]
LAST = f"checkpoints/ddpm_mnist_epoch{EPOCHS}.safetensors"
INTERRUPTED = "checkpoints/ddpm_mnist_interrupted.safetensors"
CONTINUE = "; the run of 2 processes has ended; continue with"
CLOSED = f"another process, or its host, has ended or closed the connection{CONTINUE}"
SILENT = f"another process has not answered for 10 s (--peer-timeout){CONTINUE}"
Hosts = tuple[Host, Host]
Folders = tuple[Path, Path]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    try:
        network = two_hosts()
        pair = network.__enter__()
    except OSError as error:
        pytest.skip(f"two hosts need network namespaces, unshare, nsenter and ip: {error}")
    try:
        yield pair
    finally:
        network.__exit__(None, None, None)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The working folder of each host, with the same data set."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        prepare(tmp_path / name, seed=0)
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an unbroken run of two processes on one host."""
    folder = tmp_path_factory.mktemp("unbroken")
    status, text = ended(one_host.started(folder, *WORDS))
    assert status == 0, text
    return folder


def prepare(folder: Path, seed: int) -> None:
    images = np.random.default_rng(seed).uniform(-1, 1, (8, 1, 28, 28)).astype(np.float32)
    ImageSet(images, np.zeros(8, np.int64), ("digit",)).save(folder / "data/mnist_processed.npz")


def started(hosts: Hosts, folders: Folders, *words: str) -> list[subprocess.Popen[bytes]]:
    return [host.train(f, *words, first=hosts[0]) for host, f in zip(hosts, folders, strict=True)]


def reached(run: subprocess.Popen[bytes], epoch: int) -> None:
    """Return once the progress bar of the first process shows an epoch."""
    read_until(run, lambda said: any(int(n) >= epoch for n in re.findall(rb"epoch=(\d+)/", said)))


def read_until(run: subprocess.Popen[bytes], is_enough: Callable[[bytes], bool]) -> str:
    """Return what a run says, up to where that is enough."""
    said = b""
    while not is_enough(said):
        assert run.stdout is not None
        piece = os.read(run.stdout.fileno(), 4096)
        assert piece, said.decode()
        said += piece
    return said.decode()


def reason(run: subprocess.Popen[bytes]) -> str:
    """Return the one line in which a process that failed said why."""
    status, text = ended(run)
    assert status not in (0, None), text
    (line,) = [line for line in text.splitlines() if "ddpm: " in line]
    assert "terminate called" not in text
    assert not re.search(r'File ".*/(ddpm|impl_torch)/', text), "no traceback of this program"
    return line.partition("ddpm: ")[2]


def command(*words: str) -> str:
    """Return the command that continues a run on two hosts."""
    return " ".join(["torchrun … ddpm", *WORDS, *words, "--resume", INTERRUPTED])


def finish(hosts: Hosts, folders: Folders, checkpoint: str) -> None:
    """Continue from a checkpoint that the first host has."""
    (folders[1] / checkpoint).parent.mkdir(exist_ok=True)
    shutil.copy(folders[0] / checkpoint, folders[1] / checkpoint)
    for run in started(hosts, folders, *WORDS, "--resume", checkpoint):
        status, text = ended(run)
        assert status == 0, text


def newest(folder: Path) -> str:
    """Return the checkpoint of the last finished epoch."""
    names = [path.name for path in folder.glob("checkpoints/ddpm_mnist_epoch*.safetensors")]
    last = max(names, key=lambda name: int(re.findall(r"\d+", name)[0]))
    assert last != Path(LAST).name, "the run was to be broken before its end"
    return f"checkpoints/{last}"


def assert_same_run(folder: Path, other: Path) -> None:
    """The state at the end and the logged losses are equal to the bit."""
    states = [Checkpoint.load(f / LAST) for f in (folder, other)]
    for group in ("weights", "ema", "exp_avg", "exp_avg_sq"):
        for name, array in getattr(states[0], group).items():
            assert np.array_equal(array, getattr(states[1], group)[name]), (group, name)
    logs = [(f / "logs/train_log.txt").read_bytes() for f in (folder, other)]
    assert logs[0] == logs[1]


def test_two_hosts_are_two_processes(
    hosts: Hosts, folders: Folders, unbroken: Path, tmp_path: Path
) -> None:
    for run in started(hosts, folders, *WORDS):
        status, text = ended(run)
        assert status == 0, text
    assert_same_run(folders[0], unbroken)
    assert [path.name for path in folders[1].iterdir()] == ["data"], "the first process writes"
    alone = tmp_path / "alone"
    status, text = ended(one_host.started(alone, *WORDS, processes=False))
    assert status == 0, text
    losses = [read_losses(f / "logs/train_log.txt")[1] for f in (folders[0], alone)]
    assert len(losses[0]) == STEPS
    # Later, an optimizer that divides by a gradient's size magnifies what rounding left of it.
    assert losses[0][:10] == pytest.approx(losses[1][:10], rel=1e-5)


def test_the_first_host_saves_its_state_where_the_other_dies(
    hosts: Hosts, folders: Folders, unbroken: Path
) -> None:
    runs = started(hosts, folders, *WORDS)
    reached(runs[0], 2 * SAVE_EVERY)
    hosts[1].lose_power()
    assert reason(runs[0]) == f"{CLOSED}: {command()}"
    ended(runs[1])
    assert 0 < Checkpoint.load(folders[0] / INTERRUPTED).step < STEPS
    finish(hosts, folders, INTERRUPTED)
    assert_same_run(folders[0], unbroken)


def test_the_first_host_dies_and_its_last_checkpoint_is_there(
    hosts: Hosts, folders: Folders, unbroken: Path
) -> None:
    runs = started(hosts, folders, *WORDS)
    reached(runs[0], 2 * SAVE_EVERY)
    hosts[0].lose_power()
    assert reason(runs[1]) == (
        f"{CLOSED} --resume and the newest checkpoint of the first process, in checkpoints on its"
        " host"
    )
    ended(runs[0])
    assert [path.name for path in folders[1].iterdir()] == ["data"]
    finish(hosts, folders, newest(folders[0]))
    assert_same_run(folders[0], unbroken)


def test_both_hosts_end_where_the_link_is_cut(
    hosts: Hosts, folders: Folders, unbroken: Path
) -> None:
    runs = started(hosts, folders, *WORDS, "--peer-timeout", "10")
    reached(runs[0], 2 * SAVE_EVERY)
    hosts[1].run("ip", "link", "set", hosts[1].interface, "down")
    try:
        first = reason(runs[0])
        # There the launcher, which has lost its store, waits for the link or for the kernel.
        second = read_until(runs[1], lambda said: CONTINUE.encode() in said)
    finally:
        hosts[1].run("ip", "link", "set", hosts[1].interface, "up")
    assert first == f"{SILENT}: {command('--peer-timeout', '10')}"
    assert f"ddpm: {SILENT} --resume and the newest checkpoint" in second
    status, text = ended(runs[1])
    assert status != 0, text
    finish(hosts, folders, INTERRUPTED)
    assert_same_run(folders[0], unbroken)


@pytest.mark.parametrize("differing", ["--data", "options", "--resume"])
def test_hosts_that_were_given_different_runs_are_refused(
    differing: str, hosts: Hosts, folders: Folders, unbroken: Path
) -> None:
    words = [[*WORDS], [*WORDS]]
    if differing == "--data":
        prepare(folders[1], seed=1)
    elif differing == "options":
        words[1] += ["--lr", "2e-3"]
    else:
        for number, list_ in enumerate(words):
            epoch = SAVE_EVERY * (number + 1)
            list_ += [
                "--resume",
                str(unbroken / f"checkpoints/ddpm_mnist_epoch{epoch}.safetensors"),
            ]
    runs = [
        host.train(folder, *own, first=hosts[0])
        for host, folder, own in zip(hosts, folders, words, strict=True)
    ]
    line = f"the 2 processes were not given the same {differing}; start all with the same command"
    assert all(reason(run).startswith(line) for run in runs)
    assert not (folders[0] / "logs").exists()
