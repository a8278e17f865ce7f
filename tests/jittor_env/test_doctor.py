"""What the doctor sees, and that it touches neither Jittor nor the environment."""

import os
import sys

from jittor_env import doctor, onednn, requirements


def test_everything_is_found_here():
    findings = doctor.examine()
    assert [f for f in findings if not f.ok] == []
    assert doctor.render(findings).endswith("Jittor can start here")


def test_it_imports_no_jittor(run):
    done = run(
        "import sys; from jittor_env import doctor; doctor.examine();"
        "print('jittor' in sys.modules, 'jittor_utils' in sys.modules)"
    )
    assert done.stdout.strip() == "False False", done.stderr


def test_every_fault_is_listed_with_its_remedy(monkeypatch, empty_home):
    monkeypatch.setattr(requirements, "installed_version", lambda _: "2.1.0")
    monkeypatch.setattr(onednn, "installed_version", lambda _: None)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("cc_path", raising=False)  # where another test has started Jittor
    wrong = {f.name: f for f in doctor.examine() if not f.ok}
    assert list(wrong) == ["C++ compiler", "NumPy", "oneDNN"]
    assert wrong["NumPy"].remedy == 'pip install "numpy<2"'
    text = doctor.render(list(wrong.values()))
    assert '-> pip install "numpy<2"' in text
    assert text.endswith("3 missing: Jittor will not start")


def test_a_gpu_asked_for_and_missing(monkeypatch):
    monkeypatch.setenv("JITTOR_CUDA", "1")
    monkeypatch.setenv("nvcc_path", "/nowhere/nvcc")
    (finding,) = [f for f in doctor.examine() if not f.ok]
    assert finding.name == "CUDA"


def test_the_environment_is_left_alone(empty_home):
    before = dict(os.environ)
    doctor.examine()
    assert dict(os.environ) == before
    assert sys.modules.get("jittor_env.doctor") is doctor
