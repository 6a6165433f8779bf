"""train_seed NAME SEED: train one architecture with another seed -> data/predictions/NAME-seedN.*.

The model itself is not kept: the leaderboard needs no more than its forecasts, and whoever wants it
can make it the `seed` of params.yaml.
"""

from jena_etl.evaluation.predictions import with_seed
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.run import TrainingRun, train_and_forecast
from pipeline import run


def main(project: Project, params: Params, name: str, seed: str) -> None:
    """Train the architecture `name` with one of the further seeds, then forecast with it."""
    number = params.further_seed(seed)
    training = TrainingRun(
        stage="train_seed", architecture=name, name=with_seed(name, number), seed=number
    )
    train_and_forecast(project, params, training)


if __name__ == "__main__":
    run(main, "architecture", "seed")
