"""Writes pictures as files, such as those of a station's data, drawn before any training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jena_etl.files import write_text
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_climate
from jena_etl.project import Project
from jena_etl.report.data_pictures import draw_data
from jena_etl.report.figure import Picture


def write_data_pictures(project: Project, folder: Path) -> list[Path]:
    """Draw the project's data as SVG files in `folder`, and return their paths.

    Raises:
        ProjectError: the stages up to splits have not run, or the folder cannot be written to.
    """
    pictures = draw_data(
        read_climate(project.climate_parquet),
        CellMarks(project.findings_parquet),
        project.data_card,
        project.splits,
    )
    return write_pictures(pictures, folder)


def write_pictures(pictures: Iterable[Picture], folder: Path) -> list[Path]:
    """Write each picture as an SVG file in `folder`, and return their paths."""
    paths = []
    for picture in pictures:
        paths.append(folder / f"{picture.name}.svg")
        write_text(paths[-1], picture.svg)
    return paths
