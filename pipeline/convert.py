"""convert: the CSV in the zip -> data/interim/climate.parquet, reports/data_card.json."""

import sys

from jena_etl.etl.convert import convert
from jena_etl.etl.quality import data_card
from jena_etl.files import write_json
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Convert and describe the source file."""
    (archive,) = project.source_files()
    left_out = convert(archive, project.climate_parquet, **dict(params.convert))
    card = data_card(archive, project.climate_parquet, left_out=left_out)
    write_json(project.data_card_json, card)
    sys.stdout.write(
        f"{card['rows']:,} rows, {card['first']} to {card['last']}, "
        f"{card['holes']['count']} holes, {card['repeats']['count']} repeated stamps\n"
    )


if __name__ == "__main__":
    run(main)
