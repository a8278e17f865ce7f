"""What Jittor needs and what was found, version by version; imports no Jittor.

`examine` gathers data, `render` makes text of it.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass

from jittor_env import cache, compiler, cuda, locks, onednn, python_headers, requirements
from jittor_env.errors import JittorEnvError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        found: its version, path or state.
        ok: whether Jittor can start with it.
        remedy: what to do; empty if `ok`.
    """

    name: str
    found: str
    ok: bool = True
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything, in the order in which Jittor would stumble over it. Never raises."""
    looks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "C++ compiler": _compiler,
        "Python headers": lambda: str(python_headers.require_headers()),
        "NumPy": _numpy,
        "Jittor": _jittor,
        "oneDNN": _onednn,
        "cache folder": _cache,
        "compiled core": _core,
        "precompiled header": _header,
        "locks": _locks,
        "CUDA": _cuda,
    }
    return [_examined(name, look) for name, look in looks.items()]


def render(findings: list[Finding]) -> str:
    """A line for each finding, with the remedy under what is missing, and a verdict."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING"
        lines.append(f"{mark}  {finding.name:<{width}}  {finding.found}")
        if not finding.ok:
            lines.append(f"{'':9}{'':<{width}}  -> {finding.remedy}")
    wrong = sum(not finding.ok for finding in findings)
    lines.append(f"{wrong} missing: Jittor will not start" if wrong else "Jittor can start here")
    return "\n".join(lines)


def _examined(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, look())
    except JittorEnvError as error:
        return Finding(name, error.what, ok=False, remedy=error.remedy)


def _python() -> str:
    requirements.require_python()
    return platform.python_version()


def _compiler() -> str:
    path = compiler.require_compiler()
    return f"{compiler.version(path)} ({path})"


def _numpy() -> str:
    requirements.require_numpy()
    return str(onednn.installed_version("numpy"))


def _jittor() -> str:
    requirements.require_jittor()
    return str(onednn.installed_version("jittor"))


def _onednn() -> str:
    onednn.require_packages()
    return f"{onednn.VERSION}, {'linked into' if onednn.is_linked() else 'not yet in'} the cache"


def _cache() -> str:
    cache.require_writable()
    return f"{cache.root()} ({cache.free_mb(cache.root()) / 1024:.1f} GB free)"


def _core() -> str:
    cores = cache.compiled_cores()
    return str(cores[0].parent) if cores else "not yet: compiled at first start, 1 to 2 minutes"


def _header() -> str:
    if any(compiler.precompiled_headers(refused=True)):
        return "refused by the compiler: new kernels compile the slow way"
    headers = compiler.precompiled_headers()
    return f"{len(headers)} in the cache" if headers else "not yet: made at the first start"


def _locks() -> str:
    dead = locks.abandoned()
    if dead:
        return f"{len(dead)} of dead processes: removed at the next start"
    held = [holder for path in locks.lock_files() for holder in locks.holders(path)]
    return ", ".join(f"held by process {holder.pid}" for holder in held) or "free"


def _cuda() -> str:
    if cuda.is_wanted(False):
        cuda.require_nvcc()
    nvcc = cuda.find_nvcc()
    return f"{nvcc} ({'used' if cuda.is_wanted(False) else 'not asked for'})" if nvcc else "none"
