from __future__ import annotations

import pytest

from parity.atlas.entry import evaluate, numeric, ported, real, rule, sample, split_source


def test_a_source_may_have_statements_on_a_line() -> None:
    assert split_source("a = 1\nb = a\na + b") == ("a = 1\nb = a", "a + b")
    assert evaluate("a = 2; b = 3\n(a +\n b)", {}) == 5


@pytest.mark.parametrize("source", ["", "a = 1", "if True:\n    pass"])
def test_a_source_without_an_expression_at_its_end_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="must end in an expression"):
        split_source(source)


def test_a_port_starts_with_the_names_of_jittor() -> None:
    assert ported("F.relu(torch.nn.ReLU()(x)) + xF.a") == "jt.nn.relu(jt.nn.ReLU()(x)) + xF.a"
    entry = numeric("e", "torch.exp(x)", x=real(2))
    assert (entry.jittor, entry.kind) == ("jt.exp(x)", "numeric")
    assert entry.cases == ("ordinary", "zeros", "large magnitude")
    both = numeric("e", "x + y", inputs={"x": real(2)}, y=real(3))
    assert both.inputs == {"x": real(2), "y": real(3)}
    assert rule("r", "torch.ones(1)", "1").jittor == "1"
    assert sample("s", "torch.rand(1)").kind == "random"
