"""`dvc repro` deletes nothing that the pipeline did not write, nor does a stage run directly."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jena_etl.evaluation.predictions import BASELINES
from jena_etl.files import sha256_of

COPY = b"the only copy"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(COPY)
    return path


@pytest.fixture(params=[pytest.param("dvc repro", marks=pytest.mark.slow), "directly"])
def download(request: pytest.FixtureRequest, repo: Any) -> partial[str]:
    """Both ways to run the stage."""
    by_dvc = request.param == "dvc repro"
    return partial(repo.dvc, "repro", "download") if by_dvc else partial(repo.stage, "download")


@pytest.mark.slow
def test_what_lies_in_data_raw_stays_there(repo: Any, download: partial[str]) -> None:
    """A station's own zip may lie in data/raw and be fetched from there."""
    notes = put(repo.root / "data/raw/notes.txt")
    station = repo.root / "data/raw/mystation.zip"
    shutil.copyfile(repo.root / "station.zip", station)
    repo.edit(lambda params: params["download"].update(url="data/raw/mystation.zip"))
    download()
    assert sha256_of(station) == sha256_of(repo.root / "data/download/mystation.zip")
    assert notes.read_bytes() == COPY
    assert not (repo.root / "data/download/station.zip").exists()  # the stage's own, and stale


@pytest.mark.parametrize("url", ["station.zip", "data/download/mine.zip"])
def test_the_folder_of_the_downloads_is_not_emptied(
    repo: Any, download: partial[str], url: str
) -> None:
    mine = [put(repo.root / f"data/download/{name}") for name in ("mine.zip", "folder/notes.txt")]
    repo.edit(lambda params: params["download"].update(url=url))
    message = download(fails=True)
    assert "nothing was removed" in message
    assert "Traceback" not in message
    assert [path.read_bytes() for path in mine] == [COPY, COPY]
    assert (repo.root / "data/download/station.zip").exists()
    (repo.root / "data/raw").mkdir()
    for name in ("mine.zip", "folder"):  # as the message says
        shutil.move(repo.root / "data/download" / name, repo.root / "data/raw" / name)
    repo.edit(lambda params: params["download"].update(url="station.zip"))
    download()


@pytest.mark.parametrize("linked", ["data", "data/raw", "data/download"])
def test_a_linked_folder_is_not_emptied(
    repo: Any, download: partial[str], linked: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "a larger disk"
    mine = [put(elsewhere / f"{name}/mine.csv") for name in (".", "raw", "download")]
    shutil.rmtree(repo.root / linked, ignore_errors=True)
    (repo.root / linked).symlink_to(elsewhere)
    repo.edit(lambda params: params["download"].update(max_bytes=10**7))  # so that it has to run
    message = download(fails=linked != "data/raw")
    if linked == "data" and download.func == repo.dvc:
        assert "is outside of git repository" in message  # DVC's own: it can have no outs there
    else:
        assert ("nothing was removed" in message) == (linked != "data/raw")
    assert [path.read_bytes() for path in mine] == [COPY] * 3
    if linked == "data/download":
        shutil.rmtree(elsewhere)
        elsewhere.mkdir()
        download()
        assert (elsewhere / "station.zip").exists()


@pytest.mark.slow
def test_reports_are_replaced_and_notes_beside_them_are_not(repo: Any) -> None:
    notes = put(repo.root / "reports/metrics/notes.txt")
    (notes.parent / "mine.json").write_text("[1]")
    (notes.parent / "renamed_since.json").write_text('{"validation_mae": 1}')
    repo.edit(lambda params: params.update(architectures=["dense"]))
    repo.dvc("repro", "evaluate")
    assert notes.read_bytes() == COPY
    left = {path.stem for path in notes.parent.iterdir()}
    assert left == {"dense", "mine", "notes", *BASELINES}
    moved = {path.stem for path in (repo.root / "unlisted/metrics").iterdir()}
    assert moved == {"lstm", "renamed_since"}


@pytest.mark.slow
def test_a_folder_that_is_gone_comes_back_from_the_cache(repo: Any) -> None:
    """For a folder that persists, DVC has no run cache: it is `dvc checkout` that restores it."""
    put(repo.root / "data/raw/notes.txt")
    assert "Stage 'download' didn't change, skipping" in repo.dvc("repro", "download")
    shutil.rmtree(repo.root / "data/download")
    repo.dvc("checkout", "data/download")
    assert "Stage 'download' didn't change, skipping" in repo.dvc("repro", "download")
