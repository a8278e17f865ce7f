"""Inputs that leave a model's domain are not tried again there, and are counted."""

from __future__ import annotations

from parity.compare.domains import Domains, LeftDomain
from parity.errors import SideRaised
from parity.trace.sites import TensorSite
from parity.verdict import Cause, Role, error, judge_exact

HERE = TensorSite("forward", "a", "output", owner="a")
THERE = TensorSite("forward", "b", "output", owner="b")


def raised(module: str, role: Role = "candidate") -> SideRaised:
    return SideRaised(role, "torch", "float64", module, ValueError("no"))


def test_a_run_is_made_again_without_the_modules_that_raise() -> None:
    domains = Domains()

    def run() -> str:
        for module in ("a", "b.c"):
            if module not in domains.modules("zeros"):
                raise raised(module)
        return "done"

    assert domains.within("zeros", run) == "done"
    assert domains.modules("zeros") == {"a", "b.c"}
    assert domains.modules("constant") == domains.modules(None) == frozenset()
    assert [place.module for place in domains.left] == ["a", "b.c"]


def test_a_module_that_raises_all_the_same_ends_the_attempt() -> None:
    def run() -> None:
        raise raised("a")

    domains = Domains()
    assert domains.within(None, run) is None
    assert list(domains.left) == [LeftDomain(None, "a", str(raised("a")))]


def test_an_overflow_counts_only_under_inputs_that_models_meet() -> None:
    judged = {HERE: error(Cause.NOT_FINITE, side="candidate"), THERE: judge_exact(False)}
    domains = Domains()
    assert domains.finite("large magnitude", judged) == judged
    assert not domains.left
    assert domains.finite("beyond float16", judged) == {THERE: judged[THERE]}
    assert list(domains.left) == [LeftDomain("beyond float16", "a")]
    assert not domains.modules("beyond float16")  # nothing raised: it is tried everywhere
