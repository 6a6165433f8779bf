from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest

from examples.render import NOTEBOOK, SHORT, run_notebook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebook has been run: by `make docs` in .ci/run, otherwise here."""
    if kept := os.environ.get("NOTEBOOK_RUN"):
        return Path(kept)
    folder = tmp_path_factory.mktemp("notebook")
    run_notebook(folder, rows=SHORT)
    return folder


@pytest.fixture(scope="module")
def cells(folder: Path) -> list[Any]:
    """The notebook's cells of code, with what they show."""
    notebook = nbformat.read(folder / "examples" / NOTEBOOK.name, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[Any], source: str) -> str:
    """What the cell that contains `source` prints."""
    cell = next(cell for cell in cells if source in cell.source)
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_it_is_committed_without_outputs() -> None:
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_each_model_is_drawn(cells: list[Any]) -> None:
    fits = [cell for cell in cells if cell.source.startswith("fit(") or "\nfit(" in cell.source]
    assert len(fits) == 6
    for cell in fits:
        assert [output.output_type for output in cell.outputs] == ["display_data"]
        assert "image/png" in cell.outputs[0].data


def test_the_numbers_of_the_first_windows(cells: list[Any]) -> None:
    assert shown(cells, "np.arange(10)").splitlines() == [
        "[0 1 2] -> 3",
        "[1 2 3] -> 4",
        "[2 3 4] -> 5",
        "[3 4 5] -> 6",
        "[4 5 6] -> 7",
    ]


def test_its_naive_forecast_is_the_pipelines(cells: list[Any], folder: Path) -> None:
    naive = pl.read_parquet(folder / "demo/data/predictions/naive.parquet")
    error = (pl.col("prediction") - pl.col("observation")).abs().mean()
    mae = dict(naive.group_by("split").agg(error).iter_rows())
    expected = (
        f"naive MAE: {mae['validation']:.2f} degC on validation, {mae['test']:.2f} degC on test\n"
    )
    assert shown(cells, "def naive_mae") == expected
