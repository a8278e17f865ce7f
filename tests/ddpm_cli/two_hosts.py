"""Two hosts on one machine: two network namespaces, joined by a link that can be cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("ddpm")
PORT = 29400


class Host:
    """A network namespace, which lives as long as a process that holds it.

    Attributes:
        address: of its end of the link.
        interface: name of its end of the link.
    """

    def __init__(self, address: str, interface: str) -> None:
        self.address, self.interface = address, interface
        # `cat` ends when its input is closed, so no test that is killed leaves a namespace behind.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            raise PermissionError("this user may not make network namespaces")

    @property
    def number(self) -> int:
        """The process that holds the namespace."""
        return self._holder.pid

    def run(self, *words: str) -> None:
        """Run a command on this host."""
        done = subprocess.run([*self._inside(), *words], capture_output=True, text=True)
        if done.returncode:
            raise PermissionError(f"{' '.join(words)}: {done.stderr.strip()}")

    def train(self, folder: Path, *words: str, first: Host) -> subprocess.Popen[bytes]:
        """Start this host's one of two processes that train together, in a folder of its own."""
        launcher = (
            *(sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"),
            *("--rdzv-backend=c10d", "--rdzv-id=run", f"--rdzv-endpoint={first.address}:{PORT}"),
            f"--rdzv-conf=is_host={int(self is first)},read_timeout=10",
            *(f"--local-addr={self.address}", "--no-python", str(PROGRAM)),
        )
        return subprocess.Popen(
            [*self._inside(), *launcher, *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": self.interface},
        )

    def lose_power(self) -> None:
        """Kill every process on this host, the launcher first, but for the one that holds it."""
        own = os.readlink(f"/proc/{self.number}/ns/net")
        assert own != os.readlink("/proc/self/ns/net"), "the holder has no namespace of its own"
        for process in sorted(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
            try:
                is_here = os.readlink(f"/proc/{process}/ns/net") == own
                if is_here and process != self.number:
                    os.kill(process, signal.SIGKILL)
            except OSError:
                continue  # it has ended

    def close(self) -> None:
        """End every process on this host and give up the namespace."""
        self.lose_power()
        self._holder.communicate()

    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", "--net", "--target", str(self.number), "--")


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Yield two hosts that reach each other.

    Raises:
        OSError: the system does not permit namespaces, or lacks the programs for them.
    """
    hosts: list[Host] = []
    try:
        for number in (1, 2):
            hosts.append(Host(f"10.77.0.{number}", f"ddpm{number}"))
        one, two = hosts
        end: Any = ("type", "veth", "peer", "name", two.interface, "netns", str(two.number))
        one.run("ip", "link", "add", one.interface, *end)
        for host in hosts:
            host.run("ip", "address", "add", f"{host.address}/24", "dev", host.interface)
            for interface in ("lo", host.interface):
                host.run("ip", "link", "set", interface, "up")
        yield one, two
    finally:
        for host in hosts:
            host.close()
