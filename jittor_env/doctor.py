"""Report Jittor's requirements and what is installed, without importing Jittor.

`examine` gathers the data, `render` turns it into text.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass

from jittor_env import cache, cuda, locks, onednn, requirements
from jittor_env.compilers import kernel_compiler, python_headers
from jittor_env.errors import JittorEnvError


@dataclass(frozen=True)
class Finding:
    """The state of one requirement.

    Attributes:
        name: the requirement.
        found: its version, path or state.
        ok: whether Jittor can start with it.
        remedy: the fix; empty if `ok`.
    """

    name: str
    found: str
    ok: bool = True
    remedy: str = ""


def examine() -> list[Finding]:
    """Examine all requirements, in the order in which Jittor would fail on them. Never raises."""
    checks: dict[str, Callable[[], str]] = {
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
    return [_examined(name, check) for name, check in checks.items()]


def render(findings: list[Finding]) -> str:
    """Return a line for each finding, with the remedy below what is missing, and a last verdict."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING"
        lines.append(f"{mark}  {finding.name:<{width}}  {finding.found}")
        if not finding.ok:
            lines.append(f"{'':9}{'':<{width}}  -> {finding.remedy}")
    missing = sum(not finding.ok for finding in findings)
    lines.append(
        f"{missing} missing: Jittor will not start" if missing else "Jittor can start here"
    )
    return "\n".join(lines)


def _examined(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, check())
    except JittorEnvError as error:
        return Finding(name, error.what, ok=False, remedy=error.remedy)


def _python() -> str:
    requirements.require_python()
    return platform.python_version()


def _compiler() -> str:
    path = kernel_compiler.require_compiler()
    return f"{kernel_compiler.version(path)} ({path})"


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
    if cores := cache.compiled_cores():
        return str(cores[0].parent)
    others = len(cache.compiled_cores(of_any_host=True))
    note = f" ({others} of other hosts or installations)" if others else ""
    return f"not yet{note}: compiled at the first start, 1 to 2 minutes"


def _header() -> str:
    if any(kernel_compiler.precompiled_headers(refused=True)):
        return "refused by the compiler: new kernels compile the slow way"
    headers = kernel_compiler.precompiled_headers()
    return f"{len(headers)} in the cache" if headers else "not yet: made at the first start"


def _locks() -> str:
    abandoned = locks.abandoned()
    if abandoned:
        return f"{len(abandoned)} of dead processes: removed at the next start"
    held = [holder for path in locks.lock_files() for holder in locks.holders(path)]
    return ", ".join(f"held by process {holder.pid}" for holder in held) or "free"


def _cuda() -> str:
    if cuda.is_wanted(False):
        cuda.require_nvcc()
    nvcc = cuda.find_nvcc()
    return f"{nvcc} ({'used' if cuda.is_wanted(False) else 'not asked for'})" if nvcc else "none"
