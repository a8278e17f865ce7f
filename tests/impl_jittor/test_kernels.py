"""The kernels read memory by the shape of one tensor: others of another shape are refused."""

import numpy as np
import pytest

import jittor_env

jt = jittor_env.load()
from impl_jittor import kernels  # noqa: E402 - it imports Jittor

FITTING = {
    "GroupNorm": (lambda: kernels.GroupNorm(2, 1e-6), [(2, 4, 9), (4,), (4,)]),
    "Attention": (kernels.Attention, [(2, 5, 4), (2, 5, 4), (2, 5, 4)]),
    "Concat": (kernels.Concat, [(2, 3, 4, 4), (2, 5, 4, 4)]),
    "AddToPixels": (kernels.AddToPixels, [(2, 3, 4, 4), (2, 3)]),
    "Convolution": (lambda: kernels.Convolution(1, 1), [(2, 3, 4, 4), (5, 3, 3, 3), (5,)]),
    "adam": (lambda: _adam, [(3, 2), (3, 2), (3, 2), (3, 2)]),
}
# Any number of channels can be concatenated, and a filter of any size applied.
FREE = {
    "Concat": [(2, 6, 4, 4), (2, 1, 4, 4)],
    "Convolution": [(5, 3, 4, 3), (5, 3, 1, 3), (5, 3, 3, 4), (5, 3, 3, 1)],
}


def _adam(*tensors):
    numbers = dict.fromkeys(("lr", "beta1"), 0.5)
    return kernels.adam(tensors, numbers)


def tensors(shapes):
    return [jt.array(np.ones(shape, np.float32)) for shape in shapes]


def others(shape):
    """Return shapes that a kernel would read beyond its end, or only a part of."""
    yield (2, *shape)
    yield shape[:-1] or (1,)
    for axis, size in enumerate(shape):
        yield (*shape[:axis], size + 1, *shape[axis + 1 :])
        yield (*shape[:axis], 1, *shape[axis + 1 :])


@pytest.mark.skipif(not kernels.available(), reason="there is no oneDNN here")
@pytest.mark.parametrize("name", FITTING)
def test_a_tensor_of_another_shape_than_the_first_is_refused(name):
    make, shapes = FITTING[name]
    for position in range(1, len(shapes)):
        for other in others(shapes[position]):
            if other in FREE.get(name, ()):
                continue
            changed = [*shapes[:position], other, *shapes[position + 1 :]]
            with pytest.raises(ValueError, match=r"has the shape|to unpack"):
                make()(*tensors(changed))
