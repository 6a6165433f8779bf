"""report: pictures and words about the data and the models.

-> reports/index.html, reports/MODEL_CARD.md, reports/plots/
"""

from jena_etl.evaluation.forecasts import Forecasts
from jena_etl.evaluation.history import read_history
from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.evaluation.predictions import NAIVE, Predictions, built_by
from jena_etl.files import sha256_of, write_text
from jena_etl.params import Params
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_climate
from jena_etl.project import Project
from jena_etl.report.compose import Models, compose_page, forecasts_csv, validation_curves_csv
from jena_etl.report.data_pictures import draw_data
from jena_etl.report.figure import Picture
from jena_etl.report.model_card import ModelFile, StationData, render_model_card
from jena_etl.report.optional_sections import names_shown
from jena_etl.report.page import render_page
from jena_etl.report.series_pictures import Series
from jena_etl.report.station_pictures import STATIONS_SHOWN, side_by_side
from jena_etl.training.model_file import read_metadata
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Draw and describe what the other stages have built."""
    leaderboard = read_leaderboard(project.leaderboard_csv)
    best_model = read_metadata(project.best_model)
    models = Models(
        leaderboard=leaderboard,
        histories={
            name: read_history(project.history_csv(name), built_by=built_by(name))
            for name in params.architectures
        },
        layers={
            name: read_metadata(project.model_file(name)).layers for name in params.architectures
        },
        predictions=_forecasts_of_test(
            project, params, {*names_shown(leaderboard), best_model.architecture}
        ),
        residuals=project.prediction_intervals.residuals,
    )
    card, splits = project.data_card, project.splits
    climate = read_climate(project.climate_parquet)
    page = compose_page(
        card,
        project.statistics,
        splits,
        models,
        draw_data(climate, CellMarks(project.findings_parquet), card, splits),
        stations=project.stations,
        station_pictures=_draw_stations(project, splits.target),
        credit=params.report.credit,
        label=params.report.label,
        synthetic=project.is_synthetic,
        params=project.params_yaml.read_text(encoding="utf-8"),
    )
    write_text(project.validation_curves_csv, validation_curves_csv(models.histories))
    write_text(project.forecasts_csv, forecasts_csv(models))
    write_text(project.report_html, render_page(page))
    best = ModelFile(
        best_model,
        bytes=project.best_model.stat().st_size,
        sha256=sha256_of(project.best_model),
    )
    model_card = render_model_card(
        best,
        card,
        splits,
        models,
        params,
        stations=_stations(project),
        left_out=project.stations.left_out_texts,
    )
    write_text(project.model_card_md, model_card)
    show(f"open {project.report_html.relative_to(project.root)} in a browser\n")


def _forecasts_of_test(project: Project, params: Params, names: set[str]) -> dict[str, Predictions]:
    """The naive forecasts of the test split and those of these models, where models learn."""
    forecasts = Forecasts(project, (NAIVE, *params.architectures), params.ensembles)
    seen = project.stations.seen_numbers
    found = {NAIVE: forecasts[NAIVE]["test"].of_stations(seen)}
    for name in sorted(names):
        found[name] = forecasts[name]["test"].of_stations(seen).sharing(found[NAIVE])
    return found


def _stations(project: Project) -> list[StationData]:
    """What the model card says of each station; nothing if there is one."""
    stations = {name: project.station(name) for name in project.stations.names}
    return [
        StationData(name, one.data_card, one.splits, name in project.stations.unseen)
        for name, one in stations.items()
    ]


def _draw_stations(project: Project, target: str) -> list[Picture]:
    """The target at the stations, side by side; nothing if there is one station."""
    names = project.stations.names
    shown = {}
    for name in names[:STATIONS_SHOWN]:
        station = project.station(name)
        with station.about():
            climate = read_climate(station.climate_parquet)
        series = Series(target, climate.timestamps, climate.columns[target])
        rows = {split: part.rows for split, part in station.splits.splits.items()}
        unseen = " (unseen)" if name in project.stations.unseen else ""
        shown[f"{name}{unseen}"] = (series, rows)
    return [side_by_side(shown, others=len(names) - len(shown))] if shown else []


if __name__ == "__main__":
    run(main)
