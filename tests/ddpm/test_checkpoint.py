"""Checkpoints: bit for bit there and back, complete or not there, never a pickle."""

import dataclasses
import json
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import assume, given
from hypothesis import strategies as st

from ddpm import checkpoint
from ddpm.checkpoints.image_digest import ImageDigest
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.checkpoints.tensor_file import sort_metadata
from ddpm.config import preset

RNG = np.random.default_rng(10)
GROUPS = ("weights", "ema", "exp_avg", "exp_avg_sq")
SHAPES = parameter_shapes(preset("tiny").unet)
IMAGES = ImageDigest(count=5000, sha256="ab" * 32)  # 156 steps an epoch in batches of 32


def tensors(least=-np.inf):
    return {
        name: RNG.standard_normal(shape).astype(np.float32).clip(least)
        for name, shape in SHAPES.items()
    }


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
        "exp_avg_sq": tensors(least=0),
        "images": IMAGES,
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
    for group in GROUPS:
        assert_same_bits(getattr(got, group), getattr(kept, group))
    for name in ("config", "framework", "dataset", "epoch", "step", "seed", "images"):
        assert getattr(got, name) == getattr(kept, name)
    assert listing(tmp_path) == {"c.safetensors"}


@given(bits=st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8))
def test_any_finite_float32_survives_signed_zeros_and_subnormals_included(tmp_path_factory, bits):
    values = np.array(bits, np.uint32).view(np.float32)
    assume(np.isfinite(values).all())
    path = tmp_path_factory.mktemp("any") / "c.safetensors"
    weights = tensors() | {"conv_in.bias": values}
    make(weights=weights).save(path)
    assert_same_bits(checkpoint.Checkpoint.load(path).weights, weights)


def test_transposed_views_survive(tmp_path):
    name = "middle.attention.query.weight"
    view = np.arange(256, dtype=np.float32).reshape(16, 16).T
    make(weights=tensors() | {name: view}).save(tmp_path / "c.safetensors")
    got = checkpoint.Checkpoint.load(tmp_path / "c.safetensors").weights[name]
    np.testing.assert_array_equal(got, view, strict=True)


def test_any_safetensors_reader_finds_the_weights_and_json(tmp_path):
    kept = make()
    kept.save(tmp_path / "c.safetensors")
    plain = safetensors.numpy.load_file(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(plain["ema/conv_in.bias"], kept.ema["conv_in.bias"])
    content = (tmp_path / "c.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["config"]) == preset("tiny").to_dict()
    assert header["__metadata__"]["step"] == "471"
    assert header["__metadata__"]["seed"] == "0"


def test_a_crash_during_the_write_leaves_the_old_checkpoint(tmp_path, listing, monkeypatch):
    path = tmp_path / "c.safetensors"
    make(step=470).save(path)
    before = path.read_bytes()

    def half_written(tensors, filename, metadata):
        filename.write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(safetensors.numpy, "save_file", half_written)
    with pytest.raises(KeyboardInterrupt):
        make(step=471).save(path)
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
    for length in [*range(0, 40), *range(40, len(complete), 9973), len(complete) - 1]:
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
    with refuses(tmp_path / "none", "does not exist", "give a checkpoint of ddpm train"):
        checkpoint.Checkpoint.load(tmp_path / "none")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign_safetensors_are_refused(tmp_path, refuses, metadata):
    path = tmp_path / "foreign.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, path, metadata=metadata)
    with refuses(path, "no checkpoint of this project", "ddpm convert"):
        checkpoint.Checkpoint.load(path)


CONFIG = preset("tiny").to_dict()


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
        ({"step": '"many"'}, "step is 'many', no count"),
        ({"step": "[" * 100_000}, "unusable metadata"),
        ({"images": "5"}, "unusable metadata"),
        ({"images": '{"count": -5, "sha256": "x"}'}, "no count and hash"),
        ({"config": json.dumps({**CONFIG, "train": {}})}, "TrainConfig lacks epochs"),
        ({"config": json.dumps({**CONFIG, "unet": {**CONFIG["unet"], "norm_groups": 10**12}})}, ""),
        ({"config": "{"}, "unusable metadata"),
        ({"config": "{}"}, "its parts must be"),
        ({"config": json.dumps(preset("tiny").to_dict() | {"unet": None})}, "unusable metadata"),
    ],
)
def test_tampered_metadata_are_refused(tmp_path, refuses, change, part):
    path = rewritten(tmp_path / "c.safetensors", **change)
    with refuses(path, part):
        checkpoint.Checkpoint.load(path)


def saved_in_any_way(path, **changes):
    """Save a checkpoint without any check."""
    kept = make(**changes)
    values = {f"{g}/{n}": a for g in GROUPS for n, a in getattr(kept, g).items()}
    safetensors.numpy.save_file(values, path, metadata=kept._metadata())
    return path


WRONG_TENSORS = {
    "a missing bias": lambda t: t.pop("conv_in.bias"),
    "a tensor too many": lambda t: t.update(more=np.zeros(1, np.float32)),
    "a bias that would broadcast": lambda t: t.update({"conv_in.bias": np.zeros(1, np.float32)}),
    "a bias without axes": lambda t: t.update({"conv_in.bias": np.zeros((), np.float32)}),
    "a transposed weight": lambda t: t.update(
        {"time_embedding.linear1.weight": t["time_embedding.linear1.weight"].T.copy()}
    ),
    "another width": lambda t: t.update({"conv_in.bias": np.zeros(9, np.float32)}),
    "float64": lambda t: t.update({"conv_in.bias": np.zeros(8)}),
    "float16": lambda t: t.update({"conv_in.bias": np.zeros(8, np.float16)}),
    "integers": lambda t: t.update({"conv_in.bias": np.zeros(8, np.int32)}),
    "nothing": lambda t: t.clear(),
    "NaN": lambda t: t["conv_in.bias"].__setitem__(3, np.nan),
    "an infinity": lambda t: t["conv_out.bias"].__setitem__(0, -np.inf),
}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("problem", WRONG_TENSORS)
def test_tensors_that_do_not_fit_the_configuration_are_refused(tmp_path, refuses, group, problem):
    wrong = tensors(least=0)
    WRONG_TENSORS[problem](wrong)
    with refuses(f"in {group} "):
        make(**{group: wrong}).save(tmp_path / "c.safetensors")
    path = saved_in_any_way(tmp_path / "c.safetensors", **{group: wrong})
    with refuses(path, f"in {group} ", "take another checkpoint"):
        checkpoint.Checkpoint.load(path)


def test_a_negative_mean_of_squares_is_refused(tmp_path, refuses):
    with refuses("in exp_avg_sq has a negative number"):
        make(exp_avg_sq=tensors()).save(tmp_path / "c.safetensors")


def test_a_group_that_nobody_knows_is_refused(tmp_path, refuses):
    path = tmp_path / "c.safetensors"
    make().save(path)
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    more = {"momentum/x": np.zeros(2, np.float32)}
    safetensors.numpy.save_file(safetensors.numpy.load_file(path) | more, path, metadata=metadata)
    with refuses(path, "tensors in 'momentum'"):
        checkpoint.Checkpoint.load(path)


def test_shapes_are_checked_before_any_tensor_is_read(tmp_path, refuses, monkeypatch):
    path = saved_in_any_way(
        tmp_path / "c.safetensors", weights=tensors() | {"more": np.zeros(2**20, np.float32)}
    )
    opened = safetensors.safe_open

    class NoTensors:
        def __init__(self, *arguments, **options):
            self.file = opened(*arguments, **options)

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *error):
            return self.file.__exit__(*error)

        def __getattr__(self, name):
            assert name != "get_tensor"
            return getattr(self.file, name)

    monkeypatch.setattr(safetensors, "safe_open", NoTensors)
    with refuses(path, "more in weights"):
        checkpoint.Checkpoint.load(path)


def test_moments_may_be_missing_only_before_the_first_step(tmp_path, refuses):
    none = {"exp_avg": {}, "exp_avg_sq": {}}
    fresh = make(epoch=0, step=0, **none)
    fresh.save(tmp_path / "c.safetensors")
    assert checkpoint.Checkpoint.load(tmp_path / "c.safetensors").exp_avg == {}
    with refuses("in exp_avg is missing"):
        make(**none).save(tmp_path / "c.safetensors")
    with refuses("in exp_avg is missing"):
        make(epoch=0, step=0, exp_avg={}).save(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"framework": "jax"}, "framework is 'jax', not torch or jittor"),
        ({"framework": None}, "framework is None"),
        ({"dataset": "../../etc/x"}, "no part of a file's name"),
        ({"dataset": ".."}, "no part of a file's name"),
        ({"dataset": ""}, "no part of a file's name"),
        ({"dataset": "a\nb"}, "no part of a file's name"),
        ({"dataset": 5}, "no part of a file's name"),
        ({"epoch": -1}, "epoch is -1, no count"),
        ({"epoch": True}, "epoch is True, no count"),
        ({"step": 2**63}, "no count"),
        ({"step": 2.5}, "no count"),
        ({"step": 2}, "epoch 3 cannot have been reached in 2 steps"),
        ({"step": 467}, "step 467 is not in epoch 3 of 5000 images in batches of 32"),
        ({"images": ImageDigest(5, "ab")}, "not in epoch 3 of 5 images"),
    ],
)
def test_fields_that_no_run_can_have_had_are_refused(tmp_path, refuses, change, part):
    with refuses(part):
        make(**change).save(tmp_path / "c.safetensors")
    with refuses(part):
        checkpoint.Checkpoint.load(saved_in_any_way(tmp_path / "c.safetensors", **change))


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
        *("weights", "ema", "exp_avg", "exp_avg_sq", "images"),
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
    sort_metadata(path)
    assert path.stat().st_size == size
    assert_same_bits(safetensors.numpy.load_file(path), before)
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata() == metadata
