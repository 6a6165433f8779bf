"""One model on several processes: the same steps everywhere, each over the windows of all shards.

Each process holds the whole model and works out the gradient over its part of a batch. The mean of
these gradients, weighted by windows, is the gradient over the whole batch; all processes make the
same step with it, so their weights stay equal.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from jena_etl.errors import TrainingError
from jena_etl.windows.split_windows import SplitWindows

SEED_STATE = "seed_generator_state"  # Keras' name for the variable of a dropout's random numbers


class Processes:
    """The processes that train one model together, as one of them sees them.

    Args:
        number: which of them this is.
        addresses: where each of them can be reached, as HOST:PORT.
    """

    def __init__(self, number: int, addresses: tuple[str, ...]) -> None:
        import tensorflow as tf

        self.number, self.count = number, len(addresses)
        self.shard = (self.number, self.count)
        # Used for its sums over processes only: Keras 3 does not support the strategy in `fit`.
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(
            cluster_resolver=tf.distribute.cluster_resolver.SimpleClusterResolver(
                tf.train.ClusterSpec({"worker": list(addresses)}),
                task_type="worker",
                task_id=number,
                rpc_layer="grpc",
            )
        )
        self._sum_at_once = tf.function(self._sum)

    def sum(self, values: Any) -> Any:
        """The sum of a vector over all processes, each of which has to ask for it."""
        import tensorflow as tf

        return (self._sum if tf.inside_function() else self._sum_at_once)(
            tf.convert_to_tensor(values)
        )

    def _sum(self, values: Any) -> Any:
        import tensorflow as tf

        def all_reduce(part: Any) -> Any:
            # Without `identity`, the tensor of a graph has no device yet, and is refused.
            return tf.distribute.get_replica_context().all_reduce("sum", tf.identity(part))

        return self._strategy.run(all_reduce, args=(values,))

    def means(self, gradients: list[Any], windows: Any) -> list[Any]:
        """The means of gradients over all processes, each weighted by its number of windows."""
        import tensorflow as tf

        flat = [tf.reshape(gradient, [-1]) * windows for gradient in gradients]
        total = self.sum(tf.concat([*flat, [windows]], axis=0))  # in one message
        means = tf.split(total[:-1] / total[-1], [part.shape[0] for part in flat])
        return [
            tf.reshape(mean, gradient.shape)
            for mean, gradient in zip(means, gradients, strict=True)
        ]


def train_batches(
    windows: SplitWindows,
    batch_size: int,
    *,
    shard: tuple[int, int],
    seed: int,
    epoch: int,
    order: str,
) -> Any:
    """A shard's part of each batch of an epoch, with a weight for each window: 1, or 0 for padding.

    Batch k of all shards together is batch k of `batch_size` windows in one process. All shards
    have as many batches, because each step waits for all. So where the last batch has fewer windows
    than there are shards, those that have none read one that counts nothing.
    """
    import tensorflow as tf

    count = shard[1]
    part = windows.batches(
        batch_size // count, shuffle=True, seed=seed, epoch=epoch, order=order, shard=shard
    )
    dataset = part.dataset().map(lambda inputs, targets: (inputs, targets, tf.ones_like(targets)))
    if len(part) < -(-len(windows) // batch_size):
        inputs, targets = windows.batches(1, order=order).batch(0, epoch=0)
        padding = (inputs, targets, np.zeros_like(targets))
        dataset = dataset.concatenate(tf.data.Dataset.from_tensors(padding))
    return dataset


def sharded_model(model: Any, processes: Processes) -> Any:
    """The same layers and variables, as a Keras model that trains on batches of (x, y, weight)."""
    import keras
    import tensorflow as tf

    class ShardedModel(keras.Model):  # keras is imported when training starts
        """Makes each step with the gradient over the windows of all shards."""

        def train_step(self, data: Any) -> Any:
            inputs, targets, weights = data
            with tf.GradientTape() as tape:
                forecasts = self(inputs, training=True)
                loss = self.compute_loss(
                    x=inputs, y=targets, y_pred=forecasts, sample_weight=weights, training=True
                )
            gradients = tape.gradient(loss, self.trainable_weights)
            windows = tf.reduce_sum(weights)
            gradients = processes.means(gradients, windows)
            self.optimizer.apply(gradients, self.trainable_weights)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss, sample_weight=windows)
            return self.compute_metrics(inputs, targets, forecasts, sample_weight=weights)

    sharded = ShardedModel(model.inputs, model.outputs)
    sharded.compile(
        optimizer=model.optimizer, loss=model.loss, weighted_metrics=["mae"], jit_compile=False
    )
    return sharded


def together(model: Any, processes: Processes, *, run: str, train: int, validation: int) -> Any:
    """A Keras callback by which all processes begin alike and go on with the same losses.

    They must agree on the name of the `run`. All their shards together have `train` and
    `validation` windows.
    """
    import keras

    windows = {"train": train, "validation": validation}
    own = {
        split: len(range(processes.number, count, processes.count))
        for split, count in windows.items()
    }

    class Together(keras.callbacks.Callback):
        def on_train_begin(self, _logs: object = None) -> None:
            steps = float(keras.ops.convert_to_numpy(model.optimizer.iterations))
            begun = np.array([steps, zlib.crc32(run.encode()) % 2**20])
            sums = np.asarray(processes.sum(np.concatenate([begun, begun**2])))
            if (processes.count * sums[2:] != sums[:2] ** 2).any():  # equal if all are, only then
                raise TrainingError(
                    "the machines do not train the same: their params.yaml, code, data or versions "
                    "differ, or their checkpoints are not of the same epoch. Make them equal, and "
                    "if they are, remove checkpoints/ on each"
                )

        def on_epoch_begin(self, _epoch: int, _logs: object = None) -> None:
            self._shift_seeds(processes.number)  # each shard draws its own dropout

        def _shift_seeds(self, by: int) -> None:
            for variable in model.variables:
                if variable.name == SEED_STATE:
                    state = keras.ops.convert_to_numpy(variable).copy()
                    state[0] += by
                    variable.assign(state)

        def on_train_end(self, _logs: object = None) -> None:
            processes.sum(np.zeros(1))  # so that no process is gone before all have finished

        def on_epoch_end(self, _epoch: int, logs: dict[str, float]) -> None:
            # The checkpoint, which is written now, holds what one process would have.
            self._shift_seeds(-processes.number)
            # The callbacks that follow are given the means over all windows.
            splits = ["validation" if name.startswith("val_") else "train" for name in logs]
            sums = [mean * own[split] for mean, split in zip(logs.values(), splits, strict=True)]
            totals = np.asarray(processes.sum(np.array(sums)))
            for name, split, total in zip(logs, splits, totals, strict=True):
                logs[name] = float(total / windows[split])

    return Together()
