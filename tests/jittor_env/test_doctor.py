"""The doctor lists faults and changes neither Jittor nor the environment."""

import os
import platform
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


def test_a_core_of_another_host_is_no_core_of_this_one(empty_home, monkeypatch):
    def core() -> str:
        return next(f.found for f in doctor.examine() if f.name == "compiled core")

    def host() -> tuple[str, str, str]:
        return system, "cpu", "key"

    system = "here"
    monkeypatch.setattr(doctor.cache, "_host_folders", host)
    monkeypatch.delenv("cache_name", raising=False)
    python = f"py{platform.python_version()}"
    name = doctor.cache.name("g++")
    copied = name.replace(name.split("-")[1], "f" * 8)
    for folder in (f"there/cpu/key/{name}", f"here/cpu/key/{copied}", f"here/cpu/key/{name}"):
        assert core().startswith("not yet")
        path = empty_home / f".cache/jittor/jt1/g++1/{python}/{folder}/jittor_core.so"
        path.parent.mkdir(parents=True)
        path.touch()
    assert core() == str(path.parent)
    system = "elsewhere"
    assert core().startswith("not yet (3 of other hosts or installations): compiled at the first")


def test_the_folders_of_this_host_are_those_of_jittor(run):
    done = run(
        "import jittor_env; from jittor_env import cache; jt = jittor_env.load()\n"
        "print(*jt.flags.cache_path.split('/')[-4:-1]); print(*cache._host_folders())"
    )
    jittor, own = done.stdout.splitlines()
    assert jittor == own
