"""Images that no extractor takes have no scores, and the record says why."""

import numpy as np

from ddpm.config import preset
from ddpm.data.image_set import ImageSet
from ddpm_study.run.records import RunFolder
from ddpm_study.run.sizes import SIZES
from ddpm_study.run.stage import Context
from ddpm_study.stages import scoring


def test_the_reason_of_each_extractor_is_recorded(tmp_path, monkeypatch):
    monkeypatch.delenv("DDPM_INCEPTION_WEIGHTS", raising=False)
    patches = ImageSet(np.zeros((4, 3, 32, 32), np.float32), np.zeros(4, np.int64), ("patch",))
    context = Context(
        RunFolder(tmp_path), "tiny", "patches", patches, preset("tiny"), SIZES["tiny"]
    )
    result = scoring.score_all(context)
    assert result["rows"] == []
    inception, digits = result["unavailable"]
    assert "no weights were named" in inception
    assert "these are 3 x 32 x 32" in digits
