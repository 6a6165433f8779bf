"""SPACE.yaml: the architectures and params that a search tries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from jena_etl.csv_dialect import Names
from jena_etl.errors import ParamsError, SweepError
from jena_etl.models import configure
from jena_etl.params import Params
from jena_etl.params_check import Block, check, load_yaml
from jena_etl.text import nearest

Value = bool | int | float | str
DIGITS = 4  # of a number drawn from a range, so that the winner's command line can be read
# What a search may change besides the models' own blocks: nothing that the arrays depend on, or
# that decides which windows are forecast, or how far ahead.
LENGTH = "window.sequence_length"
SEARCHED = ("train.batch_size", LENGTH)
MAKES_ARRAYS = (
    "download",
    "convert",
    "features",
    "split",
    "stations",
    "window.target",
    "window.sampling_rate",
)


class Range(Block):
    """The numbers from `low` to `high`, both of them included; whole ones if both are whole.

    Attributes:
        log: whether each order of magnitude is equally likely.
        step: the distance between the numbers; None for any number between.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _ascends(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, found {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log: true needs a low above zero, and no step")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step must be above zero, found {self.step}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers alone."""
        return all(isinstance(one, int) for one in (self.low, self.high, self.step or 0))

    def suggest(self, trial: Any, name: str) -> Value:
        """What Optuna's `trial` is to try next."""
        if self.is_whole:
            number: int = trial.suggest_int(
                name, self.low, self.high, log=self.log, step=int(self.step or 1)
            )
            return number
        drawn: float = trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)
        digits = 12 if self.step else DIGITS
        return min(max(float(f"{drawn:.{digits}g}"), float(self.low)), float(self.high))

    def examples(self) -> tuple[Value, ...]:
        """Both ends: if these are allowed, so is what lies between."""
        return (self.low, self.high)

    def values(self) -> Sequence[Value] | None:
        """All of its values; None if it has too many to try each."""
        if not self.is_whole:
            return None
        return range(int(self.low), int(self.high) + 1, int(self.step or 1))


class Choices(Block):
    """Some values, none nearer to one than to another."""

    choices: Annotated[tuple[Value, ...], Field(strict=False, min_length=1)]

    def suggest(self, trial: Any, name: str) -> Value:
        """What Optuna's `trial` is to try next."""
        value: Value = trial.suggest_categorical(name, list(self.choices))
        return value

    def examples(self) -> tuple[Value, ...]:
        """All of them."""
        return self.choices

    def values(self) -> tuple[Value, ...]:
        """All of them."""
        return self.choices


class Space(Block):
    """What a search tries.

    Attributes:
        architectures: their names; each trial trains one.
        params: the values of a param, by its path in params.yaml as `dvc exp run -S` names it.
    """

    architectures: Names
    params: dict[str, Range | Choices]

    def of(self, architecture: str) -> dict[str, Range | Choices]:
        """The params that shape a trial of this architecture."""
        return {
            path: values
            for path, values in self.params.items()
            if not path.startswith("models.") or path.startswith(f"models.{architecture}.")
        }

    def suggest(self, trial: Any) -> dict[str, Value]:
        """The config that Optuna's `trial` is to try: its architecture, and values by path."""
        name = trial.suggest_categorical("architecture", list(self.architectures))
        values = {path: one.suggest(trial, path) for path, one in self.of(name).items()}
        return {"architecture": name, **values}

    def all_configs(self, at_most: int) -> list[dict[str, Value]] | None:
        """Every config that there is; None if there are more than `at_most`."""
        if any(one.values() is None for one in self.params.values()):
            return None
        values = {
            name: [one.values() or () for one in self.of(name).values()]
            for name in self.architectures
        }
        if sum(math.prod(map(len, lists)) for lists in values.values()) > at_most:
            return None
        return [
            {"architecture": name, **dict(zip(self.of(name), config, strict=True))}
            for name, lists in values.items()
            for config in itertools.product(*lists)
        ]


def read_space(path: Path, raw_params: Mapping[str, Any]) -> Space:
    """Read a SPACE.yaml and check it against the content of the params.yaml that it changes.

    Raises:
        SweepError: the file is missing or is not YAML, a path cannot be searched, or params.yaml
            could not hold one of the values.
    """
    if not path.is_file():
        raise SweepError(f"there is no file {path}; docs/sweeps.md shows one")
    try:
        raw = load_yaml(path)
        if isinstance(raw, dict) and isinstance(raw.get("params"), dict):
            raw["params"] = {str(key): _values(key, value) for key, value in raw["params"].items()}
        space = check(Space, raw, "")
    except ParamsError as error:
        raise SweepError(str(error).replace("params.yaml", path.name)) from None
    for name in space.architectures:
        if name not in raw_params["models"]:
            raise SweepError(
                f"{path.name}: architectures names {name!r}, but params.yaml has no block "
                f"models.{name}" + nearest(name, raw_params["models"])
            )
    if LENGTH in space.params and raw_params["stations"]["further"]:
        raise SweepError(
            f"{path.name}: {LENGTH} cannot be searched in a project with several stations, as each "
            f"length needs other splits of every station; an experiment makes them: "
            f"dvc exp run -S {LENGTH}=VALUE"
        )
    for key, values in space.params.items():
        _check_path(path.name, key, space)
        for value in values.examples():
            _check_value(path.name, key, value, raw_params)
    return space


def with_values(raw_params: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """The content of a params.yaml with these values, by their paths.

    Raises:
        SweepError: it has no such block.
    """
    changed: dict[str, Any] = deepcopy(dict(raw_params))
    for path, value in values.items():
        *blocks, key = path.split(".")
        block = changed
        for name in blocks:
            if not isinstance(block.get(name), dict):
                raise SweepError(f"params.yaml has no block {name}, which {path} names")
            block = block[name]
        block[key] = value
    return changed


def _check_path(file: str, path: str, space: Space) -> None:
    """Refuse a path that a search must not change, and say why."""
    model = path.split(".")[1] if path.startswith("models.") and path.count(".") > 1 else None
    if path in SEARCHED or model in space.architectures:
        return
    if model:
        why = f"{model} is not one of its architectures" + nearest(model, space.architectures)
    elif any(path == one or path.startswith(f"{one}.") for one in MAKES_ARRAYS):
        why = (
            "it would change the prepared arrays, which all trials share; make an experiment for "
            f"each value instead: dvc exp run -S {path}=VALUE"
        )
    elif path.startswith("window."):
        why = "it would change which windows are forecast, so the scores could not be compared"
    elif path == "further_horizons":
        why = "it adds lead times to the leaderboard, and a trial has that of window.horizon alone"
    elif path in ("seed", "further_seeds"):
        why = "a seed is luck, not a setting; further_seeds measures how much it matters"
    else:
        why = "a search may change models.NAME.KEY, " + " and ".join(SEARCHED)
    raise SweepError(f"{file}: {path} cannot be searched: {why}")


def _check_value(file: str, path: str, value: Value, raw_params: Mapping[str, Any]) -> None:
    try:
        changed = with_values(raw_params, {path: value})
        params = check(Params, changed, "")
        if path.startswith("models."):
            name = path.split(".")[1]
            configure(name, params.models[name])
    except (ParamsError, SweepError) as error:
        text = str(error).replace("params.yaml: ", "")
        raise SweepError(f"{file}: params.yaml could not hold {path}={value}: {text}") from None


def _values(path: str, written: object) -> Range | Choices:
    """What a file says of one path: a list of values, or a range."""
    if isinstance(written, list):
        return check(Choices, {"choices": written}, f"params.{path}")
    if isinstance(written, dict):
        return check(Range, written, f"params.{path}")
    raise ParamsError(
        f"params.yaml: params.{path} must be a list of values, or a range as in "
        f"{{low: 8, high: 64, log: true}}, found {written!r}"
    )
