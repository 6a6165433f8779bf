"""features: compute the features of params.yaml -> data/interim/features.parquet."""

from jena_etl.params import Params
from jena_etl.prepare.climate import Climate, read_climate, write_features
from jena_etl.prepare.features import check_reach, compute_features
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Compute the columns that models read besides the measurements."""
    climate = read_climate(project.climate_parquet)
    check_reach(params.features, len(climate.timestamps))
    columns = compute_features(params.features, climate.columns, climate.timestamps)
    features = Climate(climate.timestamps, columns, params.features)
    write_features(project.features_parquet, climate, features)


if __name__ == "__main__":
    run(main)
