"""MNIST's idx files, built here byte by byte, and the bundled digits."""

import gzip
import struct

import numpy as np
import pytest

from ddpm.data import mnist

RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (7, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9, 2], np.uint8)


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return header + array.tobytes()


def write_pair(folder, *, images=IMAGES, labels=LABELS, split="train", sep="-", packed=False):
    folder.mkdir(exist_ok=True)
    suffix = ".gz" if packed else ""
    paths = []
    for kind, ndim, array in (("images", 3, images), ("labels", 1, labels)):
        path = folder / f"{split}-{kind}{sep}idx{ndim}-ubyte{suffix}"
        path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
        paths.append(path)
    return paths


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sep", ["-", "."])
def test_a_folder_gives_its_training_digits(tmp_path, packed, sep):
    write_pair(tmp_path / "raw", sep=sep, packed=packed)
    write_pair(tmp_path / "raw", images=255 - IMAGES, split="t10k", sep=sep, packed=packed)
    got = mnist.read(tmp_path)
    np.testing.assert_array_equal(got.images[:, 0], IMAGES, strict=True)
    np.testing.assert_array_equal(got.labels, LABELS.astype(np.int64), strict=True)
    assert got.classes == tuple("0123456789")


@pytest.mark.parametrize("packed", [False, True])
def test_one_named_file_finds_its_labels(tmp_path, packed):
    images, _ = write_pair(tmp_path, split="t10k", packed=packed)
    np.testing.assert_array_equal(mnist.read(images).images[:, 0], IMAGES)


def test_the_bundled_digits_are_five_hundred_of_each_class():
    got = mnist.bundled()
    assert got.images.shape == (5000, 1, 28, 28)
    assert got.images.dtype == np.uint8
    assert np.bincount(got.labels).tolist() == [500] * 10
    # Ink by class: ones carry least and zeros most, in every sample of real digits.
    ink = [got.images[got.labels == digit].mean() for digit in range(10)]
    assert np.argmin(ink) == 1
    assert np.argmax(ink) == 0


def test_a_truncated_file_is_named_with_both_sizes(tmp_path, refuses):
    images, _ = write_pair(tmp_path)
    images.write_bytes(images.read_bytes()[:-10])
    size = 7 * 28 * 28
    with refuses(images, f"{size - 10} bytes", f"promises {size}"):
        mnist.read(tmp_path)


def test_labels_in_the_place_of_images_are_refused(tmp_path, refuses):
    images, labels = write_pair(tmp_path)
    images.write_bytes(labels.read_bytes())
    with refuses(images, "not an idx file of bytes in 3 dimensions"):
        mnist.read(tmp_path)


def test_counts_that_differ_are_refused(tmp_path, refuses):
    write_pair(tmp_path, labels=LABELS[:-1])
    with refuses("6 labels for 7 images"):
        mnist.read(tmp_path)


def test_no_images_are_refused(tmp_path, refuses):
    images, _ = write_pair(tmp_path, images=IMAGES[:0], labels=LABELS[:0])
    with refuses(images, "holds no images"):
        mnist.read(tmp_path)


def test_a_label_beyond_nine_is_refused(tmp_path, refuses):
    _, labels = write_pair(tmp_path, labels=LABELS + 20)
    with refuses(labels, "the label 29, beyond 9"):
        mnist.read(tmp_path)


def test_a_folder_of_test_digits_alone_says_what_it_has(tmp_path, refuses):
    write_pair(tmp_path, split="t10k")
    with refuses(tmp_path, "no train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        mnist.read(tmp_path)


def test_missing_labels_are_named(tmp_path, refuses):
    images, labels = write_pair(tmp_path)
    labels.unlink()
    with refuses(images, labels.name, "beside it"):
        mnist.read(images)
