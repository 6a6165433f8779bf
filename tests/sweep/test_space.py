"""What a SPACE.yaml may say, what is refused, and which configs come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from ruamel.yaml import YAML

from jena_etl.errors import SweepError
from jena_etl.sweep.space import Choices, Range, Space, read_space, with_values


@pytest.fixture
def params(checkout: Path) -> Any:
    return YAML(typ="safe", pure=True).load(checkout / "params.yaml")


def written(folder: Path, text: str) -> Path:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_lists_and_ranges_are_read(tmp_path: Path, params: Any) -> None:
    file = written(
        tmp_path,
        "architectures: [dense, lstm]\n"
        "params:\n"
        "  train.batch_size: [128, 256]\n"
        "  models.lstm.units: {low: 8, high: 64, log: true}\n"
        "  models.dense.learning_rate: {low: 1.0e-4, high: 1e-2, log: true}\n",
    )
    space = read_space(file, params)
    assert space.params["train.batch_size"] == Choices(choices=(128, 256))
    assert space.params["models.lstm.units"] == Range(low=8, high=64, log=True)
    assert list(space.of("dense")) == ["train.batch_size", "models.dense.learning_rate"]
    assert list(space.of("lstm")) == ["train.batch_size", "models.lstm.units"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("convert.on_frozen: [keep]", "it would change the prepared arrays"),
        ("stations.statistics: [pooled]", "it would change the prepared arrays"),
        ("features: [1]", "it would change the prepared arrays"),
        ("window.sampling_rate: [3]", "dvc exp run -S window.sampling_rate=VALUE"),
        ("window.horizon: [12]", "it would change which windows are forecast"),
        ("seed: [1, 2]", "a seed is luck"),
        ("further_horizons: [6]", "it adds lead times to the leaderboard"),
        ("models.tcn.filters: [8]", "tcn is not one of its architectures"),
        ("train.cpu_threads: [1]", "a search may change models.NAME.KEY, train.batch_size and"),
        ("models.dense.units: {low: 1.5, high: 3.0}", "models.dense.units=1.5: models.dense.un"),
        ("models.dense.unts: [8]", "did you mean 'units'?"),
        ("train.batch_size: [64, 0]", "could not hold train.batch_size=0"),
        ("train.batch_size: {low: 5, high: 3}", "low must be less than high, found 5 and 3"),
        ("train.batch_size: {low: 0, high: 3, log: true}", "needs a low above zero"),
        ("train.batch_size: 3", "must be a list of values, or a range as in"),
        ("train.batch_size: {low: 1, hihg: 3}", "hihg is not a key; did you mean 'high'?"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    tmp_path: Path, params: Any, line: str, why: str
) -> None:
    file = written(tmp_path, f"architectures: [dense]\nparams:\n  {line}\n")
    with pytest.raises(SweepError) as refused:
        read_space(file, params)
    assert why in str(refused.value)
    assert "space.yaml" in str(refused.value)


def test_windows_of_another_length_are_for_one_station(tmp_path: Path, params: Any) -> None:
    file = written(tmp_path, "architectures: [dense]\nparams:\n  window.sequence_length: [6]\n")
    assert read_space(file, params).params
    params["stations"]["further"] = {"b": {}}
    with pytest.raises(SweepError, match="a project with several stations"):
        read_space(file, params)


def test_an_architecture_without_a_block_is_refused(tmp_path: Path, params: Any) -> None:
    file = written(tmp_path, "architectures: [lstn]\nparams: {}\n")
    with pytest.raises(SweepError, match=r"no block models\.lstn; did you mean 'lstm'\?"):
        read_space(file, params)
    with pytest.raises(SweepError, match="there is no file"):
        read_space(tmp_path / "other.yaml", params)


def test_a_trial_draws_what_is_its_architectures_own() -> None:
    space = Space(
        architectures=("dense", "lstm"),
        params={
            "train.batch_size": Choices(choices=(1, 2)),
            "models.lstm.units": Range(low=8, high=64, log=True),
            "models.dense.learning_rate": Range(low=1e-4, high=1e-2, log=True),
            "models.dense.units": Range(low=4, high=10, step=3),
        },
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [space.suggest(study.ask()) for _ in range(200)]
    for config in drawn:
        own = {"dense": {"learning_rate", "units"}, "lstm": {"units"}}[str(config["architecture"])]
        models = {path for path in config if path.startswith("models.")}
        assert models == {f"models.{config['architecture']}.{name}" for name in own}
    assert {one["models.lstm.units"] for one in drawn if "models.lstm.units" in one} <= {
        *range(8, 65)
    }
    assert {one["models.dense.units"] for one in drawn if "models.dense.units" in one} == {4, 7, 10}
    rates = [one["models.dense.learning_rate"] for one in drawn if len(one) == 4]
    assert all(1e-4 <= float(rate) <= 1e-2 for rate in rates)
    assert all(rate == float(f"{rate:.4g}") for rate in rates)
    # As many below as above the geometric mean of the ends, but for chance.
    assert 0.3 < sum(float(rate) < 1e-3 for rate in rates) / len(rates) < 0.7


def test_a_small_space_is_tried_whole() -> None:
    space = Space(
        architectures=("dense", "lstm"),
        params={
            "train.batch_size": Choices(choices=(1, 2)),
            "models.lstm.units": Range(low=8, high=9),
        },
    )
    assert space.all_configs(6) == [
        {"architecture": "dense", "train.batch_size": 1},
        {"architecture": "dense", "train.batch_size": 2},
        {"architecture": "lstm", "train.batch_size": 1, "models.lstm.units": 8},
        {"architecture": "lstm", "train.batch_size": 1, "models.lstm.units": 9},
        {"architecture": "lstm", "train.batch_size": 2, "models.lstm.units": 8},
        {"architecture": "lstm", "train.batch_size": 2, "models.lstm.units": 9},
    ]
    assert space.all_configs(5) is None
    endless = space.model_copy(update={"params": {"models.dense.a": Range(low=0.0, high=1.0)}})
    assert endless.all_configs(10**6) is None
    vast = space.model_copy(update={"params": {"models.dense.a": Range(low=1, high=10**15)}})
    assert vast.all_configs(10**6) is None


def test_values_are_put_in_their_place_and_nowhere_else(params: Any) -> None:
    changed = with_values(params, {"models.lstm.units": 5, "train.batch_size": 7})
    assert (changed["models"]["lstm"]["units"], changed["train"]["batch_size"]) == (5, 7)
    assert (params["models"]["lstm"]["units"], params["train"]["batch_size"]) == (16, 256)
    changed["models"]["lstm"]["units"] = changed["train"]["batch_size"] = None
    params["models"]["lstm"]["units"] = params["train"]["batch_size"] = None
    assert changed == params
    with pytest.raises(SweepError, match=r"no block nothing, which nothing\.here names"):
        with_values(params, {"nothing.here": 1})
