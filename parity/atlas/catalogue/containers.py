"""Containers of layers and parameters, and what a module offers."""

from parity.atlas.catalogue._layers import jittor_layer, layer
from parity.atlas.entry import numeric, real, rule

_TWO = "m = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))\n"
_J_TWO = _TWO.replace("torch.", "jt.")
_ORDERED = (
    "import collections\n"
    "m = torch.nn.Sequential(collections.OrderedDict(a=torch.nn.Linear(2, 3), b=torch.nn.ReLU()))\n"
)
_LIST = "m = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 3)])\n"
_CLASS = """class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(2, 3)
        self.b = torch.nn.BatchNorm2d(3)
    def forward(self, x):
        return self.a(x)
m = M()
"""
_J_CLASS = _CLASS.replace("torch.", "jt.").replace("def forward", "def execute")


def _names(method: str) -> str:
    return f"[n for n, _ in m.{method}()]"


ENTRIES = (
    numeric("Sequential", "torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten())(x)",
            cases=("ordinary", "zeros"), x=real(2, 3, 4)),
    rule("Sequential, number of layers", _TWO + "len(m)"),
    rule("Sequential, names of parameters", _TWO + _names("named_parameters")),
    rule("Sequential, keys of state_dict", _TWO + "list(m.state_dict())"),
    rule("Sequential, last layer", _TWO + "m[-1].weight.shape[0]"),
    rule("Sequential, slice", _TWO + "type(m[:2]).__name__",
         workaround=_J_TWO + "type(jt.nn.Sequential(*m[:2])).__name__",
         note="A slice of Jittor's `Sequential` is a list."),
    rule("Sequential, append", _TWO + "m.append(torch.nn.ReLU())\nlen(m)"),
    rule("Sequential, insert", _TWO + "m.insert(0, torch.nn.ReLU())\nlen(m)",
         workaround=_J_TWO + "m = jt.nn.Sequential(jt.nn.ReLU(), *m)\nlen(m)",
         note="Jittor's `Sequential` has no `insert`."),
    rule("Sequential, extend", _TWO + "m.extend([torch.nn.ReLU()])\nlen(m)",
         workaround=_J_TWO + "for layer in [jt.nn.ReLU()]:\n    m.append(layer)\nlen(m)",
         note="Jittor's `Sequential` has no `extend`."),
    rule("Sequential, replacing a layer", _TWO + "m[1] = torch.nn.Tanh()\ntype(m[1]).__name__",
         workaround=_J_TWO + "m.add_module('1', jt.nn.Tanh())\ntype(m[1]).__name__",
         note="Jittor's `Sequential` does not assign by index."),
    rule("Sequential, deleting a layer", _TWO + "del m[1]\nlen(m)",
         workaround=_J_TWO + "m = jt.nn.Sequential(m[0], m[2])\nlen(m)",
         note="Jittor's `Sequential` does not delete by index."),
    rule("Sequential of names", _ORDERED + _names("named_parameters")),
    rule("Sequential of names, attribute", _ORDERED + "m.a.weight.shape[0]"),
    rule("Sequential, named_children", _TWO + _names("named_children")),
    rule("ModuleList, number of layers", _LIST + "len(m)"),
    rule("ModuleList, names of parameters", _LIST + _names("named_parameters")),
    rule("ModuleList, iteration", _LIST + "[layer.weight.shape[0] for layer in m]"),
    rule("ModuleList, negative index", _LIST + "m[-1].weight.shape[0]"),
    rule("ModuleList, slice", _LIST + "len(m[1:])"),
    rule("ModuleList, append", _LIST + "m.append(torch.nn.ReLU())\nlen(m)"),
    rule("ModuleList, extend", _LIST + "m.extend([torch.nn.ReLU()])\nlen(m)",
            note="Jittor's `ModuleList` has no `extend`.",
            workaround='m = jt.nn.ModuleList([jt.nn.Linear(2, 2), jt.nn.Linear(2, 3)])\n'
            'for layer in [jt.nn.ReLU()]:\n'
            '    m.append(layer)\n'
            'len(m)'),
    rule("ModuleList, empty", "len(torch.nn.ModuleList())"),
    rule("ModuleList of a generator", "len(torch.nn.ModuleList(torch.nn.ReLU() for _ in range(3)))",
         workaround="len(jt.nn.ModuleList([jt.nn.ReLU() for _ in range(3)]))",
         note="Jittor accepts a list."),
    rule("ModuleDict", "m = torch.nn.ModuleDict({'a': torch.nn.Linear(2, 3)})\n"
         + _names("named_parameters"),
         workaround="import collections\n"
         "m = jt.nn.Sequential(collections.OrderedDict(a=jt.nn.Linear(2, 3)))\n"
         + _names("named_parameters"),
         note="Jittor has no `ModuleDict`; its `Sequential` reads layers by name."),
    rule("ParameterList, number",
         "len(torch.nn.ParameterList([torch.nn.Parameter(torch.ones(2)) for _ in range(3)]))",
         "len(jt.nn.ParameterList([jt.ones(2) for _ in range(3)]))"),
    rule("ParameterList, names of parameters",
         "m = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(2))])\n"
         "[n for n, _ in m.named_parameters()]",
         "m = jt.nn.ParameterList([jt.ones(2)])\n[n for n, _ in m.named_parameters()]"),
    rule("ParameterDict, value",
         "torch.nn.ParameterDict({'a': torch.nn.Parameter(torch.ones(2))})['a'].tolist()",
         "jt.nn.ParameterDict({'a': jt.ones(2)})['a'].tolist()"),
    rule("Parameter", "torch.nn.Parameter(torch.ones(2)).requires_grad"),
    rule("Parameter without a gradient",
         "torch.nn.Parameter(torch.ones(2), requires_grad=False).requires_grad"),
    rule("a tensor as attribute is no parameter",
         "m = torch.nn.ReLU()\nm.scale = torch.ones(2)\nlen(list(m.parameters()))",
         workaround="m = jt.nn.ReLU()\nm._scale = jt.ones(2)\nlen(list(m.parameters()))",
         note="In Jittor every tensor among the attributes is a parameter, unless its name starts "
         "with an underscore."),
    rule("register_parameter",
         "m = torch.nn.ReLU()\nm.register_parameter('w', torch.nn.Parameter(torch.ones(2)))\n"
         + _names("named_parameters"),
         "m = jt.nn.ReLU()\nm.register_parameter('w', jt.ones(2))\n" + _names("named_parameters"),
         workaround="m = jt.nn.ReLU()\nm.w = jt.ones(2)\n" + _names("named_parameters"),
         note="Jittor has no `register_parameter`: assign the attribute."),
    rule("register_buffer and parameters",
         "m = torch.nn.ReLU()\nm.register_buffer('b', torch.ones(2))\n"
         + _names("named_parameters"),
         note=("Jittor's `named_parameters` lists the buffers too, by `register_buffer` with "
'their gradient: an optimizer trains them unless `stop_grad()` is called.'),
         workaround=('m = jt.nn.ReLU()\n'
"m.register_buffer('b', jt.ones(2).stop_grad())\n"
'[n for n, p in m.named_parameters() if not p.is_stop_grad()]')),
    rule("register_buffer, requires_grad",
         "m = torch.nn.ReLU()\nm.register_buffer('b', torch.ones(2))\nm.b.requires_grad",
         note='A buffer requires a gradient, and an optimizer trains it.',
         workaround=('m = jt.nn.ReLU()\n'
"m.register_buffer('b', jt.ones(2).stop_grad())\n"
'm.b.requires_grad')),
    rule("register_buffer and state_dict",
         "m = torch.nn.ReLU()\nm.register_buffer('b', torch.ones(2))\nlist(m.state_dict())"),
    rule("a buffer that is not stored",
         "m = torch.nn.ReLU()\nm.register_buffer('b', torch.ones(2), persistent=False)\n"
         "list(m.state_dict())"),
    rule("named_buffers",
         "m = torch.nn.ReLU()\nm.register_buffer('b', torch.ones(2))\n" + _names("named_buffers")),
    rule("forward by name", _CLASS + "list(m.forward(torch.ones(1, 2)).shape)",
         _J_CLASS + "list(m.forward(jt.ones((1, 2))).shape)",
         workaround=_J_CLASS + "list(m.execute(jt.ones((1, 2))).shape)",
         note="The method is named `execute`."),
    rule("a module that defines forward", _CLASS + "list(m(torch.ones(1, 2)).shape)",
         _CLASS.replace("torch.", "jt.") + "list(m(jt.ones((1, 2))).shape)",
         workaround=_J_CLASS + "list(m(jt.ones((1, 2))).shape)",
         note="The method is named `execute`; `forward` is not called."),
    rule("named_modules", _CLASS + _names("named_modules"), _J_CLASS + _names("named_modules")),
    rule("modules, number", _CLASS + "len(list(m.modules()))", _J_CLASS + "len(m.modules())"),
    rule("children, number", _CLASS + "len(list(m.children()))", _J_CLASS + "len(m.children())"),
    rule("number of trainable numbers",
         _CLASS + "sum(p.numel() for p in m.parameters() if p.requires_grad)",
         _J_CLASS + "sum(p.numel() for p in m.parameters() if p.requires_grad)"),
    rule("number of all parameters", _CLASS + "sum(p.numel() for p in m.parameters())",
         _J_CLASS + "sum(p.numel() for p in m.parameters())",
         workaround=_J_CLASS + "sum(p.numel() for p in m.parameters() if not p.is_stop_grad())",
         note="Jittor's parameters include the buffers, here the running statistics."),
    rule("apply", _TWO + "seen = []\nm.apply(lambda l: seen.append(type(l).__name__))\nlen(seen)"),
    rule("apply, order",
         _TWO + "seen = []\nm.apply(lambda l: seen.append(type(l).__name__))\nseen[-1]",
         note="PyTorch visits children before their parent, Jittor the parent first."),
    rule("requires_grad_ of a module",
         _TWO + "m.requires_grad_(False)\nany(p.requires_grad for p in m.parameters())",
         workaround=_J_TWO + "for p in m.parameters():\n    p.stop_grad()\n"
         "any(p.requires_grad for p in m.parameters())",
         note="`requires_grad_(False)` makes the module run without gradients; its parameters "
         "keep `requires_grad`. Stop the gradients of the parameters instead."),
    layer("gradient through a module that is frozen by requires_grad_", "torch.nn.Linear(3, 2)",
          "m.requires_grad_(False)(x)", cases=("ordinary",), x=real(2, 3),
          workaround=jittor_layer("jt.nn.Linear(3, 2)")
          + "for p in m.parameters():\n    p.stop_grad()\nm(x)",
          note="The module runs without gradients, so that none reaches what lies before it."),
    rule("freezing a layer by requires_grad",
         "m = torch.nn.Linear(2, 1)\nm.weight.requires_grad = False\nm.weight.requires_grad"),
    rule("train(False)", "m = torch.nn.Linear(2, 1)\nm.train(False)\nm.training",
         workaround="m = jt.nn.Linear(2, 1)\nm.eval()\nm.is_training()",
         note="Jittor's `train` has no argument `mode`."),
    rule("eval() returns the module", "torch.nn.Linear(2, 1).eval() is not None",
         ),
    rule("train() returns the module", "torch.nn.Linear(2, 1).train() is not None"),
    rule("half() returns the module", "torch.nn.Linear(2, 1).half() is not None"),
    rule("module.to(device)", "torch.nn.Linear(2, 1).to('cpu') is not None",
         workaround="jt.nn.Linear(2, 1) is not None",
         note="Jittor's modules have no `to`: the flag `use_cuda` selects the device for all."),
    rule("module.double()", "torch.nn.Linear(2, 1).double().weight.dtype",
         workaround="m = jt.nn.Linear(2, 1)\nm.float64()\nm.weight.dtype",
         note="The method is named `float64`."),
    rule("module.zero_grad", "torch.nn.Linear(2, 1).zero_grad() is None",
         workaround="jt.optim.SGD(jt.nn.Linear(2, 1).parameters(), 0.1).zero_grad() is None",
         note="Gradients belong to the optimizer in Jittor."),
    rule("get_submodule", _CLASS + "type(m.get_submodule('a')).__name__",
         _J_CLASS + "type(m.get_submodule('a')).__name__",
         workaround=_J_CLASS + "type(m.a).__name__",
         note="Jittor has no `get_submodule`: read the attribute."),
    rule("load_state_dict, value returned",
         _TWO + "len(m.load_state_dict(m.state_dict()).missing_keys)",
         workaround=_J_TWO + "len(set(m.state_dict()) - set(m.state_dict()))",
         note="Jittor's `load_state_dict` returns None; compare the keys."),
    rule("load_state_dict, strict",
         _TWO + "m.load_state_dict(m.state_dict(), strict=False) is not None",
         workaround=_J_TWO + "m.load_state_dict(m.state_dict()) is None",
         note="Jittor's `load_state_dict` has no argument `strict`, and never is."),
    rule("forward hook", _TWO + "seen = []\n"
         "m.register_forward_hook(lambda l, i, o: seen.append(1))\nm(torch.ones(1, 2))\nlen(seen)",
         _J_TWO + "seen = []\n"
         "m.register_forward_hook(lambda l, i, o: seen.append(1))\nm(jt.ones((1, 2)))\nlen(seen)"),
    rule("forward hook that replaces the output",
         "m = torch.nn.ReLU()\nm.register_forward_hook(lambda l, i, o: o + 1)\n"
         "m(torch.ones(1)).item()"),
    rule("two forward hooks",
         "m = torch.nn.ReLU()\nseen = []\nm.register_forward_hook(lambda l, i, o: seen.append(1))\n"
         "m.register_forward_hook(lambda l, i, o: seen.append(2))\nm(torch.ones(1))\nseen",
         note="A module of Jittor has one forward hook; another replaces it."),
    rule("removing a forward hook",
         "m = torch.nn.ReLU()\nseen = []\n"
         "h = m.register_forward_hook(lambda l, i, o: seen.append(1))\nh.remove()\n"
         "m(torch.ones(1))\nlen(seen)",
         workaround="m = jt.nn.ReLU()\nseen = []\n"
         "m.register_forward_hook(lambda l, i, o: seen.append(1))\nm.remove_forward_hook()\n"
         "m(jt.ones(1))\nlen(seen)",
         note="Jittor returns no handle; the module has `remove_forward_hook`."),
    rule("forward pre-hook",
         "m = torch.nn.ReLU()\nm.register_forward_pre_hook(lambda l, i: (i[0] + 1,))\n"
         "m(torch.ones(1)).item()",
         "m = jt.nn.ReLU()\nm.register_pre_forward_hook(lambda l, i: (i[0] + 1,))\n"
         "m(jt.ones(1)).item()", workaround="m = jt.nn.ReLU()\n"
         "m.register_pre_forward_hook(lambda l, i: ((i[0] + 1,), {}))\nm(jt.ones(1)).item()",
         note="Named `register_pre_forward_hook` in Jittor; it returns the arguments and the "
         "keyword arguments."),
    rule("extra_repr", "repr(torch.nn.Linear(2, 3)).startswith('Linear(')"),
    rule("deepcopy of a module",
         "import copy\nm = torch.nn.Linear(2, 1)\nn = copy.deepcopy(m)\n"
         "n.weight.data.fill_(7.0)\nm.weight.tolist() == n.weight.tolist()",
         "import copy\nm = jt.nn.Linear(2, 1)\nn = copy.deepcopy(m)\n"
         "n.weight.assign(jt.full((1, 2), 7.0))\nm.weight.tolist() == n.weight.tolist()"),
    rule("a weight shared by two layers",
         "a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)\nb.weight = a.weight\n"
         "len(list(torch.nn.Sequential(a, b).parameters()))"),
    rule("a layer used twice",
         "a = torch.nn.Linear(2, 2)\nlen(list(torch.nn.Sequential(a, a).parameters()))"),
    numeric("Flatten", "torch.nn.Flatten()(x)", x=real(2, 3, 4)),
    numeric("Flatten from dimension 0", "torch.nn.Flatten(0, 1)(x)", x=real(2, 3, 4)),
    numeric("Unflatten", "torch.nn.Unflatten(1, (2, 2))(x)", x=real(3, 4),
            workaround="x.reshape(x.shape[0], 2, 2)", note="Jittor has no `Unflatten`."),
)  # fmt: skip
