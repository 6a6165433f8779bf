"""gradient_boosting: gradient-boosted regression trees on lags of the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt

from jena_etl.errors import TrainingError
from jena_etl.models.architecture import Architecture, FittedAtOnce, NotNegative, Positive

if TYPE_CHECKING:
    from jena_etl.windows.split_windows import SplitWindows

BATCH_SIZE = 1024  # windows whose lags are computed at once
# Slope that makes a ReLU cut off at 1 a step from 0 to 1: normalised float32 values that differ at
# all differ by more than 2^-60. Multiplying by a power of two does not round.
STEEP = 2.0**60
LOSSES = {"mse": "l2", "mae": "l1", "huber": "huber"}  # LightGBM's names
SHOWN_ROUNDS = 50  # a line of progress every so many rounds
LAGS, SPLITS, LEAVES = "lags", "splits", "leaves"

Fraction = Annotated[float, Field(gt=0, le=1)]
Steps = Annotated[tuple[PositiveInt, ...], Field(strict=False)]


class Model(FittedAtOnce):
    """Regression trees grown by LightGBM, each on the errors that those before it left.

    Of every column, the trees read the last value, the values `lags` steps before it, how far the
    last value lies from those `differences` steps before it, and the means over the last `means`
    steps. The names of the other options are LightGBM's (G. Ke et al., LightGBM: A Highly
    Efficient Gradient Boosting Decision Tree, 2017). In the history, a boosting round is an epoch.

    The model is a Keras model like every other, so that it is loaded, exported and shared in the
    same way and needs LightGBM only for fitting: the trees become dense layers, one that compares
    the lags with all thresholds and one that finds each tree's leaf (S. Nakandala et al., A Tensor
    Compiler for Unified Machine Learning Prediction Serving, 2020, the GEMM strategy).
    """

    more = "more boosting_rounds"
    lags: Steps
    differences: Steps
    means: Steps
    boosting_rounds: PositiveInt
    early_stopping: PositiveInt | None = None
    loss: Literal["mse", "mae", "huber"] = "mse"
    learning_rate: Positive
    num_leaves: Annotated[int, Field(ge=2)]
    min_data_in_leaf: PositiveInt
    feature_fraction: Fraction
    bagging_fraction: Fraction
    lambda_l2: NotNegative
    # Thresholds drawn at random instead of searched for (P. Geurts et al., Extremely Randomized
    # Trees, 2006): faster, and less inclined to learn noise.
    extra_trees: bool = False

    def layers(self, keras: Any) -> list[Any]:
        """The lags, the comparisons with the thresholds of all trees, and the leaf of each tree."""
        return [
            lambda window: self._lags(keras, window),
            lambda lags: _leaves(keras, lags, self.boosting_rounds, self.num_leaves),
        ]

    def filters(self, steps: int) -> np.ndarray:
        """The weights of the steps in each of the lags, float32 of shape (steps, lags).

        Raises:
            ValueError: a lag reaches back beyond the window.
        """
        for key, most in {"lags": steps - 1, "differences": steps - 1, "means": steps}.items():
            if too_long := [count for count in getattr(self, key) if count > most]:
                raise ValueError(
                    f"{key} has {', '.join(map(str, too_long))}, expected at most {most} steps"
                )
        filters = np.zeros(
            (steps, 1 + len(self.lags) + len(self.differences) + len(self.means)), np.float32
        )
        columns = iter(filters.T)  # written backwards in time: the last step comes first
        next(columns)[0] = 1
        for lag in self.lags:
            next(columns)[lag] = 1
        for lag in self.differences:
            next(columns)[[0, lag]] = [1, -1]
        for count in self.means:
            next(columns)[:count] = 1 / count
        return filters[::-1] if self.order == "forward" else filters

    def fit(
        self,
        build: Callable[[Architecture], Any],
        windows: Mapping[str, SplitWindows],
        *,
        seed: int,
    ) -> tuple[Any, list[list[float]]]:
        """Grow the trees, and keep those up to the round with the best validation loss.

        Raises:
            TrainingError: LightGBM is not installed.
            ParamsError: a lag reaches back beyond the window.
        """
        lightgbm = _lightgbm()
        build(self._grown(1))  # refuses lags that do not fit into the window
        train, validation = (
            lightgbm.Dataset(self._lags_of(windows[split]), self.goals(windows[split]))
            for split in ("train", "validation")
        )
        validation.set_reference(train)
        loss = LOSSES[self.loss]
        scores: dict[str, dict[str, list[float]]] = {}
        callbacks = [lightgbm.record_evaluation(scores), lightgbm.log_evaluation(SHOWN_ROUNDS)]
        if self.early_stopping:
            callbacks.append(
                lightgbm.early_stopping(self.early_stopping, first_metric_only=True, verbose=False)
            )
        booster = lightgbm.train(
            {
                "objective": loss,
                "alpha": 1.0,  # where Huber's loss turns linear, as in Keras
                "metric": [loss, "l1"],
                "learning_rate": self.learning_rate,
                "num_leaves": self.num_leaves,
                "min_data_in_leaf": self.min_data_in_leaf,
                "feature_fraction": self.feature_fraction,
                "bagging_fraction": self.bagging_fraction,
                "bagging_freq": 1,
                "lambda_l2": self.lambda_l2,
                "extra_trees": self.extra_trees,
                "seed": seed,
                # Threads wait for each other after every split: with another job on the machine,
                # two took four times as long as one.
                "num_threads": 1,
                "deterministic": True,
                "force_col_wise": True,
                "verbosity": -1,
            },
            train,
            self.boosting_rounds,
            valid_sets=[train, validation],
            valid_names=["train", "validation"],
            callbacks=callbacks,
        )
        columns = [scores[name][score] for name in scores for score in (loss, "l1")]
        history = [list(row) for row in zip(*columns, strict=True)]
        rounds = 1 + int(np.argmin(scores["validation"][loss]))
        trees = booster.dump_model(num_iteration=rounds)["tree_info"]
        model = build(self._grown(rounds))
        self._set_weights(model, [tree["tree_structure"] for tree in trees])
        return model, history

    def _grown(self, rounds: int) -> Self:
        """The same with another number of trees."""
        return self.model_copy(update={"boosting_rounds": rounds})

    def _lags(self, keras: Any, window: Any) -> Any:
        by_column = keras.layers.Permute((2, 1))(window)
        filters = self.filters(window.shape[1])
        lags = keras.layers.Dense(
            filters.shape[1], use_bias=False, name=LAGS, trainable=False, dtype="float32"
        )(by_column)
        return keras.layers.Flatten()(lags)

    def _lags_of(self, windows: SplitWindows) -> np.ndarray:
        """What the trees read of each window, float32 of shape (windows, columns * lags)."""
        filters = self.filters(windows.spec.sequence_length)
        return np.concatenate(
            [
                (inputs.transpose(0, 2, 1) @ filters).reshape(len(inputs), -1)
                for inputs, _ in windows.batches(BATCH_SIZE, order=self.order)
            ]
        )

    def _set_weights(self, model: Any, trees: list[dict[str, Any]]) -> None:
        steps, columns = model.input_shape[1:]
        filters = self.filters(steps)
        nodes, leaves = self.num_leaves - 1, self.num_leaves
        kernel = np.zeros((columns * filters.shape[1], len(trees), nodes), np.float32)
        thresholds = np.zeros((len(trees), nodes), np.float32)
        paths = np.zeros((len(trees), nodes, leaves), np.float32)
        unreached = np.full((len(trees), leaves), -1.0, np.float32)
        values = np.zeros((len(trees), leaves), np.float32)
        for at, tree in enumerate(trees):
            for leaf in _leaves_of(tree):
                values[at, leaf.index] = leaf.value
                unreached[at, leaf.index] = 1 - 2 * sum(turn.right for turn in leaf.path)
                for turn in leaf.path:
                    kernel[turn.column, at, turn.node] = STEEP
                    thresholds[at, turn.node] = -STEEP * turn.threshold
                    paths[at, turn.node, leaf.index] = 2 if turn.right else -2
        model.get_layer(LAGS).set_weights([filters])
        model.get_layer(SPLITS).set_weights(
            [kernel.reshape(len(kernel), -1), thresholds.reshape(-1)]
        )
        model.get_layer(LEAVES).set_weights([paths, unreached])
        forecast = next(layer for layer in model.layers if layer.trainable_weights)
        forecast.set_weights([values.reshape(-1, 1), np.zeros(1, np.float32)])


def _leaves(keras: Any, lags: Any, trees: int, leaves: int) -> Any:
    """1 for the leaf of each tree that a window falls into, 0 for the others."""
    splits = keras.layers.Dense(trees * (leaves - 1), name=SPLITS, trainable=False, dtype="float32")
    right = keras.layers.ReLU(max_value=1.0, dtype="float32")(splits(lags))
    right = keras.layers.Reshape((trees, leaves - 1), dtype="float32")(right)
    paths = keras.layers.EinsumDense(
        "btn,tnl->btl",
        output_shape=(trees, leaves),
        bias_axes="tl",
        name=LEAVES,
        trainable=False,
        dtype="float32",
    )
    reached = keras.layers.ReLU(max_value=1.0, dtype="float32")(paths(right))
    return keras.layers.Flatten(dtype="float32")(reached)


@dataclass(frozen=True)
class _Turn:
    """One split on the way to a leaf: right for the windows whose lag exceeds the threshold."""

    node: int
    column: int
    threshold: np.float32
    right: bool


@dataclass(frozen=True)
class _Leaf:
    index: int
    value: float
    path: tuple[_Turn, ...]


def _leaves_of(node: dict[str, Any], path: tuple[_Turn, ...] = ()) -> Iterator[_Leaf]:
    """The leaves of a tree as LightGBM's `dump_model` describes it."""
    if "split_index" not in node:
        yield _Leaf(node.get("leaf_index", 0), node["leaf_value"], path)
        return
    threshold = np.float32(node["threshold"])
    if threshold > node["threshold"]:  # a lag of 32 bits must fall on the same side of it
        threshold = np.nextafter(threshold, np.float32(-np.inf))
    for child, right in (("left_child", False), ("right_child", True)):
        turn = _Turn(node["split_index"], node["split_feature"], threshold, right)
        yield from _leaves_of(node[child], (*path, turn))


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError:
        raise TrainingError(
            "gradient_boosting is fitted by LightGBM, which is not installed; install the extra: "
            "uv sync --extra boosting, or pip install 'jena-etl[boosting]'"
        ) from None
    return lightgbm
