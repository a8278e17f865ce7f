"""The C headers of the running interpreter, wherever it is installed."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path

from jittor_env import cache
from jittor_env.errors import JittorEnvError

_VARIABLE = "python_config_path"
_SHIM = """\
#!/bin/sh
# Answers for {executable}: Jittor would ask a python-config of some other interpreter.
case "$1" in
    --includes) echo '{includes}' ;;
    --extension-suffix) echo '{suffix}' ;;
    *) echo "unknown option $1" >&2; exit 1 ;;
esac
"""


def header_folders() -> list[str]:
    """Return the folders to include, the one with Python.h first."""
    paths = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    return list(dict.fromkeys(paths))


def require_headers() -> Path:
    """Return the path of Python.h.

    Raises:
        JittorEnvError: this interpreter is installed without its headers.
    """
    header = Path(header_folders()[0]) / "Python.h"
    if not header.is_file():
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise JittorEnvError(
            f"the C headers of Python {minor} are missing ({header})",
            remedy=f"install them (Debian: apt install python{minor}-dev) "
            "or use a Python from pyenv, conda or uv, which has them",
        )
    return header


def point_jittor_at_headers() -> None:
    """Set `python_config_path` to a script that answers for the running interpreter.

    Jittor searches beside the executable and in /usr only. Under pyenv, conda or uv it finds
    nothing, or silently takes the headers of a system Python (source:
    `jittor_utils.get_py3_config_path`). A `python_config_path` that the user has set is kept.
    """
    if _VARIABLE in os.environ:
        return
    require_headers()
    version = sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag
    script = cache.own_folder() / f"python-config-{version}-{_fingerprint()}"
    cache.write_atomically(script, _shim_text(), executable=True)
    os.environ[_VARIABLE] = str(script)


def _shim_text() -> str:
    return _SHIM.format(
        executable=sys.base_prefix,
        includes=" ".join(f"-I{folder}" for folder in header_folders()),
        suffix=sysconfig.get_config_var("EXT_SUFFIX"),
    )


def _fingerprint() -> str:
    return hashlib.sha256(_shim_text().encode()).hexdigest()[:8]
