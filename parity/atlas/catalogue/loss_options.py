"""Losses with every reduction, weight and mask, and losses that Jittor lacks."""

from collections.abc import Mapping

from parity.atlas.entry import Entry, InputSpec, index, numeric, real, rule, unit, weight

_CASES = ("ordinary", "zeros", "large magnitude", "nan")
_PAIR = {"x": real(6), "y": weight(6)}
_ROWS = {"x": real(5, 4), "t": index(5, below=4)}
_CE = "jt.nn.cross_entropy_loss"
_LOG = "jt.nn.log_softmax(x, dim=1)"
_PICKED = f"-(({_LOG}) * jt.nn.one_hot(t, 4).cast(x.dtype)).sum(1)"
_REDUCED = {"mean": "({}).mean()", "sum": "({}).sum()", "none": "{}"}


def _reductions(
    name: str, torch: str, jittor: str, loss: str, note: str,
    inputs: Mapping[str, InputSpec] = _PAIR,
    reductions: tuple[str, ...] = ("mean", "sum", "none"),
    cases: tuple[str, ...] = _CASES,
) -> list[Entry]:  # fmt: skip
    """Return an entry for each reduction, whose workaround is the loss of each element, reduced."""
    return [
        numeric(
            f"{name}, reduction {r}", torch.replace("REDUCTION", r),
            jittor.replace("REDUCTION", r), cases=cases, note=note,
            workaround=_REDUCED[r].format(loss) if loss else "", inputs=inputs,
        )
        for r in reductions
    ]  # fmt: skip


def _lacking(
    name: str, torch: str, loss: str, inputs: Mapping[str, InputSpec] = _PAIR, note: str = "",
    cases: tuple[str, ...] = _CASES,
) -> Entry:  # fmt: skip
    text = f"Jittor has no `{name}`. {note}".strip()
    return numeric(name, torch, cases=cases, note=text, workaround=loss, inputs=inputs)


_SIGN = "jt.ternary(y > 0, 1.0, -1.0)"
_T_SIGN = "torch.where(y > 0, 1.0, -1.0)"
_NO_REDUCTION = "Jittor's function has no argument `reduction`, only `size_average`."
_TRIPLE = {"x": real(3, 4), "y": weight(3, 4), "z": weight(3, 4)}
_DIFF = "jt.sqrt((({} - {} + 1e-6).sqr()).sum(1))"
ENTRIES = (
        *_reductions("MSELoss layer", "torch.nn.MSELoss(reduction='REDUCTION')(x, y)",
                 "jt.nn.MSELoss(reduction='REDUCTION')(x, y)", "", "", reductions=("mean", "sum")),
    *_reductions("L1Loss layer", "torch.nn.L1Loss(reduction='REDUCTION')(x, y)",
                 "jt.nn.L1Loss(reduction='REDUCTION')(x, y)", "jt.abs(x - y)",
                 "Jittor's layer has no argument `reduction`, and its gradient at NaN is -1."),
    *_reductions("smooth_l1_loss", "F.smooth_l1_loss(x, y, reduction='REDUCTION')",
                 "jt.nn.smooth_l1_loss(x, y, reduction='REDUCTION')", "", "",
                 reductions=("sum", "none")),
    numeric("smooth_l1_loss, beta", "F.smooth_l1_loss(x, y, beta=0.5)", cases=_CASES, inputs=_PAIR,
            workaround="d = jt.abs(x - y)\njt.ternary(d < 0.5, d * d, d - 0.25).mean()",
            note="Jittor's function has no argument `beta`."),
    *_reductions("binary_cross_entropy_with_logits",
                 "F.binary_cross_entropy_with_logits(x, torch.sigmoid(y), reduction='REDUCTION')",
                 "jt.nn.binary_cross_entropy_with_logits(x, jt.sigmoid(y), reduction='REDUCTION')",
                 "jt.ternary(x > 0, x, jt.zeros_like(x)) - x * jt.sigmoid(y) + "
                 "jt.log(1 + jt.exp(jt.ternary(x > 0, -x, x)))", _NO_REDUCTION,
                 reductions=("sum", "none")),
    numeric("binary_cross_entropy_with_logits, size_average",
            "F.binary_cross_entropy_with_logits(x, torch.sigmoid(y), reduction='sum')",
            "jt.nn.binary_cross_entropy_with_logits(x, jt.sigmoid(y), size_average=False)",
            cases=_CASES, inputs=_PAIR),
    numeric("binary_cross_entropy_with_logits, weight",
            "F.binary_cross_entropy_with_logits(x, torch.sigmoid(y), torch.abs(w).detach())",
            cases=_CASES, w=weight(6), inputs=_PAIR),
    numeric("BCEWithLogitsLoss layer", "torch.nn.BCEWithLogitsLoss()(x, torch.sigmoid(y))",
            cases=_CASES, inputs=_PAIR),
    *_reductions("binary_cross_entropy",
                 "F.binary_cross_entropy(x, torch.sigmoid(y).detach(), reduction='REDUCTION')",
                 "jt.nn.bce_loss(x, jt.sigmoid(y).detach(), reduction='REDUCTION')",
                 "-(jt.sigmoid(y).detach() * jt.log(x) + "
                 "(1 - jt.sigmoid(y).detach()) * jt.log(1 - x))",
                 _NO_REDUCTION, {"x": unit(6), "y": weight(6)}, ("sum", "none"), ("ordinary",)),
    numeric("binary_cross_entropy, weight",
            "F.binary_cross_entropy(x, torch.sigmoid(y).detach(), torch.abs(w).detach())",
            "jt.nn.bce_loss(x, jt.sigmoid(y).detach(), jt.abs(w).detach())",
            x=unit(6), y=weight(6), w=weight(6),
            cases=("ordinary",)),
    numeric("BCELoss layer, target 0 and 1", "torch.nn.BCELoss()(x, (y > 0).to(x.dtype))",
            "jt.nn.BCELoss()(x, (y > 0).cast(x.dtype))", x=unit(6), y=weight(6),
            cases=("ordinary",)),
    *_reductions("cross_entropy", "F.cross_entropy(x, t, reduction='REDUCTION')",
                 f"{_CE}(x, t, reduction='REDUCTION')", "", "", _ROWS, ("sum", "none")),
    *_reductions("CrossEntropyLoss layer",
                 "torch.nn.CrossEntropyLoss(reduction='REDUCTION')(x, t)",
                 "jt.nn.CrossEntropyLoss(reduction='REDUCTION')(x, t)", _PICKED,
                 "Jittor's layer has no argument `reduction`; the function has.", _ROWS),
    numeric("CrossEntropyLoss layer without options", "torch.nn.CrossEntropyLoss()(x, t)",
            cases=_CASES, inputs=_ROWS),
    numeric("cross_entropy, label smoothing", "F.cross_entropy(x, t, label_smoothing=0.1)",
            f"{_CE}(x, t, label_smoothing=0.1)", cases=_CASES, inputs=_ROWS,
            workaround=f"l = {_LOG}\n0.9 * {_CE}(x, t) - 0.1 * l.mean(1).mean()",
            note="Jittor's function has no argument `label_smoothing`."),
    numeric("cross_entropy, weight and ignore_index",
            "F.cross_entropy(x, t, torch.abs(w).detach(), ignore_index=1)",
            f"{_CE}(x, t, jt.abs(w).detach(), ignore_index=1)", cases=_CASES, w=weight(4),
                    inputs=_ROWS),
    numeric("cross_entropy, every target ignored", "F.cross_entropy(x, t * 0, ignore_index=0)",
            f"{_CE}(x, t * 0, ignore_index=0)", inputs=_ROWS,
            note="The loss is NaN in both, 0 divided by 0; the gradient is NaN in Jittor and 0 in "
            "PyTorch."),
    numeric("cross_entropy of a logit of -infinity",
            "F.cross_entropy(x.masked_fill(x == x.min(), -np.inf), t * 0 + x.argmax(1))",
            f"{_CE}(jt.ternary(x == x.min(), -np.inf, x), t * 0 + x.argmax(1)[0])", inputs=_ROWS,
            workaround="y = jt.ternary(x == x.min(), -1e30, x)\n"
            f"{_CE}(y, t * 0 + x.argmax(1)[0])",
            note="Jittor multiplies all logits by a mask of the target and adds them: 0 times "
            "infinity is NaN. A large negative number in place of -infinity is not affected.",
            cases=("ordinary",)),
    numeric("cross_entropy of one example without a batch", "F.cross_entropy(x, t[0])",
            f"{_CE}(x, t[0])", x=real(4), t=index(1, below=4),
            workaround=f"{_CE}(x.unsqueeze(0), t)", note="Jittor requires a batch dimension."),
    numeric("cross_entropy of volumes", "F.cross_entropy(x, t)", f"{_CE}(x, t)",
            x=real(2, 3, 2, 2, 2), t=index(2, 2, 2, 2, below=3),
            workaround=f"{_CE}(x.permute(0, 2, 3, 4, 1).reshape(-1, x.shape[1]), t.reshape(-1))",
            note="Jittor moves the class dimension to the end only for inputs of four dimensions."),
    numeric("cross_entropy of images, reduction none", "F.cross_entropy(x, t, reduction='none')",
            f"{_CE}(x, t, reduction='none')", x=real(2, 3, 2, 2), t=index(2, 2, 2, below=3)),
    *_reductions("nll_loss", "F.nll_loss(torch.log_softmax(x, 1), t, reduction='REDUCTION')",
                 f"jt.nn.nll_loss({_LOG}, t, reduction='REDUCTION')", "", "", _ROWS,
                 ("sum", "none")),
    numeric("nll_loss, weight", "F.nll_loss(torch.log_softmax(x, 1), t, torch.abs(w).detach())",
            f"jt.nn.nll_loss({_LOG}, t, jt.abs(w).detach())", cases=_CASES, w=weight(4),
                    inputs=_ROWS),
    numeric("nll_loss, ignore_index 1",
            "F.nll_loss(torch.log_softmax(x, 1), t, ignore_index=1)",
            f"jt.nn.nll_loss({_LOG}, t, ignore_index=1)", cases=_CASES, inputs=_ROWS),
    numeric("nll_loss, target -100",
            "F.nll_loss(torch.log_softmax(x, 1), torch.where(t == 0, -100, t))",
            f"jt.nn.nll_loss({_LOG}, jt.ternary(t == 0, -100, t))", inputs=_ROWS,
            workaround=f"{_CE}(x, jt.ternary(t == 0, -100, t), ignore_index=-100)",
            note="Jittor does not ignore the target -100: it reads memory outside the "
            "probabilities and the weights."),
    numeric("nll_loss of images", "F.nll_loss(torch.log_softmax(x, 1), t)",
            f"jt.nn.nll_loss({_LOG}, t)", x=real(2, 3, 2, 2), t=index(2, 2, 2, below=3),
            workaround=f"{_CE}(x, t)", note="Jittor accepts two dimensions only."),
    numeric("NLLLoss layer", "torch.nn.NLLLoss()(torch.log_softmax(x, 1), t)",
            f"jt.nn.NLLLoss()({_LOG}, t)", workaround=f"{_CE}(x, t)",
            note="Jittor has no `NLLLoss`, only the function `nll_loss`.", inputs=_ROWS),
    *_reductions("KLDivLoss", "torch.nn.KLDivLoss(reduction='REDUCTION')"
                 "(torch.log_softmax(x, 1), torch.softmax(y, 1))",
                 f"jt.nn.KLDivLoss(reduction='REDUCTION')({_LOG}, jt.nn.softmax(y, dim=1))",
                 "", "", {"x": real(3, 4), "y": weight(3, 4)}, ("sum", "none")),
    numeric("KLDivLoss, log_target", "torch.nn.KLDivLoss(reduction='sum', log_target=True)"
            "(torch.log_softmax(x, 1), torch.log_softmax(y, 1))",
            f"jt.nn.KLDivLoss(reduction='sum', log_target=True)({_LOG}, "
            "jt.nn.log_softmax(y, dim=1))", cases=_CASES, x=real(3, 4), y=weight(3, 4)),
    numeric("KLDivLoss, target of 0",
            "torch.nn.KLDivLoss(reduction='sum')(torch.log_softmax(x, 1), torch.relu(y).detach())",
            f"jt.nn.KLDivLoss(reduction='sum')({_LOG}, jt.nn.relu(y).detach())",
            x=real(3, 4), y=weight(3, 4),
            workaround=f"t = jt.nn.relu(y).detach()\n"
            f"(t * (jt.log(jt.ternary(t > 0, t, jt.ones_like(t))) - {_LOG})).sum()",
            note="Jittor computes 0 log 0, which is NaN."),
    _lacking("kl_div", "F.kl_div(torch.log_softmax(x, 1), torch.softmax(y, 1), reduction='sum')",
             f"t = jt.nn.softmax(y, dim=1)\n(t * (jt.log(t) - {_LOG})).sum()",
             {"x": real(3, 4), "y": weight(3, 4)}, "The layer `KLDivLoss` is there."),
    _lacking("huber_loss", "F.huber_loss(x, y, delta=0.5)",
             "d = jt.abs(x - y)\njt.ternary(d < 0.5, 0.5 * d * d, 0.5 * (d - 0.25)).mean()"),
    _lacking("HuberLoss", "torch.nn.HuberLoss()(x, y)",
             "d = jt.abs(x - y)\njt.ternary(d < 1, 0.5 * d * d, d - 0.5).mean()"),
    _lacking("SmoothL1Loss", "torch.nn.SmoothL1Loss()(x, y)",
             "d = jt.abs(x - y)\njt.ternary(d < 1, 0.5 * d * d, d - 0.5).mean()",
             note="The function `smooth_l1_loss` is there."),
    _lacking("gaussian_nll_loss", "F.gaussian_nll_loss(x, y, torch.exp(y))",
             "v = jt.maximum(jt.exp(y), 1e-6)\n(0.5 * (jt.log(v) + (x - y).sqr() / v)).mean()"),
    _lacking("poisson_nll_loss", "F.poisson_nll_loss(x, torch.abs(y))",
             "(jt.exp(x) - jt.abs(y) * x).mean()"),
    _lacking("soft_margin_loss", f"F.soft_margin_loss(x, {_T_SIGN})",
             f"jt.log(1 + jt.exp(-{_SIGN} * x)).mean()"),
    _lacking("hinge_embedding_loss", f"F.hinge_embedding_loss(x, {_T_SIGN})",
             "jt.ternary(y > 0, x, jt.maximum(1 - x, 0)).mean()"),
    _lacking("margin_ranking_loss", f"F.margin_ranking_loss(x, y, {_T_SIGN}, margin=0.1)",
             f"jt.maximum(-{_SIGN} * (x - y) + 0.1, 0).mean()"),
    _lacking("triplet_margin_loss", "F.triplet_margin_loss(x, y, z)",
             f"jt.maximum({_DIFF.format('x', 'y')} - {_DIFF.format('x', 'z')} + 1, 0).mean()",
             _TRIPLE, cases=("ordinary", "zeros")),
    _lacking("TripletMarginLoss", "torch.nn.TripletMarginLoss(margin=0.5)(x, y, z)",
             f"jt.maximum({_DIFF.format('x', 'y')} - {_DIFF.format('x', 'z')} + 0.5, 0).mean()",
             _TRIPLE, cases=("ordinary", "zeros")),
    _lacking("cosine_embedding_loss", "F.cosine_embedding_loss(x, y, torch.ones(3, dtype=x.dtype))",
             "c = (x * y).sum(1) / jt.sqrt(((x * x).sum(1) + 1e-12) * ((y * y).sum(1) + 1e-12))\n"
             "(1 - c).mean()",
             {"x": real(3, 4), "y": weight(3, 4)}, cases=("ordinary",)),
    _lacking("cosine_similarity", "F.cosine_similarity(x, y, dim=1)",
             "n = jt.sqrt(jt.maximum((x * x).sum(1), 1e-16))\n"
             "(x * y).sum(1) / (n * jt.sqrt((y * y).sum(1)))",
             {"x": real(3, 4), "y": weight(3, 4)}, cases=("ordinary", "large magnitude")),
    _lacking("pairwise_distance", "F.pairwise_distance(x, y)", _DIFF.format("x", "y"),
             {"x": real(3, 4), "y": weight(3, 4)}),
    _lacking("cdist", "torch.cdist(x, y)",
             "jt.sqrt((x.unsqueeze(1) - y.unsqueeze(0)).sqr().sum(2))",
             {"x": real(3, 4), "y": weight(2, 4)}, cases=("ordinary",)),
    _lacking("multilabel_soft_margin_loss",
             "F.multilabel_soft_margin_loss(x, (y > 0).to(x.dtype))",
             "t = (y > 0).cast(x.dtype)\n"
             "(jt.ternary(x > 0, x, jt.zeros_like(x)) - x * t + "
             "jt.log(1 + jt.exp(jt.ternary(x > 0, -x, x)))).mean()",
             {"x": real(3, 4), "y": weight(3, 4)}),
    *(
        rule(f"{name} of an empty batch is NaN",
             f"torch.isnan(F.{name}(torch.zeros({shape}), torch.zeros({target}))).item()",
             f"bool(jt.isnan(jt.nn.{jittor}(jt.zeros(({shape},)), jt.zeros(({target},))))"
             ".item())", note=note)
        for name, jittor, shape, target, note in (
            ("mse_loss", "mse_loss", "0", "0", "PyTorch gives NaN, the mean of nothing, Jittor 0."),
            ("l1_loss", "l1_loss", "0", "0", "PyTorch gives NaN, the mean of nothing, Jittor 0."),
            ("smooth_l1_loss", "smooth_l1_loss", "0", "0",
             "PyTorch gives NaN, the mean of nothing, Jittor 0."),
        )
    ),
    rule("cross_entropy of an empty batch is NaN",
         "torch.isnan(F.cross_entropy(torch.zeros(0, 3), torch.zeros(0).long())).item()",
         "bool(jt.isnan(jt.nn.cross_entropy_loss(jt.zeros((0, 3)), jt.zeros((0,)).int32()))"
         ".item())"),
    numeric("ctc_loss, sum", "F.ctc_loss(torch.log_softmax(x, 2), torch.tensor([[1, 2], [2, 2]]), "
            "torch.tensor([6, 6]), torch.tensor([2, 2]), reduction='sum')",
            "jt.ctc_loss(jt.nn.log_softmax(x, dim=2), jt.array([[1, 2], [2, 2]]), "
            "jt.array([6, 6]), jt.array([2, 2]), reduction='sum').cast(x.dtype)", x=real(6, 2, 3),
            note="Jittor computes it in float32, whatever the dtype of the input."),
    numeric("ctc_loss, mean", "F.ctc_loss(torch.log_softmax(x, 2), torch.tensor([[1, 2], [2, 2]]), "
            "torch.tensor([6, 6]), torch.tensor([2, 2]))",
            "jt.ctc_loss(jt.nn.log_softmax(x, dim=2), jt.array([[1, 2], [2, 2]]), "
            "jt.array([6, 6]), jt.array([2, 2])).cast(x.dtype)", x=real(6, 2, 3),
            note="PyTorch divides the loss of each target by its length before the mean."),
    numeric("ctc_loss, zero_infinity",
            "F.ctc_loss(torch.log_softmax(x, 2), torch.tensor([[1, 2, 2, 2]]), torch.tensor([3]), "
            "torch.tensor([4]), reduction='sum', zero_infinity=True)",
            "jt.ctc_loss(jt.nn.log_softmax(x, dim=2), jt.array([[1, 2, 2, 2]]), jt.array([3]), "
            "jt.array([4]), reduction='sum', zero_infinity=True).cast(x.dtype)", x=real(3, 1, 3),
            gradient=False, note="The loss of a target that does not fit is not infinite in "
            "Jittor but a huge number, which `zero_infinity` does not replace."),
)  # fmt: skip
