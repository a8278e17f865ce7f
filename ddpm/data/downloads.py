"""Download the official archives and check them against their SHA-256."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from ddpm.errors import InputError
from safe_files import replacing
from safe_files.reading import sha256

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"

# data set -> (address, SHA-256)
ARCHIVES: dict[str, tuple[tuple[str, str], ...]] = {
    "mnist": (
        (
            f"{_MNIST}train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (
            f"{_MNIST}train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
    ),
    "cifar10": (
        (
            f"{_CIFAR}cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
}


def fetch(dataset: str, folder: Path, *, progress: bool = True) -> Path:
    """Download a data set's archives into `folder`, except those that are there and intact.

    Returns:
        The source of the data set: the archive, or the folder where there are several.

    Raises:
        InputError: an archive cannot be downloaded, or is not the official one.
        CannotWrite: an archive cannot be written.
    """
    paths = []
    for url, digest in ARCHIVES[dataset]:
        path = folder / url.rsplit("/", 1)[1]
        if not (path.is_file() and sha256(path) == digest):
            _download(url, digest, path, progress=progress)
        paths.append(path)
    return paths[0] if len(paths) == 1 else folder


def _download(url: str, digest: str, path: Path, *, progress: bool) -> None:
    from tqdm import tqdm

    with replacing(path) as temporary:
        try:
            with urlopen(url, timeout=60) as response, temporary.open("wb") as file:
                total = int(response.headers.get("Content-Length", 0)) or None
                bar = tqdm(
                    total=total, unit="B", unit_scale=True, desc=path.name, disable=not progress
                )
                while chunk := response.read(1 << 20):
                    file.write(chunk)
                    bar.update(len(chunk))
                bar.close()
        except (URLError, TimeoutError, ConnectionError) as error:
            raise InputError(
                f"{url} cannot be fetched ({error}); get it by other means and give it"
                " with --source"
            ) from error
        actual = sha256(temporary)
        if actual != digest:
            raise InputError(
                f"{url} has the SHA-256 {actual}, not the official {digest}; try again later"
            )
