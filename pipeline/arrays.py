"""arrays: normalised features, phase-major; raw targets; timestamps -> data/processed/*.npy."""

from jena_etl.files import write_array
from jena_etl.params import Params
from jena_etl.prepare.arrays import normalised_features, read_timestamps, target_column
from jena_etl.project import Project
from jena_etl.windows.reader import phase_major
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Write arrays that can be memory-mapped."""
    climate = project.climate_parquet
    features = normalised_features(climate, project.statistics)
    write_array(project.features_npy, phase_major(features, params.window.sampling_rate))
    write_array(project.targets_npy, target_column(climate, params.window.target))
    write_array(project.timestamps_npy, read_timestamps(climate))


if __name__ == "__main__":
    run(main)
