from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from jena_etl.commands.doctor import environment

HERE = Path(__file__).parents[3]  # the checkout, which has a uv.lock


def requiring(monkeypatch: pytest.MonkeyPatch, *lines: str, python: str = ">=3.11") -> None:
    """Let the package ask for these."""
    monkeypatch.setattr(environment, "requires", lambda _: list(lines))
    monkeypatch.setattr(environment, "metadata", lambda _: {"Requires-Python": python})


def test_this_environment_is_in_order() -> None:
    check = environment.check_environment(HERE)
    assert check.mark == "ok", check
    for name in ("dvc", "keras", "numpy", "polars", "pyarrow", "tensorflow"):
        assert f"{name} {version(name)}" in check.found
    assert check.found.startswith(f"python {platform.python_version()}")


def test_what_is_missing_too_old_or_too_new_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = version("numpy")
    requiring(
        monkeypatch,
        "keras>=99",
        "polars<2",
        f"numpy=={numpy}",
        "nowhere-to-be-found>=1",
        "tqdm>=999; sys_platform == 'nothing'",
        "tensorflow>=999; extra == 'gpu'",
    )
    check = environment.check_environment(HERE)
    assert check.mark == "fault"
    assert check.found == (
        f"keras is {version('keras')}, but >=99 is needed; "
        f"polars is {version('polars')}, but <2 is needed; "
        "nowhere-to-be-found is missing"
    )


def test_the_advice_for_wrong_packages_is_a_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As far as it can be carried out without changing the environment that runs the tests."""
    requiring(monkeypatch, f"numpy=={version('numpy')}", "keras>=99", "not-there[extra]>=1")
    in_a_checkout = environment.check_environment(HERE).next
    dry = [*in_a_checkout.split(), "--dry-run", "--offline"]
    assert subprocess.run(dry, cwd=HERE, capture_output=True, check=False).returncode == 0
    elsewhere = environment.check_environment(tmp_path).next
    assert elsewhere == "python -m pip install 'keras>=99' 'not-there[extra]>=1'"


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    requiring(monkeypatch, python=">=3.99")
    check = environment.check_environment(HERE)
    assert check.found == f"python is {platform.python_version()}, but >=3.99 is needed"
    make, *targets = check.next.split()
    dry = [make, "--dry-run", *targets[:-1], f"PYTHON={sys.executable}"]
    assert subprocess.run(dry, cwd=HERE, capture_output=True, check=False).returncode == 0


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(environment, "requires", missing)
    assert environment.check_environment(HERE).found == "jena-etl is not installed"


def test_another_python_on_the_path_is_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = environment.check_environment(HERE)
    assert check.mark == "note"
    assert check.found.endswith(f"but the stages would run {other}")
    assert check.next == f"source {Path(sys.executable).with_name('activate')}"
    typed = ["/bin/bash", "-c", f"{check.next}; command -v python"]
    done = subprocess.run(typed, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).parent == Path(sys.executable).parent


def driver(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put an nvidia-smi on an otherwise empty PATH."""
    command = folder / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(("device", "mark"), [("auto", "note"), ("cpu", "note"), ("gpu", "fault")])
def test_a_driver_that_sees_no_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, mark: str
) -> None:
    driver(monkeypatch, tmp_path, "exit 9")
    check = environment.check_gpu(HERE, device)
    assert check.mark == mark
    assert "no NVIDIA GPU is visible" in check.found


def test_no_driver_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.check_gpu(HERE, "auto").mark == "note"


@pytest.mark.parametrize(
    ("needs", "device", "mark"),
    [
        (["numpy>=1"], "gpu", "ok"),
        (["nvidia-nothing-cu12; extra == 'and-cuda'"], "auto", "note"),
        (["nvidia-nothing-cu12; extra == 'and-cuda'"], "gpu", "fault"),
    ],
)
def test_a_gpu_that_tensorflow_may_lack_the_libraries_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, needs: list[str], device: str, mark: str
) -> None:
    driver(monkeypatch, tmp_path, "echo NVIDIA H100")
    requiring(monkeypatch, *needs)
    check = environment.check_gpu(HERE, device)
    assert check.mark == mark
    assert check.found.startswith("NVIDIA H100")
    assert ("uv sync --extra gpu" in check.next) == (mark != "ok")


@pytest.mark.parametrize(
    ("backend", "found", "advice"),
    [
        ("tensorflow", "tensorflow lacks nvidia-nothing", "uv sync --extra gpu"),
        ("jax", "jax lacks nvidia-nothing", "python -m pip install 'jax[cuda12]'"),
        ("torch", "NVIDIA H100", ""),
    ],
)
def test_the_gpu_libraries_are_those_of_the_backend_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str, found: str, advice: str
) -> None:
    driver(monkeypatch, tmp_path, "echo NVIDIA H100")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    requiring(
        monkeypatch, "nvidia-nothing; extra == 'and-cuda'", "nvidia-nothing; extra == 'cuda12'"
    )
    check = environment.check_gpu(HERE, "auto")
    assert found in check.found
    assert check.next == advice


def test_the_doctor_is_quick() -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from jena_etl.commands.doctor import examine, check_environment, check_gpu; "
        "check_environment(Path()); check_gpu(Path(), 'auto'); "
        " print([m for m in ('tensorflow', 'keras', 'polars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
