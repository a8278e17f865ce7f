"""The stage that keeps the training set in the run's folder."""

from __future__ import annotations

from typing import Any

import numpy as np

from ddpm_study.run.stage import Context


def keep_set(context: Context) -> dict[str, Any]:
    """Write the training set into the run's folder, where it is not there already."""
    prepared = context.prepared
    if not context.data_path.exists():
        prepared.save(context.data_path)
    counts = np.bincount(prepared.labels, minlength=len(prepared.classes))
    return {
        "path": str(context.data_path.relative_to(context.folder.path)),
        "images": len(prepared.images),
        "shape": list(prepared.images.shape[1:]),
        "classes": dict(zip(prepared.classes, counts.tolist(), strict=True)),
    }
