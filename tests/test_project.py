from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import ProjectError, WindowError
from jena_etl.ingest.downloaded import record_text
from jena_etl.project import Project, open_project
from jena_etl.windows.reader import phase_major


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of 20 rows and 2 features, as the stages write one; row s has the target 10 s."""
    (tmp_path / "params.yaml").write_text("")
    built = open_project(tmp_path)
    built.splits_json.parent.mkdir(parents=True)
    columns = {name: {"mean": 0.0, "std": 1.0} for name in ("a", "b")}
    built.statistics_json.write_text(json.dumps({"rows": [0, 10], "columns": columns}))
    window = {"sequence_length": 3, "sampling_rate": 3, "horizon": 1, "sequence_stride": 1}
    splits = {"train": {"starts": [[0, 4, 1]]}, "test": {"starts": [[5, 11, 1]]}}
    built.splits_json.write_text(json.dumps({"rows": 20, "window": window, "splits": splits}))
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    np.save(built.features_npy, phase_major(rows, 3))
    np.save(built.targets_npy, np.arange(20, dtype=np.float32) * 10)
    return built


def test_batches_come_from_the_files(project: Project) -> None:
    ((features, targets),) = project.batches("train", 8)
    assert features[:, :, 0].tolist() == [[2 * (s + step) for step in (0, 3, 6)] for s in range(4)]
    assert targets.tolist() == [10 * (s + 9) for s in range(4)]
    assert isinstance(project.windows("train").features, np.memmap)


def test_an_unknown_split_is_refused(project: Project) -> None:
    with pytest.raises(WindowError, match="one of train, validation, test, found 'tests'"):
        project.windows("tests")


def damaged(change: Callable[[Project], object], project: Project) -> str:
    change(project)
    with pytest.raises(ProjectError) as caught:
        project.windows("train")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda p: p.features_npy.unlink(),
            "features.npy is not built yet; build it: dvc",
        ),
        (lambda p: p.features_npy.write_bytes(b""), "features.npy is damaged"),
        (
            lambda p: p.targets_npy.write_bytes(p.targets_npy.read_bytes()[:-4]),
            "targets.npy is",
        ),
        (
            lambda p: np.save(p.targets_npy, np.zeros(19)),
            "has shape (19,), splits.json asks for (20,)",
        ),
        (
            lambda p: np.save(p.targets_npy, np.zeros(20)),
            "targets.npy holds float64, expected float32; build it again: dvc repro -f arrays",
        ),
        (lambda p: p.targets_npy.write_bytes(b"PK\3\4" + bytes(99)), "targets.npy is damaged"),
        (
            lambda p: p.statistics_json.write_text('{"columns": {"a": {}}}'),
            "has shape (3, 7, 2), splits.json asks for (3, 7, 1)",
        ),
        (
            lambda p: p.splits_json.write_text(
                p.splits_json.read_text().replace("[0, 4", "[9, 14")
            ),
            "windows of train start in rows 9 to 13 and span 10 rows, of 20; build it again",
        ),
        (lambda p: p.splits_json.write_text("[" * 99_999), "splits.json is not JSON"),
        (lambda p: p.splits_json.write_text('{"rows": 20}'), "(KeyError: 'window'); build both"),
        (
            lambda p: p.splits_json.unlink(),
            "splits.json is not built yet; build it: dvc",
        ),
        (lambda p: p.splits_json.write_text("{"), "splits.json is not JSON"),
        (lambda p: p.statistics_json.unlink(), "build it: dvc repro statistics"),
    ],
)
def test_a_missing_or_damaged_file_is_named(
    project: Project, change: Callable[[Project], object], said: str
) -> None:
    assert said in damaged(change, project)


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


@pytest.mark.parametrize("name", ["splits_json", "statistics_json"])
@pytest.mark.parametrize("value", WRONG, ids=str)
def test_wrong_json_is_read_inside_the_arrays_or_refused(
    project: Project, name: str, value: Any
) -> None:
    path: Path = getattr(project, name)
    refusals = 0
    for content in replaced(json.loads(path.read_text()), value):
        path.write_text(json.dumps(content))
        try:
            windows = open_project(project.root).windows("train")
            batches = list(windows.batches(8))
        except (ProjectError, WindowError):
            refusals += 1
        else:  # nothing the train windows need was hit, or by another number that fits
            assert np.concatenate([targets for _, targets in batches]).tolist() == [
                10 * row for row in windows.target_rows()
            ]
    assert refusals


def test_a_damaged_array_is_read_whole_or_refused(project: Project) -> None:
    whole = project.targets_npy.read_bytes()
    for at in range(128 + 1):  # the header
        for mask in (0x01, 0x20, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[at] ^= mask
            project.targets_npy.write_bytes(changed)
            try:
                targets = project.windows("train").targets
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
