from __future__ import annotations

import filecmp
from pathlib import Path

import pytest

from jena_etl.commands.demo import EPOCHS, WINDOW, find_checkout, prepare
from jena_etl.errors import ProjectError
from jena_etl.files import sha256_of
from jena_etl.params import SourceFile, read_params


@pytest.mark.slow
def test_the_demo_is_the_checkouts_pipeline_on_synthetic_data(
    tmp_path: Path, checkout: Path
) -> None:
    demo = prepare(checkout, tmp_path / "demo")
    for folder in ("pipeline", "src/jena_etl/windows"):
        compared = filecmp.dircmp(checkout / folder, demo / folder, ignore=["__pycache__"])
        assert not compared.left_only + compared.right_only + compared.diff_files
    original, params = (read_params(root / "params.yaml") for root in (checkout, demo))
    pinned = SourceFile("synthetic.zip", None, sha256_of(demo / "synthetic.zip"))
    assert params.download.files == [pinned]
    assert params.window == original.window.model_copy(update=WINDOW)
    assert params.architectures == original.architectures
    assert {params.models[name]["epochs"] for name in params.architectures} == {EPOCHS}


@pytest.mark.slow
def test_a_second_demo_follows_the_checkout_and_keeps_its_data(
    tmp_path: Path, checkout: Path
) -> None:
    demo = prepare(checkout, tmp_path / "demo")
    written = (demo / "synthetic.zip").stat().st_mtime_ns
    (demo / "pipeline/gone.py").write_text("")
    (demo / "pipeline/train.py").write_text("changed")
    prepare(checkout, demo)
    assert (demo / "synthetic.zip").stat().st_mtime_ns == written
    assert not (demo / "pipeline/gone.py").exists()
    assert filecmp.cmp(checkout / "pipeline/train.py", demo / "pipeline/train.py", shallow=False)


def test_the_checkout_is_found_from_any_folder_in_it(checkout: Path) -> None:
    assert find_checkout(checkout / "tests/cli") == checkout


def test_without_a_checkout_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jena_etl.commands.demo.__file__", str(tmp_path / "site/jena_etl/demo.py"))
    with pytest.raises(ProjectError, match="is not in a checkout of jena-etl"):
        find_checkout(tmp_path)
