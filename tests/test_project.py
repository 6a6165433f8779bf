from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import DialectError, ProjectError, WindowError
from jena_etl.files import write_array
from jena_etl.ingest.downloaded import record_text
from jena_etl.prepare.outputs import (
    ArraysRecord,
    BySplit,
    ColumnStatistics,
    SplitRange,
    Splits,
    Statistics,
    WindowShape,
)
from jena_etl.project import Project, open_project
from jena_etl.station_project import StationProject
from jena_etl.windows.reader import phase_major


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of 20 rows and 2 features, as the stages write one; row s has the target 10 s."""
    (tmp_path / "params.yaml").write_text("")
    build(open_project(tmp_path))
    return open_project(tmp_path)


def build(project: Project, target: str = "a", **others: Any) -> None:
    """Write what statistics, splits and arrays write, with `others` in the place of its values."""
    moments = ColumnStatistics(mean=0.0, std=1.0)
    names = others.get("columns", ("a", "b"))
    train = others.get("train", range(10))
    climate = others.get("climate", "c" * 64)
    statistics = Statistics(
        climate_sha256=climate, rows=train, columns=dict.fromkeys(names, moments), constant=()
    )
    rate = others.get("sampling_rate", 3)
    held = {"train": range(4), "validation": range(4, 5), "test": range(5, 11)}
    rows = {"train": train, "validation": range(train.stop, 15), "test": range(15, 20)}
    splits = Splits(
        climate_sha256=climate,
        rows=20,
        policy="lookback",
        gaps="keep",
        target=target,
        window=WindowShape(sequence_length=3, sampling_rate=rate, horizon=1, sequence_stride=1),
        splits=BySplit[SplitRange](
            **{
                name: SplitRange(
                    rows=rows[name], first="", last="", windows=len(run), left_out=0, starts=(run,)
                )
                for name, run in held.items()
            }
        ),
        choices=(),
    )
    series = np.arange(40, dtype=np.float32).reshape(20, 2)
    written = others.get("written", ("statistics", "splits", "arrays"))
    if "statistics" in written:
        statistics.write(project.statistics_json)
    if "splits" in written:
        splits.write(project.splits_json)
    if "arrays" in written:
        write_array(project.features_npy, phase_major(series, rate))
        write_array(project.targets_npy, np.arange(20, dtype=np.float32) * 10)
        write_array(project.timestamps_npy, np.arange(20).astype("datetime64[s]"))
        ArraysRecord(
            climate_sha256=climate,
            statistics_sha256=statistics.sha256,
            columns=names,
            units=("",) * len(names),
            step_seconds=1,
            sampling_rate=rate,
            target=target,
        ).write(project.arrays_json)


def test_batches_come_from_the_files(project: Project) -> None:
    ((features, targets),) = project.batches("train", 8)
    assert features[:, :, 0].tolist() == [[2 * (s + step) for step in (0, 3, 6)] for s in range(4)]
    assert targets.tolist() == [10 * (s + 9) for s in range(4)]
    assert isinstance(project.series_windows("train").features, np.memmap)


def test_an_unknown_split_is_refused(project: Project) -> None:
    with pytest.raises(WindowError, match="one of train, validation, test, found 'tests'"):
        project.windows("tests")


def test_timestamps_come_from_the_files(project: Project) -> None:
    assert project.timestamps.tolist() == np.arange(20).astype("datetime64[s]").tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"target": "b", "written": ("statistics", "splits")},
            "they were made from target a, expected b; build them again: dvc repro arrays",
        ),
        (
            {"columns": ("b", "a"), "written": ("statistics", "splits")},
            "they were made from columns a, b, expected b, a; build them again: dvc repro arrays",
        ),
        (
            {"sampling_rate": 2, "written": ("statistics", "splits")},
            "they were made from sampling_rate 3, expected 2; build them again: dvc repro arrays",
        ),
        (
            {"train": range(11), "written": ("statistics", "splits")},
            "they were made from statistics.json ",
        ),
        (
            {"climate": "d" * 64, "written": ("statistics", "splits")},
            f"they were made from climate.parquet {'c' * 12}, expected {'d' * 12}; build them",
        ),
        (
            {"train": range(11), "written": ("statistics",)},
            "were made from different series or train rows; build both again: dvc repro splits",
        ),
        ({"climate": "d" * 64, "written": ("splits", "arrays")}, "were made from different series"),
        ({"target": "b", "written": ("arrays",)}, "made from target b, expected a; build them"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    project: Project, change: dict[str, Any], message: str
) -> None:
    build(project, **change)
    for read in (lambda: project.batches("train"), lambda: project.timestamps):
        with pytest.raises(ProjectError) as caught:
            read()
        assert message in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"target": "b"}, {"columns": ("b", "a")}, {"train": range(11)}, {"climate": "d" * 64}],
)
def test_a_project_kept_open_over_a_build_is_refused(
    project: Project, change: dict[str, Any]
) -> None:
    project.windows("train")
    build(project, **change)
    for read in (lambda: project.windows("test"), lambda: project.timestamps):
        with pytest.raises(ProjectError, match=r"has changed since .*; open the project again: "):
            read()
    assert len(open_project(project.root).windows("test")) == 6
    build(project)  # as it was
    assert len(project.windows("test")) == 6


def test_splits_read_before_a_build_are_not_mixed_with_its_arrays(project: Project) -> None:
    assert project.splits.target == "a"
    build(project, target="b")
    with pytest.raises(ProjectError, match=r"made from target b, expected a"):
        project.windows("train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.features_npy.unlink(), "features.npy is not built yet; build it: dvc"),
        (lambda p: p.features_npy.write_bytes(b""), "features.npy is damaged"),
        (lambda p: p.targets_npy.write_bytes(p.targets_npy.read_bytes()[:-4]), "targets.npy is"),
        (
            lambda p: np.save(p.targets_npy, np.zeros(19)),
            "has shape (19,), splits.json asks for (20,); build it again: dvc repro -f arrays",
        ),
        (
            lambda p: np.save(p.targets_npy, np.zeros(20)),
            "targets.npy holds float64, expected float32; build it again: dvc repro -f arrays",
        ),
        (
            lambda p: np.save(p.features_npy, np.zeros((3, 7, 1), np.float32)),
            "has shape (3, 7, 1), splits.json asks for (3, 7, 2)",
        ),
        (lambda p: p.targets_npy.write_bytes(b"PK\3\4" + bytes(99)), "targets.npy is damaged"),
        (
            lambda p: rewritten(p.splits_json, "windows", 12, starts=[[5, 17, 1]]),
            "the window of test that starts in row 16 spans 10 rows, of 20; build it again: dvc",
        ),
        (lambda p: p.splits_json.write_text("[" * 99_999), "splits.json was damaged: it is not"),
        (lambda p: p.splits_json.write_text('{"rows": 20}'), ": climate_sha256 is missing; build"),
        (lambda p: p.splits_json.unlink(), "splits.json is not built yet; build it: dvc"),
        (lambda p: p.splits_json.write_text("{"), "splits.json was damaged: it is not JSON"),
        (lambda p: p.statistics_json.unlink(), "build it: dvc repro statistics"),
        (lambda p: p.arrays_json.unlink(), "arrays.json is not built yet; build it: dvc repro arr"),
    ],
)
def test_a_missing_or_damaged_file_is_named(
    project: Project, change: Callable[[Project], object], message: str
) -> None:
    change(project)
    with pytest.raises(ProjectError) as caught:
        project.windows("test")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["splits_json", "statistics_json", "arrays_json", "features_npy"])
def test_a_folder_in_place_of_a_file_is_named(project: Project, name: str) -> None:
    path: Path = getattr(project, name)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=path.name):
        project.windows("test")


def rewritten(path: Path, key: str, value: object, **others: object) -> None:
    """Change the test split in splits.json."""
    content = json.loads(path.read_text())
    content["splits"]["test"] |= {key: value, **others}
    path.write_text(json.dumps(content))


WRONG: list[Any] = [
    *(None, True, -1, 1.5, 10**30, "x", [], {}, [1], [[1]], [[0, 4, 0]], [[0, 4, "1"]], [None]),
    *([[0, 400, 1]], [[-5, 4, 1]], [[0, 4, 1, 1]], [[0, 10**30, 1]], [[5, -9, -1]], {"a": 1}),
]


def replaced(content: Any, value: Any) -> Iterator[Any]:
    """`content` with one of its parts, or the whole, replaced by `value`; all there are."""
    yield value
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            for part in replaced(content[key], value):
                changed = copy.copy(content)
                changed[key] = part
                yield changed


@pytest.mark.parametrize("name", ["splits_json", "statistics_json", "arrays_json"])
@pytest.mark.parametrize("value", WRONG, ids=str)
def test_wrong_json_is_read_inside_the_arrays_or_refused(
    project: Project, name: str, value: Any
) -> None:
    path: Path = getattr(project, name)
    refusals = 0
    for content in replaced(json.loads(path.read_text()), value):
        path.write_text(json.dumps(content))
        try:
            windows = open_project(project.root).series_windows("train")
            batches = list(windows.batches(8))
        except (ProjectError, WindowError):
            refusals += 1
        else:  # nothing the train windows need was hit, or by another number that fits
            assert np.concatenate([targets for _, targets in batches]).tolist() == [
                10 * row for row in windows.target_rows()
            ]
    assert refusals


@pytest.mark.slow
def test_a_damaged_array_is_read_whole_or_refused(project: Project) -> None:
    whole = project.targets_npy.read_bytes()
    for at in range(128 + 1):  # the header
        for mask in (0x01, 0x20, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[at] ^= mask
            project.targets_npy.write_bytes(changed)
            try:
                targets = project.series_windows("train").targets
            except ProjectError:
                continue
            assert targets.shape == (20,)
            assert targets.dtype == np.float32
    for end in range(len(whole)):
        project.targets_npy.write_bytes(whole[:end])
        with pytest.raises(ProjectError, match=r"targets.npy is damaged"):
            project.windows("train")


def test_the_sources_are_the_files_that_were_downloaded(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with pytest.raises(ProjectError, match="download is not built yet; build it: dvc repro down"):
        project.source_files()
    put = project.downloads / "downloaded.sha256"
    put.parent.mkdir(parents=True)
    put.write_text(f"{'0' * 64}  notes.txt\n")  # of somebody else
    with pytest.raises(ProjectError, match="download is not built yet; build it: dvc repro down"):
        project.source_files()
    put.write_text(record_text({"b.csv": "0" * 64, "a  b.zip": "1" * 64}))
    assert project.source_files() == [project.downloads / "b.csv", project.downloads / "a  b.zip"]


def test_a_folder_without_params_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"it has no params\.yaml"):
        open_project(tmp_path)


def test_a_further_station_names_its_own_stages(tmp_path: Path) -> None:
    station = StationProject(tmp_path, "potsdam")
    for ask, stage in (
        (lambda: station.own_statistics, "convert_station"),
        (lambda: station.data_card, "prepare_station"),
        (lambda: station.splits, "prepare_station"),
        (lambda: station.timestamps, "prepare_station"),
    ):
        with pytest.raises(ProjectError, match=f"build it: dvc repro {stage}@potsdam$") as caught:
            ask()
        assert str(caught.value).count("potsdam: ") <= 1
    with (
        pytest.raises(ProjectError, match=r"^station potsdam: data_card\.json is"),
        station.about(),
    ):
        station.data_card  # noqa: B018  it is named once


def test_a_fault_of_a_stations_csv_still_says_which_field_to_change(tmp_path: Path) -> None:
    station = StationProject(tmp_path, "potsdam")
    with (
        pytest.raises(DialectError, match=r"^station potsdam: no comma; set separator") as caught,
        station.about(),
    ):
        raise DialectError("no comma", {"separator": None})
    assert caught.value.fields == {"separator": None}


def test_a_damaged_window_of_a_fold_names_its_own_stage(tmp_path: Path) -> None:
    fold = Project(tmp_path).fold("2014-01-01")
    build(fold)
    rewritten(fold.splits_json, "windows", 12, starts=[[5, 17, 1]])
    again = r"spans 10 rows, of 20; build it: dvc repro -f fold@2014-01-01$"
    with pytest.raises(ProjectError, match=rf"^data/folds/2014-01-01: splits\.json .*{again}"):
        fold.windows("test")


def test_timestamps_of_another_length_name_the_horizons_own_splits(tmp_path: Path) -> None:
    ahead = Project(tmp_path).further_horizon(30)
    build(ahead)
    write_array(ahead.timestamps_npy, np.arange(19).astype("datetime64[s]"))
    with pytest.raises(ProjectError, match=r"\(19,\), data/horizons/30/splits\.json asks for"):
        ahead.timestamps  # noqa: B018  what is read is what fails


def test_a_fold_and_a_horizon_are_trained_on_their_own_files(checkout: Path) -> None:
    project = Project(checkout)
    fold = project.fold("2014-01-01").training_dependencies("dense", stage="train_fold")
    ahead = project.further_horizon(30).training_dependencies("dense", stage="train_horizon")
    assert checkout / "data/folds/2014-01-01/splits.json" in fold
    assert checkout / "data/horizons/30/splits.json" in ahead
    for dependencies in (fold, ahead):
        assert checkout / "src/jena_etl/models/dense.py" in dependencies
        assert not [path for path in dependencies if "$" in str(path)]
