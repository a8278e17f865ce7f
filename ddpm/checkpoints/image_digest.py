"""The identity of a training set in a checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ddpm.errors import InputError
from ddpm.validation import is_integer


@dataclass(frozen=True)
class ImageDigest:
    """The images that a run was trained on, as its checkpoints name them.

    Attributes:
        count: number of images.
        sha256: of their shape and of their float32 values, hexadecimal.
    """

    count: int
    sha256: str

    @classmethod
    def of(cls, images: np.ndarray) -> ImageDigest:
        """Return the digest of images, float32 (N, C, H, W)."""
        digest = hashlib.sha256(repr(images.shape).encode())
        for image in images:
            digest.update(np.ascontiguousarray(image, "<f4").data)
        return cls(len(images), digest.hexdigest())

    @classmethod
    def from_dict(cls, values: Any) -> ImageDigest:
        """Rebuild a digest from its two values.

        Raises:
            TypeError: they are no digest.
        """
        count, sha256 = values["count"], values["sha256"]
        if not is_integer(count) or count < 1 or not isinstance(sha256, str):
            raise TypeError("images are no count and hash")
        return cls(count, sha256)

    def require(self, found: ImageDigest) -> None:
        """Require the same images in the same order.

        Raises:
            InputError: they are others.
        """
        if found == self:
            return
        found_text = f"{found.count:,} images"
        if found.count == self.count:
            found_text += " with other pixels, or in another order"
        raise InputError(
            f"the checkpoint was trained on {self.count:,} images, and this set has {found_text};"
            " give the set of that run with --data, or start a new run"
        )
