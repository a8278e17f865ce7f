"""Files that exist whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from parity.errors import CannotCompare, one_line


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, flush it to disk and move it into place.

    Raises:
        CannotCompare: it cannot be written; nothing is left behind.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise CannotCompare(f"{path} cannot be written: {one_line(error)}") from error
