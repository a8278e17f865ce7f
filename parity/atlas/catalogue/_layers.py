"""Makes entries of layers whose weights are set to the same numbers on both sides."""

from collections.abc import Mapping

from parity.atlas.entry import Entry, InputSpec, numeric, ported

_FILL = """m = {make}
for name, p in m.named_parameters():
    values = np.cos(np.arange(p.numel()) + sum(name.encode())).reshape(tuple(p.shape))
    {assign}
"""


def torch_layer(make: str) -> str:
    """Return statements that make a layer `m` and set its weights to numbers of their names."""
    return _FILL.format(
        make=make, assign="p.data = torch.from_numpy(np.float32(values)).to(x.dtype)"
    )


def jittor_layer(make: str) -> str:
    """Return the same statements for Jittor, which leave its buffers as they are."""
    return _FILL.format(
        make=make, assign="p.is_stop_grad() or p.assign(jt.array(np.float32(values)).cast(x.dtype))"
    )


def layer(
    name: str,
    make: str,
    call: str = "m(x)",
    *,
    jittor: str = "",
    jittor_call: str = "",
    cases: tuple[str, ...] = ("ordinary", "large magnitude"),
    workaround: str = "",
    note: str = "",
    inputs: Mapping[str, InputSpec] | None = None,
    **named: InputSpec,
) -> Entry:
    """Return an entry of a layer's output.

    Args:
        name: the entry's.
        make: the expression that makes PyTorch's layer.
        call: the expression that is compared, with the layer `m` and the inputs.
        jittor: the expression that makes Jittor's layer; empty: `make`, ported.
        jittor_call: what is compared of it; empty: `call`, ported.
        cases: the names of the input cases.
        workaround: another `jittor_call`, or, with line breaks, an entire source.
        note: the entry's.
        inputs: name -> how it is drawn.
        named: further inputs, by their names.
    """
    made = jittor_layer(jittor or ported(make))
    other = workaround if "\n" in workaround or not workaround else made + workaround
    return numeric(
        name, torch_layer(make) + call, made + (jittor_call or ported(call)), cases=cases,
        workaround=other, note=note, inputs={**(inputs or {}), **named},
    )  # fmt: skip
