"""Losses with their weights, masks and reductions."""

from collections.abc import Mapping

from parity.atlas.entry import Entry, InputSpec, index, real, unit, weight

_CASES = ("ordinary", "zeros", "large magnitude", "saturated below", "infinity", "nan")


def _loss(
    name: str,
    torch: str,
    jittor: str,
    inputs: Mapping[str, InputSpec] | None = None,
    workaround: str = "",
    note: str = "",
) -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, cases=_CASES,
        inputs=inputs or {"x": real(6), "y": weight(6)}, workaround=workaround, note=note,
    )  # fmt: skip


_CLASSES = {"x": real(5, 4), "t": index(5, below=4)}

ENTRIES = (
    _loss("mse_loss", "F.mse_loss(x, y)", "jt.nn.mse_loss(x, y)"),
    _loss(
        "mse_loss, sum",
        "F.mse_loss(x, y, reduction='sum')",
        "jt.nn.mse_loss(x, y, reduction='sum')",
    ),
    _loss(
        "mse_loss, none",
        "F.mse_loss(x, y, reduction='none')",
        "jt.nn.mse_loss(x, y, reduction='none')",
        workaround="(x - y).sqr()",
        note="`reduction` names an operation of Jittor, and `none` is none of them.",
    ),
    _loss(
        "l1_loss",
        "F.l1_loss(x, y)",
        "jt.nn.l1_loss(x, y)",
        note=("The gradient of the absolute value is -1 at NaN in Jittor and 0 in PyTorch."),
    ),
    _loss(
        "l1_loss, sum",
        "F.l1_loss(x, y, reduction='sum')",
        "jt.nn.l1_loss(x, y, reduction='sum')",
        workaround="(x - y).abs().sum()",
        note="`l1_loss` has no argument `reduction`; it returns the mean.",
    ),
    _loss(
        "smooth_l1_loss",
        "F.smooth_l1_loss(x, y)",
        "jt.nn.smooth_l1_loss(x, y)",
        note="Both branches are multiplied by 0 or 1 and added; 0 times infinity is NaN.",
    ),
    Entry(
        name="mse_loss, different shapes",
        torch="F.mse_loss(x, y)",
        jittor="jt.nn.mse_loss(x, y)",
        inputs={"x": real(4, 3), "y": weight(3)},
        cases=("ordinary",),
        note="Both broadcast; PyTorch warns.",
    ),
    _loss(
        "cross_entropy", "F.cross_entropy(x, t)", "jt.nn.cross_entropy_loss(x, t)", inputs=_CLASSES
    ),
    _loss(
        "cross_entropy, weighted",
        "F.cross_entropy(x, t, torch.abs(w).detach())",
        "jt.nn.cross_entropy_loss(x, t, jt.abs(w).detach())",
        {**_CLASSES, "w": weight(4)},
    ),
    _loss(
        "cross_entropy, ignore_index",
        "F.cross_entropy(x, t, ignore_index=1)",
        "jt.nn.cross_entropy_loss(x, t, ignore_index=1)",
        inputs=_CLASSES,
    ),
    Entry(
        name="cross_entropy, target -100",
        torch="F.cross_entropy(x, torch.tensor([0, -100, 2]))",
        jittor="jt.nn.cross_entropy_loss(x, jt.array([0, -100, 2]))",
        inputs={"x": real(3, 4)},
        cases=("ordinary",),
        note="-100 is the default `ignore_index` of PyTorch. Jittor gives every target out "
        "of range the weight 0. With class weights it reads memory outside them: pass "
        "`ignore_index=-100`.",
    ),
    Entry(
        name="cross_entropy, target out of range",
        torch="F.cross_entropy(x, torch.tensor([0, 4, 2]))",
        jittor="jt.nn.cross_entropy_loss(x, jt.array([0, 4, 2]))",
        inputs={"x": real(3, 4)},
        cases=("ordinary",),
        note="Jittor ignores the row without a warning.",
    ),
    Entry(
        name="cross_entropy, class probabilities",
        torch="F.cross_entropy(x, torch.softmax(y, 1))",
        jittor="jt.nn.cross_entropy_loss(x, jt.nn.softmax(y, dim=1))",
        inputs={"x": real(3, 4), "y": weight(3, 4)},
        cases=("ordinary",),
        workaround="-(jt.nn.softmax(y, dim=1) * jt.nn.log_softmax(x, dim=1)).sum(1).mean()",
        note="Jittor accepts classes only.",
    ),
    Entry(
        name="cross_entropy, images",
        torch="F.cross_entropy(x, t)",
        jittor="jt.nn.cross_entropy_loss(x, t)",
        inputs={"x": real(2, 3, 2, 2), "t": index(2, 2, 2, below=3)},
        cases=("ordinary",),
    ),
    Entry(
        name="cross_entropy, sequences",
        torch="F.cross_entropy(x, t)",
        jittor="jt.nn.cross_entropy_loss(x, t)",
        inputs={"x": real(2, 3, 4), "t": index(2, 4, below=3)},
        cases=("ordinary",),
        workaround="jt.nn.cross_entropy_loss(x.transpose(0, 2, 1).reshape(-1, x.shape[1]), "
        "t.reshape(-1))",
        note="Jittor moves the class dimension to the end only for inputs of four dimensions.",
    ),
    _loss(
        "nll_loss",
        "F.nll_loss(torch.log_softmax(x, 1), t)",
        "jt.nn.nll_loss(jt.nn.log_softmax(x, dim=1), t)",
        inputs=_CLASSES,
    ),
    _loss(
        "nll_loss, ignore_index 0",
        "F.nll_loss(torch.log_softmax(x, 1), t, ignore_index=0)",
        "jt.nn.nll_loss(jt.nn.log_softmax(x, dim=1), t, ignore_index=0)",
        inputs=_CLASSES,
        workaround="kept = (t != 0).cast(x.dtype)\n"
        "(jt.nn.cross_entropy_loss(x, t, reduction='none') * kept).sum() / kept.sum()",
        note="Jittor tests `ignore_index > 0`, so class 0 is never ignored.",
    ),
    Entry(
        name="binary_cross_entropy",
        torch="F.binary_cross_entropy(x, torch.sigmoid(y).detach())",
        jittor="jt.nn.bce_loss(x, jt.sigmoid(y).detach())",
        inputs={"x": unit(6), "y": weight(6)},
        note="Jittor clamps the probability at 1e-20, PyTorch the logarithm at -100. Prefer "
        "`binary_cross_entropy_with_logits`.",
    ),
    _loss(
        "binary_cross_entropy_with_logits",
        "F.binary_cross_entropy_with_logits(x, torch.sigmoid(y))",
        "jt.nn.binary_cross_entropy_with_logits(x, jt.sigmoid(y))",
        note=(
            "The gradient at a logit of -infinity is NaN: infinities are subtracted within "
            "the loss."
        ),
    ),
    _loss(
        "binary_cross_entropy_with_logits, pos_weight",
        "F.binary_cross_entropy_with_logits(x, torch.sigmoid(y), pos_weight=torch.abs(w).detach())",
        "jt.nn.binary_cross_entropy_with_logits(x, jt.sigmoid(y), pos_weight=jt.abs(w).detach())",
        {"x": real(3, 2), "y": weight(3, 2), "w": weight(2)},
        note=(
            "The gradient at a logit of -infinity is NaN: infinities are subtracted within "
            "the loss."
        ),
    ),
    _loss(
        "kl_div",
        "torch.nn.KLDivLoss(reduction='mean')(torch.log_softmax(x, 1), torch.softmax(y, 1))",
        "jt.nn.KLDivLoss(reduction='mean')(jt.nn.log_softmax(x, dim=1), jt.nn.softmax(y, dim=1))",
        {"x": real(3, 4), "y": weight(3, 4)},
    ),
    _loss(
        "kl_div, batchmean",
        "torch.nn.KLDivLoss(reduction='batchmean')(torch.log_softmax(x, 1), torch.softmax(y, 1))",
        "jt.nn.KLDivLoss(reduction='batchmean')"
        "(jt.nn.log_softmax(x, dim=1), jt.nn.softmax(y, dim=1))",
        {"x": real(3, 4), "y": weight(3, 4)},
    ),
    Entry(
        name="ctc_loss",
        note="Jittor computes it in float32, whatever the dtype of the input, and does not divide "
        "by the "
        "target lengths. `zero_infinity=True` returns 5e29 for a target that does not fit.",
        cases=("ordinary",),
        torch="F.ctc_loss(torch.log_softmax(x, 2), torch.tensor([[1, 2], [2, 2]]), "
        "torch.tensor([6, 6]), torch.tensor([2, 2]))",
        jittor="jt.ctc_loss(jt.nn.log_softmax(x, dim=2), jt.array([[1, 2], [2, 2]]), "
        "jt.array([6, 6]), jt.array([2, 2]))",
        inputs={"x": real(6, 2, 3)},
    ),
)
