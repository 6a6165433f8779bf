"""What a model file says about its model, so that it can be used without the project around it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from jena_etl.errors import TrainingError
from jena_etl.params import Order
from jena_etl.params_features import Features, feature_names, history
from jena_etl.prepare.outputs import ArraysRecord, Statistics
from jena_etl.stage_output import Count, Part, Sha256

if TYPE_CHECKING:  # evaluate reads metadata, and a change to the windows must not rerun it
    from jena_etl.windows.spec import WindowSpec


class ForecastTask(Part):
    """What is forecast, and from which measurements.

    The values of a column are normalised as (value - mean) / std before the model reads them; what
    it returns is in the target's own unit.

    Attributes:
        columns: what a model reads at each step, in this order: the measurements, then the columns
            of the features.
        units: the unit of each column; "" where none is known.
        mean: the mean of each column over the train rows, in its unit.
        std: the standard deviation of each column over the train rows, in its unit.
        step_seconds: the time from one row of the series to the next; None if no timestamp is
            later than the one before it.
        sequence_length: the number of steps in a window.
        sampling_rate: rows from one step to the next.
        horizon: steps from the last input to the target.
        target: the column that is forecast.
        target_unit: its unit, which is the unit of the forecast.
        climate_sha256: the digest of the series (`Climate.sha256`).
        features: what the last of the columns are computed from; left out if all are measured.
    """

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    units: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]
    step_seconds: PositiveInt | None
    sequence_length: PositiveInt
    sampling_rate: PositiveInt
    horizon: PositiveInt
    target: str
    target_unit: str
    climate_sha256: Sha256
    features: Features = Field(default=(), exclude_if=lambda features: not features)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in ("units", "mean", "std"):
            if (found := len(getattr(self, name))) != len(self.columns):
                raise ValueError(f"{name} has {found} entries for {len(self.columns)} columns")
        if self.target not in self.columns:
            raise ValueError(f"the target {self.target!r} is not one of the columns")
        if (names := self.computed) and self.columns[-len(names) :] != names:
            raise ValueError(f"the last columns are not those of the features, {', '.join(names)}")
        return self

    @property
    def computed(self) -> tuple[str, ...]:
        """The columns that are computed from the measurements."""
        return feature_names(self.features)

    @property
    def measurements(self) -> tuple[str, ...]:
        """The columns that are measured."""
        return self.columns[: len(self.columns) - len(self.computed)]

    def rows_back(self, column: str) -> np.ndarray:
        """How many rows before a step each cell of `column` lies that shapes what a model reads.

        Args:
            column: a measurement, which is read at the step itself and by features.

        Returns:
            int64 of shape (cells,), ascending from 0.
        """
        read = (block.rows_back for block in self.features if column in block.inputs.values())
        return np.array(sorted({0}.union(*read)))

    @property
    def history(self) -> int:
        """How many rows before a row its features are computed from."""
        return history(self.features)

    @property
    def rows(self) -> int:
        """How many rows a forecast needs, up to the one at which it is issued."""
        return self.history + self.spec.last_input + 1

    @property
    def spec(self) -> WindowSpec:
        """The arithmetic of the window."""
        from jena_etl.windows.spec import WindowSpec

        return WindowSpec(
            sequence_length=self.sequence_length,
            sampling_rate=self.sampling_rate,
            horizon=self.horizon,
        )

    @property
    def lead_time(self) -> timedelta:
        """The time from the last input to the target.

        Raises:
            TrainingError: the series that the model was trained on has no regular step.
        """
        if self.step_seconds is None:
            raise TrainingError(
                "the timestamps of the series that the model was trained on never advance, so "
                "nobody knows how far ahead it forecasts; check convert.datetime_format"
            )
        return timedelta(seconds=self.step_seconds * self.sampling_rate * self.horizon)


class Layer(Part):
    """One layer of a model.

    Attributes:
        name: its name, which is unique in the model.
        class_name: its class; a layer around another one is written as Bidirectional(LSTM).
        output_shape: the shape of its output; None for the batch and for a length that may vary.
        parameters: the number of its parameters.
        inputs: the names of the layers whose outputs it reads.
    """

    name: str
    class_name: str
    output_shape: tuple[int | None, ...]
    parameters: Count
    inputs: tuple[str, ...]


class ModelMetadata(ForecastTask):
    """All that this package adds to a model file.

    Attributes:
        architecture: the architecture's name in params.yaml.
        order: the order of the steps in a window: forward, or reversed for the latest first.
        trainable_parameters: the number of trainable parameters.
        layers: the layers from the input to the forecast.
    """

    architecture: str
    order: Order
    trainable_parameters: Count
    layers: tuple[Layer, ...]

    @property
    def task(self) -> ForecastTask:
        """What is forecast, without what is said of the model."""
        return ForecastTask(**{name: getattr(self, name) for name in ForecastTask.model_fields})


def forecast_task(arrays: ArraysRecord, statistics: Statistics, spec: WindowSpec) -> ForecastTask:
    """Collect what a model trained on these arrays and windows needs in order to forecast."""
    moments = [statistics.columns[name] for name in arrays.columns]
    return ForecastTask(
        columns=arrays.columns,
        units=arrays.units,
        mean=tuple(column.mean for column in moments),
        std=tuple(column.std for column in moments),
        step_seconds=arrays.step_seconds,
        sequence_length=spec.sequence_length,
        sampling_rate=spec.sampling_rate,
        horizon=spec.horizon,
        target=arrays.target,
        target_unit=arrays.units[arrays.columns.index(arrays.target)],
        climate_sha256=arrays.climate_sha256,
        features=arrays.features,
    )


def trainable_parameters(model: Any) -> int:
    """Count the numbers that training changes in a Keras model."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def layers_of(model: Any) -> tuple[Layer, ...]:
    """The layers of a Keras model that has been built, its input included."""
    import keras

    graph = keras.Model(model.inputs, model.outputs)  # a Sequential leaves out its input
    return tuple(
        Layer(
            name=layer.name,
            class_name=_class_name(layer),
            output_shape=tuple(keras.tree.flatten(layer.output)[0].shape),
            parameters=layer.count_params(),
            inputs=tuple(
                tensor._keras_history.operation.name  # noqa: SLF001  Keras offers no other way
                for tensor in keras.tree.flatten(layer.input)
            ),
        )
        for layer in graph.layers
    )


def _class_name(layer: Any) -> str:
    inner = getattr(layer, "forward_layer", None) or getattr(layer, "layer", None)
    name = type(layer).__name__
    return f"{name}({type(inner).__name__})" if inner is not None else name
