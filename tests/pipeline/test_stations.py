"""Several stations in one project: each is prepared alone, and models learn from all of them."""

from __future__ import annotations

import json
import shutil
import statistics
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jena_etl.errors import ProjectError, WindowError
from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.ingest.synthetic import write_synthetic
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import open_project
from jena_etl.training.checkpoint import run_key
from tests.pipeline.repository import Repo, built_once
from tests.pipeline.test_dependencies import OF_STATIONS, assert_declared, imported_by_stage

FURTHER = {"potsdam": 2600, "arkona": 2400}  # rows


def with_stations(params: Any) -> None:
    further = {name: {"download": {"url": f"{name}.zip"}} for name in FURTHER}
    params["stations"].update(first="jena", further=further, unseen=["arkona"])
    params.update(architectures=["dense"])


def prepare(repo: Any, *names: str) -> None:
    for name in names:
        repo.stage("prepare_station", name)


@pytest.fixture(scope="session")
def three(built: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A project with three stations, up to the report; for reading."""

    def build(folder: Path) -> None:
        repo = built.copy(folder / "repo")
        for seed, (name, rows) in enumerate(FURTHER.items(), start=7):
            write_synthetic(repo.root / f"{name}.zip", rows=rows, seed=seed)
        repo.edit(with_stations)
        repo.stage("check")
        for name in FURTHER:
            repo.stage("download_station", name)
            repo.stage("convert_station", name)
        for stage in ("statistics", "splits", "arrays"):
            repo.stage(stage)
        prepare(repo, *FURTHER)
        repo.stage("baseline")
        repo.stage("train", "dense")
        repo.stage("evaluate")
        repo.stage("report")

    return Repo(built_once(tmp_path_factory, "stations", build) / "repo")


@pytest.fixture
def repo(three: Repo, tmp_path: Path) -> Repo:
    """A copy that a test may change."""
    return three.copy(tmp_path / "repo")


@pytest.mark.slow
def test_pooled_statistics_are_those_of_all_train_rows_that_are_learnt_from(three: Any) -> None:
    project = open_project(three.root)
    train = []
    for name in ("jena", "potsdam"):  # arkona is unseen
        station = project.station(name)
        table = pq.read_table(station.climate_parquet)
        train.append(table.column("T (degC)").to_numpy()[: station.splits.splits.train.rows.stop])
    values = np.concatenate(train)
    for name in project.stations.names:
        found = project.station(name).statistics
        assert found.pooled_over == ("jena", "potsdam")
        assert found.columns["T (degC)"].mean == pytest.approx(values.mean(), rel=1e-12)
        assert found.columns["T (degC)"].std == pytest.approx(values.std(), rel=1e-12)


def test_windows_are_read_from_all_stations_or_some(three: Any) -> None:
    project = open_project(three.root)
    parts = {name: project.station(name).series_windows("train") for name in project.stations.names}
    seen = [parts["jena"], parts["potsdam"]]
    windows = project.windows("train")
    assert len(windows) == sum(map(len, seen))
    expected = np.concatenate([part.observations() for part in seen])
    assert np.concatenate([y for _, y in windows.batches(100)]).tolist() == expected.tolist()
    alone = project.windows("train", ["arkona"])
    assert alone.observations().tolist() == parts["arkona"].observations().tolist()
    for (inputs, _), (own, _) in zip(alone.batches(64), parts["arkona"].batches(64), strict=True):
        assert (inputs == own).all()


def test_a_station_has_its_own_windows_and_no_other(three: Any) -> None:
    project = open_project(three.root)
    for name in project.stations.names:
        station = project.station(name)
        own = station.series_windows("train")
        assert station.windows("train").observations().tolist() == own.observations().tolist()
        read = np.concatenate([targets for _, targets in station.batches("train", 100)])
        assert read.tolist() == own.observations().tolist()
    with pytest.raises(ProjectError, match="'jena': it has a single station"):
        project.station("potsdam").windows("train", ["jena"])
    assert "further station" not in three.jena_etl("inspect", "--station", "jena")


def test_a_list_of_stations_names_each_once(three: Any) -> None:
    project = open_project(three.root)
    with pytest.raises(WindowError, match=r"twice: \['jena', 'jena'\]; name each once"):
        project.windows("train", ["jena", "jena"])
    with pytest.raises(WindowError, match=r"is 'jena', expected a list of names: \['jena'\]"):
        project.windows("train", "jena")


def test_dates_that_leave_a_station_without_rows_name_it(repo: Any) -> None:
    dates = ["2009-01-10", "2009-01-20"]  # potsdam ends on the 19th
    repo.edit(lambda params: params["split"].update(dates=dates))
    shown = repo.stage("convert_station", "potsdam", fails=True)
    assert "error: station potsdam: no row belongs to test: the 2,600 rows run from" in shown
    assert "test at 2009-01-20; choose dates" in shown


def test_every_station_is_scored_and_unseen_ones_rank_nothing(three: Any) -> None:
    project = open_project(three.root)
    rows = {row["architecture"]: row for row in read_leaderboard(project.leaderboard_csv)}
    table = pq.read_table(project.predictions_parquet("dense")).to_pylist()
    test = [row for row in table if row["split"] == "test"]
    error = {
        number: [abs(r["prediction"] - r["observation"]) for r in test if r["station"] == number]
        for number in range(3)
    }
    for number, name in enumerate(project.stations.names):
        expected = statistics.fmean(error[number])
        assert float(rows["dense"][f"station_mae_{name}"]) == pytest.approx(expected, rel=1e-5)
    pooled = statistics.fmean(error[0] + error[1])
    assert float(rows["dense"]["test_mae"]) == pytest.approx(pooled, rel=1e-5)
    text = project.leaderboard_md.read_text()
    assert "jena, potsdam (synthetic data)" in text
    assert "| architecture | jena | potsdam | arkona (unseen) |" in text
    page = project.report_html.read_text()
    assert "MAE by station" in page
    assert "arkona (unseen)" in page
    assert "measured columns at jena, potsdam. Of 1 models" in page
    assert "The data of jena" in page
    card = project.model_card_md.read_text()
    assert "one station" not in card
    assert "It was trained on the stations jena, potsdam together" in card
    assert "- potsdam: potsdam.zip, 2,600 rows from 2009-01-01 00:10:00 to" in card
    assert "- arkona (unseen: no model learns from it): arkona.zip, 2,400 rows" in card
    for line in (
        "| potsdam.zip (synthetic) |",
        "| potsdam: train | 1,300 |",
        "| arkona (unseen) |",
    ):
        assert line in card


def test_inspect_names_the_station_in_every_finding(repo: Any) -> None:
    shown = repo.jena_etl("inspect")
    assert "further station" in shown
    assert "arkona (unseen)" in shown
    card = open_project(repo.root).station("potsdam").data_card_json
    content = json.loads(card.read_text())
    content["holes"]["splits"]["test"] = 2
    doubt = {"check": "range", "column": "rh (%)", "expected": "0 to 100", "cells": 1}
    doubt |= {"first": content["first"], "splits": {"train": 1, "validation": 0, "test": 0}}
    card.write_text(json.dumps(content | {"physics": [doubt]}))
    shown = repo.jena_etl("inspect")
    assert "    potsdam: holes in test: 2\n" in shown
    assert "values in doubt in rh (%): jena-etl inspect --station potsdam\n" in shown
    own = repo.jena_etl("inspect", "--station", "potsdam")
    assert own.startswith("potsdam.zip: SYNTHETIC data")
    assert "further station" not in own
    card.unlink()
    assert (
        "station potsdam: data_card.json is not built yet; build it: dvc repro "
        "prepare_station@potsdam"
    ) in repo.jena_etl("inspect")
    assert "there is no station 'x'" in repo.jena_etl("inspect", "--station", "x", fails=True)


def test_dates_cut_all_stations_at_the_same_time(repo: Any) -> None:
    dates = ["2009-01-10", "2009-01-14T12"]
    repo.edit(lambda params: params["split"].update(dates=dates))
    repo.stage("check")
    for name in FURTHER:
        repo.stage("convert_station", name)
    for stage in ("statistics", "splits", "arrays"):
        repo.stage(stage)
    prepare(repo, *FURTHER)
    project = open_project(repo.root)
    for name in project.stations.names:
        splits = project.station(name).splits.splits
        assert (splits.train.last, splits.validation.first) == (
            "2009-01-09T23:50:00",
            "2009-01-10T00:00:00",
        )
        assert splits.test.first == "2009-01-14T12:00:00"
    assert "params.yaml has changed" not in repo.jena_etl("inspect")
    repo.edit(lambda params: params["split"].update(dates=["2009-01-11", "2009-01-14T12"]))
    assert "params.yaml has changed since splits.json" in repo.jena_etl("inspect")


@pytest.mark.slow
def test_one_synthetic_station_makes_the_scores_synthetic(repo: Any) -> None:
    project = open_project(repo.root)
    text = project.data_card_json.read_text()
    project.data_card_json.write_text(text.replace('"synthetic": true', '"synthetic": false'))
    for stage in ("evaluate", "report"):
        repo.stage(stage)
    assert "jena, potsdam (synthetic data)" in project.leaderboard_md.read_text()
    assert "SYNTHETIC DATA" in project.report_html.read_text()


def test_baselines_are_fitted_to_each_station(three: Any, built: Any) -> None:
    """Those of the first station are what they are where it is the only one."""
    alone = pq.read_table(open_project(built.root).predictions_parquet("climatology"))
    table = pq.read_table(open_project(three.root).predictions_parquet("climatology"))
    jena = table.filter(pq.filters_to_expression([("station", "==", 0)])).drop_columns("station")
    assert jena.equals(alone)
    assert set(table.column("station").to_pylist()) == {0, 1, 2}


def test_with_statistics_per_station_each_is_normalised_with_its_own(repo: Any) -> None:
    repo.edit(lambda params: params["stations"].update(statistics="per_station"))
    for stage in ("check", "statistics", "splits", "arrays"):
        repo.stage(stage)
    prepare(repo, *FURTHER)
    project = open_project(repo.root)
    for name in project.stations.names:
        station = project.station(name)
        train = station.splits.splits.train.rows
        temperature = pq.read_table(station.climate_parquet).column("T (degC)").to_numpy()
        found = station.statistics.columns["T (degC)"]
        assert found.mean == pytest.approx(temperature[: train.stop].mean(), rel=1e-12)
        assert found.std == pytest.approx(temperature[: train.stop].std(), rel=1e-12)


def test_mistakes_name_the_station_and_its_stage(repo: Any) -> None:
    def broken(params: Any) -> None:
        params["stations"]["further"]["potsdam"]["convert"] = {"datetime_format": "%Y"}

    repo.edit(broken)
    shown = repo.stage("convert_station", "potsdam", fails=True)
    assert shown.startswith("error: station potsdam: ")
    assert "convert.datetime_format" in shown
    project = open_project(repo.root)
    (project.station("arkona").features_npy).unlink()
    with pytest.raises(
        ProjectError,
        match=r"^station arkona: features.npy is not built yet; build it: dvc repro "
        r"prepare_station@arkona$",
    ):
        project.windows("test", ["jena", "arkona"])
    with pytest.raises(ProjectError, match=r"^there is no station 'x': the project has jena, pot"):
        project.windows("test", ["x"])
    assert repo.stage("prepare_station", "x", fails=True) == (
        "error: x is not one of stations.further ['potsdam', 'arkona'] in params.yaml; add it\n"
    )


def test_stations_that_do_not_fit_together_are_refused(repo: Any) -> None:
    """One has an hourly row; the other was normalised with other statistics."""
    project = open_project(repo.root)
    record = project.station("potsdam").arrays_json
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"step_seconds": 3600}))
    shown = repo.stage("baseline", fails=True)
    assert shown.startswith("error: potsdam has a row every 3600 s, jena every 600 s, so a window")
    record.write_text(json.dumps(content))
    repo.edit(lambda params: params["split"].update(train=0.4))
    for stage in ("statistics", "splits", "arrays"):
        repo.stage(stage)
    assert "dvc repro prepare_station@potsdam" in repo.stage("baseline", fails=True)


def test_a_checkpoint_is_of_the_stations_it_was_trained_on(repo: Any) -> None:
    def key() -> str:
        return run_key(open_project(repo.root).training_dependencies("dense"))

    before = key()
    assert key() == before
    record = open_project(repo.root).station("arkona").arrays_json
    record.write_text(record.read_text().replace("600", "601"))
    assert key() != before


def test_a_station_off_the_list_is_set_aside(repo: Any) -> None:
    repo.edit(lambda params: params["stations"]["further"].pop("potsdam"))
    repo.stage("check")
    shown = repo.stage("statistics")
    assert (
        "data/processed/stations/potsdam: not listed in params.yaml; moved to "
        "unlisted/processed/stations/\n"
    ) in shown
    assert not (repo.root / "data/interim/stations/potsdam").exists()
    assert (repo.root / "unlisted/processed/stations/potsdam/features.npy").is_file()
    assert open_project(repo.root).stations.names == ("jena", "arkona")


def without_column(path: Path, name: str) -> None:
    """Take a column out of the CSV file in a zip."""
    with zipfile.ZipFile(path) as archive:
        member, comment = archive.namelist()[0], archive.comment
        lines = [line.split(",") for line in archive.read(member).decode().splitlines()]
    at = lines[0].index(f'"{name}"')
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "\n".join(",".join(li[:at] + li[at + 1 :]) for li in lines))
        archive.comment = comment


def prepared_anew(repo: Repo) -> str:
    """Run all stages between potsdam's file and the baselines; return what they say."""
    stages = [("check",), ("download_station", "potsdam"), ("convert_station", "potsdam")]
    stages += [(name,) for name in ("statistics", "splits", "arrays")]
    stages += [*(("prepare_station", name) for name in FURTHER), ("baseline",)]
    return "".join(repo.stage(*stage) for stage in stages)


@pytest.mark.slow
def test_a_station_that_lacks_a_column_is_left_out_where_params_say_so(repo: Any) -> None:
    before = open_project(repo.root).statistics
    whole = (repo.root / "potsdam.zip").read_bytes()
    without_column(repo.root / "potsdam.zip", "rh (%)")
    repo.stage("download_station", "potsdam")
    shown = repo.stage("convert_station", "potsdam", fails=True)
    assert "error: station potsdam: columns names 'rh (%)', which is not among the 14" in shown

    repo.edit(lambda params: params["stations"].update(on_lacking_column="leave_out"))
    why = "station potsdam is LEFT OUT, as its files lack rh (%)"
    assert prepared_anew(repo).splitlines().count(why) == 2  # convert_station and statistics
    project = open_project(repo.root)
    assert (project.stations.names, project.stations.unseen) == (("jena", "arkona"), ("arkona",))
    assert project.stations.left_out == {"potsdam": ("rh (%)",)}
    assert project.statistics.columns != before.columns
    assert project.statistics.pooled_over == ("jena",)
    table = pq.read_table(project.predictions_parquet("naive"))
    assert set(table.column("station").to_pylist()) == {0, 1}
    assert len(project.windows("train")) == len(project.station("jena").windows("train"))
    assert why in repo.jena_etl("inspect").splitlines()
    assert f"note  {why}" in repo.jena_etl("audit", "--no-weights").splitlines()
    with pytest.raises(ProjectError, match=r"^station potsdam is left out, as its files lack rh"):
        project.windows("train", ["potsdam"])

    (repo.root / "potsdam.zip").write_bytes(whole)
    assert "LEFT OUT" not in prepared_anew(repo)
    assert open_project(repo.root).stations.names == ("jena", "potsdam", "arkona")
    assert open_project(repo.root).statistics == before


@pytest.mark.nightly
def test_nothing_else_is_kept_of_a_station_that_is_left_out(three: Any, tmp_path: Path) -> None:
    """And it comes back from the run cache as it was, with the file that has the column."""
    repo = three.copy(tmp_path / "repo")
    folders = [repo.root / f"data/{kind}/stations/potsdam" for kind in ("interim", "processed")]

    def files() -> list[list[str]]:
        return [sorted(path.name for path in folder.iterdir()) for folder in folders]

    repo.edit(lambda params: params["stations"].update(on_lacking_column="leave_out"))
    repo.dvc("repro", "-f", "download_station@potsdam")
    repo.dvc("repro", "prepare_station@potsdam")
    before = files()
    shutil.copy(repo.root / "potsdam.zip", tmp_path / "whole.zip")
    without_column(repo.root / "potsdam.zip", "rh (%)")
    repo.dvc("repro", "-f", "download_station@potsdam")
    assert "station potsdam is LEFT OUT" in repo.dvc("repro", "prepare_station@potsdam")
    assert files() == [["lacking_columns.json"]] * 2
    shutil.copy(tmp_path / "whole.zip", repo.root / "potsdam.zip")
    repo.dvc("repro", "-f", "download_station@potsdam")
    repo.dvc("repro", "prepare_station@potsdam")
    assert files() == before


@pytest.mark.nightly
def test_adding_a_station_runs_its_stages_and_what_reads_all_of_them(
    built: Any, tmp_path: Path
) -> None:
    repo = built.copy(tmp_path / "repo")
    for seed, name in enumerate(FURTHER, start=7):
        write_synthetic(repo.root / f"{name}.zip", rows=2400, seed=seed)
    own = {name: {"download": {"url": f"{name}.zip"}} for name in FURTHER}

    def further(*names: str) -> None:
        listed = {name: own[name] for name in names}
        repo.edit(lambda params: params["stations"].update(first="jena", further=listed))

    repo.edit(lambda params: params.update(architectures=["dense"]))
    repo.edit(lambda params: params["stations"].update(statistics="per_station"))
    further("potsdam")
    repo.dvc("repro")
    recorded = imported_by_stage(repo)
    assert {stage for stage, *_ in recorded} >= OF_STATIONS
    assert_declared(repo, recorded)
    further("potsdam", "arkona")
    ran = repo.stages_run(repo.dvc("repro", "evaluate"))
    alone = [f"{stage}_station@arkona" for stage in ("download", "convert", "prepare")]
    assert sorted(ran) == sorted(
        ["check", *alone, "statistics", "baseline", "train@dense", "evaluate"]
    )
    further("potsdam")
    assert "unlisted/processed/stations/" in repo.dvc("repro")
    assert "Data and pipelines are up to date" in repo.dvc("status")


@pytest.mark.slow
def test_every_station_is_audited(three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with statistics that are pooled as they are in the project; and where times overlap."""
    lines = three.jena_etl("audit", "--no-weights").splitlines()
    project = open_project(three.root)
    splits = {name: project.station(name).splits.splits for name in project.stations.names}
    # Train rows are half of 3,000, 2,600 and 2,400 rows from the same time: jena's are the latest.
    notes = [line for line in lines if line.startswith("note ")]
    until = splits["jena"].train.last
    assert notes == [
        f"note  {name}: its validation begins at {splits[name].validation.first}, but models learn "
        f"from rows of jena up to {until}; split.dates in params.yaml cuts all stations at the "
        "same dates"
        for name in ("potsdam", "arkona")
    ]
    assert all(line.startswith("ok    ") for line in lines if line not in notes)
    counts = [sum(f" {name}: " in line for line in lines) for name in splits]
    assert counts == [len(lines) // 3] * 3

    def over_all_rows_of_potsdam(series: Any, fractions: Any) -> Any:
        found = train_statistics(series, fractions)
        if len(series.timestamps) != FURTHER["potsdam"]:
            return found
        everything = train_statistics(series, SplitFractions(train=1.0, validation=0.0))
        return found.model_copy(update={"columns": everything.columns})

    monkeypatch.setattr("pipeline.statistics.train_statistics", over_all_rows_of_potsdam)
    shown = three.jena_etl("audit", "--no-weights", fails=True).splitlines()
    leaks = [line for line in shown if line.startswith("LEAK")]
    assert leaks[0].startswith("LEAK  potsdam: statistics of the train rows: differ in p (mbar), T")
    assert all(line.startswith("LEAK  potsdam: ") for line in leaks)


@pytest.mark.slow
def test_an_audit_names_the_station_that_is_not_built(repo: Any) -> None:
    open_project(repo.root).station("arkona").findings_parquet.unlink()
    shown = repo.jena_etl("audit", "--no-weights", fails=True)
    assert (
        "station arkona: findings.parquet is not built yet; "
        "build it: dvc repro convert_station@arkona" in shown
    )
