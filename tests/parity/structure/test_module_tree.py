from __future__ import annotations

from parity.structure.module_tree import Row, Side, tree


def side(
    parameters: dict[str, tuple[int, ...]], buffers: dict[str, tuple[int, ...]] | None = None
) -> Side:
    paths = [""]
    for path in parameters:
        parts = path.split(".")[:-1]
        paths += [".".join(parts[: n + 1]) for n in range(len(parts))]
    modules = {path: "Net" if not path else "Layer" for path in dict.fromkeys(paths)}
    return Side("torch", modules, parameters, buffers or {})


def test_equal_sides_match() -> None:
    one = side({"a.w": (2, 3), "b.w": (4,)})
    made = tree(one, one)
    assert made.matches
    assert made.rows == [Row(path, path, is_module=True) for path in ("", "a", "b")]
    assert (one.size(""), one.size("a")) == (10, 6)


def test_what_only_one_side_has_stands_where_it_is_in_that_side() -> None:
    made = tree(side({"a.w": (2,), "c.w": (3,)}), side({"a.w": (2,), "b.w": (5,), "c.w": (3,)}))
    assert made.rows == [
        Row("", "", is_module=True, remark="+5 parameters"),
        Row("a", "a", is_module=True),
        Row(None, "b", is_module=True, remark="only in the candidate"),
        Row(None, "b.w", is_module=False, remark="no partner"),
        Row("c", "c", is_module=True),
    ]
    assert (made.missing, made.extra) == ([], ["b.w"])


def test_another_shape_is_shown_beside_its_partner() -> None:
    made = tree(side({"a.w": (2, 3)}), side({"a.w": (2, 4)}))
    assert made.rows[-1] == Row("a.w", "a.w", is_module=False, remark="another shape")
    assert (made.missing, made.extra) == (["a.w"], ["a.w"])


def test_modules_that_may_belong_together_stand_side_by_side() -> None:
    made = tree(
        side(
            {
                "blocks.0.q.w": (3, 2),
                "blocks.0.k.w": (3, 2),
                "blocks.0.v.w": (3, 2),
                "blocks.0.o.w": (5,),
                "n.g": (7,),
            }
        ),
        side({"layers.0.qkv.w": (9, 2), "layers.0.out.w": (5,), "norm.weight": (7,)}),
    )
    pairs = {
        row.reference: row.candidate
        for row in made.rows
        if row.is_module and row.reference is not None
    }
    assert pairs == {
        "": "", "blocks": "layers", "blocks.0": "layers.0", "blocks.0.q": None,
        "blocks.0.k": None, "blocks.0.v": None, "blocks.0.o": "layers.0.out", "n": "norm",
    }  # fmt: skip
    assert Row("n.g", "norm.weight", is_module=False, remark="perhaps") in made.rows


def test_a_parameter_may_be_a_buffer_on_the_other_side() -> None:
    made = tree(side({"a.w": (2,)}), side({}, {"a.w": (2,)}))
    assert made.matches
    assert not tree(side({"a.w": (2,)}), side({}, {"a.w": (3,)})).matches


def test_renamed_and_mapped_parameters_have_partners() -> None:
    reference, candidate = side({"a.w": (2,), "m.w": (3,)}), side({"b.w": (2,), "n.v": (3, 1)})
    assert tree(reference, candidate, {"a": "b"}, (["m.w"], ["n.v"])).matches
