"""Checks Python, the packages and the GPU of this machine against what the project needs."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from jena_etl.commands.doctor.check import Check, command, first_few
from jena_etl.commands.programs import output_of

PACKAGE = "jena-etl"
# Results depend on these, so they are always shown; other packages only if they are wrong.
SHOWN = ("dvc", "keras", "numpy", "polars", "pyarrow", "tensorflow")
# The extra of its pip package with which a Keras backend supports a GPU.
GPU_EXTRAS = {"tensorflow": "and-cuda", "jax": "cuda12"}


def check_environment(root: Path) -> Check:
    """Compare Python and the installed packages with what this package requires."""
    try:
        needed = _required(PACKAGE)
        python = metadata(PACKAGE)["Requires-Python"]
    except PackageNotFoundError:
        advice = install_command(root, PACKAGE)
        return Check("environment", "fault", f"{PACKAGE} is not installed", advice)
    running = platform.python_version()
    if running not in SpecifierSet(python):
        found = f"python is {running}, but {python} is needed"
        return Check("environment", "fault", found, "make clean .venv/.installed PYTHON=python3.13")
    wrong = {str(need): fault for need in needed if (fault := _fault(need))}
    if wrong:
        advice = install_command(root, *wrong)
        return Check("environment", "fault", "; ".join(wrong.values()), advice)
    found = ", ".join([f"python {running}", *(f"{name} {version(name)}" for name in SHOWN)])
    called = shutil.which("python")
    if not called or Path(called).parent != Path(sys.executable).parent:
        activate = shlex.quote(str(Path(sys.executable).with_name("activate")))
        found += f"; but the stages would run {called or 'no python at all'}"
        return Check("environment", "note", found, f"source {activate}")
    return Check("environment", "ok", found)


def check_gpu(root: Path, device: str) -> Check:
    """Check for a GPU in the NVIDIA driver's own list, as asking TensorFlow would take seconds.

    The device is train.device; with gpu, it is a fault if no GPU can be used.
    """
    listed = output_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader", timeout=20)
    cards = (listed or "").strip().splitlines()
    if not cards:
        found = "no NVIDIA GPU is visible (nvidia-smi)"
        if device == "gpu":
            advice = "install its driver, or set train.device: auto"
            return Check("gpu", "fault", f"train.device is gpu, but {found}", advice)
        return Check("gpu", "note", f"{found}; models train on the CPU")
    found = ", ".join(cards)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    extra = GPU_EXTRAS.get(backend)
    lacking = [need.name for need in _required(backend, extra) if _fault(need)] if extra else []
    if not lacking:
        return Check("gpu", "ok", found)
    found += f"; but {backend} lacks {first_few(lacking)} and trains on the CPU"
    locked = "uv sync --extra gpu" if backend == "tensorflow" else ""
    advice = install_command(root, f"{backend}[{extra}]", locked=locked)
    return Check("gpu", "fault" if device == "gpu" else "note", found, advice)


def install_command(root: Path, *requirements: str, locked: str = "uv sync --frozen") -> str:
    """The command to install: `locked` in a checkout, whose uv.lock pins versions, else pip."""
    if locked and (root / "uv.lock").is_file():
        return locked
    return command("python -m pip install", requirements)


def _required(package: str, extra: str = "") -> list[Requirement]:
    """What a package requires on this machine."""
    needed = [Requirement(text) for text in requires(package) or []]
    return [need for need in needed if not need.marker or need.marker.evaluate({"extra": extra})]


def _fault(requirement: Requirement) -> str:
    """What is wrong with the installed version of a requirement, or ""."""
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(installed, prereleases=True):
        return ""
    return f"{requirement.name} is {installed}, but {requirement.specifier} is needed"
