"""The counted operations, and pytest-benchmark's record of times that were measured before."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import peers, pytest_benchmark_bridge
from bench.benchmarks import BENCHMARKS, is_installed
from ddpm.config import preset
from ddpm_study.timing import Timing
from ddpm_study.timing.machine import SIZES, Product, fastest_product, operations, unet_operations
from impl_torch.unet import UNet

pytest_plugins = ["pytester"]


def test_operations_are_the_closed_form():
    x = torch.zeros(2, 3, 8, 8)
    convolution = nn.Conv2d(3, 5, 3, padding=1)
    assert operations(lambda: convolution(x)) == 2 * 2 * 5 * 3 * 9 * 64
    linear = nn.Linear(7, 11)
    assert operations(lambda: linear(torch.zeros(13, 7))) == 2 * 13 * 7 * 11
    q, k, v = torch.zeros(3, 2, 1, 5, 4)
    attention = nn.functional.scaled_dot_product_attention
    assert operations(lambda: attention(q, k, v)) == 2 * 2 * 2 * 5 * 5 * 4


def test_a_training_step_takes_about_three_forward_passes():
    counted = unet_operations(preset("tiny").with_(train={"batch_size": 2}))
    assert counted["parameters"] == 44969
    assert 2.5 < counted["training_step"] / counted["forward"] < 3.1


def test_the_reference_is_a_product_of_known_operations():
    product = fastest_product()
    assert product.size in SIZES
    a = torch.zeros(product.size, product.size)
    assert operations(lambda: a @ a) == product.operations


def test_what_a_work_item_repeats_is_counted_as_often():
    small = preset("tiny").with_(train={"batch_size": 2}, sample={"batch_size": 4})
    counted = unet_operations(small)
    assert counted["backward"] == counted["training_step"]
    assert counted["sampling_step"] == 2 * counted["forward"]
    assert counted["sampling"] == 100 * counted["sampling_step"]
    assert counted["epoch"] == 2500 * counted["training_step"]


@pytest.mark.skipif(not is_installed("lucidrains"), reason="see bench/peers.py")
def test_lucidrains_is_as_wide_as_comes_nearest_in_operations():
    config = preset("mnist").with_(train={"batch_size": 2}, sample={"batch_size": 2})
    peer = peers.operations_of_lucidrains(config)
    unet = unet_operations(config)
    assert abs(peer["forward"] / unet["forward"] - 1) < 0.05
    width = peer["width"]
    distances = [
        abs(2 * peers._forward_operations(config.unet, w) - unet["forward"])
        for w in (width - 4, width, width + 4)
    ]
    assert min(distances) == distances[1]
    assert (
        sum(p.numel() for p in peers.unet_of_lucidrains(config.unet).parameters())
        == (peer["parameters"])
    )


@pytest.mark.skipif(not is_installed("lucidrains"), reason="see bench/peers.py")
def test_empty_modules_are_gone_after_the_import():
    peers.unet_of_lucidrains(preset("tiny").unet)
    assert "torchvision" not in sys.modules
    assert not any(isinstance(finder, peers._EmptyModules) for finder in sys.meta_path)


SMALL = preset("tiny").with_(train={"batch_size": 2}, sample={"batch_size": 2})


@pytest.fixture
def asked(monkeypatch):
    """Put a product of known size in the place of the fastest; note the environments."""
    environments = []
    monkeypatch.setattr(
        pytest_benchmark_bridge, "fastest_product", lambda e: environments.append(e) or Product(100)
    )
    pytest_benchmark_bridge.reference_product.cache_clear()
    yield environments
    pytest_benchmark_bridge.reference_product.cache_clear()


def test_the_record_says_how_many_threads_were_told(asked):
    seconds = {"torch": [0.5, 0.5], pytest_benchmark_bridge.PRODUCT: [0.1, 0.1]}
    timing = Timing(seconds, {"torch": 7}, {"torch": 3})
    facts = pytest_benchmark_bridge.facts(
        BENCHMARKS["training_step"], "torch", timing, "tiny", SMALL, threads=3
    )
    assert asked[0]["OMP_NUM_THREADS"] == facts["environment"]["threads"] == "3"
    assert facts["memory_growth"] == 3


def test_a_share_is_of_the_product_in_the_same_round(asked):
    """A machine that is ten times slower for a round makes both slower, and no share smaller."""
    seconds = {"torch": [0.5, 5.0, 0.5], pytest_benchmark_bridge.PRODUCT: [0.1, 1.0, 0.1]}
    timing = Timing(seconds, {"torch": 7})
    facts = pytest_benchmark_bridge.facts(
        BENCHMARKS["training_step"], "torch", timing, "tiny", SMALL
    )
    share = facts["gemm_share"]
    expected = pytest.approx(facts["flops"] / 0.5 / (2 * 100**3 / 0.1))
    assert share["low"] == share["median"] == share["high"] == expected


def test_a_product_takes_part_where_operations_are_counted(asked):
    for name, benchmark in BENCHMARKS.items():
        processes = pytest_benchmark_bridge.processes_of(benchmark, SMALL, 3)
        counted = name not in ("optimizer", "start", "check", "first_compile")
        assert (pytest_benchmark_bridge.PRODUCT in processes) is counted
        assert all(p.environment["OMP_NUM_THREADS"] == "3" for p in processes.values())


@pytest.mark.parametrize("name", ["tiny", "mnist"])
def test_the_peer_has_the_same_layers(name):
    config = preset(name).unet
    models = UNet(config), peers.unet_of_diffusers(config)
    one, other = (sorted(tuple(p.shape) for p in m.parameters()) for m in models)
    assert one == other


def test_every_implementation_of_a_benchmark_has_a_process():
    config = preset("tiny")
    for benchmark in BENCHMARKS.values():
        processes = benchmark.processes(config, {})
        assert benchmark.base in processes
        assert set(processes) <= set(benchmark.implementations)


CONFTEST = """
import pytest
from bench.pytest_benchmark_bridge import CLOCK, record
from bench.benchmarks import BENCHMARKS
from ddpm.config import preset
from ddpm_study.timing import Timing
"""
TEST = (
    CONFTEST
    + """
@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("name", ["torch", "jittor"])
def test_time(benchmark, name):
    seconds = {"torch": [1.0, 2.0, 4.0], "jittor": [2.0, 4.0, 8.0]}
    timing = Timing(seconds, {"torch": 7, "jittor": 9})
    record(benchmark, BENCHMARKS["optimizer"], name, timing, "tiny", preset("tiny"))
"""
)


def test_times_measured_in_turn_are_recorded_as_they_were(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(peers.__file__).parents[1]))
    pytester.makepyfile(TEST)
    run = pytester.runpytest_subprocess(
        "-p", "pytest_benchmark.plugin", "--benchmark-json=out.json"
    )
    run.assert_outcomes(passed=2)
    torch_side, jittor = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert jittor["stats"]["data"] == [2.0, 4.0, 8.0]
    assert torch_side["stats"]["median"] == 2.0
    assert jittor["group"] == "optimizer"
    facts = jittor["extra_info"]
    assert facts["ratio"] == {"median": 2.0, "low": 2.0, "high": 2.0, "count": 3}
    assert (facts["implementation"], facts["base"], facts["preset"]) == ("jittor", "torch", "tiny")
    assert facts["peak_memory"] == 9
    assert facts["parameters"] == 44969
    assert {"torch", "jittor", "processor", "threads"} <= facts["environment"].keys()


@pytest.fixture
def with_options(pytester, monkeypatch):
    """Run a test that sees the configuration which `pytest bench` makes of options."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(peers.__file__).parents[1]))
    pytester.makepyfile("""
        def test(config):
            print(config.unet.base_channels, config.train.batch_size, config.sample.batch_size)
    """)
    return lambda *options: pytester.runpytest_subprocess("-p", "bench.conftest", "-s", *options)


def test_another_width_and_batch_are_those_asked_for(with_options):
    run = with_options("--preset=mnist", "--base-channels=64", "--batch-size=4")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines(["*64 4 4*"])
    with_options("--preset=mnist").stdout.fnmatch_lines(["*32 64 64*"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--base-channels=7", "*7*norm_groups*"),
        ("--batch-size=0", "*batch_size = 0 cannot be used*"),
    ],
)
def test_sizes_that_cannot_be_are_refused_in_one_line(with_options, option, said):
    run = with_options(option)
    assert run.ret == 2
    run.stdout.fnmatch_lines([said])
    run.stdout.no_fnmatch_line("*Traceback*")
