"""What is timed, and who is in it: the one list that `pytest bench` is made of."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

from ddpm.config import RunConfig
from ddpm_study.timing import TimedProcess

OURS, START = "ddpm_study.timing.workloads:make", "ddpm_study.timing.first_start:make"
PEERS, JUDGEMENT = "bench.peers:make", "ddpm_study.timing.check_cost:make"
_CONTENDERS: dict[str, tuple[str, dict[str, object]]] = {
    "torch": (OURS, {"framework": "torch"}),
    "jittor": (OURS, {"framework": "jittor"}),
    "diffusers": (PEERS, {"peer": "diffusers"}),
    "lucidrains": (PEERS, {"peer": "lucidrains"}),
    "import torch": (START, {"framework": "torch"}),
    "import jittor": (START, {"framework": "jittor"}),
    "bare passes": (JUDGEMENT, {"judged": False}),
    "check": (JUDGEMENT, {"judged": True}),
}


@dataclass(frozen=True)
class Benchmark:
    """One thing that is timed.

    Attributes:
        name: of the subject, as workloads know it.
        contenders: who does it; the first is what the others are divided by.
        slow: whether it takes minutes.
        most_rounds: how often at most.
        warmup: rounds that are not counted.
    """

    name: str
    contenders: tuple[str, ...]
    slow: bool = False
    most_rounds: int = 1000
    warmup: int = 2

    @property
    def base(self) -> str:
        """Whom the others are divided by."""
        return self.contenders[0]

    def sides(self, config: RunConfig, environment: Mapping[str, str]) -> dict[str, TimedProcess]:
        """Return the processes that take part; a peer that is not installed does not."""
        found = {}
        for name in filter(is_there, self.contenders):
            workload, options = _CONTENDERS[name]
            found[name] = TimedProcess(
                self.name, {**options, "config": config.to_dict()}, workload, environment
            )
        return found


def is_there(implementation: str) -> bool:
    """Tell whether what a contender needs is installed."""
    needs = {"lucidrains": "denoising_diffusion_pytorch", "diffusers": "diffusers"}
    module = needs.get(implementation)
    return module is None or importlib.util.find_spec(module) is not None


_ALL = ("torch", "jittor", "diffusers", "lucidrains")
BENCHMARKS = {
    subject.name: subject
    for subject in (
        Benchmark("training_step", _ALL),
        Benchmark("sampling_step", _ALL),
        Benchmark("forward", _ALL),
        Benchmark("backward", ("torch", "jittor")),
        Benchmark("optimizer", ("torch", "jittor")),
        Benchmark("start", ("import torch", "import jittor"), most_rounds=5, warmup=1),
        Benchmark("judgement", ("bare passes", "check"), most_rounds=5, warmup=1),
        Benchmark("epoch", ("torch", "jittor"), slow=True, most_rounds=3, warmup=1),
        Benchmark("sampling", ("torch", "jittor", "diffusers"), slow=True, most_rounds=3, warmup=0),
        Benchmark("first_compile", ("import jittor",), slow=True, most_rounds=1, warmup=0),
    )
}
