"""Write docs/porting-guide.md: a table of translations, and the mirrored pair as a diff.

`python -m ddpm_study.porting_guide` writes it anew; a test checks that it is up to date.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

import click

from ddpm_study.translations import FALSE_FRIENDS, TRANSLATIONS, Translation
from safe_files import write_text

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "porting-guide.md"

_INTRODUCTION = """# Porting from PyTorch to Jittor, by example

Written by `python -m ddpm_study.porting_guide`. A test runs both sides of every row of the two
tables on the same numbers. For all that Jittor does differently behind the same name, operator by
operator, see [jittor-divergences.md](jittor-divergences.md).

## Translations

`nn` is `torch.nn` on the left and `jittor.nn` on the right, `F` is `torch.nn.functional`. `x` and
`y` are tensors of shape (2, 4, 6, 6), `m` of (3, 6), `w` of (3, 4, 3, 3), all float32; `i` holds
integers, and `a` is a NumPy array of float64.
"""
_FALSE_FRIENDS = """
## False friends

These read alike and are different functions; the test shows that they differ.
"""
_DIFFERENCES = """
## The mirrored pair, file by file

`impl_torch/` and `impl_jittor/` compute the same function: `pytest parity` compares them at every
layer. So the changed lines of two files of one name, shown here with a line around each, are
translations in context. Names such as `Conv`, `silu`, `attention` and `constant` are this project's
own operators, in `impl_jittor/operators.py`.
"""


def mirrored_files(root: Path = ROOT) -> list[str]:
    """Return the names of the files that both packages have, without `__init__.py`."""
    names = {path.name for path in (root / "impl_torch").glob("*.py")} - {"__init__.py"}
    return sorted(names & {path.name for path in (root / "impl_jittor").glob("*.py")})


def guide(root: Path = ROOT) -> str:
    """Return the guide as Markdown."""
    files = [
        f"\n### {name}\n\n```diff\n{_difference(root, name)}\n```\n"
        for name in mirrored_files(root)
    ]
    return "".join(
        [
            _INTRODUCTION,
            _table(TRANSLATIONS),
            _FALSE_FRIENDS,
            _table(FALSE_FRIENDS),
            _DIFFERENCES,
            *files,
        ]
    )


def _table(rows: Iterable[Translation]) -> str:
    lines = [f"| `{row.torch}` | `{row.jittor}` | {row.note} |" for row in rows]
    return "\n".join(["", "| PyTorch | Jittor | note |", "|---|---|---|", *lines, ""])


def _difference(root: Path, name: str) -> str:
    """Return the changed lines of one file with a line around each, imports left out."""
    torch_lines, jittor_lines = (
        _without_imports((root / package / name).read_text(encoding="utf-8").splitlines())
        for package in ("impl_torch", "impl_jittor")
    )
    lines = list(difflib.unified_diff(torch_lines, jittor_lines, n=1, lineterm=""))[2:]
    shown = ("" if line.startswith("@@") else line.rstrip() for line in lines)
    return "\n".join(shown).strip("\n")


def _without_imports(lines: list[str]) -> list[str]:
    start = next(i for i, line in enumerate(lines) if re.match(r"(class|def|@)", line))
    return lines[start:]


@click.command()
def main() -> None:
    """Write docs/porting-guide.md from the two implementations and the list of translations."""
    write_text(GUIDE, guide())
    click.echo(f"wrote {GUIDE}", err=True)


if __name__ == "__main__":
    main()
