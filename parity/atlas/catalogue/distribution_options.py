"""Probability distributions: log-probabilities, entropies, divergences and samples."""

from parity.atlas.entry import Entry, numeric, real, rule, sample, weight

_N = "20000"
_D = "torch.distributions."
_J = "jt.distributions."
_ROUND = "[round(v, 4) for v in {}.reshape(-1).tolist()]"


def _rounded(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = ""
) -> Entry:
    port = torch.replace("torch.tensor", "jt.array").replace("torch.", "jt.")
    return rule(name, _ROUND.format(torch), _ROUND.format(jittor or port), note=note,
                workaround=workaround and _ROUND.format(workaround))  # fmt: skip


_P = "torch.tensor([0.1, 0.2, 0.7])"
_JP = "jt.array([0.1, 0.2, 0.7])"
_SIGMOID = "Jittor makes probabilities of `logits` by a sigmoid, PyTorch by a softmax."
ENTRIES = (
    numeric("Normal, log_prob", f"{_D}Normal(m, torch.exp(s)).log_prob(x)",
                 f"{_J}Normal(m, jt.exp(s)).log_prob(x)", cases=("ordinary", "large magnitude"),
                 x=real(3, 4), m=weight(3, 4), s=weight(3, 4)),
    numeric("Normal, entropy", f"{_D}Normal(x, torch.exp(x)).entropy()",
            f"{_J}Normal(x, jt.exp(x)).entropy()", x=real(3, 4),
            cases=("ordinary", "zeros")),
    numeric("Normal, divergence",
            "a, b = torch.distributions.Normal(x, torch.exp(x)), "
            "torch.distributions.Normal(y, torch.exp(y))\n"
            "torch.distributions.kl_divergence(a, b)",
            "a, b = jt.distributions.Normal(x, jt.exp(x)), jt.distributions.Normal(y, jt.exp(y))\n"
            "jt.distributions.kl_divergence(a, b)", x=real(3, 4), y=weight(3, 4),
            cases=("ordinary", "zeros")),
    numeric("Normal by hand, reparametrised log_prob of a VAE",
            "-0.5 * (1 + s - x ** 2 - torch.exp(s)).sum(1)",
            "-0.5 * (1 + s - x ** 2 - jt.exp(s)).sum(1)", x=real(3, 4), s=weight(3, 4)),
    _rounded("Categorical, log_prob",
             f"{_D}Categorical({_P}).log_prob(torch.tensor([0, 2]))",
             f"{_J}Categorical({_JP}).log_prob(jt.array([0, 2]))"),
    _rounded("Categorical, entropy", f"{_D}Categorical({_P}).entropy()"),
    _rounded("Categorical, probabilities of logits",
             f"{_D}Categorical(logits=torch.tensor([0.0, 1.0, 3.0])).probs",
             workaround=f"{_J}Categorical(jt.nn.softmax(jt.array([0.0, 1.0, 3.0]), dim=0)).probs",
             note=_SIGMOID),
    _rounded("Categorical, divergence",
             f"{_D}kl_divergence({_D}Categorical({_P}), {_D}Categorical(torch.ones(3) / 3))"),
    numeric("Categorical, gradient of log_prob",
            f"{_D}Categorical(torch.softmax(x, 0)).log_prob(torch.tensor(1))",
            f"{_J}Categorical(jt.nn.softmax(x, dim=0)).log_prob(jt.array([1]))", x=real(4),
            cases=("ordinary", "zeros")),
    sample("Categorical, logits", f"{_D}Categorical(logits=torch.tensor([0.0, 1.0, 3.0]))"
           f".sample(({_N},)).float()",
           f"{_J}Categorical(logits=jt.array([0.0, 1.0, 3.0])).sample(({_N},)).float()",
           workaround=f"p = jt.nn.softmax(jt.array([0.0, 1.0, 3.0]), dim=0)\n"
           f"{_J}Categorical(p).sample(({_N},)).float()", note=_SIGMOID),
    sample("OneHotCategorical", f"{_D}OneHotCategorical({_P}).sample((8000,)).argmax(1).float()",
           f"{_J}OneHotCategorical({_JP}).sample((8000,)).argmax(1)[0].float()"),
    sample("Normal, samples", f"{_D}Normal(2.0, 3.0).sample(({_N},))",
           f"{_J}Normal(2.0, 3.0).sample(({_N},))"),
    sample("Uniform, samples", f"{_D}Uniform(-1.0, 2.0).sample(({_N},))",
           f"{_J}Uniform(-1.0, 2.0).sample(({_N},))", workaround=f"-1.0 + 3.0 * jt.rand({_N})",
           note="Jittor's method calls `jt.uniform`, which does not exist."),
    _rounded("Uniform, log_prob outside", f"{_D}Uniform(0.0, 1.0, validate_args=False)"
             ".log_prob(torch.tensor([2.0]))",
             f"jt.array([{_J}Uniform(jt.array([0.0]), jt.array([1.0])).log_prob(jt.array([2.0]))])",
             note="Jittor returns infinity, PyTorch minus infinity."),
    _rounded("Geometric, log_prob", f"{_D}Geometric(torch.tensor([0.3])).log_prob("
             "torch.tensor([2.0]))"),
    sample("Bernoulli", f"{_D}Bernoulli(0.3).sample(({_N},))",
           workaround=f"jt.bernoulli(jt.full(({_N},), 0.3))", note="Jittor has no `Bernoulli`."),
    sample("Gamma", f"{_D}Gamma(2.0, 1.0).sample(({_N},))",
           f"{_J}GammaDistribution(2.0, 1.0).sample(({_N},))",
           note="Jittor draws these numbers on a GPU only."),
    sample("Exponential", f"{_D}Exponential(2.0).sample(({_N},))",
           workaround=f"-jt.log(1 - jt.rand({_N})) / 2.0", note="Jittor has no `Exponential`."),
    sample("Laplace", f"{_D}Laplace(0.0, 1.0).sample(({_N},))",
           workaround=f"u = jt.rand({_N}) - 0.5\n"
           "-jt.ternary(u < 0, -1.0, 1.0) * jt.log(1 - 2 * jt.abs(u))",
           note="Jittor has no `Laplace`."),
    sample("Beta", f"{_D}Beta(2.0, 2.0).sample(({_N},))", note="Jittor has no `Beta`."),
    sample("Dirichlet", f"{_D}Dirichlet(torch.ones(2)).sample((8000,))[:, 0]",
           workaround="e = -jt.log(1 - jt.rand(8000, 2))\n(e / e.sum(1, keepdims=True))[:, 0]",
           note="Jittor has no `Dirichlet`."),
    sample("Poisson", f"torch.poisson(torch.full(({_N},), 3.0))",
           note="Jittor has no `poisson`: draw it in NumPy."),
    sample("random integers of a tensor", "torch.randint_like(torch.zeros(20000), 7).float()",
           "jt.randint_like(jt.zeros(20000), 7).float()"),
    sample("rand_like", "torch.rand_like(torch.zeros(20000))"),
    sample("randn_like", "torch.randn_like(torch.zeros(20000))"),
    sample("randn of several sizes", "torch.randn(100, 200)"),
    sample("normal of tensors", "torch.normal(torch.zeros(20000), torch.full((20000,), 3.0))"),
    sample("normal_", "torch.zeros(20000).normal_(1.0, 2.0)"),
    sample("bernoulli_", "torch.zeros(20000).bernoulli_(0.3)",
           workaround="jt.bernoulli(jt.full((20000,), 0.3)).float()",
           note="Jittor has no `bernoulli_`."),
    sample("exponential_", "torch.zeros(20000).exponential_()",
           workaround="-jt.log(1 - jt.rand(20000))", note="Jittor has no `exponential_`."),
    sample("Gumbel noise", "-torch.log(-torch.log(torch.rand(20000).clamp(1e-20)))",
           "-jt.log(-jt.log(jt.clamp(jt.rand(20000), 1e-20)))"),
    sample("random permutation of rows", "torch.arange(20000).float()[torch.randperm(20000)]",
           "jt.arange(20000).float()[jt.randperm(20000)]"),
    sample("multinomial without replacement",
           "torch.stack([torch.multinomial(torch.ones(5), 2) for _ in range(1000)]).float()",
           "jt.stack([jt.multinomial(jt.ones(5), 2) for _ in range(1000)]).float()"),
    sample("Dropout layer", "torch.nn.Dropout(0.3).train()(torch.ones(20000))",
           "m = jt.nn.Dropout(0.3)\nm.train()\nm(jt.ones(20000))"),
    sample("dropout in training by default", "F.dropout(torch.ones(20000), 0.3)",
           workaround="jt.nn.dropout(jt.ones(20000), 0.3, is_train=True)",
           note="The default of `training` is True in PyTorch, that of `is_train` False in "
           "Jittor: nothing is dropped."),
    sample("dropout, training by name", "F.dropout(torch.ones(20000), 0.3, training=True)",
           workaround="jt.nn.dropout(jt.ones(20000), 0.3, is_train=True)",
           note="The argument is named `is_train`."),
    sample("Dropout2d layer", "torch.nn.Dropout2d(0.3).train()(torch.ones(100, 200, 1, 2))",
           "m = jt.nn.Dropout2d(0.3)\nm.train()\nm(jt.ones((100, 200, 1, 2)))"),
    rule("dropout2d drops entire channels",
         "torch.manual_seed(0)\ny = F.dropout2d(torch.ones(1, 50, 3, 3), 0.5, True)\n"
         "bool(((y == 0).float().mean((2, 3)) % 1 == 0).all())",
         "jt.set_global_seed(0)\ny = jt.nn.dropout2d(jt.ones((1, 50, 3, 3)), 0.5, True)\n"
         "bool(((y == 0).float().mean((2, 3)) % 1 == 0).all().item())"),
    sample("Dropout1d", "torch.nn.Dropout1d(0.3).train()(torch.ones(100, 100, 2))",
           workaround="k = (jt.rand(100, 100, 1) > 0.3).float() / 0.7\n"
           "k * jt.ones((100, 100, 2))", note="Jittor has no `Dropout1d`."),
    sample("Dropout3d", "torch.nn.Dropout3d(0.3).train()(torch.ones(100, 100, 1, 1, 2))",
           workaround="k = (jt.rand(100, 100, 1, 1, 1) > 0.3).float() / 0.7\n"
           "k * jt.ones((100, 100, 1, 1, 2))", note="Jittor has no `Dropout3d`."),
    sample("AlphaDropout", "y = torch.nn.AlphaDropout(0.3).train()(torch.ones(20000))\n"
           "torch.round(1000 * y) / 1000", "jt.nn.AlphaDropout(0.3)(jt.ones(20000))",
           workaround="p, a = 0.3, -1.7580993408473766\nk = (jt.rand(20000) > p).float()\n"
           "s = ((1 - p) * (1 + p * a * a)) ** -0.5\n"
           "y = s * (k * jt.ones(20000) + (1 - k) * a) - s * a * p\njt.round(1000 * y) / 1000",
           note="Jittor has no `AlphaDropout`."),
    sample("dropout with p = 1", "F.dropout(torch.ones(2000), 1.0, True)"),
    sample("dropout with p = 0", "F.dropout(torch.ones(2000), 0.0, True)"),
    sample("DropPath", "k = torch.floor(0.7 + torch.rand(5000, 1))\n"
           "torch.ones(5000, 2) / 0.7 * k", "m = jt.nn.DropPath(0.3)\nm.train()\n"
           "m(jt.ones((5000, 2)))"),
    rule("random state, saved and restored",
         "torch.manual_seed(1)\ns = torch.get_rng_state()\na = torch.rand(3).tolist()\n"
         "torch.set_rng_state(s)\na == torch.rand(3).tolist()",
         note="Jittor cannot save its random state: seed it.",
         workaround="jt.set_global_seed(1)\na = jt.rand(3).tolist()\njt.set_global_seed(1)\n"
         "a == jt.rand(3).tolist()"),
    rule("Generator", "g = torch.Generator()\ng.manual_seed(1)\n"
         "len(torch.rand(3, generator=g))", note="Jittor has one generator for all."),
    rule("manual_seed", "torch.manual_seed(1) is not None", workaround="jt.set_global_seed(1) "
         "is None", note="Named `set_global_seed`, which seeds NumPy and Python as well."),
    rule("seeding and NumPy", "np.random.seed(5)\ntorch.manual_seed(1)\na = np.random.rand()\n"
         "np.random.seed(5)\na == np.random.rand()",
         "np.random.seed(5)\njt.set_global_seed(1)\na = np.random.rand()\n"
         "np.random.seed(5)\nbool(a == np.random.rand())",
         note="`set_global_seed` seeds NumPy as well; `jt.set_seed` does not.",
         workaround="np.random.seed(5)\njt.set_seed(1)\na = np.random.rand()\n"
         "np.random.seed(5)\nbool(a == np.random.rand())"),
)  # fmt: skip
