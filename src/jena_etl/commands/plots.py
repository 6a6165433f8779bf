"""Writes the pictures of a station's data, which can be drawn before anything is trained."""

from __future__ import annotations

from pathlib import Path

from jena_etl.files import write_text
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_climate
from jena_etl.project import Project
from jena_etl.report.data_pictures import draw_data


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
    paths = [folder / f"{picture.name}.svg" for picture in pictures]
    for path, picture in zip(paths, pictures, strict=True):
        write_text(path, picture.svg)
    return paths
