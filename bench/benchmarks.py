"""The list of benchmarks, and of the implementations that each of them times."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

from ddpm.config import RunConfig
from ddpm_study.timing import TimedProcess

MIRRORED, START = "ddpm_study.timing.workloads:make", "ddpm_study.timing.first_start:make"
PEERS, CHECK = "bench.peers:make", "ddpm_study.timing.check_cost:make"
_IMPLEMENTATIONS: dict[str, tuple[str, dict[str, object]]] = {
    "torch": (MIRRORED, {"framework": "torch"}),
    "jittor": (MIRRORED, {"framework": "jittor"}),
    "diffusers": (PEERS, {"peer": "diffusers"}),
    "lucidrains": (PEERS, {"peer": "lucidrains"}),
    "import torch": (START, {"framework": "torch"}),
    "import jittor": (START, {"framework": "jittor"}),
    "plain passes": (CHECK, {"compared": False}),
    "parity.check": (CHECK, {"compared": True}),
}


@dataclass(frozen=True)
class Benchmark:
    """One kind of work that is timed.

    Attributes:
        name: as workloads know it.
        implementations: that do the work; the first is the base of all ratios.
        slow: whether it takes minutes.
        most_rounds: upper limit of the rounds.
        warmup: rounds that are not counted.
    """

    name: str
    implementations: tuple[str, ...]
    slow: bool = False
    most_rounds: int = 1000
    warmup: int = 2

    @property
    def base(self) -> str:
        """The implementation that the others are divided by."""
        return self.implementations[0]

    def processes(
        self, config: RunConfig, environment: Mapping[str, str]
    ) -> dict[str, TimedProcess]:
        """Return the process of each implementation that is installed."""
        processes = {}
        for name in filter(is_installed, self.implementations):
            workload, options = _IMPLEMENTATIONS[name]
            processes[name] = TimedProcess(
                self.name, {**options, "config": config.to_dict()}, workload, environment
            )
        return processes


def is_installed(implementation: str) -> bool:
    """Tell whether the package that an implementation needs is installed."""
    needs = {"lucidrains": "denoising_diffusion_pytorch", "diffusers": "diffusers"}
    module = needs.get(implementation)
    return module is None or importlib.util.find_spec(module) is not None


_ALL = ("torch", "jittor", "diffusers", "lucidrains")
BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("training_step", _ALL),
        Benchmark("sampling_step", _ALL),
        Benchmark("forward", _ALL),
        Benchmark("backward", ("torch", "jittor")),
        Benchmark("optimizer", ("torch", "jittor")),
        Benchmark("start", ("import torch", "import jittor"), most_rounds=5, warmup=1),
        Benchmark("check", ("plain passes", "parity.check"), most_rounds=5, warmup=1),
        Benchmark("epoch", ("torch", "jittor"), slow=True, most_rounds=3, warmup=1),
        Benchmark("sampling", ("torch", "jittor", "diffusers"), slow=True, most_rounds=3, warmup=0),
        Benchmark("first_compile", ("import jittor",), slow=True, most_rounds=1, warmup=0),
    )
}
