"""Prepared sets: made, kept, validated, read in batches."""

import dataclasses
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm import streams
from ddpm.data import downloads, image_set

RNG = np.random.default_rng(9)


def make_set(count=6, channels=1, size=4):
    images = RNG.uniform(-1, 1, (count, channels, size, size)).astype(np.float32)
    return image_set.ImageSet(images, np.arange(count) % 3, ("a", "b", "ü"))


# prepare


def test_mnist_is_the_bundled_digits_normalised():
    got = image_set.prepare("mnist")
    assert got.images.shape == (5000, 1, 28, 28)
    assert got.images.dtype == np.float32
    assert (got.images.min(), got.images.max()) == (-1, 1)
    assert got.labels.dtype == np.int64
    assert got.classes == tuple("0123456789")


def test_mnist_from_local_files_resized_and_coloured(tmp_path):
    images = RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8)
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 3, 28, 28)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    labels = bytes([0, 0, 8, 1]) + struct.pack(">I", 3) + bytes([1, 2, 3])
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    plain = image_set.prepare("mnist", source=tmp_path)
    np.testing.assert_allclose(plain.images[:, 0], images / 127.5 - 1, rtol=0, atol=1e-6)
    assert image_set.prepare("mnist", source=tmp_path, size=32, channels=3).images.shape == (
        3,
        3,
        32,
        32,
    )


def test_cifar10_from_a_local_file(tmp_path):
    path = tmp_path / "batch.bin"
    path.write_bytes(bytes([4]) + bytes(3072))
    got = image_set.prepare("cifar10", source=path)
    assert got.images.shape == (1, 3, 32, 32)
    assert (got.images == -1).all()
    assert got.classes[got.labels[0]] == "deer"


def test_a_folder_of_class_folders(tmp_path, capsys):
    for name in ("x/1.png", "y/1.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (9, 7), "white").save(tmp_path / name)
    got = image_set.prepare(str(tmp_path), size=8)
    assert got.images.shape == (2, 3, 8, 8)
    assert (got.images == 1).all()
    assert got.classes == ("x", "y")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "reading" in printed.err


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"dataset": "minst"}, ("minst", "give mnist, cifar10 or a folder")),
        ({"dataset": "cifar10"}, ("in no package", "--source", "--download")),
        ({"dataset": "mnist", "size": 0}, ("size = 0", "at least 1")),
        ({"dataset": "mnist", "channels": 2}, ("channels = 2", "1 (grey) or 3 (RGB)")),
        ({"dataset": ".", "source": "x"}, ("--source and --download go with mnist or cifar10",)),
        ({"dataset": "mnist", "source": "x", "download": True}, ("give one",)),
        ({"dataset": "mnist", "source": "missing"}, ("missing", "does not exist")),
    ],
)
def test_bad_options_are_refused(options, parts, refuses):
    with refuses(*parts):
        image_set.prepare(progress=False, **options)


def test_nothing_is_fetched_unless_asked_for(monkeypatch, tmp_path, refuses):
    asked = []

    def fetch(dataset, folder, *, progress):
        asked.append(dataset)
        return tmp_path

    monkeypatch.setattr(downloads, "fetch", fetch)
    image_set.prepare("mnist")
    assert asked == []
    with refuses(tmp_path, "no train-images-idx3-ubyte"):
        image_set.prepare("mnist", download=True)
    assert asked == ["mnist"]


def test_file_names():
    assert image_set.default_path("mnist").as_posix() == "data/mnist_processed.npz"
    assert image_set.default_path("pictures/cats/").as_posix() == "data/cats_processed.npz"


# ImageSet


def test_a_set_survives_the_file(tmp_path, listing):
    kept = make_set()
    kept.save(tmp_path / "set.npz")
    got = image_set.ImageSet.load(tmp_path / "set.npz")
    np.testing.assert_array_equal(got.images, kept.images, strict=True)
    np.testing.assert_array_equal(got.labels, kept.labels, strict=True)
    assert got.classes == kept.classes
    assert listing(tmp_path) == {"set.npz"}


def test_a_file_without_classes_numbers_them(tmp_path):
    kept = make_set()
    np.savez(tmp_path / "set.npz", images=kept.images, labels=kept.labels)
    assert image_set.ImageSet.load(tmp_path / "set.npz").classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(6, np.nan), "labels are float64"),
        (np.array(list("abcdef")), "labels are <U1"),
        (np.full(6, 2**60), "labels are outside the 100000 classes"),
    ],
)
def test_wild_labels_without_classes_are_refused(tmp_path, refuses, labels, message):
    np.savez(tmp_path / "set.npz", images=make_set().images, labels=labels)
    with refuses(tmp_path / "set.npz", message):
        image_set.ImageSet.load(tmp_path / "set.npz")


def corrupted(value):
    images = make_set().images.copy()
    images[3, 0, 1, 2] = value
    return images


GOOD = make_set()
CORRUPTED = {
    "float64": ({"images": GOOD.images.astype(np.float64)}, "images are float64, not float32"),
    "bytes": ({"images": (GOOD.images * 9).astype(np.uint8)}, "images are uint8, not float32"),
    "no channels": ({"images": GOOD.images[:, 0]}, "images have the shape 6x4x4"),
    "channels last": ({"images": np.moveaxis(GOOD.images, 1, 3)}, "images have 4 channels"),
    "no images": ({"images": GOOD.images[:0], "labels": GOOD.labels[:0]}, "it has no images"),
    "no pixels": ({"images": GOOD.images[:, :, :0]}, "6x1x0x4, without a pixel"),
    "NaN": ({"images": corrupted(np.nan)}, "images hold NaN"),
    "infinite": ({"images": corrupted(-np.inf)}, "not in [-1, 1]"),
    "0 to 255": ({"images": corrupted(255)}, "255], not in [-1, 1]"),
    "labels float": ({"labels": GOOD.labels * 1.0}, "labels are float64, not int64"),
    "labels short": ({"labels": GOOD.labels[:-1]}, "(5,) labels for 6 images"),
    "label unknown": ({"labels": GOOD.labels + 1}, "labels are outside the 3 classes"),
    "label negative": ({"labels": GOOD.labels - 1}, "labels are outside the 3 classes"),
}


@pytest.mark.parametrize("name", CORRUPTED)
def test_a_corrupted_set_is_refused_on_reading_and_on_writing(name, tmp_path, refuses, listing):
    changes, message = CORRUPTED[name]
    arrays = {"images": GOOD.images, "labels": GOOD.labels} | changes
    path = tmp_path / "set.npz"
    np.savez(path, classes=np.array(GOOD.classes), **arrays)
    with refuses(path, message, "ddpm prepare"):
        image_set.ImageSet.load(path)
    with refuses(message):
        dataclasses.replace(GOOD, **changes).save(tmp_path / "again.npz")
    assert listing(tmp_path) == {"set.npz"}


@pytest.mark.parametrize("missing", ["images", "labels"])
def test_a_missing_array_is_named(tmp_path, refuses, missing):
    arrays = {"images": GOOD.images, "labels": GOOD.labels}
    del arrays[missing]
    np.savez(tmp_path / "set.npz", **arrays)
    with refuses(tmp_path / "set.npz", f"no array {missing!r}"):
        image_set.ImageSet.load(tmp_path / "set.npz")


def test_a_pickle_inside_is_not_loaded(tmp_path, refuses):
    np.savez(tmp_path / "set.npz", images=np.array([{}], object), labels=GOOD.labels)
    with refuses(tmp_path / "set.npz", "a pickle, which is never loaded"):
        image_set.ImageSet.load(tmp_path / "set.npz")


def test_a_file_cut_anywhere_is_refused(tmp_path, refuses):
    GOOD.save(tmp_path / "set.npz")
    complete = (tmp_path / "set.npz").read_bytes()
    for length in range(0, len(complete), 97):
        (tmp_path / "set.npz").write_bytes(complete[:length])
        with refuses(tmp_path / "set.npz", "make it with ddpm prepare"):
            image_set.ImageSet.load(tmp_path / "set.npz")


def test_a_flipped_bit_is_noticed(tmp_path, refuses):
    GOOD.save(tmp_path / "set.npz")
    content = bytearray((tmp_path / "set.npz").read_bytes())
    content[300] ^= 1
    (tmp_path / "set.npz").write_bytes(content)
    with refuses(tmp_path / "set.npz", "CRC"):
        image_set.ImageSet.load(tmp_path / "set.npz")


def test_a_missing_file_and_a_bare_array_are_refused(tmp_path, refuses):
    with refuses(tmp_path / "none.npz", "does not exist", "ddpm prepare"):
        image_set.ImageSet.load(tmp_path / "none.npz")
    np.save(tmp_path / "bare.npy", GOOD.images)
    with refuses(tmp_path / "bare.npy", "a single array"):
        image_set.ImageSet.load(tmp_path / "bare.npy")


# batches


def numbered(count):
    """Images whose every pixel is the image's own number."""
    return np.broadcast_to(
        np.arange(count, dtype=np.float32)[:, None, None, None], (count, 1, 2, 2)
    ).copy()


@given(
    count=st.integers(1, 60),
    batch_size=st.integers(1, 60),
    start=st.integers(0, 5),
    seed=st.integers(0, 3),
)
def test_an_epoch_shows_each_image_at_most_once_in_the_streams_order(
    count, batch_size, start, seed
):
    if batch_size > count:
        return
    options = {"batch_size": batch_size, "epoch": 2, "seed": seed, "flip": False}
    complete = list(image_set.batches(numbered(count), first_step=100, **options))
    assert [step for step, _ in complete] == [100 + i for i in range(count // batch_size)]
    seen = [int(image[0, 0, 0]) for _, batch in complete for image in batch]
    order = streams.permutation(count, seed=seed, epoch=2)
    assert seen == order[: len(seen)].tolist()
    assert len(set(seen)) == len(seen) == count // batch_size * batch_size
    rest = list(image_set.batches(numbered(count), first_step=100, start=start, **options))
    assert [step for step, _ in rest] == [step for step, _ in complete[start:]]
    for (_, got), (_, expected) in zip(rest, complete[start:], strict=True):
        np.testing.assert_array_equal(got, expected)


def test_flips_are_those_of_the_global_step_and_leave_the_set_alone():
    images = RNG.standard_normal((40, 1, 3, 5)).astype(np.float32)
    before = images.copy()
    options = {"batch_size": 16, "epoch": 0, "seed": 4, "first_step": 7}
    plain = image_set.batches(images, flip=False, **options)
    flipped = image_set.batches(images, flip=True, **options)
    for (step, batch), (_, got) in zip(plain, flipped, strict=True):
        mirrored = streams.flips(16, seed=4, step=step)
        assert 0 < mirrored.sum() < 16
        for i in range(16):
            expected = batch[i][:, :, ::-1] if mirrored[i] else batch[i]
            np.testing.assert_array_equal(got[i], expected)
        assert got.flags.c_contiguous
    np.testing.assert_array_equal(images, before)


def test_a_batch_larger_than_the_set_is_refused_at_the_call(refuses):
    with refuses("batch_size = 11 is larger than the set of 10 images", "--batch-size 10"):
        image_set.batches(numbered(10), batch_size=11, epoch=0, seed=0, first_step=0, flip=False)


def test_steps_per_epoch_leave_the_incomplete_batch_out():
    assert [image_set.steps_per_epoch(10, size) for size in (1, 3, 5, 10)] == [10, 3, 2, 1]


def test_a_link_to_itself_has_a_name_and_is_no_folder(tmp_path, refuses):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert image_set.dataset_name(str(tmp_path / "loop")) == "loop"
    with refuses("is no folder, and no data set"):
        image_set.prepare(str(tmp_path / "loop"))
