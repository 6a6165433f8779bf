"""convert: turn the CSV files into data/interim/climate.parquet, findings.parquet, source.json."""

import numpy as np

from jena_etl.ingest.convert import convert, render_conversion
from jena_etl.params import Convert, Params, Split
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.project import Project
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Convert the source files."""
    convert_source(project, params.convert, params.split)


def convert_source(project: Project, options: Convert, split: Split) -> None:
    """Convert the source files of a station."""
    outs = (project.climate_parquet, project.findings_parquet)

    def train_rows(timestamps: np.ndarray) -> range:
        return split_rows(split).row_ranges(timestamps)["train"]

    conversion = convert(project.source_files(), *outs, options, train_rows=train_rows)
    conversion.source.write(project.source_json)
    show(render_conversion(conversion))


if __name__ == "__main__":
    run(main)
