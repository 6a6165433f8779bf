from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jena_etl.commands.doctor.build import disk
from jena_etl.commands.dvc_repo import Output, Pipeline


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
