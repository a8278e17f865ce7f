"""Proposals: shown right by doing what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.structure.path_matching import match_parameters
from parity.structure.proposals import Shapes, propose
from parity.weights.weight_map import WeightMap


def applied(reference: Shapes, candidate: Shapes) -> tuple[dict[str, str], WeightMap | None]:
    """Match two models that share no name, with what is proposed for them."""
    proposal = propose(reference, candidate, [*reference], [*candidate])
    weights = {path: weight.weight() for path, weight in proposal.weights.items()}
    made = WeightMap(weights, reference, candidate) if weights else None
    left = {p: s for p, s in reference.items() if made is None or p not in made.paths}
    others = {p: s for p, s in candidate.items() if made is None or p not in made.names}
    return match_parameters(left, others, proposal.rename, candidate_buffers={}), made


def test_modules_are_renamed_where_one_entry_will_do() -> None:
    reference = {"mid.attn.q.weight": (4, 4), "mid.attn.q.bias": (4,), "out.weight": (2, 4)}
    candidate = {
        "middle.attention.q.weight": (4, 4),
        "middle.attention.q.bias": (4,),
        "o.w": (2, 4),
    }
    proposal = propose(reference, candidate, [*reference], [*candidate])
    assert proposal.rename == {"mid.attn": "middle.attention", "out.weight": "o.w"}


def test_a_module_with_other_parameters_is_not_renamed_as_one() -> None:
    reference = {"a.weight": (4, 4), "a.bias": (4,), "b.weight": (3,)}
    candidate = {"x.weight": (4, 4), "y.bias": (4,), "b.weight": (3,)}
    missing, extra = ["a.weight", "a.bias"], ["x.weight", "y.bias"]
    proposal = propose(reference, candidate, missing, extra, {"b.weight": "b.weight"})
    assert proposal.rename == {"a.weight": "x.weight", "a.bias": "y.bias"}


@pytest.mark.parametrize(
    "names", ["q k v", "query key value", "to_q to_k to_v", "q_proj k_proj v_proj"]
)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_query_key_and_value_are_joined_in_the_usual_order(
    names: str, order: tuple[int, ...]
) -> None:
    parts = [f"attn.{name}.weight" for name in names.split()]
    reference: dict[str, Any] = {parts[i]: (4, 6) for i in order}
    reference["attn.out.weight"] = (4, 6)
    proposal = propose(
        reference, {"a.qkv.weight": (12, 6), "a.o.weight": (4, 6)}, [*reference],
        ["a.qkv.weight", "a.o.weight"],
    )  # fmt: skip
    assert str(proposal.weights["a.qkv.weight"]) == "concat({})".format(
        ", ".join(f'"{part}"' for part in parts)
    )
    assert proposal.rename == {"attn.out": "a.o"}


def test_split_transposed_and_reshaped_weights() -> None:
    matched, made = applied(
        {"qkv.weight": (6, 5), "fc.weight": (3, 7), "conv.weight": (4, 8, 1, 1)},
        {"q.weight": (2, 5), "k.weight": (2, 5), "v.weight": (2, 5), "c_fc.weight": (7, 3),
         "linear.weight": (4, 8)},
    )  # fmt: skip
    assert matched == {}
    assert made is not None
    arrays = {
        "qkv.weight": np.arange(30.0).reshape(6, 5), "fc.weight": np.arange(21.0).reshape(3, 7),
        "conv.weight": np.arange(32.0).reshape(4, 8, 1, 1),
    }  # fmt: skip
    got = made.to_candidate(arrays)
    assert [got[f"{n}.weight"][0, 0] for n in "qkv"] == [0, 10, 20]
    assert (got["c_fc.weight"] == arrays["fc.weight"].T).all()
    assert (got["linear.weight"] == arrays["conv.weight"][:, :, 0, 0]).all()


def test_nothing_fits() -> None:
    proposal = propose({"a": (3,)}, {"b": (5,)}, ["a"], ["b"])
    assert not proposal
    assert proposal.lines() == []


def test_lines_are_python_to_paste() -> None:
    reference = {"b.q.w": (2, 2), "b.k.w": (2, 2), "b.v.w": (2, 2), "n.w": (2,)}
    candidate = {"b.qkv.w": (6, 2), "norm.w": (2,)}
    lines = propose(reference, candidate, [*reference], [*candidate]).lines()
    import parity.weights

    arguments = eval("dict(" + "\n".join(lines) + ")", vars(parity.weights))
    assert arguments["rename"] == {"n": "norm"}
    WeightMap(arguments["weights"], reference, candidate)


SIZES = st.integers(2, 4)
LAYERS = st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=6)


@given(LAYERS, st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_proposed_for_renamed_models_is_accepted(
    layers: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever the shapes, the proposal maps one to one, onto equal shapes."""
    reference = {f"stage.{i}.conv.weight": shape for i, shape in enumerate(layers)}
    order = data.draw(st.permutations(range(len(layers))))
    candidate = {f"blocks.{order.index(i)}.c{i}.w": layers[i] for i in order}
    matched, made = applied(reference, candidate)
    assert made is None
    assert sorted(matched.values()) == sorted(candidate)
    assert all(reference[a] == candidate[b] for a, b in matched.items())


def test_a_transposed_weight_of_the_same_name_beats_an_equal_shape_of_another() -> None:
    """As in GPT-2, whose Conv1D keeps the transposed weights of a Linear."""
    reference = {"fc.weight": (16, 8), "proj.weight": (8, 16)}
    candidate = {"fc.weight": (8, 16), "proj.weight": (16, 8)}
    proposal = propose(reference, candidate, [*reference], [*candidate])
    assert not proposal.rename
    assert {path: str(weight) for path, weight in proposal.weights.items()} == {
        "fc.weight": 'transpose("fc.weight")', "proj.weight": 'transpose("proj.weight")',
    }  # fmt: skip


def test_a_part_of_a_normalised_weight_is_no_weight() -> None:
    reference = {"0.weight_g": (8, 1), "0.weight_v": (8, 8)}
    assert not propose(reference, {"0.weight": (8, 8)}, [*reference], ["0.weight"])
