"""What doctor says of the disk, before the first run and after it."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from jena_etl.commands.doctor.disk import RELINK, SHARE_BLOCKS, Expected, disk, expected_outputs
from jena_etl.commands.dvc_repo import Output, Pipeline
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.params import Params, read_params
from jena_etl.params_stations import FurtherStation
from jena_etl.project import Project


def built(*outputs: tuple[int, str, bool]) -> Pipeline:
    return Pipeline(
        outputs=tuple(
            Output(
                path=f"out{at}",
                stage="stage",
                bytes=size,
                state=state,
                objects=frozenset({Path(f"object{at}")} if cached else ()),
                in_cache=cached,
            )
            for at, (size, state, cached) in enumerate(outputs)
        ),
        unbuilt=(),
        stale={},
    )


def test_room_for_one_more_run(tmp_path: Path) -> None:
    # Into the cache 3 + 5 GB; aside in the workspace 7 GB; back to it the 5 GB that are missing.
    pipeline = built(
        (3_000_000_000, "", True), (7_000_000_000, "", False), (5_000_000_000, "deleted", True)
    )
    check = disk(tmp_path, tmp_path / "cache/not/there", pipeline)
    assert check.found.endswith("a complete run takes 20.0 GB")


@pytest.mark.parametrize(("size", "mark"), [(1, "ok"), (10**18, "fault")])
def test_a_disk_too_small(tmp_path: Path, size: int, mark: str) -> None:
    assert disk(tmp_path, tmp_path, built((size, "", True))).mark == mark


@pytest.mark.parametrize("outputs", [(), ((1, "", True),)])
def test_a_full_disk_is_a_fault_however_little_a_run_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: tuple[tuple[int, str, bool], ...]
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    check = disk(tmp_path, tmp_path, built(*outputs))
    assert check.mark == "fault"
    assert check.found.startswith("0 bytes free")
    assert check.next == "dvc gc -w"  # there is no git here


@pytest.fixture
def params(checkout: Path) -> Params:
    """Eleven architectures and a file on a server, of 13,565,642 bytes."""
    return read_params(checkout / "params.yaml")


def with_station(params: Params, download: dict[str, Any]) -> Params:
    further = {"potsdam": FurtherStation(download=download)}
    stations = params.stations.model_copy(update={"first": "jena", "further": further})
    return params.model_copy(update={"stations": stations})


def test_outputs_are_estimated_from_the_files_that_are_here(tmp_path: Path, params: Params) -> None:
    (member,) = params.convert.members or ()
    downloaded = tmp_path / "data/download/jena_climate_2009_2016.csv.zip"
    downloaded.parent.mkdir(parents=True)
    with zipfile.ZipFile(downloaded, "w") as archive:
        archive.writestr(member, bytes(3_000_000))
        archive.writestr(f"__MACOSX/{member}", bytes(70))  # is not read
    (tmp_path / "potsdam.csv.gz").write_bytes(gzip.compress(bytes(1_000_000)))
    both = with_station(params, {"url": "potsdam.csv.gz"})
    found = expected_outputs(Project(tmp_path), both, ())
    packed = downloaded.stat().st_size + (tmp_path / "potsdam.csv.gz").stat().st_size
    assert (found.csv, found.unknown) == (4_000_000, ())
    # 0.27 in interim, 0.67 in processed, and 0.065 for each of the baselines and eleven models.
    forecasts = 0.065 * (len(BASELINES) + 11)
    assert found.outputs == packed + round(4_000_000 * (0.27 + 0.67 + forecasts))
    one_left = expected_outputs(Project(tmp_path), both, {"convert_station@potsdam"})
    assert one_left.csv == 3_000_000


def test_outputs_are_estimated_from_the_bytes_in_params(tmp_path: Path, params: Params) -> None:
    # The Jena series has 43.1 MB of CSV.
    found = expected_outputs(Project(tmp_path), params, ())
    assert found.csv == pytest.approx(43.1e6, rel=0.02)
    plain = with_station(params, {"url": "https://example.org/a.csv", "bytes": 1_000})
    assert expected_outputs(Project(tmp_path), plain, ()).csv == found.csv + 1_000
    unpinned = with_station(params, {"url": "https://example.org/a.csv?token=x"})
    unknown = expected_outputs(Project(tmp_path), unpinned, ())
    assert (unknown.csv, unknown.unknown) == (found.csv, ("https://example.org/a.csv",))


@pytest.mark.parametrize(
    ("free", "linked", "advice"),
    [
        (4_000_000_000, "possible", ""),
        (3_000_000_000, "shared", ""),
        (3_000_000_000, "possible", SHARE_BLOCKS),
        (3_000_000_000, "", "cp -R {} LARGER_DISK"),
        (1_000_000_000, "possible", "cp -R {} LARGER_DISK"),
    ],
)
def test_a_disk_too_small_for_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, linked: Any, advice: str
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    expected = Expected(csv=1_000_000_000, outputs=1_900_000_000, unknown=())
    check = disk(tmp_path, tmp_path, built(), expected=expected, linked=linked)
    taken = "1.9 GB" if linked == "shared" else "3.8 GB"
    assert f"the first run takes about {taken}, as 1.0 GB of CSV" in check.found
    assert ("DVC's cache keeps a copy" in check.found) == (linked != "shared")
    assert check.next == advice.format(tmp_path)


def test_copies_that_are_there_become_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run takes 3 GB aside and 5 GB in the cache; links would free 5 GB."""
    pipeline = built((3_000_000_000, "", True), (2_000_000_000, "", True))
    for free, expected in (
        (3_100_000_000, f"{SHARE_BLOCKS} && {RELINK}"),
        (2 * 10**9, "dvc gc -w"),
    ):
        usage = shutil.disk_usage(tmp_path)._replace(free=free)
        monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
        assert disk(tmp_path, tmp_path, pipeline, linked="possible").next == expected
