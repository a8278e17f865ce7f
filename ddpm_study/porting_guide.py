"""docs/porting-guide.md: what changes from PyTorch to Jittor, read off the mirrored pair.

`python -m ddpm_study.porting_guide` writes it anew; a test holds that it is up to date.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from safe_files import write_text

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "porting-guide.md"
# A word is listed once it has been translated so often.
SEEN = 2

_HEAD = """# Porting from PyTorch to Jittor, by example

Generated from `impl_torch/` and `impl_jittor/` by `python -m ddpm_study.porting_guide`: two
programs that were proven to be the same function, so each line below is a translation that holds.
What Jittor does differently behind the same name is in
[jittor-divergences.md](jittor-divergences.md).

## Word for word

| PyTorch | Jittor | times |
|---|---|---|
"""


def mirrored(root: Path = ROOT) -> list[str]:
    """Return the names of the files that both packages have, without `__init__.py`."""
    names = {path.name for path in (root / "impl_torch").glob("*.py")} - {"__init__.py"}
    return sorted(names & {path.name for path in (root / "impl_jittor").glob("*.py")})


def guide(root: Path = ROOT) -> str:
    """Return the guide as Markdown."""
    sources = {
        name: tuple(
            (root / side / name).read_text(encoding="utf-8").splitlines()
            for side in ("impl_torch", "impl_jittor")
        )
        for name in mirrored(root)
    }
    words: Counter[tuple[str, str]] = Counter()
    for ours, theirs in sources.values():
        words.update(_words(ours, theirs))
    table = "".join(
        f"| `{a}` | `{b}` | {n} |\n" for (a, b), n in sorted(words.items(), key=_rank) if n >= SEEN
    )
    files = "".join(
        f"\n## {name}\n\n```diff\n{_difference(*lines)}\n```\n" for name, lines in sources.items()
    )
    return f"{_HEAD}{table}{files}"


def _rank(item: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    words, times = item
    return -times, words


def _words(ours: list[str], theirs: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what stands for what, in lines that differ in a few words only."""
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "replace" or i2 - i1 != j2 - j1:
            continue
        for a, b in zip(ours[i1:i2], theirs[j1:j2], strict=True):
            yield from _translated(_tokens(a), _tokens(b))


def _tokens(line: str) -> list[str]:
    return re.findall(r"[\w.]+|\S", line)


def _translated(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    if matcher.ratio() < 0.6:
        return
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        words = " ".join(a[i1:i2]), " ".join(b[j1:j2])
        if tag == "replace" and all(re.search(r"[A-Za-z]", word) for word in words):
            yield words


def _difference(ours: list[str], theirs: list[str]) -> str:
    """Return the changed lines with one line around them; imports and module texts left out."""
    lines = list(difflib.unified_diff(_body(ours), _body(theirs), "", "", n=1, lineterm=""))[2:]
    return "\n".join("" if line.startswith("@@") else line for line in lines).strip()


def _body(lines: list[str]) -> list[str]:
    start = next(i for i, line in enumerate(lines) if re.match(r"(class|def|@)", line))
    return lines[start:]


def main() -> None:
    """Write the guide."""
    write_text(GUIDE, guide())
    print(f"wrote {GUIDE}", file=sys.stderr)


if __name__ == "__main__":
    main()
