"""CIFAR-10's two forms, built here as its page describes them."""

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from ddpm.data import cifar10

RNG = np.random.default_rng(6)
IMAGES = RNG.integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
LABELS = np.arange(10)[::-1].copy()


def binary(images, labels):
    """One byte of label, then the red, green and blue planes, row by row."""
    return b"".join(bytes([y]) + x.tobytes() for x, y in zip(images, labels, strict=True))


def python(images, labels, protocol=2):
    batch = {
        b"batch_label": b"training batch",
        b"labels": [int(label) for label in labels],
        b"data": images.reshape(len(images), -1),
        b"filenames": [b"x.png"] * len(images),
    }
    return pickle.dumps(batch, protocol)


def batch_files(form, suffix):
    """Ten images over five batches."""
    pairs = [slice(2 * i, 2 * i + 2) for i in range(5)]
    return {f"data_batch_{i + 1}{suffix}": form(IMAGES[s], LABELS[s]) for i, s in enumerate(pairs)}


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def assert_is_the_set(got):
    np.testing.assert_array_equal(got.images, IMAGES, strict=True)
    np.testing.assert_array_equal(got.labels, LABELS.astype(np.int64), strict=True)
    assert got.classes[0] == "airplane"
    assert got.classes[9] == "truck"


def test_binary_folder_leaves_the_test_batch_out(tmp_path):
    files = batch_files(binary, ".bin") | {"test_batch.bin": binary(255 - IMAGES, LABELS)}
    write(tmp_path / "cifar-10-batches-bin", files)
    assert_is_the_set(cifar10.read(tmp_path))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize(("form", "suffix"), [(binary, ".bin"), (python, "")])
def test_archives_of_both_forms(tmp_path, mode, form, suffix):
    path = tmp_path / "cifar.tar"
    with tarfile.open(path, mode) as tar:
        # Out of order, as nothing promises that an archive is sorted.
        for name, content in reversed(batch_files(form, suffix).items()):
            entry = tarfile.TarInfo(f"cifar-10-batches/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    assert_is_the_set(cifar10.read(path, allow_pickle=form is python))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_python_form_by_name(tmp_path, protocol):
    path = tmp_path / "data_batch_1"
    path.write_bytes(python(IMAGES, LABELS, protocol))
    assert_is_the_set(cifar10.read(path, allow_pickle=True))


def test_python_form_as_python_2_wrote_it(tmp_path):
    # NumPy arrays of Python 2 keep their bytes as a str (opcode U), keys too.
    data = IMAGES.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01bt"
        b"R(K\x01K\x0aM\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + len(data).to_bytes(4, "little") + data + b"tb"
    )
    labels = b"](" + b"".join(b"K" + bytes([y]) for y in LABELS) + b"e"
    path = tmp_path / "data_batch_1"
    path.write_bytes(b"\x80\x02}(U\x04data" + array + b"U\x06labels" + labels + b"u.")
    assert_is_the_set(cifar10.read(path, allow_pickle=True))


def test_a_single_file_may_be_packed(tmp_path):
    path = tmp_path / "test_batch.bin.gz"
    path.write_bytes(gzip.compress(binary(IMAGES, LABELS)))
    assert_is_the_set(cifar10.read(path))


def test_a_pickle_is_not_loaded_unless_named(tmp_path, refuses):
    write(tmp_path, batch_files(python, ""))
    with refuses(tmp_path / "data_batch_1", "is a pickle", "--allow-pickle"):
        cifar10.read(tmp_path)


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_hostile_pickle_runs_nothing(tmp_path, refuses, protocol):
    path, trace = tmp_path / "data_batch_1", tmp_path / "owned"
    path.write_bytes(pickle.dumps({b"data": Attack(trace), b"labels": [1]}, protocol))
    with refuses(path, "mkdir is not admitted"):
        cifar10.read(path, allow_pickle=True)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # the attack is a real one
    assert trace.exists()


def test_a_truncated_pickle_is_refused(tmp_path, refuses):
    path = tmp_path / "data_batch_1"
    path.write_bytes(python(IMAGES, LABELS)[:-100])
    with refuses(path, "not a CIFAR-10 batch"):
        cifar10.read(path, allow_pickle=True)


def test_a_pickle_of_other_shapes_is_refused(tmp_path, refuses):
    path = tmp_path / "data_batch_1"
    path.write_bytes(python(IMAGES[:, :1], LABELS))
    with refuses(path, "uint8 (10, 1024)"):
        cifar10.read(path, allow_pickle=True)


@pytest.mark.parametrize("content", [b"", binary(IMAGES, LABELS)[:-1]])
def test_a_truncated_batch_is_refused(tmp_path, refuses, content):
    write(tmp_path, batch_files(binary, ".bin") | {"data_batch_3.bin": content})
    with refuses(tmp_path / "data_batch_3.bin", f"{len(content)} bytes", "3073-byte records"):
        cifar10.read(tmp_path)


def test_a_missing_batch_is_named(tmp_path, refuses):
    files = batch_files(binary, ".bin")
    del files["data_batch_2.bin"]
    write(tmp_path, files)
    with refuses("lacks data_batch_2.bin", "though it has data_batch_5.bin"):
        cifar10.read(tmp_path)


def test_labels_beyond_nine_are_refused(tmp_path, refuses):
    (tmp_path / "b.bin").write_bytes(binary(IMAGES, LABELS + 1))
    with refuses(tmp_path / "b.bin", "labels outside 0 … 9"):
        cifar10.read(tmp_path / "b.bin")


def test_an_empty_folder_is_refused(tmp_path, refuses):
    with refuses(tmp_path, "has no data_batch_1.bin"):
        cifar10.read(tmp_path)
