from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from jena_etl.commands import doctor
from jena_etl.commands.dvc_repo import Output, Pipeline


def requiring(monkeypatch: pytest.MonkeyPatch, *lines: str, python: str = ">=3.11") -> None:
    """Let the package ask for these."""
    monkeypatch.setattr(doctor, "requires", lambda _: list(lines))
    monkeypatch.setattr(doctor, "metadata", lambda _: {"Requires-Python": python})


def test_this_environment_is_in_order() -> None:
    check = doctor.environment()
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
        python=">=3.99",
    )
    check = doctor.environment()
    assert check.mark == "fault"
    assert check.found == (
        f"python is {platform.python_version()}, needed is >=3.99; "
        f"keras is {version('keras')}, needed is >=99; "
        f"polars is {version('polars')}, needed is <2; "
        "nowhere-to-be-found is missing"
    )


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", missing)
    assert doctor.environment().found == "jena-etl is not installed"


def test_another_python_on_the_path_is_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = doctor.environment()
    assert check.mark == "note"
    assert check.found.endswith(f"but the stages would run {other}")
    assert check.next == f"source {Path(sys.executable).with_name('activate')}"


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
    check = doctor.gpu(device)
    assert check.mark == mark
    assert "no NVIDIA GPU is visible" in check.found


def test_no_driver_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.gpu("auto").mark == "note"


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
    check = doctor.gpu(device)
    assert check.mark == mark
    assert check.found.startswith("NVIDIA H100")
    assert ("uv sync --extra gpu" in check.next) == (mark != "ok")


def built(*outputs: tuple[int, str, bool]) -> Pipeline:
    return Pipeline(
        outputs=tuple(
            Output(
                path=f"out{at}",
                stage="stage",
                bytes=size,
                state=state,
                objects=frozenset({Path(f"object{at}")} if cached else ()),
                in_cache=cached,
            )
            for at, (size, state, cached) in enumerate(outputs)
        ),
        unbuilt=(),
        stale={},
    )


def test_room_for_one_more_run(tmp_path: Path) -> None:
    # Into the cache 3 + 5 GB; aside in the workspace 7 GB; back to it the 5 GB that are missing.
    pipeline = built(
        (3_000_000_000, "", True), (7_000_000_000, "", False), (5_000_000_000, "deleted", True)
    )
    check = doctor.disk(tmp_path, tmp_path / "cache/not/there", pipeline)
    assert check.found.endswith("a complete run takes 20.0 GB")


@pytest.mark.parametrize(("size", "mark"), [(1, "ok"), (10**18, "fault")])
def test_a_disk_too_small(tmp_path: Path, size: int, mark: str) -> None:
    assert doctor.disk(tmp_path, tmp_path, built((size, "", True))).mark == mark


def test_the_doctor_is_quick() -> None:
    code = (
        "import sys; from jena_etl.commands.doctor import examine, environment, gpu; "
        "environment(); "
        "gpu('auto'); print([m for m in ('tensorflow', 'keras', 'polars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
