"""The two packages are one another's mirror: files, classes, signatures, parameters, weights."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

import impl_jittor
import impl_torch
from ddpm.config import PRESETS
from impl_jittor.unet import UNet as JittorUNet
from impl_torch.unet import UNet as TorchUNet

TORCH, JITTOR = (Path(str(p.__file__)).parent for p in (impl_torch, impl_jittor))
# Each side's operators that lose digits or time, rewritten; what PyTorch does beyond the pair
NO_TWIN = {"operators.py", "kernels.py"}, {"operators.py", "acceleration.py", "peers.py"}
FILES = sorted({path.name for path in TORCH.glob("*.py")} - NO_TWIN[1])

# What one side alone has, and why.
JITTORS_OWN = {
    "optim.py": {"Adam.step(loss, retain_graph)"},  # torch's optimizer has the step already
}
RENAMED_PARAMETERS = {
    # torch keeps a gradient at its parameter, Jittor in its optimizer
    "clip_grad_norm(gradients, max_norm)": "clip_grad_norm(parameters, max_norm)",
}


def signatures(source):
    """Every class and function with its parameters' names in order, as the source has them."""
    found = []

    def visit(node, path):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found.append(f"class {path}{child.name}")
                visit(child, f"{path}{child.name}.")
            elif isinstance(child, ast.FunctionDef):
                name = "forward" if child.name == "execute" else child.name
                given = child.args
                names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
                names = [name for name in names if name != "self"]
                found.append(f"{path}{name}({', '.join(names)})")
                visit(child, f"{path}{name}.")

    visit(ast.parse(source), "")
    return [RENAMED_PARAMETERS.get(signature, signature) for signature in found]


def unmatched(name, torch_source, jittor_source):
    """Return the lines that the two files do not share, in order."""
    own = JITTORS_OWN.get(name, set())
    mirrored = [s for s in signatures(jittor_source) if s not in own]
    return [
        (one, other)
        for one, other in zip(
            *(side + [None] * 99 for side in (signatures(torch_source), mirrored)), strict=False
        )
        if one != other
    ]


def test_the_packages_have_the_same_files_but_for_the_operators():
    assert sorted({path.name for path in JITTOR.glob("*.py")} - NO_TWIN[0]) == FILES
    assert not NO_TWIN[0] & set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_files_have_the_same_classes_and_functions_in_the_same_order(name):
    assert unmatched(name, (TORCH / name).read_text(), (JITTOR / name).read_text()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def q_sample(", "def sample_q("),
        ("x_0: Var, x_t: Var, timestep", "x_t: Var, x_0: Var, timestep"),
        ("class GaussianDiffusion", "class Diffusion"),
    ],
)
def test_a_name_that_differs_is_seen(old, new):
    text = (JITTOR / "diffusion.py").read_text()
    assert old in text
    faulty = text.replace(old, new, 1)
    assert unmatched("diffusion.py", (TORCH / "diffusion.py").read_text(), faulty)


def test_every_exception_of_this_test_still_applies():
    for name, own in JITTORS_OWN.items():
        assert own <= set(signatures((JITTOR / name).read_text()))
    assert set(RENAMED_PARAMETERS.values()) <= set(signatures((TORCH / "optim.py").read_text()))
    assert "def clip_grad_norm(gradients" in (JITTOR / "optim.py").read_text()


@pytest.mark.parametrize("name", FILES)
def test_the_prose_of_mirrored_classes_begins_alike(name):
    first = [
        {
            node.name: (ast.get_docstring(node) or "").split("\n")[0]
            for node in ast.walk(ast.parse((side / name).read_text()))
            if isinstance(node, ast.ClassDef)
        }
        for side in (TORCH, JITTOR)
    ]
    assert first[0] == first[1]


def test_neither_side_imports_the_other_or_its_framework():
    for side, others in ((TORCH, {"impl_jittor", "jittor"}), (JITTOR, {"impl_torch", "torch"})):
        for path in side.glob("*.py"):
            imported = {
                name.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text()))
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            assert not imported & others, path


@pytest.mark.parametrize("name", PRESETS)
def test_parameters_have_the_same_names_shapes_and_order(name):
    config = PRESETS[name].unet
    with torch.device("meta"):
        candidate = {n: tuple(p.shape) for n, p in TorchUNet(config).named_parameters()}
    reference = {n: tuple(p.shape) for n, p in JittorUNet(config).named_parameters()}
    assert list(reference.items()) == list(candidate.items())


def test_the_papers_network_has_the_published_number_of_parameters():
    model = JittorUNet(PRESETS["cifar10"].unet)
    assert sum(p.numel() for p in model.parameters()) == 35_746_307


@pytest.mark.parametrize(("name", "seed"), [("tiny", 0), ("tiny", 7), ("mnist", 0)])
def test_initial_weights_of_one_seed_are_bitwise_equal(name, seed):
    config = PRESETS[name].unet
    candidate = dict(TorchUNet(config).initialize(seed).named_parameters())
    for parameter, reference in JittorUNet(config).initialize(seed).named_parameters():
        expected = candidate[parameter].detach().numpy()
        actual = reference.numpy()
        assert actual.dtype == expected.dtype == np.float32
        assert actual.tobytes() == expected.tobytes(), parameter
