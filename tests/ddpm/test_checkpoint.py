"""Checkpoints: bit for bit there and back, complete or not there, never a pickle."""

import dataclasses
import json
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ddpm import checkpoint
from ddpm.config import preset

RNG = np.random.default_rng(10)
SHAPES = {"down.0.conv.weight": (4, 3, 3, 3), "down.0.conv.bias": (4,), "scale": ()}


def tensors():
    return {name: RNG.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def make(**changes):
    values = {
        "config": preset("tiny"),
        "framework": "torch",
        "dataset": "mnist",
        "epoch": 3,
        "step": 471,
        "weights": tensors(),
        "ema": tensors(),
        "exp_avg": tensors(),
        "exp_avg_sq": tensors(),
    }
    return checkpoint.Checkpoint(**(values | changes))


def assert_same_bits(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].dtype == value.dtype
        assert got[name].shape == value.shape
        assert got[name].tobytes() == value.tobytes()


def test_everything_survives_the_file_bit_for_bit(tmp_path, listing):
    kept = make()
    kept.save(tmp_path / "c.safetensors")
    got = checkpoint.Checkpoint.load(tmp_path / "c.safetensors")
    for group in ("weights", "ema", "exp_avg", "exp_avg_sq"):
        assert_same_bits(getattr(got, group), getattr(kept, group))
    for name in ("config", "framework", "dataset", "epoch", "step", "seed"):
        assert getattr(got, name) == getattr(kept, name)
    assert listing(tmp_path) == {"c.safetensors"}


@given(values=hnp.arrays(np.float32, hnp.array_shapes(max_dims=4), elements=st.floats(width=32)))
def test_any_float32_survives_nan_payloads_and_signed_zeros_included(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("any") / "c.safetensors"
    one = {"w": values}
    make(weights=one, ema=one, exp_avg={}, exp_avg_sq={}).save(path)
    assert_same_bits(checkpoint.Checkpoint.load(path).weights, one)


def test_transposed_views_and_float64_survive(tmp_path):
    view = np.arange(12, dtype=np.float64).reshape(3, 4).T
    one = {"w": view}
    make(weights=one, ema=one, exp_avg=one, exp_avg_sq=one).save(tmp_path / "c.safetensors")
    got = checkpoint.Checkpoint.load(tmp_path / "c.safetensors").weights["w"]
    np.testing.assert_array_equal(got, view, strict=True)


def test_any_safetensors_reader_finds_the_weights_and_json(tmp_path):
    kept = make()
    kept.save(tmp_path / "c.safetensors")
    plain = safetensors.numpy.load_file(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(plain["ema/scale"], kept.ema["scale"])
    content = (tmp_path / "c.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["config"]) == preset("tiny").to_dict()
    assert header["__metadata__"]["step"] == "471"
    assert header["__metadata__"]["seed"] == "0"


def test_a_crash_during_the_write_leaves_the_old_checkpoint(tmp_path, listing, monkeypatch):
    path = tmp_path / "c.safetensors"
    make(step=1).save(path)
    before = path.read_bytes()

    def half_written(tensors, filename, metadata):
        filename.write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(safetensors.numpy, "save_file", half_written)
    with pytest.raises(KeyboardInterrupt):
        make(step=2).save(path)
    assert path.read_bytes() == before
    assert listing(tmp_path) == {"c.safetensors"}


def test_a_place_that_cannot_be_written_is_refused(tmp_path, refuses_to_write):
    (tmp_path / "file").write_text("in the way")
    with refuses_to_write(tmp_path / "file", "cannot be written"):
        make().save(tmp_path / "file" / "c.safetensors")


def test_a_checkpoint_cut_anywhere_is_refused(tmp_path, refuses):
    path = tmp_path / "c.safetensors"
    make().save(path)
    complete = path.read_bytes()
    for length in [*range(0, len(complete), 211), len(complete) - 1]:
        path.write_bytes(complete[:length])
        with refuses(path, "truncated"):
            checkpoint.Checkpoint.load(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_never_loaded(tmp_path, refuses, monkeypatch, protocol):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"weights": 1}, protocol))
    monkeypatch.setattr(pickle, "Unpickler", None)
    with refuses(path, "is a pickle", "never loaded", "ddpm convert"):
        checkpoint.Checkpoint.load(path)


def test_a_pth_is_never_loaded(tmp_path, refuses):
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    with refuses(path, "is a pickle (.pth", "ddpm convert"):
        checkpoint.Checkpoint.load(path)


def test_a_missing_checkpoint_is_refused(tmp_path, refuses):
    with refuses(tmp_path / "none", "does not exist", "give a checkpoint that exists"):
        checkpoint.Checkpoint.load(tmp_path / "none")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign_safetensors_are_refused(tmp_path, refuses, metadata):
    path = tmp_path / "foreign.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, path, metadata=metadata)
    with refuses(path, "no checkpoint of this project", "ddpm convert"):
        checkpoint.Checkpoint.load(path)


def rewritten(path, *, drop=(), **metadata):
    """Save a checkpoint whose metadata are tampered with."""
    kept = make()
    kept.save(path)
    with safetensors.safe_open(path, "np") as file:
        texts = {k: v for k, v in file.metadata().items() if k not in drop} | metadata
    safetensors.numpy.save_file(safetensors.numpy.load_file(path), path, metadata=texts)
    return path


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"drop": ["step"]}, "step"),
        ({"step": '"many"'}, "'many', not of type int"),
        ({"config": "{"}, "unusable metadata"),
        ({"config": "{}"}, "its parts must be"),
        ({"config": json.dumps(preset("tiny").to_dict() | {"unet": None})}, "unusable metadata"),
    ],
)
def test_tampered_metadata_are_refused(tmp_path, refuses, change, part):
    path = rewritten(tmp_path / "c.safetensors", **change)
    with refuses(path, part):
        checkpoint.Checkpoint.load(path)


@pytest.mark.parametrize("group", ["ema", "exp_avg", "exp_avg_sq"])
def test_groups_that_do_not_match_the_weights_are_refused(tmp_path, refuses, group):
    wrong = tensors() | {"scale": np.zeros((2,), np.float32)}
    with refuses(f"{group} has 'scale' of shape (2,), weights have ()"):
        make(**{group: wrong}).save(tmp_path / "c.safetensors")
    extra = tensors() | {"more": np.zeros(1, np.float32)}
    with refuses(f"{group} has 'more'"):
        make(**{group: extra}).save(tmp_path / "c.safetensors")


def test_missing_tensors_are_refused(tmp_path, refuses):
    with refuses("ema lacks 'down.0.conv.weight'"):
        make(ema={}).save(tmp_path / "c.safetensors")
    with refuses("Adam's two moments"):
        make(exp_avg={}).save(tmp_path / "c.safetensors")


def test_the_same_configuration_is_accepted_and_epochs_may_grow():
    config = preset("tiny").with_(train={"epochs": 99}, sample={"num_samples": 3})
    make().require_config(config)


@pytest.mark.parametrize(
    ("part", "option", "value"),
    [
        ("unet", "base_channels", 16),
        ("unet", "channel_multipliers", (1, 4)),
        ("diffusion", "T", 50),
        ("train", "seed", 1),
    ],
)
def test_another_configuration_is_refused_by_the_option(refuses, part, option, value):
    mine = getattr(getattr(preset("tiny"), part), option)
    shown = [list(v) if isinstance(v, tuple) else v for v in (mine, value)]
    with refuses(f"{part}.{option} = {shown[0]}, not {shown[1]}"):
        make().require_config(preset("tiny").with_(**{part: {option: value}}))


def test_a_checkpoint_is_named_by_its_set_and_epoch(tmp_path):
    path = checkpoint.path_for(tmp_path, "mnist", 10)
    assert path == tmp_path / "ddpm_mnist_epoch10.safetensors"


def test_a_checkpoint_names_all_its_fields():
    # A field that is added has to be written and read too.
    names = {field.name for field in dataclasses.fields(checkpoint.Checkpoint)}
    assert names == {
        *("config", "framework", "dataset", "epoch", "step"),
        *("weights", "ema", "exp_avg", "exp_avg_sq"),
    }


def test_equal_checkpoints_are_equal_files(tmp_path):
    """The library writes metadata in a random order, which differs within one process already."""
    kept = make()
    files = set()
    for number in range(6):
        path = tmp_path / f"{number}.safetensors"
        kept.save(path)
        files.add(path.read_bytes())
    assert len(files) == 1
    content = files.pop()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    names = list(header["__metadata__"])
    assert names == sorted(names)


def test_sorting_metadata_moves_nothing_else(tmp_path):
    path = tmp_path / "x.safetensors"
    metadata = dict.fromkeys("zyxabc", 'a "quoted" \n text, ü')
    safetensors.numpy.save_file(tensors(), path, metadata=metadata)
    before, size = safetensors.numpy.load_file(path), path.stat().st_size
    checkpoint.sort_metadata(path)
    assert path.stat().st_size == size
    assert_same_bits(safetensors.numpy.load_file(path), before)
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata() == metadata
