"""Distributions of random numbers, judged by 20,000 samples, and seeds."""

from parity.atlas.entry import Entry, sample

_N = "20000"
ENTRIES = (
    sample("rand", f"torch.rand({_N})", f"jt.rand({_N})"),
    sample("randn", f"torch.randn({_N})", f"jt.randn({_N})"),
    sample("randn, odd size", "torch.randn(19999)", "jt.randn(19999)"),
    sample(
        "randint",
        f"torch.randint(0, 7, ({_N},)).float()",
        f"jt.randint(0, 7, ({_N},)).float()",
    ),
    sample(
        "randint, negative numbers",
        f"torch.randint(-5, 5, ({_N},)).float()",
        f"jt.randint(-5, 5, ({_N},)).float()",
    ),
    sample("randperm", f"torch.randperm({_N}).float()", f"jt.randperm({_N}).float()"),
    sample("normal", f"torch.normal(2.0, 3.0, ({_N},))", f"jt.normal(2.0, 3.0, ({_N},))"),
    sample(
        "bernoulli",
        f"torch.bernoulli(torch.full(({_N},), 0.3))",
        f"jt.bernoulli(jt.full(({_N},), 0.3)).float()",
    ),
    sample(
        "multinomial",
        f"torch.multinomial(torch.tensor([1.0, 2, 5]), {_N}, True).float()",
        f"jt.multinomial(jt.array([1.0, 2, 5]), {_N}, True).float()",
    ),
    sample(
        "uniform_",
        f"torch.empty({_N}).uniform_(-2, 3)",
        f"w = jt.zeros(({_N},))\njt.init.uniform_(w, -2, 3)\nw",
    ),
    sample(
        "dropout",
        f"F.dropout(torch.ones({_N}), 0.3, True)",
        f"jt.nn.dropout(jt.ones({_N}), 0.3, True)",
    ),
    sample(
        "dropout2d",
        "F.dropout2d(torch.ones(100, 200, 1, 2), 0.3, True)",
        "jt.nn.dropout2d(jt.ones(100, 200, 1, 2), 0.3, True)",
    ),
    sample(
        "Categorical",
        f"torch.distributions.Categorical(torch.tensor([0.1, 0.2, 0.7])).sample(({_N},)).float()",
        f"jt.distributions.Categorical(jt.array([0.1, 0.2, 0.7])).sample(({_N},)).float()",
    ),
    sample(
        "Geometric",
        f"torch.distributions.Geometric(torch.tensor([0.3])).sample(({_N},))",
        f"jt.distributions.Geometric(jt.array([0.3])).sample(({_N}, 1)).float()",
        workaround=f"u = jt.rand({_N}, 1)\njt.floor(jt.log(u) / np.log(0.7))",
        note="`Geometric(p)` stores `prob` and samples from `probs`, which does not exist.",
    ),
    Entry(
        name="rand excludes 1",
        kind="rule",
        torch="torch.manual_seed(0)\nx = torch.rand(1000000)\n((x >= 0) & (x < 1)).all().item()",
        jittor="jt.set_global_seed(0)\nx = jt.rand(1000000)\n"
        "((x >= 0).numpy() & (x < 1).numpy()).all()",
    ),
    Entry(
        name="the same seed twice",
        kind="rule",
        torch="torch.manual_seed(3)\na = torch.rand(5)\ntorch.manual_seed(3)\n"
        "(a == torch.rand(5)).all().item()",
        jittor="jt.set_global_seed(3)\na = jt.rand(5).numpy()\njt.set_global_seed(3)\n"
        "(a == jt.rand(5).numpy()).all()",
    ),
    Entry(
        name="draws do not depend on evaluation order",
        kind="rule",
        torch="torch.manual_seed(3)\na, b = torch.rand(5), torch.rand(7) * 1\nfirst = a.tolist()\n"
        "torch.manual_seed(3)\na, b = torch.rand(5), torch.rand(7) * 1\nb.tolist()\n"
        "first == a.tolist()",
        jittor="jt.set_global_seed(3)\na, b = jt.rand(5), jt.rand(7) * 1\nfirst = a.tolist()\n"
        "jt.set_global_seed(3)\na, b = jt.rand(5), jt.rand(7) * 1\nb.sum().data\n"
        "first == a.tolist()",
        note="Jittor draws a tensor when it is evaluated. Draw in NumPy where the order of "
        "evaluation may change.",
    ),
    Entry(
        name="the same seed in both frameworks",
        kind="rule",
        torch="torch.manual_seed(3)\ntorch.rand(3).tolist()",
        jittor="jt.set_global_seed(3)\njt.rand(3).tolist()",
        note="Draw in NumPy and pass the same array to both.",
    ),
)
