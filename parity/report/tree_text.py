"""The module trees of both sides as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parity.report.wording import counted
from parity.structure.module_tree import Row, Side, Tree


def tree_lines(
    tree: Tree,
    *,
    only_differences: bool = False,
    longest: int | None = None,
    as_options: bool = False,
) -> list[str]:
    """Return both trees in columns, totals, and what could be said in the pair to match them.

    Args:
        tree: both sides.
        only_differences: whether rows without a remark are left out.
        longest: number of rows that are shown; None shows all.
        as_options: whether the pair comes from options of the command, and renamings are proposed
            as such.
    """
    rows = [row for row in tree.rows if row.remark or not only_differences]
    hidden = 0 if longest is None else max(0, len(rows) - longest)
    more = [f"… {hidden} further lines: see `parity tree`"] if hidden else []
    rows = rows[: len(rows) - hidden]
    table: list[tuple[str, ...]] = [("reference", "", "", "candidate", "", "", "")]
    table += [_cells(tree, row) for row in rows]
    shown = _columns(table) if rows else ()
    return [*shown, *more, *totals(tree), *proposal_lines(tree, as_options=as_options)]


def totals(tree: Tree) -> list[str]:
    """Return lines with each side's numbers of parameters, and how many have no partner."""
    lines = [
        f"{name}: {side.size(''):,} parameters in {counted(len(side.parameters), 'tensor')}, "
        f"{len(side.modules)} modules ({side.framework})"
        for name, side in (("reference", tree.reference), ("candidate", tree.candidate))
    ]
    if tree.matches:
        return [*lines, "every parameter has a partner of its shape"]
    return [
        *lines,
        f"without a partner of their shape: {counted(len(tree.missing), 'tensor')} of the "
        f"reference, {len(tree.extra)} of the candidate",
    ]


def proposal_lines(tree: Tree, *, as_options: bool = False) -> list[str]:
    """Return what to paste into the pair, if names and shapes suggest something."""
    if not tree.proposal:
        return []
    if as_options and not tree.proposal.weights:
        entries = tree.proposal.rename.items()
        return [
            "perhaps, by names and shapes:",
            *(f"  --rename {path}={partner}" for path, partner in entries),
        ]
    lines = ["perhaps, by names and shapes (paste into the Pair):", *tree.proposal.lines()]
    functions = sorted({weight.function for weight in tree.proposal.weights.values()})
    if functions:
        lines.insert(1, f"from parity.weights import {', '.join(functions)}")
    if "concat" in functions:
        lines.append("where concat turns out wrong, by_head or interleave may be the layout")
    return lines


def _cells(tree: Tree, row: Row) -> tuple[str, ...]:
    sides = ((tree.reference, row.reference), (tree.candidate, row.candidate))
    return (*(cell for side, path in sides for cell in _side(side, path, row)), row.remark)


def _side(side: Side, path: str | None, row: Row) -> tuple[str, str, str]:
    if path is None:
        return ("-", "", "")
    if row.is_module:
        return (path or "(the model)", side.modules[path], f"{side.size(path):,}")
    shape = side.parameters[path] if path in side.parameters else side.buffers[path]
    return (path, f"({', '.join(map(str, shape))})", "")


def _columns(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        cells = [
            cell.rjust(width) if i in (2, 5) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
