"""How trials are ranked, and the command line that trains one of them in the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from jena_etl.params import Params
from jena_etl.params_check import check
from jena_etl.sweep.results import command_line, ranked, winner, write_page, write_parquet
from jena_etl.sweep.store import Store
from jena_etl.sweep.trial import Result, Trial, base_of


@pytest.fixture
def raw(checkout: Path) -> Any:
    return YAML(typ="safe", pure=True).load(checkout / "params.yaml")


def result(mae: float, *, stopped: bool = False, name: str = "lstm", **values: Any) -> Result:
    paths = {path.replace("__", "."): value for path, value in values.items()}
    return Result(
        trial=Trial(architecture=name, values=paths, base="b"),
        validation_mae=mae,
        history=(mae + 1, mae),
        epochs=4,
        stopped=stopped,
        parameters=None if stopped else 2001,
        seconds=1.5,
    )


def by_key(*results: Result) -> dict[str, Result]:
    return {one.trial.key: one for one in results}


def test_a_trial_that_was_stopped_cannot_win() -> None:
    found = by_key(
        result(2.0, models__lstm__units=1),
        result(1.0, stopped=True, models__lstm__units=2),
        result(1.5, models__lstm__units=3),
    )
    assert [one.validation_mae for one in ranked(found)] == [1.5, 2.0, 1.0]
    best = winner(found)
    assert best
    assert best.validation_mae == 1.5
    assert winner(by_key(result(1.0, stopped=True))) is None


def test_the_command_line_says_what_differs(raw: Any) -> None:
    params = check(Params, raw, "")
    one = result(1.0, models__lstm__units=24, models__lstm__xla_on_cpu=False)
    assert command_line(one, raw, params) == (
        "dvc exp run -S 'architectures=[lstm]' -S models.lstm.units=24 "
        "-S models.lstm.xla_on_cpu=false"
    )
    # A key that params.yaml does not have yet, and a model that it does not list.
    two = result(1.0, name="tcn", models__tcn__early_stopping=3)
    assert command_line(two, raw, params) == (
        "dvc exp run -S 'architectures=[tcn]' -S +models.tcn.early_stopping=3"
    )
    raw |= {"ensembles": {"both": ["lstm", "dense"]}, "architectures": ["lstm", "dense"]}
    params = check(Params, raw, "")
    assert command_line(one, raw, params).startswith("dvc exp run -S models.lstm.units=24 ")
    assert "-S 'architectures=[lstm,dense,tcn]' " in command_line(two, raw, params)


def test_the_file_has_a_row_per_trial_and_the_page_shows_them(tmp_path: Path, raw: Any) -> None:
    found = by_key(
        result(2.0, models__lstm__units=8, train__batch_size=128),
        result(1.0, stopped=True, models__lstm__units=16, train__batch_size=64),
        result(1.75, name="dense", train__batch_size=64),
    )
    path = tmp_path / "sweeps/trials.parquet"
    write_parquet(path, found, ["models.lstm.units", "train.batch_size"])
    rows = pq.read_table(path).to_pylist()
    assert [row["validation_mae"] for row in rows] == [1.75, 2.0, 1.0]
    assert [row["models.lstm.units"] for row in rows] == [None, 8, 16]
    assert [row["state"] for row in rows] == ["finished", "finished", "stopped"]
    assert rows[0]["history"] == [2.75, 1.75]
    page = tmp_path / "sweeps/index.html"
    write_page(
        page,
        found,
        {"0123": "<loss> is nan"},
        name="night",
        unit="degC",
        command="dvc exp run -S train.batch_size=64",
        params=check(Params, raw, ""),
    )
    text = page.read_text()
    for said in (
        "3 trials, 1 of them stopped early",
        "The best has a validation MAE of 1.75 degC: dense.",
        "1. dense",
        "3. lstm, stopped",
        "dvc exp run -S train.batch_size=64",
        "&lt;loss&gt; is nan",
    ):
        assert said in text


def test_what_shapes_a_trial_shapes_its_key(raw: Any) -> None:
    files = {"data/processed/features.npy": "a"}
    base = base_of(raw, "lstm", files)
    same = {**raw, "architectures": ["lstm"], "report": None, "further_seeds": [1]}
    same["models"] = {**raw["models"], "dense": {"units": 3}}
    assert base_of(same, "lstm", files) == base
    others = [
        base_of(raw, "lstm", {"data/processed/features.npy": "b"}),
        base_of(raw, "dense", files),
        base_of({**raw, "seed": 1}, "lstm", files),
        base_of({**raw, "train": {**raw["train"], "cpu_threads": 1}}, "lstm", files),
        base_of({**raw, "models": {"lstm": {"units": 3}}}, "lstm", files),
    ]
    assert len({base, *others}) == 6
    config = {"train.batch_size": 64, "architecture": "lstm", "models.lstm.units": 8}
    trial = Trial.of(config, {"lstm": base})
    assert trial.config == config
    assert Trial.of(dict(reversed(config.items())), {"lstm": base}).key == trial.key
    assert Trial.of({**config, "train.batch_size": 65}, {"lstm": base}).key != trial.key


def test_the_store_survives_a_line_that_was_cut_off(tmp_path: Path) -> None:
    store, ended = Store(tmp_path, "night", 1), result(1.0, models__lstm__units=8)
    begun = result(2.0, models__lstm__units=9).trial
    for trial in (ended.trial, begun, ended.trial):
        store.add(trial)
    store.end(ended)
    with (store.folder / "begun.jsonl").open("a") as file:
        file.write('\n{"architecture": "ls')
    assert store.begun() == [ended.trial, begun]
    third = result(3.0, models__lstm__units=10).trial
    store.add(third)
    assert store.begun() == [ended.trial, begun, third]
    assert store.results() == {ended.trial.key: ended}
    (store.folder / f"{ended.trial.key}.json").write_text("{")
    assert store.results() == {}
    assert Store(tmp_path, "night", 2).begun() == []
