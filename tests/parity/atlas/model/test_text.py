from __future__ import annotations

from pathlib import Path

from parity.atlas.finding import AtlasCause
from parity.atlas.model.results import Effect, Instead, ModelAtlas
from parity.atlas.model.text import counts, effect, summary, to_markdown, write
from tests.parity.atlas.model.test_results import finding, result

ATLAS = ModelAtlas(
    pair="net",
    versions={"torch": "2.13", "jittor": "1.3"},
    uses=[
        result("F.lacking", jittor="", notes={"group: entry": "The note."}),
        result("nn.BatchNorm2d", finding(), call="nn.BatchNorm2d(8)",
               effect=Effect(outputs=0.25, gradients=0.0)),
        result("nn.BatchNorm2d", finding(), call="nn.BatchNorm2d(16)"),
        result("x.clamp", finding(AtlasCause.EXCEPTION),
               instead=Instead(source="x.clamp(min_v=0)", remaining=["nan"])),
        result("x.add", call="x | y"),
    ],
    unjudged={"torch.odd": "an argument is of type object"},
)  # fmt: skip


def test_the_summary_has_every_use_the_worst_first() -> None:
    text = summary(ATLAS)
    order = [
        "Jittor has none (1)", "Jittor raises an exception (1)", "Other values",
        "The same with these arguments and values (1)", "Not judged (1)",
    ]  # fmt: skip
    positions = [text.index(title) for title in order]
    assert positions == sorted(positions)
    assert "atlas, group: entry: The note." in text
    assert "write: x.clamp(min_v=0) (still different on: nan)" in text
    assert "torch.odd: an argument is of type object" in text
    assert text.endswith(
        "5 operators and layers in 5 calls, as the model uses them: 4 differ in Jittor, and for 1 "
        "of these there is a better way to write it; 1 not judged"
    )


def test_uses_that_differ_in_the_same_way_stand_together() -> None:
    text = summary(ATLAS)
    assert (
        "nn.BatchNorm2d(8)\n    and 1 more of other arguments or shapes: nn.BatchNorm2d(16)" in text
    )


def test_effects_are_sentences() -> None:
    assert effect(Effect(outputs=0.0, gradients=1e-17)) == (
        "in the model: neither outputs nor gradients change"
    )
    assert effect(Effect(outputs=0.25, gradients=0.0)) == (
        "in the model: outputs change by 0.25 times their largest value, gradients do not change"
    )


def test_the_page_has_programs_and_tables(tmp_path: Path) -> None:
    page = to_markdown(ATLAS)
    assert page.startswith("# What `net` meets in Jittor")
    assert counts(ATLAS) in page
    assert "### `nn.BatchNorm2d(8)`" in page
    assert "Instead (still different on: nan):\n\n```python\nx.clamp(min_v=0)\n```" in page
    assert "| `x \\| y` | 1 |" in page
    write(ATLAS, tmp_path / "atlas.md")
    assert (tmp_path / "atlas.md").read_text() == page
