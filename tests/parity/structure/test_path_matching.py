from __future__ import annotations

import pytest

from parity.errors import CannotCompare
from parity.structure.path_matching import check_rename, match_modules, match_parameters, renamed


def test_the_longest_renaming_wins() -> None:
    rename = {"mid": "middle", "mid.attn": "attention"}
    assert renamed("mid.attn.q", rename) == "attention.q"
    assert renamed("mid.norm", rename) == "middle.norm"
    assert renamed("middle", rename) == "middle"


def test_names_match_first_and_order_settles_the_rest() -> None:
    reference = {"a.weight": (2, 3), "b.weight": (3, 3), "c.bias": (4,)}
    candidate = {"a.weight": (2, 3), "x.weight": (3, 3), "y.bias": (4,)}
    matched = match_parameters(reference, candidate, {}, candidate_buffers={})
    assert matched == {"a.weight": "a.weight", "b.weight": "x.weight", "c.bias": "y.bias"}
    modules = match_modules(["", "a", "b", "c"], ["", "a", "x", "y"], {}, matched)
    assert modules == {"": "", "a": "a", "b": "x", "c": "y"}


def test_doubt_is_not_settled_but_asked_about() -> None:
    reference = {"a.w": (3, 3), "b.v": (3, 3)}
    candidate = {"x.p": (3, 3), "y.q": (3, 3)}
    with pytest.raises(CannotCompare, match=r"perhaps rename=\{'a.w': 'x.p', 'b.v': 'y.q'\}"):
        match_parameters(reference, candidate, {}, candidate_buffers={})


def test_a_parameter_without_partner_is_named() -> None:
    with pytest.raises(CannotCompare, match=r"the candidate has no partner for 'b.w'"):
        match_parameters({"a.w": (3,), "b.w": (4,)}, {"a.w": (3,)}, {}, candidate_buffers={})
    with pytest.raises(CannotCompare, match=r"candidate's 'b.w'; perhaps ignore=\('b.w',\) if"):
        match_parameters({"a.w": (3,)}, {"a.w": (3,), "b.w": (4,)}, {}, candidate_buffers={})


def test_shapes_that_differ_are_named_with_both() -> None:
    with pytest.raises(CannotCompare, match=r"'a.w' is \(3,\) in the reference, but 'a.w' is \(4,"):
        match_parameters({"a.w": (3,)}, {"a.w": (4,)}, {}, candidate_buffers={})


def test_a_module_without_partner_stays_out() -> None:
    assert match_modules(["", "act", "a"], ["", "a"], {}, {"a.w": "a.w"}) == {"": "", "a": "a"}


def test_more_modules_of_one_partner_are_all_left_out() -> None:
    assert match_modules(["", "a", "b"], ["", "x"], {"a": "x", "b": "x"}, {}) == {"": ""}


def test_a_renaming_that_meets_nothing_is_refused() -> None:
    check_rename(["a.w", "b"], {"a": "d", "b": "c"})
    with pytest.raises(CannotCompare, match=r"nothing at or below 'c'; it has 'a.w'"):
        check_rename(["a.w"], {"c": "d"})


def test_a_name_may_refer_to_a_buffer_of_the_candidate() -> None:
    matched = match_parameters({"a.w": (3,)}, {}, {}, candidate_buffers={"a.w": (3,)})
    assert matched == {"a.w": "a.w"}


def test_order_decides_nothing_where_shapes_recur_and_names_differ() -> None:
    reference = {"a.w": (3, 3), "b.v": (3, 3)}
    same_last_names = {"x.w": (3, 3), "y.v": (3, 3)}
    assert match_parameters(reference, same_last_names, {}, candidate_buffers={}) == {
        "a.w": "x.w",
        "b.v": "y.v",
    }
    with pytest.raises(CannotCompare, match="without a partner"):
        match_parameters(reference, {"x.w": (3, 3), "y.u": (3, 3)}, {}, candidate_buffers={})
