"""Builds both sides of a pair and matches their modules, parameters and buffers."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from parity.adapters.protocol import Adapter, adapt
from parity.base.numerics import Array, is_same_shape
from parity.base.random_streams import named_streams
from parity.errors import CannotCompare, NoPartner, UnusedEntry, users_code
from parity.pair import Pair
from parity.structure.frozen_weights import frozen_on_one_side
from parity.structure.module_tree import Side, Tree, tree
from parity.structure.norm_forms import folded, matched_norm_forms
from parity.structure.path_matching import (
    Shapes,
    check_rename,
    match_modules,
    match_parameters,
    renamed,
    with_prefix,
    without,
)
from parity.structure.tied_weights import tie_both
from parity.structure.unusable_weights import require_usable
from parity.trace.bound_model import BoundModel, Role
from parity.trace.restoring import keep, keep_also
from parity.weights import paths_of
from parity.weights.weight_map import WeightMap


class Built(NamedTuple):
    """Both sides of a pair.

    Attributes:
        reference: one side.
        candidate: the other.
        weights: copies of the reference's tensors as built, by path.
        notes: what a reader should know of them.
    """

    reference: BoundModel
    candidate: BoundModel
    weights: dict[str, Array]
    notes: list[str]


def build(pair: Pair) -> Built:
    """Build both sides and match their names.

    Raises:
        CannotCompare: a builder raises or returns something else than a module, or a parameter has
            no partner.
    """
    reference, candidate = _both(pair)
    pair, notes = _with_norm_forms(pair, reference, candidate)
    tied, undo = tie_both(reference, candidate, pair.rename)
    for put_back in undo:
        keep_also(put_back)
    if tied and pair.optimizer is not None:
        raise CannotCompare(
            f"pair {pair.name!r}: {tied[0]}; tie them in the builder, or leave out `optimizer`"
        )
    try:
        built = Built(*_matched(pair, reference, candidate), [*notes, *tied])
    except NoPartner as error:
        if remark := folded(_tensors(reference), _tensors(candidate)):
            error.args = (f"{error}; {remark}",)
        error.tree = _tree(pair, reference, candidate)
        raise
    partners = {**built.candidate.parameters, **built.candidate.buffers}
    trained = {a: b for a, b in partners.items() if a in reference.parameters()}
    built.notes.extend(frozen_on_one_side(reference, candidate, trained))
    return built


def build_alone(pair: Pair) -> Built:
    """Build the reference only, under its own names.

    Raises:
        CannotCompare: the builder raises or returns something else than a module.
    """
    adapter = _adapted(pair, "reference")
    model = BoundModel(
        "reference",
        adapter,
        _same_names(adapter.modules()),
        _same_names(adapter.parameters()),
        _same_names(adapter.buffers()),
    )
    return Built(model, model, _copies(adapter), [])


def tree_of(pair: Pair) -> Tree:
    """Return the module trees of both sides, whether or not their parameters have partners.

    Raises:
        CannotCompare: a builder raises or returns something else than a module.
    """
    reference, candidate = _both(pair)
    pair, _ = _with_norm_forms(pair, reference, candidate)
    for put_back in tie_both(reference, candidate, pair.rename)[1]:
        keep_also(put_back)
    return _tree(pair, reference, candidate)


def _with_norm_forms(pair: Pair, reference: Adapter, candidate: Adapter) -> tuple[Pair, list[str]]:
    forms, notes = matched_norm_forms(_tensors(reference), _tensors(candidate), pair.rename)
    return replace(pair, rename={**forms, **pair.rename}), notes


def _tensors(side: Adapter) -> list[str]:
    return [*side.parameters(), *side.buffers()]


def _tree(pair: Pair, reference: Adapter, candidate: Adapter) -> Tree:
    own, other = (
        Side(
            side.framework,
            {path: type(module).__name__ for path, module in side.modules().items()},
            _shapes(side.parameters()),
            _shapes(side.buffers()),
        )
        for side in (reference, candidate)
    )
    ignored = _matching(other.parameters, pair.ignore)
    used: list[str] = []
    for weight in pair.weights.values():
        used += paths_of(weight)
    return tree(own, other, pair.rename, (used, [*ignored, *pair.weights]))


def _matched(
    pair: Pair, reference: Adapter, candidate: Adapter
) -> tuple[BoundModel, BoundModel, dict[str, Array]]:
    check_rename([*reference.parameters(), *reference.buffers(), *reference.modules()], pair.rename)
    reference_shapes = _shapes(reference.parameters())
    candidate_shapes = _shapes(candidate.parameters())
    candidate_buffers = _shapes(candidate.buffers())
    weight_map = None
    if pair.weights:
        weight_map = WeightMap(pair.weights, reference_shapes, candidate_shapes)
        reference_shapes = without(reference_shapes, weight_map.paths)
        candidate_shapes = without(candidate_shapes, weight_map.names)
    ignored = _ignored(pair, [*candidate_shapes, *candidate_buffers])
    candidate_shapes = without(candidate_shapes, ignored)
    candidate_buffers = without(candidate_buffers, ignored)
    rename = with_prefix(pair.rename, [*reference_shapes], [*candidate_shapes])
    # A table that is a buffer in one framework may be a trainable tensor in the other.
    trained_buffers = {
        path: shape
        for path, shape in _shapes(reference.buffers()).items()
        if renamed(path, rename) in candidate_shapes
    }
    parameters = match_parameters(
        reference_shapes | trained_buffers,
        candidate_shapes,
        rename,
        candidate_buffers=candidate_buffers,
    )
    modules = match_modules(
        list(reference.modules()), list(candidate.modules()), rename, parameters
    )
    buffers = _match_buffers(reference, candidate_buffers, modules, rename)
    buffers |= {path: parameters.pop(path) for path in trained_buffers}
    return (
        BoundModel(
            "reference",
            reference,
            _same_names(modules),
            # Mapped parameters have gradients on this side as they are.
            _same_names([*parameters, *(weight_map.paths if weight_map else ())]),
            _same_names(buffers),
        ),
        BoundModel(
            "candidate",
            candidate,
            {partner: path for path, partner in modules.items()},
            parameters,
            buffers,
            weight_map=weight_map,
        ),
        _copies(reference),
    )


def _copies(side: Adapter) -> dict[str, Array]:
    tensors = {**side.parameters(), **side.buffers()}
    return {path: side.to_numpy(tensor).copy() for path, tensor in tensors.items()}


def _both(pair: Pair) -> tuple[Adapter, Adapter]:
    reference, candidate = _adapted(pair, "reference"), _adapted(pair, "candidate")
    if reference.module is candidate.module:
        raise CannotCompare(
            f"pair {pair.name!r}: both builders returned the same object, which would be compared "
            "with itself: build two"
        )
    return reference, candidate


def _adapted(pair: Pair, role: Role) -> Adapter:
    with users_code(f"pair {pair.name!r}: the {role}'s builder"), named_streams(0):
        module: Any = getattr(pair, role)()
    adapter = adapt(module)
    require_usable(adapter, role)
    keep(adapter)
    return adapter


def _ignored(pair: Pair, paths: list[str]) -> list[str]:
    """Return the candidate's tensors that the user says are no weights."""
    for pattern in pair.ignore:
        if not fnmatch.filter(paths, pattern):
            raise UnusedEntry(
                f"pair {pair.name!r}: ignore names {pattern!r}, which matches no tensor of the "
                "candidate"
            )
    return _matching(paths, pair.ignore)


def _matching(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    return [path for path in paths if any(fnmatch.fnmatch(path, p) for p in patterns)]


def _shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {path: tuple(tensor.shape) for path, tensor in tensors.items()}


def _same_names(paths: Iterable[str]) -> dict[str, str]:
    return {path: path for path in paths}


def _match_buffers(
    reference: Adapter,
    candidate_buffers: Shapes,
    modules: Mapping[str, str],
    rename: Mapping[str, str],
) -> dict[str, str]:
    """Match buffers by name and shape; a buffer that only one side has is not compared."""
    matched = {}
    for path, shape in _shapes(reference.buffers()).items():
        owner, _, name = path.rpartition(".")
        partner = ".".join(p for p in (modules.get(owner, owner), name) if p)
        if path in rename:
            partner = rename[path]
        other = candidate_buffers.get(partner)
        if other is not None and is_same_shape(shape, other):
            matched[path] = partner
    return matched
