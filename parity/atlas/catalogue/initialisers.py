"""Initial values: the functions of `init`, and the weights of new layers."""

from parity.atlas.entry import Entry, sample


def initialised(
    name: str, arguments: str = "", jittor: str = "", note: str = "", workaround: str = ""
) -> Entry:
    """Return an entry of an initialiser of a convolution's weight."""
    other = jittor or name
    return sample(
        f"init.{name}{f'({arguments})' if arguments else ''}",
        f"w = torch.empty(128, 64, 3, 3)\n"
        f"torch.nn.init.{name}(w{', ' * bool(arguments)}{arguments})",
        f"w = jt.zeros((128, 64, 3, 3))\njt.init.{other}(w{', ' * bool(arguments)}{arguments})\nw",
        note=note, workaround=workaround,
    )  # fmt: skip


ENTRIES = (
    initialised("kaiming_uniform_"),
    initialised("kaiming_normal_"),
    initialised("kaiming_normal_", "mode='fan_out', nonlinearity='relu'"),
    initialised("kaiming_uniform_", "a=5 ** 0.5"),
    initialised("xavier_uniform_"),
    initialised("xavier_uniform_", "gain=0.5"),
    initialised("xavier_normal_", jittor="xavier_gauss_", note="Named `xavier_gauss_` in Jittor."),
    initialised("uniform_"),
    initialised("normal_", jittor="gauss_", note="Named `gauss_` in Jittor."),
    initialised(
        "trunc_normal_",
        "std=0.02",
        note="Both sample by the inverse distribution function and truncate at -2 and 2.",
    ),
    initialised("trunc_normal_", "std=1.0"),
    sample("weight of Linear", "torch.nn.Linear(200, 300).weight", "jt.nn.Linear(200, 300).weight"),
    sample("bias of Linear", "torch.nn.Linear(16, 8192).bias", "jt.nn.Linear(16, 8192).bias"),
    sample("weight of Conv2d", "torch.nn.Conv2d(32, 64, 3).weight", "jt.nn.Conv(32, 64, 3).weight"),
    sample("bias of Conv2d", "torch.nn.Conv2d(2, 4096, 3).bias", "jt.nn.Conv(2, 4096, 3).bias"),
    sample(
        "weight of Conv2d, groups",
        "torch.nn.Conv2d(64, 128, 3, groups=8).weight",
        "jt.nn.Conv(64, 128, 3, groups=8).weight",
    ),
    sample(
        "weight of ConvTranspose2d",
        "torch.nn.ConvTranspose2d(64, 32, 3).weight",
        "jt.nn.ConvTranspose(64, 32, 3).weight",
    ),
    sample(
        "weight of Conv1d", "torch.nn.Conv1d(32, 64, 5).weight", "jt.nn.Conv1d(32, 64, 5).weight"
    ),
    sample(
        "weight of Embedding",
        "torch.nn.Embedding(100, 200).weight",
        "jt.nn.Embedding(100, 200).weight",
    ),
    sample(
        "weight of LSTM", "torch.nn.LSTM(32, 64).weight_ih_l0", "jt.nn.LSTM(32, 64).weight_ih_l0"
    ),
    sample(
        "weight of GRUCell", "torch.nn.GRUCell(32, 64).weight_hh", "jt.nn.GRUCell(32, 64).weight_hh"
    ),
    sample(
        "weight of GroupNorm", "torch.nn.GroupNorm(2, 8).weight", "jt.nn.GroupNorm(2, 8).weight"
    ),
    sample("bias of BatchNorm", "torch.nn.BatchNorm2d(8).bias", "jt.nn.BatchNorm(8).bias"),
    Entry(
        name="calculate_gain",
        kind="rule",
        torch="[torch.nn.init.calculate_gain(n) for n in ('relu', 'tanh', 'sigmoid', 'selu', "
        "'leaky_relu')]",
        jittor="[jt.init.calculate_gain(n) for n in ('relu', 'tanh', 'sigmoid', 'selu', "
        "'leaky_relu')]",
    ),
)
