"""Initialisers with their options, those that Jittor lacks, and weights of further layers."""

from parity.atlas.catalogue.initialisers import initialised
from parity.atlas.entry import Entry, rule, sample


def _filled(name: str, arguments: str, jittor: str, shape: str = "4, 4", note: str = "") -> Entry:
    """Return an entry of an initialiser that is not random."""
    return rule(
        f"init.{name}({arguments})" if arguments else f"init.{name}",
        f"w = torch.empty({shape})\ntorch.nn.init.{name}(w{', ' * bool(arguments)}{arguments})\n"
        "w.tolist()",
        f"w = jt.zeros(({shape}))\njt.init.{name}(w{', ' * bool(arguments)}{arguments})\n"
        "w.tolist()",
        workaround=jittor and f"w = jt.zeros(({shape}))\n{jittor}\nw.tolist()", note=note,
    )  # fmt: skip


def _weight(
    layer: str, tensor: str, jittor: str = "", note: str = "", workaround: str = ""
) -> Entry:
    port = (jittor or layer).replace("torch.", "jt.")
    return sample(f"{tensor} of {layer.removeprefix('torch.nn.').partition('(')[0]}",
                  f"{layer}.{tensor}", f"{port}.{tensor}", note=note,
                  workaround=workaround)  # fmt: skip


ENTRIES = (
    _filled("zeros_", "", "jt.init.zero_(w)", note="Named `zero_` in Jittor."),
    _filled("ones_", "", "jt.init.one_(w)", note="Named `one_` in Jittor."),
    _filled("constant_", "0.5", ""),
    _filled("eye_", "", ""),
    _filled("dirac_", "", "for i in range(3):\n    w[i, i, 1, 1] = 1.0", "3, 3, 3, 3",
            note="Jittor has no `dirac_`."),
    initialised("uniform_", "-0.5, 0.5"),
    initialised("normal_", "0.0, 0.02", jittor="gauss_", note="Named `gauss_` in Jittor."),
    sample("init.normal_ by its name", "w = torch.empty(128, 64)\ntorch.nn.init.normal_(w)",
           "w = jt.zeros((128, 64))\njt.init.normal_(w)\nw",
           workaround="w = jt.zeros((128, 64))\njt.init.gauss_(w)\nw",
           note="Named `gauss_` in Jittor."),
    sample("init.xavier_normal_ by its name",
           "w = torch.empty(128, 64)\ntorch.nn.init.xavier_normal_(w)",
           "w = jt.zeros((128, 64))\njt.init.xavier_normal_(w)\nw",
           workaround="w = jt.zeros((128, 64))\njt.init.xavier_gauss_(w)\nw",
           note="Named `xavier_gauss_` in Jittor."),
    initialised("xavier_normal_", "gain=2.0", jittor="xavier_gauss_",
                note="Named `xavier_gauss_` in Jittor."),
    initialised("kaiming_normal_", "a=0.2"),
    initialised("kaiming_normal_", "mode='fan_in', nonlinearity='linear'"),
    initialised("kaiming_uniform_", "mode='fan_out', nonlinearity='relu'"),
    initialised("kaiming_normal_", "nonlinearity='tanh'"),
    initialised("trunc_normal_", "mean=1.0, std=0.5, a=0.0, b=2.0"),
    sample("init.orthogonal_, elements", "w = torch.empty(100, 100)\ntorch.nn.init.orthogonal_(w)",
           "w = jt.zeros((100, 100))\njt.init.orthogonal_(w)\nw",
           workaround="jt.linalg.qr(jt.randn(100, 100))[0]", note="Jittor has no `orthogonal_`."),
    rule("init.orthogonal_, product with its transpose",
         "w = torch.nn.init.orthogonal_(torch.empty(4, 4))\n"
         "bool((w @ w.T - torch.eye(4)).abs().max() < 1e-5)",
         "w = jt.zeros((4, 4))\njt.init.orthogonal_(w)\n"
         "bool((w @ w.t() - jt.init.eye((4, 4))).abs().max().item() < 1e-5)",
         workaround="w = jt.linalg.qr(jt.randn(4, 4))[0]\n"
         "bool((w @ w.t() - jt.init.eye((4, 4))).abs().max().item() < 1e-5)",
         note="Jittor has no `orthogonal_`."),
    rule("init.sparse_", "(torch.nn.init.sparse_(torch.empty(10, 10), 0.5) == 0).sum().item()",
         "w = jt.zeros((10, 10))\njt.init.sparse_(w, 0.5)\n(w == 0).sum().item()",
         note="Jittor has no `sparse_`."),
    rule("init of a vector by kaiming", "torch.nn.init.kaiming_normal_(torch.empty(10)).shape[0]",
         "w = jt.zeros((10,))\njt.init.kaiming_normal_(w)\nw.shape[0]"),
    _weight("torch.nn.Conv3d(16, 32, 3)", "weight"),
    _weight("torch.nn.Conv3d(2, 4096, 2)", "bias"),
    _weight("torch.nn.Conv1d(2, 4096, 3)", "bias"),
    _weight("torch.nn.ConvTranspose2d(2, 4096, 3)", "bias"),
    _weight("torch.nn.ConvTranspose3d(16, 32, 3)", "weight"),
    _weight("torch.nn.Bilinear(20, 30, 40)", "weight"),
    _weight("torch.nn.Bilinear(20, 30, 4000)", "bias"),
    _weight("torch.nn.LSTM(32, 256)", "bias_ih_l0"),
    _weight("torch.nn.LSTM(32, 64)", "weight_hh_l0"),
    _weight("torch.nn.GRU(32, 64)", "weight_ih_l0"),
    _weight("torch.nn.RNN(64, 64)", "weight_hh_l0"),
    _weight("torch.nn.LSTMCell(32, 64)", "weight_ih"),
    _weight("torch.nn.RNNCell(64, 64)", "weight_ih"),
    _weight("torch.nn.MultiheadAttention(48, 4)", "in_proj_weight",
            "jt.attention.MultiheadAttention(48, 4)"),
    _weight("torch.nn.MultiheadAttention(48, 4)", "out_proj.weight",
            "jt.attention.MultiheadAttention(48, 4)"),
    _weight("torch.nn.MultiheadAttention(1200, 4)", "in_proj_bias",
            "jt.attention.MultiheadAttention(1200, 4)"),
    _weight("torch.nn.PReLU(2000)", "weight"),
    _weight("torch.nn.LayerNorm(2000)", "weight"),
    _weight("torch.nn.BatchNorm2d(2000)", "running_var"),
    rule("reset_parameters", "m = torch.nn.Linear(2, 2)\nm.reset_parameters()\n'done'",
         note="Jittor's layers have no `reset_parameters`: make a new layer.",
         workaround="m = jt.nn.Linear(2, 2)\nm = jt.nn.Linear(2, 2)\n'done'"),
)  # fmt: skip
