"""convert: turn the CSV files into data/interim/climate.parquet, findings.parquet, source.json."""

from jena_etl.ingest.convert import convert, render_conversion
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Convert the source files."""
    outs = (project.climate_parquet, project.findings_parquet)
    conversion = convert(project.source_files(), *outs, params.convert, train=params.split.train)
    conversion.source.write(project.source_json)
    show(render_conversion(conversion))


if __name__ == "__main__":
    run(main)
