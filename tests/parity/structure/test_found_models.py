"""Models are found in source of the forms that people write, and nothing is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.structure.found_models import find_models, outermost

NET = """
    def __init__(self, width, depth=2, *, groups):
        super().__init__()

    def CALL(self, x, t, y=None):
        return x
"""
FORMS = {
    "nn": ("import torch.nn as nn\nclass Net(nn.Module):", "torch"),
    "from": ("from torch import nn\nclass Net(nn.Module):", "torch"),
    "torch.nn": ("import torch\nclass Net(torch.nn.Module):", "torch"),
    "Module": ("from torch.nn import Module\nclass Net(Module):", "torch"),
    "renamed": ("from torch.nn import Module as M\nclass Net(M):", "torch"),
    "mixed": ("from torch import nn\nclass Mixin: pass\nclass Net(Mixin, nn.Module):", "torch"),
    "jittor": ("import jittor as jt\nclass Net(jt.Module):", "jittor"),
    "jittor nn": ("from jittor import nn\nclass Net(nn.Module):", "jittor"),
    "jittor Module": ("from jittor import Module\nclass Net(Module):", "jittor"),
}


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("form", FORMS)
def test_a_class_of_each_form_is_found(form: str, tmp_path: Path) -> None:
    head, framework = FORMS[form]
    call = {"torch": "forward", "jittor": "execute"}[framework]
    write(tmp_path, "net.py", f"raise SystemExit\n{head}{NET.replace('CALL', call)}")
    models, unreadable = find_models(tmp_path)
    (model,) = models
    assert (model.name, model.framework, model.path) == ("Net", framework, tmp_path / "net.py")
    assert model.needed == ("width", "groups")
    assert model.inputs == ("x", "t")
    assert not unreadable


def test_other_classes_are_left_alone(tmp_path: Path) -> None:
    write(
        tmp_path, "a.py", "class Module: pass\nclass Net(Module):\n    def forward(self, x): pass\n"
    )
    write(
        tmp_path,
        "b.py",
        "import torch\nclass D(torch.utils.data.Dataset):\n    def forward(s): 1\n",
    )
    write(tmp_path, "c.py", "from torch import nn\nclass Base(nn.Module):\n    pass\n")
    write(tmp_path, ".hidden/d.py", f"from torch import nn\nclass Net(nn.Module):{NET}")
    write(tmp_path, "own/pyvenv.cfg", "")
    write(tmp_path, "own/lib/e.py", f"from torch import nn\nclass Net(nn.Module):{NET}")
    assert find_models(tmp_path).models == []


def test_a_base_of_the_folder_counts_with_what_it_has(tmp_path: Path) -> None:
    write(
        tmp_path,
        "base.py",
        f"from torch import nn\nclass Base(nn.Module):{NET.replace('CALL', 'forward')}",
    )
    write(tmp_path, "net.py", "from base import Base\nclass Net(Base):\n    scale = 2\n")
    models = {model.name: model for model in find_models(tmp_path).models}
    assert models["Net"].framework == "torch"
    assert models["Net"].inputs == ("x", "t")
    assert models["Net"].needed == ("width", "groups")
    assert models["Net"].path == tmp_path / "net.py"


def test_parts_of_other_models_are_not_outermost(tmp_path: Path) -> None:
    write(
        tmp_path,
        "net.py",
        "from torch import nn\n"
        "class Block(nn.Module):\n    def forward(self, x): return x\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        self.b = Block()\n"
        "    def forward(self, x): return self.b(x)\n"
        "class Wider(Net):\n    def forward(self, x): return x\n",
    )
    found = find_models(tmp_path).models
    assert [model.name for model in found] == ["Block", "Net", "Wider"]
    assert [model.name for model in outermost(found)] == ["Net", "Wider"]


def test_a_file_that_is_no_python_is_named(tmp_path: Path) -> None:
    write(tmp_path, "old.py", "print 'x'\n")
    write(tmp_path, "binary.py", "\x00\x01")
    assert find_models(tmp_path).unreadable == [tmp_path / "binary.py", tmp_path / "old.py"]


def test_classes_that_inherit_from_each_other_end(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "class A(B): pass\nclass B(A): pass\n")
    write(tmp_path, "b.py", "from torch import nn\nclass B(nn.Module): pass\nclass A(B): pass\n")
    assert find_models(tmp_path).models == []
