"""The package as it is installed: the wheel, the public names, what an import costs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import metadata
from pathlib import Path

import pytest

import jena_etl

EVERY_MODULE = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import jena_etl
assert jena_etl.__file__.startswith(sys.argv[1]), jena_etl.__file__
names = [m.name for m in pkgutil.walk_packages(jena_etl.__path__, "jena_etl.")]
for name in names:
    importlib.import_module(name)
print("\\n".join(names))
"""


@pytest.mark.slow
def test_the_wheel_installs_and_every_module_imports(tmp_path: Path, checkout: Path) -> None:
    build = ["uv", "build", "--wheel", "--offline", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--python", sys.executable, "-o", tmp_path], cwd=checkout, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = ["uv", "pip", "install", "--offline", "--no-deps", "--quiet"]
    subprocess.run([*install, "--python", sys.executable, "--target", site, wheel], check=True)
    done = subprocess.run(
        [sys.executable, "-c", EVERY_MODULE, str(site)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    source = checkout / "src"
    expected = {
        ".".join(p.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        for p in (source / "jena_etl").rglob("*.py")
    } - {"jena_etl"}
    assert set(done.stdout.split()) == expected
    with zipfile.ZipFile(wheel) as archive:
        assert "jena_etl/py.typed" in archive.namelist()


def test_public_names_are_there_and_no_others() -> None:
    for name in jena_etl.__all__:
        assert getattr(jena_etl, name).__name__ == name
    assert jena_etl.__all__ == sorted(jena_etl.__all__)
    with pytest.raises(AttributeError, match="no attribute 'window_spec'"):
        jena_etl.window_spec  # noqa: B018  the access is the test


@pytest.mark.parametrize(
    "code", ["import jena_etl", "from jena_etl.cli import app", "from jena_etl import open_project"]
)
def test_the_front_door_is_light(code: str) -> None:
    heavy = "[m for m in ('tensorflow', 'keras', 'polars', 'dvc') if m in sys.modules]"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print({heavy})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_changelog_knows_this_version(checkout: Path) -> None:
    assert f"## {jena_etl.__version__}" in (checkout / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("extra", ["azure", "gs", "s3", "ssh"])
def test_an_extra_per_kind_of_remote_is_dvcs_own(checkout: Path, extra: str) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    (dvc,) = [need for need in project["dependencies"] if need.startswith("dvc>=")]
    assert project["optional-dependencies"][extra] == [dvc.replace("dvc", f"dvc[{extra}]", 1)]
    assert extra in (metadata("dvc").get_all("Provides-Extra") or [])
    assert f"--extra {extra}" in (checkout / "docs/team.md").read_text()
