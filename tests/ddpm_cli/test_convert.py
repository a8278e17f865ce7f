"""`ddpm convert`: what it exports is what other programs read."""

import warnings

import numpy as np
import pytest
import safetensors.numpy
import torch
from click.testing import CliRunner

from ddpm.checkpoint import Checkpoint
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.config import preset
from ddpm_cli import main
from impl_torch.schedule import Schedule
from impl_torch.unet import UNet


def ddpm(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


CONFIGS = {
    "fixed small": preset("tiny"),
    "fixed large, cosine": preset("tiny").with_(
        diffusion={"variance": "fixed_large", "schedule": "cosine", "T": 50}
    ),
    "three levels, colours, attention everywhere": preset("tiny").with_(
        unet={
            "image_size": 16,
            "image_channels": 3,
            "channel_multipliers": (1, 2, 2),
            "attention_resolutions": (16, 8, 4),
            "blocks_per_level": 2,
        }
    ),
}


@pytest.fixture(params=CONFIGS)
def stored(request, tmp_path, monkeypatch):
    """A checkpoint in the working folder whose averaged weights differ from the last ones."""
    monkeypatch.chdir(tmp_path)
    config, rng = CONFIGS[request.param], np.random.default_rng(0)
    weights, ema, mean, square = (
        {
            name: (0.2 * rng.standard_normal(shape)).astype(np.float32)
            for name, shape in parameter_shapes(config.unet).items()
        }
        for _ in range(4)
    )
    checkpoint = Checkpoint(
        config=config,
        framework="torch",
        dataset="set",
        epoch=1,
        step=1,
        weights=weights,
        ema=ema,
        exp_avg=mean,
        exp_avg_sq={name: np.square(array) for name, array in square.items()},
    )
    checkpoint.save("c.safetensors")
    return checkpoint


@pytest.mark.parametrize("kind", ["ema", "raw"])
def test_weights_alone_can_be_read_and_converted_back(stored, kind):
    run = ddpm("convert", "c.safetensors", "--to", "weights", "--weights", kind, "--out", "w")
    assert run.exit_code == 0, run.output
    expected = stored.ema if kind == "ema" else stored.weights
    arrays = safetensors.numpy.load_file("w")
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
    UNet(stored.config.unet).load_state_dict(
        {name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True
    )


@pytest.mark.parametrize("kind", ["ema", "raw"])
def test_diffusers_reads_the_folder_and_computes_the_same(stored, kind):
    words = ("--to", "diffusers", "--weights", kind, "--out", "exported")
    run = ddpm("convert", "c.safetensors", *words)
    assert run.exit_code == 0, run.output
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDPMPipeline
    pipeline = DDPMPipeline.from_pretrained("exported", low_cpu_mem_usage=False)
    config, weights = stored.config, stored.ema if kind == "ema" else stored.weights
    model = UNet(config.unet).eval()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    unet, T = config.unet, config.diffusion.T
    rng = np.random.default_rng(1)
    shape = (2, unet.image_channels, unet.image_size, unet.image_size)
    x = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    timestep = torch.tensor([0, T - 1])
    with torch.no_grad():
        here, there = model(x, timestep), pipeline.unet(x, timestep).sample
    scale = here.abs().max()
    assert (here - there).abs().max() < 1e-4 * scale
    alpha_bar = Schedule(config.diffusion).alpha_bar.numpy()
    np.testing.assert_allclose(pipeline.scheduler.alphas_cumprod.numpy(), alpha_bar, rtol=1e-4)
    assert pipeline.scheduler.config.variance_type == config.diffusion.variance
    assert pipeline.scheduler.config.clip_sample == config.diffusion.clip
    pipeline.set_progress_bar_config(disable=True)
    (image,) = pipeline(num_inference_steps=2, output_type="np").images
    assert image.shape == (unet.image_size, unet.image_size, unet.image_channels)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("c.safetensors", "--out", "x"), "Missing option '--preset', which --to checkpoint needs"),
        (("c.safetensors", "--to", "diffusers", "--out", "full"), "full is not empty"),
        (("none", "--to", "weights", "--out", "x"), "none does not exist"),
        (("w.safetensors", "--to", "weights", "--out", "x"), "no checkpoint of this project"),
        (
            ("c.safetensors", "--to", "weights", "--preset", "tiny", "--out", "x"),
            "--preset goes with --to checkpoint",
        ),
        (
            ("c.safetensors", "--to", "weights", "--allow-pickle", "--out", "x"),
            "--allow-pickle goes with --to checkpoint",
        ),
        (("c.safetensors", "--to", "weights", "--out", "full"), "it is a folder"),
        (("w.safetensors", "--preset", "mnist", "--out", "x"), "choose the --preset"),
        (("nan.safetensors", "--preset", "tiny", "--out", "x"), "must hold finite floats"),
    ],
)
@pytest.mark.parametrize("stored", ["fixed small"], indirect=True)
def test_what_cannot_be_converted_is_one_line(stored, tmp_path, words, line):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    safetensors.numpy.save_file(stored.weights, "w.safetensors")
    stored.weights["conv_in.bias"][2] = np.nan
    safetensors.numpy.save_file(stored.weights, "nan.safetensors")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    run = ddpm("convert", *words)
    assert run.exit_code == 2, run.output
    assert line in run.output
    assert len(run.output.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
