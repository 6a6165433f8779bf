"""arrays: write normalised features, raw targets and timestamps -> data/processed/*.npy."""

from jena_etl.files import write_array
from jena_etl.params import Params
from jena_etl.prepare.arrays import arrays_record, normalised_features, raw_target
from jena_etl.prepare.climate import Climate, read_series
from jena_etl.project import Project
from jena_etl.windows.reader import phase_major
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Write arrays that can be memory-mapped, and a record of what they were made from."""
    series = read_series(project.climate_parquet, project.features_parquet)
    write_arrays(project, params, series)


def write_arrays(project: Project, params: Params, climate: Climate) -> None:
    """Write the arrays of a series; those of a fold are of a part of it."""
    statistics = project.statistics
    rate, target = params.window.sampling_rate, params.window.target
    units = project.source.units
    record = arrays_record(climate, statistics, units=units, sampling_rate=rate, target=target)
    # Written last: it says that the arrays are complete.
    project.arrays_json.unlink(missing_ok=True)
    write_array(project.features_npy, phase_major(normalised_features(climate, statistics), rate))
    write_array(project.targets_npy, raw_target(climate, target))
    write_array(project.timestamps_npy, climate.timestamps)
    record.write(project.arrays_json)


if __name__ == "__main__":
    run(main)
