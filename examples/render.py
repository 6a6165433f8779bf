"""Runs jena.ipynb on a synthetic station, for the tests and, as a page, for the documentation.

The notebook is committed without outputs. As a hook of MkDocs, this module adds it, with what it
shows, to the site that `make docs` builds. Where the environment variable NOTEBOOK_RUN names an
empty folder, as in .ci/run, the run is a short one and stays there, so that the tests look at it
instead of running the notebook once more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jena_etl.commands.demo import ROWS, prepare

CHECKOUT = Path(__file__).resolve().parents[1]
NOTEBOOK = Path(__file__).with_name("jena.ipynb")
# Everything that the notebook reads; it trains its models itself.
STAGES = (
    "check",
    "download",
    "convert",
    "features",
    "statistics",
    "splits",
    "arrays",
    "baseline",
)
PAGE = "jena.md"
SHORT = 12_000  # rows of a series that nobody looks at


def run_notebook(folder: Path, *, rows: int) -> Any:
    """Run the notebook in `folder`/examples, beside a demo in `folder`/demo that it reads.

    Args:
        folder: an empty folder.
        rows: how many rows the synthetic station has.

    Returns:
        The notebook with its outputs, an `nbformat.NotebookNode`; it is also written there.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
        subprocess.CalledProcessError: a stage failed.
    """
    import nbformat
    from nbclient import NotebookClient

    demo = prepare(CHECKOUT, folder / "demo", rows=rows)
    for stage in STAGES:
        subprocess.run(  # noqa: S603  our own stages
            [sys.executable, "-m", f"pipeline.{stage}"], cwd=demo, check=True, capture_output=True
        )
    (folder / "examples").mkdir()
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder / "examples"), as_version=4)
    client = NotebookClient(
        notebook,
        timeout=None,  # a slow machine may take its time
        startup_timeout=600,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": folder / "examples"}},
    )
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "IPYTHONDIR": str(folder / "ipython")}
    client.execute(env=os.environ | quiet)
    nbformat.write(notebook, folder / "examples" / NOTEBOOK.name)
    return notebook


def on_files(files: Any, *, config: Any) -> Any:
    """Add the notebook as a page, with its pictures; MkDocs calls this for each build."""
    from mkdocs.structure.files import File
    from nbconvert import MarkdownExporter

    kept = os.environ.get("NOTEBOOK_RUN")
    with TemporaryDirectory() as folder:
        notebook = run_notebook(Path(kept or folder), rows=SHORT if kept else ROWS)
    for cell in notebook.cells:  # without what TensorFlow says about the machine
        cell["outputs"] = [out for out in cell.get("outputs", []) if out.get("name") != "stderr"]
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    for name, content in {PAGE: text, **resources["outputs"]}.items():
        files.append(File.generated(config, name, content=content))
    return files
