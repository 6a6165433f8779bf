"""ridge and gradient_boosting, which are fitted to all train windows at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import ParamsError, TrainingError
from jena_etl.models import configure
from jena_etl.models.architecture import FittedAtOnce
from jena_etl.params import read_params
from jena_etl.training.fit import fit_at_once
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows
from tests.training.tasks import task

ROWS, STEPS, COLUMNS, HORIZON = 700, 8, 3, 2
SPEC = WindowSpec(sequence_length=STEPS, horizon=HORIZON)
SMALL: dict[str, dict[str, Any]] = {
    "ridge": {"penalties": [1e-3, 3.0, 1000.0]},
    "gradient_boosting": {
        "lags": [2],
        "differences": [1, 3],
        "means": [4],
        "boosting_rounds": 30,
        "min_data_in_leaf": 5,
        "num_leaves": 6,
        "loss": "mse",
    },
}


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Three columns whose first one depends on what the other two were."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((ROWS, COLUMNS))
    rows[HORIZON:, 0] = 0.8 * rows[:-HORIZON, 1] + np.abs(rows[:-HORIZON, 2]) + rows[HORIZON:, 0]
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def windows(features: np.ndarray) -> dict[str, SeriesWindows]:
    """The windows of train and validation; normalised and raw values are the same."""
    return {
        split: SeriesWindows(features[np.newaxis], features[:, 0], SPEC, WindowIndex([starts]))
        for split, starts in {"train": range(500), "validation": range(500, 690)}.items()
    }


def architecture(checkout: Path, name: str, **changes: Any) -> Any:
    block = read_params(checkout / "params.yaml").models[name] | SMALL[name] | changes
    found = configure(name, block)
    assert isinstance(found, FittedAtOnce)
    return found


def fitted(
    found: FittedAtOnce, windows: dict[str, SeriesWindows], seed: int = 0
) -> tuple[Any, list[list[float]]]:
    """The model, and its history without the columns step and naive_val_mae."""
    columns = task("a", "b", "c")
    model, history = fit_at_once(found, windows, columns, seed=seed)
    return model, [list(map(float, line.split(",")[1:-1])) for line in history.splitlines()[1:]]


def inputs_and_goals(
    features: np.ndarray, starts: range, *, change: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The windows one by one: float64 of shape (windows, steps, columns) and (windows,)."""
    inputs = np.stack([features[s : s + STEPS] for s in starts]).astype(np.float64)
    last = np.array([features[s + STEPS - 1, 0] for s in starts], np.float64)
    goals = np.array([features[s + STEPS - 1 + HORIZON, 0] for s in starts], np.float64)
    return inputs, goals - last if change else goals


@pytest.mark.parametrize("target_as", ["value", "change"])
@pytest.mark.parametrize("order", ["forward", "reversed"])
def test_ridge_is_the_penalised_least_squares_solution(
    target_as: str,
    order: str,
    features: np.ndarray,
    windows: dict[str, SeriesWindows],
    checkout: Path,
) -> None:
    found = architecture(checkout, "ridge", target_as=target_as, order=order)
    model, history = fitted(found, windows)
    change = target_as == "change"
    inputs, goals = inputs_and_goals(features, range(500), change=change)
    held_out, held_out_goals = inputs_and_goals(features, range(500, 690), change=change)
    step = 1 if order == "forward" else -1
    x, held_out_x = (part[:, ::step].reshape(len(part), -1) for part in (inputs, held_out))
    by_hand = []
    for penalty in found.penalties:
        # As a plain least squares problem: one more row for each weight, with its penalty.
        centred = np.vstack([x - x.mean(axis=0), np.sqrt(penalty) * np.eye(x.shape[1])])
        target = np.concatenate([goals - goals.mean(), np.zeros(x.shape[1])])
        kernel = np.linalg.lstsq(centred, target)[0]
        bias = goals.mean() - x.mean(axis=0) @ kernel
        errors = (x @ kernel + bias - goals, held_out_x @ kernel + bias - held_out_goals)
        by_hand.append([score for e in errors for score in (np.mean(e**2), np.mean(np.abs(e)))])
    np.testing.assert_allclose(history, by_hand, rtol=1e-6)
    best = min(by_hand, key=lambda row: row[2])
    observed = held_out_goals + (held_out[:, -1, 0] if change else 0)
    forecast = np.asarray(model(held_out[:, ::step].astype(np.float32)))[:, 0]
    assert np.abs(forecast - observed).mean() == pytest.approx(best[3], rel=1e-4)


def lags_by_hand(inputs: np.ndarray) -> np.ndarray:
    """What SMALL's trees read of each window, in the order of the columns."""
    rows = []
    for window in inputs:
        row: list[float] = []
        for column in window.T:
            row += [column[-1], column[-3], column[-1] - column[-2], column[-1] - column[-4]]
            row.append(np.mean(column[-4:]))
        rows.append(row)
    return np.array(rows, np.float32)


@pytest.mark.parametrize("target_as", ["value", "change"])
@pytest.mark.parametrize("order", ["forward", pytest.param("reversed", marks=pytest.mark.slow)])
def test_the_keras_model_forecasts_what_lightgbm_does(
    target_as: str,
    order: str,
    features: np.ndarray,
    windows: dict[str, SeriesWindows],
    checkout: Path,
) -> None:
    import lightgbm

    found = architecture(checkout, "gradient_boosting", target_as=target_as, order=order)
    model, history = fitted(found, windows, seed=3)
    change = target_as == "change"
    inputs, goals = inputs_and_goals(features, range(500), change=change)
    held_out, held_out_goals = inputs_and_goals(features, range(500, 690), change=change)
    booster = lightgbm.train(
        {
            "objective": "l2",
            "learning_rate": found.learning_rate,
            "num_leaves": 6,
            "loss": "mse",
            "min_data_in_leaf": 5,
            "feature_fraction": found.feature_fraction,
            "bagging_fraction": found.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": found.lambda_l2,
            "extra_trees": found.extra_trees,
            "seed": 3,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        },
        lightgbm.Dataset(lags_by_hand(inputs), goals),
        30,
    )
    errors = [
        booster.predict(lags_by_hand(held_out), num_iteration=rounds) - held_out_goals
        for rounds in range(1, 31)
    ]
    np.testing.assert_allclose([row[3] for row in history], [np.abs(e).mean() for e in errors])
    best = min(errors, key=lambda e: np.mean(e**2))
    last = held_out[:, -1, 0] if change else 0
    step = 1 if order == "forward" else -1
    forecast = np.asarray(model(held_out[:, ::step].astype(np.float32)))[:, 0]
    np.testing.assert_allclose(forecast, best + held_out_goals + last, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_trees_follow_the_seed(windows: dict[str, SeriesWindows], checkout: Path) -> None:
    found = architecture(checkout, "gradient_boosting")
    one, again, other = (fitted(found, windows, seed)[0].get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not all(
        a.shape == b.shape and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def test_trees_stop_early(windows: dict[str, SeriesWindows], checkout: Path) -> None:
    changes = {"boosting_rounds": 200, "learning_rate": 0.5, "early_stopping": 4}
    _, history = fitted(architecture(checkout, "gradient_boosting", **changes), windows)
    losses = [row[2] for row in history]
    assert len(losses) == losses.index(min(losses)) + 1 + 4


def test_a_lag_longer_than_the_window(windows: dict[str, SeriesWindows], checkout: Path) -> None:
    for key, longest in {"lags": STEPS - 1, "differences": STEPS - 1, "means": STEPS}.items():
        fits = architecture(checkout, "gradient_boosting", **{key: [1, longest]})
        assert fits.filters(STEPS).shape[0] == STEPS
        found = architecture(checkout, "gradient_boosting", **{key: [longest + 1, 1, 99]})
        said = f"{key} has {longest + 1}, 99, expected at most {longest} steps"
        with pytest.raises(ParamsError, match=said):
            fitted(found, windows)


def test_without_lightgbm(
    windows: dict[str, SeriesWindows], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(TrainingError, match=r"uv sync --extra boosting, or pip install '"):
        fitted(architecture(checkout, "gradient_boosting"), windows)


def test_a_hint_names_what_the_architecture_can_have_more_of(
    windows: dict[str, SeriesWindows], checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = "the validation loss was still falling in the last epoch (2); "
    fitted(architecture(checkout, "gradient_boosting", boosting_rounds=2), windows)
    assert capsys.readouterr().out.endswith(f"{hint}more boosting_rounds may help\n")
    fitted(architecture(checkout, "ridge", penalties=[1e6, 10.0]), windows)
    assert capsys.readouterr().out.endswith(f"{hint}further penalties may help\n")
