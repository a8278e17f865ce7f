"""Normalisation layers with their options and state, and the parametrizations of weights."""

from parity.atlas.catalogue._layers import jittor_layer, layer, torch_layer
from parity.atlas.entry import Entry, numeric, real, rule, weight

_IMAGE = {"x": real(4, 4, 2, 3)}
_CASES = ("ordinary", "constant", "large offset")
_ONE_PASS = (
    "The variance is computed in one pass, E[x^2] - E[x]^2, which loses digits to cancellation."
)
_STEPS = """m = {}
m.train()
for number in range({}):
    m(x * (number + 1))
{}"""
_BIASED = "Jittor keeps the biased variance, PyTorch the unbiased one."


def _norm(name: str, make: str, note: str = _ONE_PASS, jittor: str = "", *shape: int) -> Entry:
    return layer(name, make, jittor=jittor, cases=_CASES, note=note,
                 x=real(*(shape or (4, 4, 2, 3))))  # fmt: skip


def _state(name: str, make: str, steps: int, read: str, note: str = "") -> Entry:
    j = make.replace("torch.", "jt.")
    return numeric(
        name, _STEPS.format(make, steps, read), _STEPS.format(j, steps, read), note=note,
        gradient=False, inputs=_IMAGE,
    )  # fmt: skip


_RMS = "jt.sqrt((x * x).mean(-1, keepdims=True) + {})"
_BN = "torch.nn.BatchNorm2d(4{})"
_FUNCTIONAL = (
    "c = x - x.mean((0, 2, 3), keepdims=True)\n"
    "c / jt.sqrt((c * c).mean((0, 2, 3), keepdims=True) + 1e-5)"
)
ENTRIES = (
    _norm("LayerNorm layer", "torch.nn.LayerNorm(3)"),
    _norm("LayerNorm of two dimensions", "torch.nn.LayerNorm((2, 3))"),
    _norm("LayerNorm, eps", "torch.nn.LayerNorm(3, eps=1e-2)"),
    _norm("LayerNorm without weights", "torch.nn.LayerNorm(3, elementwise_affine=False)"),
    layer("LayerNorm without bias", "torch.nn.LayerNorm(3, bias=False)", cases=("ordinary",),
          workaround=jittor_layer("jt.nn.LayerNorm(3)") + "jt.nn.layer_norm(x, (3,), m.weight)",
          note="Jittor's layer has no argument `bias`.", inputs=_IMAGE),
    numeric("layer_norm, weight None", "F.layer_norm(x, (3,), None, None, 1e-5)",
            workaround="jt.nn.layer_norm(x, (3,), 1, 0, 1e-5)",
            note="Jittor takes 1 and 0 in place of None.", inputs=_IMAGE),
    numeric("layer_norm of an integer shape", "F.layer_norm(x, [3])", inputs=_IMAGE),
    _norm("GroupNorm layer", "torch.nn.GroupNorm(2, 4)"),
    _norm("GroupNorm without weights", "torch.nn.GroupNorm(2, 4, affine=False)"),
    _norm("GroupNorm of one group", "torch.nn.GroupNorm(1, 4)"),
    _norm("GroupNorm of each channel", "torch.nn.GroupNorm(4, 4)"),
    _norm("GroupNorm, five dimensions", "torch.nn.GroupNorm(2, 4)", _ONE_PASS, "", 2, 4, 2, 2, 2),
    _norm("GroupNorm, two dimensions", "torch.nn.GroupNorm(2, 4)", _ONE_PASS, "", 3, 4),
    layer("InstanceNorm2d", "torch.nn.InstanceNorm2d(4)", cases=_CASES, inputs=_IMAGE,
          workaround=jittor_layer("jt.nn.InstanceNorm2d(4, affine=False)") + "m(x)",
          note="The default of `affine` is True in Jittor and False in PyTorch: Jittor's layer has "
          f"weights, which are trained and stored. {_ONE_PASS}"),
    _norm("InstanceNorm2d with weights", "torch.nn.InstanceNorm2d(4, affine=True)"),
    _norm("InstanceNorm1d without weights", "torch.nn.InstanceNorm1d(4)", _ONE_PASS,
          "jt.nn.InstanceNorm1d(4, affine=False)", 2, 4, 5),
    rule("parameters of InstanceNorm2d", "len(list(torch.nn.InstanceNorm2d(4).parameters()))",
         workaround="len(list(jt.nn.InstanceNorm2d(4, affine=False).parameters()))",
         note="The default of `affine` is True in Jittor and False in PyTorch."),
    numeric("InstanceNorm2d, running statistics",
            "torch.nn.InstanceNorm2d(4, track_running_stats=True)(x)",
            note="Jittor's layer keeps no running statistics.", inputs=_IMAGE),
    _norm("BatchNorm2d layer", "torch.nn.BatchNorm2d(4)"),
    _norm("BatchNorm1d, two dimensions", "torch.nn.BatchNorm1d(4)", _ONE_PASS, "", 6, 4),
    _norm("BatchNorm1d, sequence", "torch.nn.BatchNorm1d(4)", _ONE_PASS, "", 3, 4, 5),
    _norm("BatchNorm3d", "torch.nn.BatchNorm3d(4)", _ONE_PASS, "", 2, 4, 2, 2, 2),
    _norm("BatchNorm2d, eps", _BN.format(", eps=1e-2")),
    numeric("BatchNorm2d without weights", _BN.format(", affine=False") + "(x)", cases=_CASES,
            note=_ONE_PASS, inputs=_IMAGE),
    rule("BatchNorm2d, momentum None", _BN.format(", momentum=None") + "(torch.ones(2, 4, 1, 1))"
         ".sum().item() == 0", note="Jittor has no cumulative average."),
    rule("BatchNorm2d without running statistics",
         _BN.format(", track_running_stats=False") + ".running_mean is None",
         note="Jittor's layer has no argument `track_running_stats`."),
    rule("BatchNorm2d, number of batches", _BN.format("") + ".num_batches_tracked.item()",
         note="Jittor does not count batches."),
    _state("BatchNorm, running mean after three batches", _BN.format(""), 3, "m.running_mean"),
    _state("BatchNorm, running mean, momentum 0.5", _BN.format(", momentum=0.5"), 3,
           "m.running_mean"),
    _state("BatchNorm, running variance after three batches", _BN.format(""), 3, "m.running_var",
           _BIASED),
    _state("BatchNorm, evaluation after three batches", _BN.format(""), 3, "m.eval()\nm(x)",
           _BIASED),
    numeric("batch_norm, evaluation", "F.batch_norm(x, torch.abs(r).detach() * 0 + 1, "
            "torch.abs(r).detach() + 1)", "jt.nn.batch_norm(x, jt.abs(r).detach() * 0 + 1, "
            "jt.abs(r).detach() + 1)", r=weight(4), inputs=_IMAGE),
    numeric("batch_norm, training", "F.batch_norm(x, None, None, training=True)",
            workaround=_FUNCTIONAL, note="Jittor's function refuses training.", inputs=_IMAGE),
    numeric("instance_norm with weights", "F.instance_norm(x, weight=w, bias=w)",
            cases=("ordinary",), w=weight(4), inputs=_IMAGE),
    rule("SyncBatchNorm", "torch.nn.SyncBatchNorm(4).num_features",
         workaround="jt.nn.BatchNorm(4).num_features",
         note="Jittor has no `SyncBatchNorm`: its BatchNorm synchronises where MPI runs."),
    numeric("RMSNorm", "torch.nn.RMSNorm(3, eps=1e-6)(x)", cases=_CASES, inputs=_IMAGE,
            workaround=f"x / {_RMS.format('1e-6')}", note="Jittor has no `RMSNorm`."),
    numeric("rms_norm, eps by default", "F.rms_norm(x, (3,))", inputs=_IMAGE,
            workaround=f"x / {_RMS.format('float(np.finfo(str(x.dtype)).eps)')}",
            note="Jittor has no `rms_norm`; PyTorch's epsilon is that of the dtype."),
    numeric("LocalResponseNorm", "torch.nn.LocalResponseNorm(2)(x)", inputs=_IMAGE,
            workaround="s = jt.nn.pad(x * x, (0, 0, 0, 0, 1, 0))\n"
            "x / (1 + 1e-4 * (s[:, 1:] + s[:, :-1]) / 2) ** 0.75",
            note="Jittor has no `LocalResponseNorm`."),
    *(
        numeric(f"normalize, {name}", f"F.normalize(x, {options})",
                f"jt.normalize(x, {options})", cases=("ordinary", "tiny magnitude"), inputs=_IMAGE)
        for name, options in (
            ("last dimension", "dim=-1"), ("dimension 0", "dim=0"), ("order 1", "p=1"),
        )
    ),
    numeric("normalize, order infinity", "F.normalize(x, p=np.inf)", "jt.normalize(x, p=np.inf)",
            workaround="x / jt.maximum(jt.abs(x).max(1, keepdims=True), 1e-12)",
            note="Jittor has norms of order 1 and 2 only.", inputs=_IMAGE),
    numeric("normalize, eps", "F.normalize(x, eps=0.5)", "jt.normalize(x, eps=0.5)",
            cases=("ordinary", "tiny magnitude"), inputs=_IMAGE,
            workaround="x / jt.maximum(jt.sqrt(jt.maximum((x * x).sum(1, keepdims=True), 1e-30)), "
            "0.5)",
            note="PyTorch divides by max(norm, eps), Jittor by the root of max(squares, eps)."),
    numeric("normalize under nn", "F.normalize(x)", workaround="jt.normalize(x)",
            note="It is `jt.normalize`.", inputs=_IMAGE),
    numeric("weight_norm", torch_layer("torch.nn.Linear(4, 3)")
            + "m = torch.nn.utils.weight_norm(m)\nm(x)",
            jittor_layer("jt.nn.Linear(4, 3)") + "from jittor.weightnorm import weight_norm\n"
            "m = weight_norm(m, 'weight', 1)\nm(x)", x=real(2, 4),
            note="`jittor.weightnorm.weight_norm`; its `dim` is the one that is summed, PyTorch's "
            "the one that is kept."),
    rule("names of weight_norm's parameters",
         "sorted(n for n, _ in torch.nn.utils.weight_norm(torch.nn.Linear(2, 2))"
         ".named_parameters())",
         "from jittor.weightnorm import weight_norm\n"
         "sorted(n for n, _ in weight_norm(jt.nn.Linear(2, 2), 'weight', 1).named_parameters())",
         note="Jittor keeps the product as a parameter too."),
    rule("weight_norm, default arguments",
         "torch.nn.utils.weight_norm(torch.nn.Linear(2, 2)) is not None",
         "from jittor.weightnorm import weight_norm\nweight_norm(jt.nn.Linear(2, 2)) is not None",
         workaround="from jittor.weightnorm import weight_norm\n"
         "weight_norm(jt.nn.Linear(2, 2), 'weight', 1) is not None",
         note="Jittor has no defaults for `name` and `dim`."),
    rule("remove_weight_norm",
         "sorted(n for n, _ in torch.nn.utils.remove_weight_norm(torch.nn.utils.weight_norm("
         "torch.nn.Linear(2, 2))).named_parameters())",
         "from jittor.weightnorm import remove_weight_norm, weight_norm\n"
         "m = remove_weight_norm(weight_norm(jt.nn.Linear(2, 2), 'weight', 1))\n"
         "sorted(n for n, _ in m.named_parameters())",
            note='Jittor removes the hook alone: the product and both factors remain parameters.'),
    rule("parametrizations.weight_norm",
         "sorted(n for n, _ in torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))"
         ".named_parameters())", note="Jittor has no `parametrizations`."),
    rule("spectral_norm", "sorted(n for n, _ in torch.nn.utils.spectral_norm("
         "torch.nn.Linear(2, 2)).named_parameters())", note="Jittor has no `spectral_norm`."),
    numeric("spectral_norm, as a division by the largest singular value",
            "x / torch.linalg.matrix_norm(x, 2)", "x / jt.linalg.svd(x)[1].max()", x=real(3, 3)),
    rule("parametrizations.orthogonal",
         "w = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(2, 2)).weight\n"
         "bool((w @ w.T - torch.eye(2)).abs().max() < 1e-5)",
         note="Jittor has no `parametrizations`."),
    rule("register_parametrization",
         "class Symmetric(torch.nn.Module):\n    def forward(self, w):\n        return w + w.T\n"
         "m = torch.nn.Linear(2, 2)\n"
         "torch.nn.utils.parametrize.register_parametrization(m, 'weight', Symmetric())\n"
         "bool((m.weight == m.weight.T).all())",
         workaround="class Symmetric(jt.nn.Linear):\n    def execute(self, x):\n"
         "        w = self.weight + self.weight.t()\n        return jt.nn.linear(x, w, self.bias)\n"
         "Symmetric(2, 2)(jt.ones((1, 2))) is not None",
         note="Jittor has no `parametrize`: compute the weight in `execute`."),
)  # fmt: skip
